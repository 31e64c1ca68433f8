"""Random start: draws x(t0) of a pattern into the state memory."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.noise import xorshift
from rbp.hdl.state import Region
from rbp.hdl.timing import Timing

__all__ = ["RandomStart"]


class RandomStart(wiring.Component):
    """x_i(t0) = X^(i+1)(z) >> (32 − F), uniform in [0, 1), F the fraction of STATE.

    Written through the host's port of the state memory while nothing relaxes: unit by unit c, but
    where the unit is clamped, and x(t0), once f(c) is there. Takes N · (memory + 2) cycles a
    pattern, and what f and the way to one of several lanes take. Golden model:
    :meth:`rbp.golden.training.Learning.start_words`.

    Members
    -------
    go, z, ready : In, In, Out
        Draw from the hash z; done.
    unit, clamp : Out, In
        Whether that unit is clamped, the way to its lane and the memory's latency later.
    write, region, data : Out
    """

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "go": In(1),
                "z": In(32),
                "ready": Out(1),
                "unit": Out(range(max(2, config.units))),
                "clamp": In(1),
                "write": Out(1),
                "region": Out(Region),
                "data": Out(signed(config.formats.state.width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        z, busy = Signal(32, reset_less=True), Signal()
        time = Timing(self.config)
        clamped = time.reach + time.memory
        end = clamped + 1 + time.factor
        tick = Signal(range(end + 1))
        last = tick == end
        m.d.comb += [
            self.ready.eq(~busy),
            self.data.eq(z >> (32 - self.config.formats.state.fraction)),
            self.region.eq(Mux(last, Region.X_DRAWN, Region.X_START)),
            self.write.eq(busy & (last | ((tick == clamped) & ~self.clamp))),
        ]
        with m.If(self.go):
            m.d.sync += [z.eq(xorshift(self.z)), busy.eq(1), tick.eq(0), self.unit.eq(0)]
        with m.Elif(busy):
            m.d.sync += tick.eq(tick + 1)
            with m.If(last):
                m.d.sync += [tick.eq(0), z.eq(xorshift(z)), self.unit.eq(self.unit + 1)]
                with m.If(self.unit == self.config.units - 1):
                    m.d.sync += busy.eq(0)
        return m
