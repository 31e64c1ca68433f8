"""Turns: for which pattern the noise of an update is hashed next, and in which lane it lies."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.control.deal import advance
from rbp.hdl.layouts import patterns, place_of_pattern, slots

__all__ = ["Turns"]


class Turns(wiring.Component):
    """Leads through a batch, ahead of its updates: lane after lane, then the next slot.

    Members
    -------
    patterns, batch : In
        A, B.
    take_up, first : In
        A batch's updates begin with this pattern.
    step : In
        On to the next, for a random start.
    restart : In
        All of the batch are still to come.
    lane, load : In
        The lane whose turn it is; it is given the hash, or told that there is no pattern for it.
    place : Out
        Of the pattern.
    wanted, takes : Out
        It lies in this lane; the same a cycle late, which is in time.
    next_slot : Out
        Where the next round of updates is.
    """

    def __init__(self, config):
        self.config = config
        pattern = patterns(config)
        super().__init__(
            {
                "patterns": In(pattern),
                "batch": In(pattern),
                "take_up": In(1),
                "first": In(place_of_pattern(config)),
                "step": In(1),
                "restart": In(1),
                "lane": In(range(max(2, config.lanes))),
                "load": In(1),
                "place": Out(place_of_pattern(config)),
                "wanted": Out(1),
                "takes": Out(1),
                "next_slot": Out(slots(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        lanes, place = self.config.lanes, self.place
        to_come, last = Signal(len(self.batch)), Signal()
        ends_lanes = last | (place.lane == lanes - 1)
        m.d.comb += self.wanted.eq((to_come != self.batch) & (place.lane == self.lane))
        m.d.sync += [
            self.takes.eq(self.wanted),
            last.eq(place.slot * lanes + place.lane + 1 == self.patterns),
        ]
        with m.If(self.step):
            advance(m, self.config, place, last)
        with m.If(self.take_up):
            m.d.sync += place.slot.eq(self.first.slot)
            if lanes > 1:
                m.d.sync += place.lane.eq(self.first.lane)
        with m.If(self.restart):
            m.d.sync += to_come.eq(0)
        with m.If(self.load):
            m.d.sync += to_come.eq(to_come + self.takes)
        with m.If(self.load & self.takes):
            m.d.sync += self.next_slot.eq(place.slot)
            if lanes > 1:
                m.d.sync += place.lane.eq(Mux(ends_lanes, 0, place.lane + 1))
        # the slot is not looked at before the cycle after the next
        ends_round, ends_set = Signal(), Signal(reset_less=True)
        m.d.sync += [ends_round.eq(self.load & self.takes & ends_lanes), ends_set.eq(last)]
        with m.If(ends_round):
            m.d.sync += place.slot.eq(Mux(ends_set, 0, place.slot + 1))
        return m
