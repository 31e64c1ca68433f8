"""Reporter: looks up what the patterns of an update have come to, logs and counts it."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, gate, unreset
from rbp.hdl.layouts import STEP_BITS
from rbp.hdl.timing import Timing
from rbp.hdl.wires import LookUp, Report, Run

__all__ = ["Reporter"]


class Reporter(wiring.Component):
    """One pattern after the other, that of one lane at a time.

    ``{y unsettled, y steps, x unsettled, x steps}``, 1 and 15 bits each; then for each lane, after
    an update, its Σ J² in two words, the lower first.

    Members
    -------
    lane, slot, use, skip : In
        Whose turn it is; of all lanes, which take part, and whose update is left out.
    errors, logging, clear, begun : In
        Learn; log; set all counts to 0; a new batch, which sets the energy to 0.
    tick, ready : In
        0, then up to ``Timing.look`` + 2 until the report is made; it may be made.
    made : Out
        A report is made; the step counts are there by then.
    of_energy, high, push : In
        Log an energy, its upper half; log now.
    look : LookUp, array of L
        To the lanes.
    report : Report
        To the log.
    unsettled, skipped : Out
        Relaxations at their limit; updates left out.
    looked_up : Out
        The steps are there, and not yet reported.
    """

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "lane": In(range(max(2, config.lanes))),
                "slot": In(range(max(2, config.slots))),
                "use": In(config.lanes),
                "skip": In(config.lanes),
                "errors": In(1),
                "logging": In(1),
                "clear": In(1),
                "begun": In(1),
                "tick": In(range(Timing(config).look + 4)),
                "ready": In(1),
                "looked_up": Out(1),
                "made": Out(1),
                "of_energy": In(1),
                "high": In(1),
                "push": In(1),
                "look": Out(LookUp(config)).array(config.lanes),
                "report": Out(Report()),
                "unsettled": Out(Run.COUNT),
                "skipped": Out(Run.COUNT),
            }
        )

    def elaborate(self, platform):
        m = Module()
        time = Timing(self.config)

        def of_lane(values, name):
            """Of this lane; of several, chosen in two cycles."""
            which = delay(m, self.lane, time.reach, name=f"lane_of_{name}")
            return delay(m, Array(values)[which], time.reach, name=name)

        steps = of_lane([lane.steps for lane in self.look], "steps")
        energy = of_lane([lane.energy for lane in self.look], "energy")
        unsettled = of_lane([lane.unsettled for lane in self.look], "unsettled")
        x_steps, x_unsettled = Signal(STEP_BITS), Signal()
        with m.If(self.tick == time.look):
            m.d.sync += [x_steps.eq(steps), x_unsettled.eq(unsettled)]
        will_be = (self.tick == time.look + 1) | (self.looked_up & ~self.made)
        room = self.report.space | ~self.logging
        of_y = gate(steps, self.errors), unsettled & self.errors
        of_pattern = Cat(x_steps, x_unsettled, *of_y)
        word = unreset(m, self.report.word, "pushed_word")  # from afar, so a cycle before the log
        m.d.sync += [
            self.looked_up.eq(will_be),
            self.made.eq(will_be & self.ready & room),
            self.report.push.eq(self.push),
            word.eq(0),  # but where it is pushed: a column's words are or'ed to it
        ]
        with m.If(self.push):
            half = energy.word_select(self.high, 32)
            m.d.sync += word.eq(Mux(self.of_energy, half, of_pattern))
        for lane in self.look:
            m.d.comb += [
                lane.slot.eq(self.slot),
                lane.backward.eq(self.tick != 0),
                lane.clear.eq(self.begun),
            ]

        # of the pattern under report, looked up by then
        used = self.use.bit_select(self.lane, 1)
        more_unsettled, more_skipped = Signal(2), Signal()
        left_out = Signal(self.config.lanes)
        m.d.sync += [
            more_unsettled.eq(gate(x_unsettled + (unsettled & self.errors), used)),
            left_out.eq(self.skip),
            more_skipped.eq(used & left_out.bit_select(self.lane, 1) & self.errors),
        ]
        unsettled_count = unreset(m, self.unsettled, "unsettled_count")
        skipped_count = unreset(m, self.skipped, "skipped_count")
        with m.If(self.clear):
            m.d.sync += [unsettled_count.eq(0), skipped_count.eq(0)]
        with m.If(self.made):
            m.d.sync += [
                unsettled_count.eq(unsettled_count + more_unsettled),
                skipped_count.eq(skipped_count + more_skipped),
            ]
        return m
