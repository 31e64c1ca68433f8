"""Registers between a master and a core, so that no path goes from one through the other."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.wires import HostSignature

__all__ = ["Cut"]


class Cut(wiring.Component):
    """Passes requests on, and their answers back, each by a register.

    The core's ``wait`` has come through half its decoder, and the master's own logic follows.
    A request takes :attr:`latency` cycles more.

    Parameters
    ----------
    address_width : int
        Bits of an address.

    Members
    -------
    master : In(HostSignature)
        From the master.
    core : Out(HostSignature)
        To the core.
    """

    latency = 2

    def __init__(self, address_width):
        bus = HostSignature(address_width)
        super().__init__({"master": In(bus), "core": Out(bus)})

    def elaborate(self, platform):
        m = Module()
        master, core, done = self.master, self.core, Signal()
        asks = core.w_en | core.r_en
        m.d.comb += [
            core.addr.eq(master.addr),
            core.w_data.eq(master.w_data),
            master.wait.eq((master.w_en | master.r_en) & ~done),
        ]
        m.d.sync += [
            done.eq(asks & ~core.wait),
            master.r_data.eq(core.r_data),
            master.refused.eq(core.refused),
        ]
        for name in ("w_en", "r_en"):
            mine, its = getattr(master, name), getattr(core, name)
            m.d.sync += its.eq(Mux(asks, its & core.wait, mine & ~done))
        return m
