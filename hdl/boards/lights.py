"""Lights that show for long enough what lasts some nanoseconds."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["LIGHTS", "Lights"]

LIGHTS = ("busy", "learning", "error")
"""A run is under way; weights move; something was refused."""


class Lights(wiring.Component):
    """Each light is on for a period if its event was high in a cycle of the period before.

    Parameters
    ----------
    period : int
        Cycles; a power of two.

    Members
    -------
    busy, learning, error : In
        Events.
    busy_light, learning_light, error_light : Out
        Lights.
    """

    def __init__(self, period):
        assert period > 1
        assert not period & (period - 1)
        self.period = period
        events = {name: In(1) for name in LIGHTS}
        super().__init__(events | {f"{name}_light": Out(1) for name in LIGHTS})

    def elaborate(self, platform):
        m = Module()
        timer, tick = Signal(range(self.period)), Signal()
        m.d.sync += [timer.eq(timer + 1), tick.eq(timer.all())]
        for name in LIGHTS:
            event, light = getattr(self, name), getattr(self, f"{name}_light")
            seen = Signal(name=f"{name}_seen")
            m.d.sync += seen.eq(event | (seen & ~tick))
            with m.If(tick):
                m.d.sync += light.eq(seen)
        return m
