"""Training: relax a batch, then a rank-1 update for each pattern, in order; again."""

from amaranth.hdl import Array, Cat, Module, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from hdl.noise import NoiseSeed
from hdl.relaxation import STEP_BITS
from hdl.timing import Timing

__all__ = ["Phase", "Training"]

COUNT = 24
"""Bits of what is counted."""


class Phase(enum.Enum, shape=2):
    """What a run is doing."""

    IDLE = 0
    RELAX = 1
    UPDATE = 2
    DRAIN = 3


class Training(wiring.Component):
    """The deterministic method (19), and recall.

    Pattern a is slot a div L of lane a mod L. A batch is dealt to the lanes, one pattern a cycle;
    once all have settled there is an UPDATE for each L patterns, while which the steps of these are
    logged and the noise of the next is hashed. A recall stops short of the updates.

    Logged for each pattern: ``{y unsettled, y steps, x unsettled, x steps}``, 1 and 15 bits each;
    then for each lane, after an update, its Σ J² in two words, the lower first.

    Golden model: :class:`golden.training.Machine`.

    Members
    -------
    start, errors, patterns, logging, stop : In
        Begin; train (else recall); A; report; end after the update under way.
    updates : Out
        Updates still to make; counts down. 0: until stopped.
    noise_write, updates_write, set : In
        Set the noise to seed + t·9E3779B9, t the rank-1 updates so far; or ``updates``.
    clear, unsettled, skipped, cycles : In, Out
        Counters: relaxations at their limit, updates left out, busy cycles.
    busy, phase : Out
        A run is under way; what it does.
    begin, deal, slot, dealt, idle : to and from the lanes: a new batch
    update, started, resting : to and from the carousel
    use, noise_load, noise_z, skip : a round of updates; slot says which
    look_backward, look_steps, look_unsettled, energy : what is logged
    push, word, space : to and from the log
    """

    def __init__(self, config, *, energy_width):
        self.config = config
        lanes = config.lanes
        self.pattern = range(config.lanes * config.slots + 1)
        super().__init__(
            {
                "start": In(1),
                "errors": In(1),
                "updates": Out(COUNT),
                "patterns": In(self.pattern),
                "logging": In(1),
                "stop": In(1),
                "noise_write": In(1),
                "updates_write": In(1),
                "set": In(32),
                "clear": In(1),
                "unsettled": Out(COUNT),
                "skipped": Out(COUNT),
                "cycles": Out(48),
                "busy": Out(1),
                "phase": Out(Phase),
                "begin": Out(1),
                "deal": Out(lanes),
                "slot": Out(range(max(2, config.slots))),
                "dealt": In(lanes),
                "idle": In(lanes),
                "update": Out(1),
                "started": In(1),
                "resting": In(1),
                "use": Out(lanes),
                "noise_load": Out(lanes),
                "noise_z": Out(32),
                "skip": In(lanes),
                "look_backward": Out(1),
                "look_steps": In(STEP_BITS).array(lanes),
                "look_unsettled": In(lanes),
                "energy": In(energy_width).array(lanes),
                "push": Out(1),
                "word": Out(32),
                "space": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, time = self.config, Timing(self.config)
        lanes, memory = config.lanes, time.memory
        m.submodules.seed = seed = NoiseSeed()
        lane, pattern = Signal(range(max(2, lanes))), Signal(self.pattern)
        to_draw = Signal(self.pattern)  # patterns whose noise is hashed
        last_lane, last_pattern = lane == lanes - 1, pattern + 1 == self.patterns
        tick, reported = Signal(range(memory + 4)), Signal()  # the latter: tick is memory + 2
        # known a cycle late, which is in time where some pass between two patterns
        may_push, is_last = Signal(), Signal()
        m.d.sync += [may_push.eq(self.space | ~self.logging), is_last.eq(last_pattern)]
        drain = Signal(range(time.drain + 1))
        x_steps, x_unsettled = Signal(STEP_BITS), Signal()
        steps, unsettled = Array(self.look_steps)[lane], self.look_unsettled.bit_select(lane, 1)
        energy = Array(self.energy)[lane]
        high, final = Signal(), Signal()
        # of the pattern under report, looked up by then
        more_unsettled, more_skipped = Signal(2), Signal()
        m.d.sync += [
            final.eq(self.updates == 1),
            more_unsettled.eq(x_unsettled + (unsettled & self.errors)),
            more_skipped.eq(self.skip.bit_select(lane, 1) & self.errors),
        ]

        m.d.comb += [
            self.busy.eq(self.phase != Phase.IDLE),
            self.noise_z.eq(seed.z),
            seed.set.eq(self.noise_write),
            seed.set_s.eq(self.set),
        ]
        with m.If(self.busy):
            m.d.sync += self.cycles.eq(self.cycles + 1)
        with m.If(self.updates_write):
            m.d.sync += self.updates.eq(self.set)
        with m.If(self.clear):
            m.d.sync += [
                self.unsettled.eq(0),
                self.skipped.eq(0),
                self.cycles.eq(0),
            ]

        def next_lane():
            """To the next pattern: the next lane, or the first lane's next slot."""
            m.d.sync += [pattern.eq(pattern + 1), lane.eq(lane + 1)]
            with m.If(last_lane):
                m.d.sync += lane.eq(0)

        def hash_or_idle():
            """Hash the noise of the next pattern to draw, if there is one."""
            m.d.comb += seed.load.eq(self.errors & (to_draw != self.patterns))

        def load_lane():
            """Give the hash to this lane, or tell it that there is no pattern for it."""
            drawn = to_draw != self.patterns
            m.d.sync += [
                self.noise_load.eq(drawn << lane),
                self.use.bit_select(lane, 1).eq(drawn),
                to_draw.eq(to_draw + drawn),
            ]

        m.d.sync += self.noise_load.eq(0)
        with m.FSM():
            with m.State("WAIT"):
                with m.If(self.start):
                    m.d.comb += self.begin.eq(1)
                    m.d.sync += [self.phase.eq(Phase.RELAX), pattern.eq(0)]
                    m.d.sync += [lane.eq(0), self.slot.eq(0)]
                    m.next = "DEAL"
            with m.State("DEAL"):
                m.d.comb += self.deal.eq(1 << lane)
                with m.If(self.dealt.any()):
                    next_lane()
                    with m.If(last_lane):
                        m.d.sync += self.slot.eq(self.slot + 1)
                    with m.If(last_pattern):
                        m.d.sync += [pattern.eq(0), lane.eq(0), self.slot.eq(0), to_draw.eq(0)]
                        m.next = "HASH"
            with m.State("HASH"):  # the first round's noise, while the batch relaxes
                hash_or_idle()
                m.next = "LOAD"
            with m.State("LOAD"):
                with m.If(seed.ready):
                    load_lane()
                    m.d.sync += lane.eq(lane + 1)
                    m.next = "HASH"
                    with m.If(last_lane):
                        m.d.sync += lane.eq(0)
                        m.next = "SETTLE"
            with m.State("SETTLE"):
                with m.If(self.idle.all()):
                    with m.If(self.errors):
                        m.d.sync += [self.phase.eq(Phase.UPDATE), self.update.eq(1)]
                        m.next = "UPDATE"
                    with m.Else():
                        m.next = "REPORT"
            with m.State("UPDATE"):  # one turn for all lanes
                with m.If(self.started):
                    m.d.sync += self.update.eq(0)
                    m.next = "REPORT"
            with m.State("REPORT"):  # steps of this lane's pattern, and the noise of its next
                with m.If(tick == 0):
                    hash_or_idle()
                with m.If(~reported):
                    m.d.sync += [tick.eq(tick + 1), reported.eq(tick == memory + 1)]
                m.d.comb += self.look_backward.eq(tick != 0)
                with m.If(tick == memory):
                    m.d.sync += [x_steps.eq(steps), x_unsettled.eq(unsettled)]
                m.d.comb += self.word.eq(
                    Cat(
                        x_steps,
                        x_unsettled,
                        steps & self.errors.replicate(STEP_BITS),
                        unsettled & self.errors,
                    )
                )
                with m.If(reported & seed.ready & may_push):
                    m.d.comb += self.push.eq(self.logging)
                    m.d.sync += [
                        tick.eq(0),
                        reported.eq(0),
                        self.unsettled.eq(self.unsettled + more_unsettled),
                        self.skipped.eq(self.skipped + more_skipped),
                    ]
                    load_lane()
                    next_lane()
                    with m.If(last_lane):
                        m.d.sync += self.slot.eq(self.slot + 1)
                        with m.If(self.errors):
                            m.d.sync += self.update.eq(1)
                            m.next = "UPDATE"
                    with m.If(is_last):
                        m.d.sync += [lane.eq(0), self.update.eq(0)]
                        m.next = "ENERGY"
            with m.State("ENERGY"):
                m.d.comb += self.word.eq(energy.word_select(high, 32))
                with m.If(~self.logging | ~self.errors):
                    m.next = "AGAIN"
                with m.Elif(self.space):
                    m.d.comb += self.push.eq(1)
                    m.d.sync += high.eq(~high)
                    with m.If(high):
                        m.d.sync += lane.eq(lane + 1)
                        with m.If(last_lane):
                            m.next = "AGAIN"
            with m.State("AGAIN"):
                m.d.sync += [pattern.eq(0), lane.eq(0), self.slot.eq(0)]
                with m.If(self.errors):
                    m.d.sync += self.updates.eq(self.updates - 1)
                with m.If(self.errors & ~self.stop & ~final):
                    m.d.comb += self.begin.eq(1)
                    m.d.sync += self.phase.eq(Phase.RELAX)
                    m.next = "DEAL"
                with m.Else():
                    m.d.sync += [self.phase.eq(Phase.DRAIN), drain.eq(time.drain)]
                    m.next = "DRAIN"
            with m.State("DRAIN"):  # the last weights are on their way
                with m.If(self.resting):
                    m.d.sync += drain.eq(drain - 1)
                with m.If(drain == 0):
                    m.d.sync += self.phase.eq(Phase.IDLE)
                    m.next = "WAIT"
        return m
