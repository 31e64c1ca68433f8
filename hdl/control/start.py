"""Random start: draws x(t0) of a pattern into the state memory."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from rbp.hdl.datapath.noise import xorshift
from rbp.hdl.fixed import delay
from rbp.hdl.layouts import Region, unit
from rbp.hdl.timing import Timing
from rbp.hdl.wires import Draw, StatePort

__all__ = ["RandomStart"]


class RandomStart(wiring.Component):
    """x_i(t0) = X^(i+1−H)(z) >> (32 − F), uniform in [0, 1), F the fraction of STATE, of the units
    from H on, the first that has a row.

    It lies between the host and the lanes' state memories, and writes in the host's place while
    nothing relaxes: unit by unit c, but where the unit is clamped, and x(t0), once f(c) is there.
    Takes (N − H) · (memory + 2) cycles a pattern, and what f and the way to one of several lanes
    take.
    Golden model: :meth:`rbp.golden.training.Learning.start_words`.

    Members
    -------
    draw : Draw
        Training's.
    first_unit, last_unit : In
        H, N − 1.
    host, lanes : StatePort, arrays of L
        From the host, to the lanes.
    clamp : In, array of L
        Whether that unit is clamped, the way to the lane and the memory's latency later.
    """

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "draw": In(Draw(config)),
                "first_unit": In(unit(config)),
                "last_unit": In(unit(config)),
                "host": In(StatePort(config)).array(config.lanes),
                "lanes": Out(StatePort(config)).array(config.lanes),
                "clamp": In(1).array(config.lanes),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, time, place = self.config, Timing(self.config), self.draw.place
        z, busy = Signal(32, reset_less=True), Signal()
        of = Signal(unit(config))
        clamped = time.reach + time.memory
        end = clamped + 1 + time.factor
        tick = Signal(range(end + 1))
        last = tick == end
        write = last | ((tick == clamped) & ~Array(self.clamp)[place.lane])
        m.d.comb += self.draw.ready.eq(~busy)
        with m.If(self.draw.go):
            m.d.sync += [
                z.eq(xorshift(self.draw.z)),
                busy.eq(1),
                tick.eq(0),
                of.eq(self.first_unit),
            ]
        with m.Elif(busy):
            m.d.sync += tick.eq(tick + 1)
            with m.If(last):
                m.d.sync += [tick.eq(0), z.eq(xorshift(z)), of.eq(of + 1)]
                with m.If(of == self.last_unit):
                    m.d.sync += busy.eq(0)

        # a lane's register may still hold what was written last
        was_ready = delay(m, ~busy, time.reach, name="was_ready")
        for k, (host, lane) in enumerate(zip(self.host, self.lanes, strict=True)):
            connect(m, wiring.flipped(host), wiring.flipped(lane))
            if config.refill:
                m.d.comb += lane.fill.eq(host.fill & ~busy & was_ready)
            with m.If(busy):
                m.d.comb += [
                    lane.select.eq(1),
                    lane.write.eq(write & (place.lane == k)),
                    lane.region.eq(Mux(last, Region.X_DRAWN, Region.X_START)),
                    lane.bank.eq(2),
                    lane.slot.eq(place.slot),
                    lane.unit.eq(of),
                    lane.data.eq(z >> (32 - config.formats.state.fraction)),
                ]
        return m
