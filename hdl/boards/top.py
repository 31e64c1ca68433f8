"""A board's whole FPGA: clock, reset, serial line, core, lights."""

from amaranth.hdl import ClockDomain, ClockSignal, Module, ResetSignal, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from rbp.hdl.boards.cut import Cut
from rbp.hdl.boards.lights import LIGHTS, Lights
from rbp.hdl.boards.reset import PowerOn
from rbp.hdl.bus.uart import Uart
from rbp.hdl.core import Core
from rbp.hdl.layouts import Phase

__all__ = ["Top"]

LIGHTS_A_SECOND = 10
"""At least so long is a light on, or off: a tenth of a second."""


class Top(wiring.Component):
    """A core behind a serial line.

        clk ──► PLL ──► clock, reset
        rx ──► UART ◄──► registers ◄──► core ──► lights
        tx ◄────┘

    Without ``pll`` it is for simulators: ``clk`` is then the core's own clock. All else is the
    same, also the cycles a bit takes and those of the reset.

    Parameters
    ----------
    config : Config
        Of the core.
    clock : int
        The core's frequency in Hz.
    divisor : int
        Cycles a bit takes on the serial line.
    pll : IcePll or Ecp5Pll, optional
        Makes the clock.
    lights : dict of str to bool
        Of :data:`~rbp.hdl.boards.lights.LIGHTS`, those that the board has; True where it is on
        at 0.

    Members
    -------
    clk : In
        Of the board's oscillator.
    rx, tx : In, Out
        Serial line, high at rest.
    busy, learning, error : Out
        Lights, those of ``lights``.
    """

    def __init__(self, config, *, clock, divisor, pll=None, lights=None):
        self.config, self.clock, self.divisor, self.pll = config, clock, divisor, pll
        self.lights = dict.fromkeys(LIGHTS, False) if lights is None else dict(lights)
        ports = {"clk": In(1), "rx": In(1, init=1), "tx": Out(1, init=1)}
        super().__init__(ports | {name: Out(1) for name in self.lights})

    def ports(self):
        """Ports of the top module."""
        return {name: (getattr(self, name), None) for name in self.signature.members}

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = Core(self.config)
        m.submodules.power_on = power_on = PowerOn(self.clock)
        m.submodules.uart = uart = Uart(
            address_width=len(core.bus.addr), divisor=self.divisor, device=self.config.device
        )
        period = 1 << (self.clock // LIGHTS_A_SECOND).bit_length()
        m.submodules.lights = lights = Lights(period)
        self._clock(m, power_on)
        m.submodules.cut = cut = Cut(len(core.bus.addr))
        connect(m, uart.bus, cut.master)
        connect(m, cut.core, core.bus)
        m.d.comb += [uart.rx.eq(self.rx), self.tx.eq(uart.tx)]
        m.d.comb += [
            lights.busy.eq(core.phase != Phase.IDLE),
            lights.learning.eq(core.phase == Phase.UPDATE),
            lights.error.eq(cut.master.refused),
        ]
        for name, inverted in self.lights.items():
            m.d.comb += getattr(self, name).eq(getattr(lights, f"{name}_light") ^ inverted)
        return m

    def _clock(self, m, power_on):
        """Both domains have one clock; the reset is a register's."""
        m.domains.sync = ClockDomain()
        m.domains.por = ClockDomain(reset_less=True)
        clock, locked = Signal(), Signal()
        if self.pll is None:
            m.d.comb += [clock.eq(self.clk), locked.eq(1)]
        else:
            m.submodules.pll = self.pll.instance(self.clk, clock, locked)
        m.d.comb += [
            ClockSignal("sync").eq(clock),
            ClockSignal("por").eq(clock),
            power_on.locked.eq(locked),
            ResetSignal("sync").eq(power_on.reset),
        ]
