"""The core behind a bus."""

from amaranth.hdl import ClockDomain, Module, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, connect, flipped

from rbp.hdl.bus.axi_lite import AxiLite
from rbp.hdl.bus.spi import Spi
from rbp.hdl.bus.uart import Uart
from rbp.hdl.bus.wishbone import Wishbone
from rbp.hdl.core import Core
from rbp.hdl.host.memory_map import AddressMap

__all__ = ["BUSES", "LINES", "BusCore", "shell"]

BUSES = {"axi-lite": AxiLite, "wishbone": Wishbone, "uart": Uart, "spi": Spi}
"""Shells by name. One has the ports of its bus, and ``bus``; CLOCK and MEANINGS, for Verilog."""

LINES = ("uart", "spi")
"""Those that are serial: a host sends frames."""


def shell(bus, address_width, device, divisor=None):
    """A shell of :data:`BUSES`; ``divisor`` of a UART is the cycles a bit takes."""
    if bus not in LINES:
        return BUSES[bus](address_width)
    line = {"address_width": address_width, "device": device}
    return BUSES[bus](**line, **({"divisor": divisor} if bus == "uart" else {}))


class BusCore(wiring.Component):
    """A core and the shell of a bus; the top module of ``rbp verilog --bus``.

    Where the bus has names of its own for clock and reset, these are ports, and the parts inside
    have that clock; else they have ``sync`` of the parent.

    Parameters
    ----------
    config : Config
    bus : str
        One of :data:`BUSES`.
    divisor : int, optional
        Of ``uart``, cycles a bit.

    Members
    -------
    The ports of the bus; ``phase``, and what else the core has beside its word port.
    """

    def __init__(self, config, bus, divisor=None):
        self.core = Core(config)
        self.shell = shell(bus, AddressMap(config).width, config.device, divisor)
        self.beside = {k: v for k, v in self.core.signature.members.items() if k != "bus"}
        self.port = {k: v for k, v in self.shell.signature.members.items() if k != "bus"}
        self.clock = () if self.shell.CLOCK == ("clk", "rst") else self.shell.CLOCK
        super().__init__({**{name: In(1) for name in self.clock}, **self.port, **self.beside})

    def ports(self):
        """Plain port names for Verilog, ``clk`` and ``rst`` excepted."""
        found = self.signature.flatten(self)
        return {"_".join(map(str, path)): (Value.cast(port), None) for path, _, port in found}

    def elaborate(self, platform):
        m = Module()
        m.submodules.core, m.submodules.shell = self.core, self.shell
        if self.clock:
            clock, reset = (getattr(self, name) for name in self.clock)
            m.domains.sync = sync = ClockDomain()
            sync.clk = clock
            m.d.comb += sync.rst.eq(~reset)
        connect(m, self.shell.bus, self.core.bus)
        for names, part in ((self.port, self.shell), (self.beside, self.core)):
            for name, member in names.items():
                inner, outer = getattr(part, name), getattr(self, name)
                if member.is_signature:
                    connect(m, flipped(outer), inner)
                elif member.flow == In:
                    m.d.comb += inner.eq(outer)
                else:
                    m.d.comb += outer.eq(inner)
        return m
