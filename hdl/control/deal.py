"""Dealer: which patterns a batch takes, and when each lane gets its own."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import gate, unreset, within
from rbp.hdl.layouts import PLACE, patterns, place_of_pattern
from rbp.hdl.wires import Deal

__all__ = ["Dealer", "advance"]


def advance(m, config, where, at_end):
    """To the next pattern: the next lane, or its next slot; behind the last the first."""
    if config.lanes > 1:
        m.d.sync += where.lane.eq(where.lane + 1)
    with m.If(where.lane == config.lanes - 1):
        m.d.sync += [where.lane.eq(0), where.slot.eq(where.slot + 1)]
    with m.If(at_end):
        m.d.sync += where.eq(0)


class Dealer(wiring.Component):
    """Deals a batch, a pattern a cycle: those that follow the batch before, or one that it draws.

    To draw (20) is to hash the update's noise first, and to take ⌊A·z / 2¹⁶⌋, z its upper 16 bits,
    by adding A or nothing and halving, 16 times. From pattern 0 it is counted up to there. Where
    x(t0) is random, each pattern's is drawn before the first is dealt.

    Golden model: :meth:`rbp.golden.training.Learning.patterns`.

    Members
    -------
    start, errors, drawn, random, patterns, batch : In
        A batch begins; learn; draw the pattern; draw x(t0); A; B.
    first_write, set, clear : In
        Set the next pattern, in the bits of :data:`rbp.hdl.layouts.PLACE`; make it the first.
    fits : Out
        The next pattern is one of A, two cycles after either is set.
    lanes : Deal, array of L
        A pattern; none comes beside a finish.
    place : Out
        The next pattern.
    take_up, step, dealt : Out
        ``place`` is the batch's first, for its updates; x(t0) of the next of them; the last is
        dealt.
    load, z, ready : Out, In, In
        Hash the next noise; the hash, and that it is there.
    start_go, start_ready : Out, In
        To and from :class:`rbp.hdl.control.start.RandomStart`.
    """

    def __init__(self, config):
        self.config = config
        pattern = patterns(config)
        super().__init__(
            {
                "start": In(1),
                "errors": In(1),
                "drawn": In(1),
                "random": In(1),
                "patterns": In(pattern),
                "batch": In(pattern),
                "first_write": In(1),
                "set": In(32),
                "clear": In(1),
                "fits": Out(1),
                "lanes": Out(Deal(config)).array(config.lanes),
                "place": Out(place_of_pattern(config)),
                "take_up": Out(1),
                "step": Out(1),
                "dealt": Out(1),
                "load": Out(1),
                "z": In(32),
                "ready": In(1),
                "start_go": Out(1),
                "start_ready": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, lanes, place = self.config, self.config.lanes, self.place
        # a place that its fields do not hold fits nowhere
        held = Signal(init=1)
        at = place.slot * lanes + place.lane
        is_end = at + 1 == self.patterns
        m.d.sync += self.fits.eq(held & (at < self.patterns))
        with m.If(self.first_write):
            to_lane, to_slot = (self.set[PLACE[name] :][:16] for name in ("lane", "slot"))
            m.d.sync += held.eq(within(to_lane, lanes - 1) & within(to_slot, config.slots - 1))
            m.d.sync += place.slot.eq(self.set[PLACE["slot"] :])
            if lanes > 1:
                m.d.sync += place.lane.eq(self.set[PLACE["lane"] :])
        with m.If(self.clear):
            m.d.sync += [place.eq(0), held.eq(1)]

        left = Signal(len(self.batch))  # of the batch, to deal
        free, deals = Signal(lanes, init=-1), Signal()  # of a finish, which a deal waits for
        go, slot = Signal(lanes), unreset(m, self.lanes[0].slot, "dealt_slot")
        m.d.sync += [go.eq(gate(1 << place.lane, deals)), slot.eq(place.slot)]
        for k, lane in enumerate(self.lanes):
            m.d.sync += free[k].eq(~lane.finishing)
            m.d.comb += lane.go.eq(go[k])
            if k:
                m.d.comb += lane.slot.eq(slot)
        # of a draw, and that it is 0: a cycle behind, since the sum's way is long
        chance, found = Signal(len(self.patterns)), Signal()
        bit, chosen = Signal(5), Signal()
        with m.FSM(name="deal_state"):
            with m.State("WAIT"):
                with m.If(self.start):
                    m.d.sync += left.eq(self.batch)
                    m.next = "DEAL"
                    if config.random_start:
                        with m.If(self.random & self.errors):
                            m.next = "START"
                    with m.If(self.drawn & self.errors):
                        m.next = "DRAW"
            with m.State("DRAW"):
                m.d.comb += self.load.eq(1)
                m.d.sync += [chance.eq(0), place.eq(0)]
                m.next = "MULTIPLY"
            with m.State("MULTIPLY"):
                with m.If(self.ready):
                    m.d.sync += [bit.eq(bit + 1), chosen.eq(self.z.bit_select(bit[:4] + 16, 1))]
                    with m.If(bit != 0):
                        m.d.sync += chance.eq((chance + Mux(chosen, self.patterns, 0)) >> 1)
                    with m.If(bit == 16):
                        m.d.sync += bit.eq(0)
                        m.next = "COMPARE"
            with m.State("COMPARE"):
                m.d.sync += found.eq(chance == 0)
                m.next = "COUNT"
            with m.State("COUNT"):
                m.d.comb += self.take_up.eq(1)
                with m.If(found):
                    m.next = "DEAL"
                    if config.random_start:
                        with m.If(self.random):
                            m.next = "FILL"  # from the same hash
                with m.Else():
                    m.d.sync += [chance.eq(chance - 1), found.eq(chance == 1)]
                    advance(m, config, place, is_end)
            if config.random_start:
                self._draw_starts(m, left)
            with m.State("DEAL"):
                m.d.comb += deals.eq(free.bit_select(place.lane, 1))
                with m.If(deals):
                    advance(m, config, place, is_end)
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 1):
                        m.d.comb += self.dealt.eq(1)
                        m.next = "WAIT"
        return m

    def _draw_starts(self, m, left):
        """x(t0) of each pattern of the batch, from a hash each."""
        with m.State("START"):
            m.d.comb += self.load.eq(1)
            m.next = "FILL"
        with m.State("FILL"):
            m.d.comb += self.start_go.eq(self.ready)
            with m.If(self.ready):
                m.next = "FILLED"
        with m.State("FILLED"):
            with m.If(self.start_ready):
                m.d.comb += self.step.eq(1)
                m.d.sync += left.eq(left - 1)
                m.next = "START"
                with m.If(left == 1):
                    m.d.sync += left.eq(self.batch)
                    m.d.comb += self.take_up.eq(1)
                    m.next = "DEAL"
