"""Training: relax a batch, then a rank-1 update for each of its patterns, in order; again."""

from amaranth.hdl import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, gate, unreset, within
from rbp.hdl.noise import NoiseSeed
from rbp.hdl.relaxation import STEP_BITS
from rbp.hdl.timing import Timing

__all__ = ["PLACE", "Phase", "Training"]

COUNT = 24
"""Bits of what is counted."""

PLACE = {"lane": 0, "slot": 16}
"""First bit of each field of the next pattern's place."""


class Phase(enum.Enum, shape=2):
    """What a run is doing."""

    IDLE = 0
    RELAX = 1
    UPDATE = 2
    DRAIN = 3


class Training(wiring.Component):
    """One program for all methods, and recall.

    Pattern a is slot a div L of lane a mod L. A batch of B patterns is dealt to the lanes, one a
    cycle: those that follow the batch before, behind the last one the first; or, where B = 1, one
    that is drawn (20). Once all have settled there is an UPDATE for those of each slot, while which
    their steps are logged and the noise of the next is hashed. A recall stops short of the updates.

    To draw is to hash the update's noise first, and to take ⌊A·z / 2¹⁶⌋, z its upper 16 bits, by
    adding A or nothing and halving, 16 times. From pattern 0 it is counted up to there.

    Logged for each pattern: ``{y unsettled, y steps, x unsettled, x steps}``, 1 and 15 bits each;
    then for each lane, after an update, its Σ J² in two words, the lower first.

    Golden model: :class:`rbp.golden.training.Machine`.

    Members
    -------
    start, errors, patterns, batch, drawn, logging, stop, abort : In
        Begin; train (else recall); A; B; draw; report; end after the update under way, or as soon
        as may be, whatever that leaves.
    fits : Out
        The next pattern is one of A, two cycles after either is set.
    updates : Out
        Updates still to make; counts down. 0: until stopped.
    noise_write, updates_write, first_write, set : In
        Set the noise to seed + t·9E3779B9, t the rank-1 updates so far; or ``updates``; or the next
        pattern: its lane and slot, in the bits of :data:`PLACE`.
    clear, unsettled, skipped, cycles : In, Out
        Counters: relaxations at their limit, updates left out, busy cycles.
    busy, phase : Out
        A run is under way; what it does.
    begun, deal, deal_slot, finishing, idle : to and from the lanes: a new batch; its next pattern,
        not beside a finish, which is said :attr:`rbp.hdl.timing.Timing.notice` cycles ahead
    update, started, resting : to and from the carousel
    slot, use, noise_load, noise_z, skip : a round of updates
    random, start_go, start_ready, start_place : draw x(t0) of each of a batch's patterns first
    apply, zero : with momentum, the update is the one that moves the weights, behind a batch's
        last; or, behind a clear, one that makes the velocities 0
    look_backward, look_steps, look_unsettled, energy : what is logged
    push, word, space : to and from the log; a word comes a cycle after there was space
    """

    def __init__(self, config, *, energy_width):
        self.config = config
        lanes = config.lanes
        self.pattern = range(config.lanes * config.slots + 1)
        self.slot_range = range(max(2, config.slots))
        place = data.StructLayout({"lane": range(max(2, lanes)), "slot": self.slot_range})
        random = {
            "random": In(1),
            "start_go": Out(1),
            "start_ready": In(1),
            "start_place": Out(place),
        }
        self.place = place
        super().__init__(
            {
                "start": In(1),
                "errors": In(1),
                "updates": Out(COUNT),
                "patterns": In(self.pattern),
                "batch": In(self.pattern),
                "drawn": In(1),
                "logging": In(1),
                "stop": In(1),
                "abort": In(1),
                "fits": Out(1),
                "noise_write": In(1),
                "updates_write": In(1),
                "first_write": In(1),
                "set": In(32),
                "clear": In(1),
                "unsettled": Out(COUNT),
                "skipped": Out(COUNT),
                "cycles": Out(48),
                "busy": Out(1),
                "phase": Out(Phase),
                "begun": Out(1),
                "deal": Out(lanes),
                "deal_slot": Out(self.slot_range),
                "finishing": In(lanes),
                "idle": In(lanes),
                "update": Out(1),
                "started": In(1),
                "resting": In(1),
                "slot": Out(self.slot_range),
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
                **({"apply": Out(1), "zero": Out(1)} if config.momentum else {}),
                **(random if config.random_start else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, time = self.config, Timing(self.config)
        lanes, look = config.lanes, time.look
        m.submodules.seed = seed = NoiseSeed()
        next_dealt = Signal(self.place)
        next_drawn = Signal(self.place)  # of its noise
        left = Signal(self.pattern)  # of the batch, to deal
        count, to_draw = Signal(self.pattern), Signal(self.pattern)  # of the batch
        lane, next_slot = Signal(range(max(2, lanes))), Signal(self.slot_range)
        last_lane = lane == lanes - 1
        next_lane = gate(lane + 1, ~last_lane)
        # tick: 0, then up to look + 2 until a pattern is reported, whose steps stand by then
        tick, looked_up, report = Signal(range(look + 4)), Signal(), Signal()
        used = self.use.bit_select(lane, 1)
        # known a cycle late, which is in time where some pass between two patterns
        is_last = Signal()
        will_be = (tick == look + 1) | (looked_up & ~report)
        m.d.sync += [
            looked_up.eq(will_be),
            report.eq(will_be & seed.almost & (self.space | ~self.logging)),
            is_last.eq(used & (count + 1 == self.batch)),
        ]
        drain = Signal(range(time.drain + 1))
        begins = Signal()  # a batch
        x_steps, x_unsettled = Signal(STEP_BITS), Signal()

        def of_lane(values, name):
            """Of this lane; of several, chosen in two cycles."""
            which = delay(m, lane, time.reach, name=f"lane_of_{name}")
            return delay(m, Array(values)[which], time.reach, name=name)

        steps, energy = of_lane(self.look_steps, "steps"), of_lane(self.energy, "energy")
        unsettled = of_lane(self.look_unsettled, "unsettled")
        of_energy, high, again = Signal(), Signal(), Signal()
        # of the pattern under report, looked up by then
        more_unsettled, more_skipped, left_out = Signal(2), Signal(), Signal(lanes)
        m.d.sync += [
            again.eq(self.errors & ~self.stop & (self.updates != 1)),
            more_unsettled.eq(gate(x_unsettled + (unsettled & self.errors), used)),
            left_out.eq(self.skip),
            more_skipped.eq(used & left_out.bit_select(lane, 1) & self.errors),
        ]

        m.d.comb += [
            self.busy.eq(self.phase != Phase.IDLE),
            self.noise_z.eq(seed.z),
            seed.set.eq(self.noise_write),
            seed.set_s.eq(self.set),
        ]
        of_y = gate(steps, self.errors), unsettled & self.errors
        of_steps = Cat(x_steps, x_unsettled, *of_y)
        pushes = Signal()
        word = unreset(m, self.word, "pushed_word")  # from afar, so a cycle before the log takes it
        m.d.sync += [
            self.push.eq(pushes),
            word.eq(Mux(of_energy, energy.word_select(high, 32), of_steps)),
        ]
        unsettled_count = unreset(m, self.unsettled, "unsettled_count")
        skipped_count = unreset(m, self.skipped, "skipped_count")
        cycles = unreset(m, self.cycles, "cycle_count")
        with m.If(self.busy):
            m.d.sync += cycles.eq(cycles + 1)
        with m.If(self.updates_write):
            m.d.sync += self.updates.eq(self.set)
        # a place that its fields do not hold fits nowhere
        held = Signal(init=1)
        at = next_dealt.slot * lanes + next_dealt.lane
        m.d.sync += self.fits.eq(held & (at < self.patterns))
        with m.If(self.first_write):
            to_lane, to_slot = (self.set[PLACE[name] :][:16] for name in ("lane", "slot"))
            m.d.sync += held.eq(within(to_lane, lanes - 1) & within(to_slot, config.slots - 1))
            m.d.sync += next_dealt.slot.eq(self.set[PLACE["slot"] :])
            if lanes > 1:
                m.d.sync += next_dealt.lane.eq(self.set[PLACE["lane"] :])
        with m.If(self.clear):
            m.d.sync += [
                unsettled_count.eq(0),
                skipped_count.eq(0),
                cycles.eq(0),
                next_dealt.eq(0),
                held.eq(1),
            ]

        def is_end(where):
            return where.slot * lanes + where.lane + 1 == self.patterns

        def advance(where, at_end):
            """To the next pattern: the next lane, or its next slot; behind the last the first."""
            if lanes > 1:
                m.d.sync += where.lane.eq(where.lane + 1)
            with m.If(where.lane == lanes - 1):
                m.d.sync += [where.lane.eq(0), where.slot.eq(where.slot + 1)]
            with m.If(at_end):
                m.d.sync += where.eq(0)

        def begin():
            """A new batch."""
            m.d.comb += begins.eq(1)
            m.d.sync += self.phase.eq(Phase.RELAX)

        def take_up():
            """A batch's updates begin with its first pattern."""
            m.d.sync += [next_drawn.slot.eq(next_dealt.slot), self.slot.eq(next_dealt.slot)]
            if lanes > 1:
                m.d.sync += next_drawn.lane.eq(next_dealt.lane)

        with m.If(self.begun):
            take_up()

        # whether the next pattern to hash the noise for lies in this lane; known a cycle late,
        # which is in time where it is taken up
        wanted = (to_draw != self.batch) & (next_drawn.lane == lane)
        loads, takes, last_drawn = Signal(), Signal(), Signal()
        ends_lanes = last_drawn | (next_drawn.lane == lanes - 1)
        m.d.sync += [takes.eq(wanted), last_drawn.eq(is_end(next_drawn))]

        def hash_or_idle():
            """Hash the noise of this lane's next pattern, if there is one."""
            hashed = self.drawn & ~self.random if config.random_start else self.drawn
            m.d.comb += seed.load.eq(self.errors & wanted & ~hashed)

        # Two machines, since one of so many states is slow to decode: this one deals a batch, those
        # that follow, or one that it draws first.
        free, deals = Signal(lanes, init=-1), Signal()  # of a finish, which a deal waits for
        deal_slot = unreset(m, self.deal_slot, "dealt_slot")
        m.d.sync += [
            free.eq(~self.finishing),
            self.deal.eq(gate(1 << next_dealt.lane, deals)),
            deal_slot.eq(next_dealt.slot),
        ]
        chance, found = Signal(self.pattern), Signal()  # the latter: chance is 0
        bit, chosen, all_dealt = Signal(5), Signal(), Signal()
        with m.FSM(name="deal_state"):
            with m.State("WAIT"):  # with several lanes, by a register between the machines
                with m.If(self.begun if time.reach else begins):
                    m.d.sync += left.eq(self.batch)
                    m.next = "DEAL"
                    if config.random_start:
                        with m.If(self.random & self.errors):
                            m.next = "START"
                    with m.If(self.drawn & self.errors):
                        m.next = "DRAW"
            with m.State("DRAW"):
                m.d.comb += seed.load.eq(1)
                m.d.sync += [chance.eq(0), next_dealt.eq(0)]
                m.next = "MULTIPLY"
            with m.State("MULTIPLY"):
                with m.If(seed.ready):
                    m.d.sync += [bit.eq(bit + 1), chosen.eq(seed.z.bit_select(bit[:4] + 16, 1))]
                    with m.If(bit != 0):
                        product = (chance + Mux(chosen, self.patterns, 0)) >> 1
                        m.d.sync += [chance.eq(product), found.eq(product == 0)]
                    with m.If(bit == 16):
                        m.d.sync += bit.eq(0)
                        m.next = "COUNT"
            with m.State("COUNT"):
                take_up()
                with m.If(found):
                    m.next = "DEAL"
                    if config.random_start:
                        with m.If(self.random):
                            m.next = "FILL"  # from the same hash
                with m.Else():
                    m.d.sync += [chance.eq(chance - 1), found.eq(chance == 1)]
                    advance(next_dealt, is_end(next_dealt))
            if config.random_start:
                m.d.comb += self.start_place.eq(next_drawn)
                with m.State("START"):
                    m.d.comb += seed.load.eq(1)
                    m.next = "FILL"
                with m.State("FILL"):
                    m.d.comb += self.start_go.eq(seed.ready)
                    with m.If(seed.ready):
                        m.next = "FILLED"
                with m.State("FILLED"):
                    with m.If(self.start_ready):
                        advance(next_drawn, last_drawn)
                        m.d.sync += left.eq(left - 1)
                        m.next = "START"
                        with m.If(left == 1):
                            m.d.sync += left.eq(self.batch)
                            take_up()
                            m.next = "DEAL"
            with m.State("DEAL"):
                m.d.comb += deals.eq(free.bit_select(next_dealt.lane, 1))
                with m.If(deals):
                    advance(next_dealt, is_end(next_dealt))
                    m.d.sync += left.eq(left - 1)
                    with m.If(left == 1):
                        m.d.sync += all_dealt.eq(1)
                        m.next = "WAIT"

        # And this one updates, when the batch has settled.
        chosen_energy = "CHOOSE" if time.reach else "ENERGY"
        m.d.sync += [self.noise_load.eq(gate(takes << lane, loads)), self.begun.eq(begins)]
        with m.If(self.started):
            m.d.sync += self.update.eq(0)
        with m.FSM(name="update_state") as updating:
            with m.State("WAIT"):  # for a command, the deal, or the last weights on their way
                with m.If(self.start):
                    begin()
                if config.momentum:
                    with m.If(self.clear):
                        m.d.sync += [self.update.eq(1), self.zero.eq(1), self.use.eq(0)]
                    with m.If(self.started):
                        m.d.sync += self.zero.eq(0)
                with m.If(all_dealt):
                    m.d.sync += [all_dealt.eq(0), to_draw.eq(0)]
                    m.next = "HASH"
                with m.If(self.phase == Phase.DRAIN):
                    with m.If(self.resting):
                        m.d.sync += drain.eq(drain - 1)
                    with m.If(drain == 0):
                        m.d.sync += self.phase.eq(Phase.IDLE)
            with m.State("HASH"):  # the first round's noise, while the batch relaxes
                hash_or_idle()
                m.next = "LOAD"
            with m.State("LOAD"):
                with m.If(seed.ready):
                    m.d.sync += lane.eq(next_lane)
                    m.next = "HASH"
                    with m.If(last_lane):
                        m.next = "SETTLE"
            with m.State("SETTLE"):
                with m.If(self.idle.all()):
                    with m.If(self.errors):
                        m.d.sync += [self.phase.eq(Phase.UPDATE), self.update.eq(1)]
                    m.next = "REPORT"
                    with m.If(self.abort):
                        m.d.sync += self.update.eq(0)
                        m.next = "AGAIN"
            # behind the start of an UPDATE, one turn for all lanes: the steps of this lane's
            # pattern, and the noise of its next
            with m.State("REPORT"):
                with m.If(~self.update & ~looked_up):
                    with m.If(tick == 0):
                        hash_or_idle()
                    m.d.sync += tick.eq(tick + 1)
                m.d.comb += self.look_backward.eq(tick != 0)
                with m.If(tick == look):
                    m.d.sync += [x_steps.eq(steps), x_unsettled.eq(unsettled)]
                with m.If(report):
                    m.d.comb += pushes.eq(self.logging & used)
                    m.d.sync += [tick.eq(0), count.eq(count + used), lane.eq(next_lane)]
                    with m.If(last_lane):
                        m.d.sync += self.slot.eq(Mux(takes, next_drawn.slot, next_slot))
                        with m.If(self.errors):
                            m.d.sync += self.update.eq(1)
                    with m.If(is_last):
                        m.d.sync += [lane.eq(0), self.update.eq(0), of_energy.eq(1)]
                        m.next = chosen_energy
                        if config.momentum:
                            with m.If(self.errors):
                                m.next = "MOMENTUM"
            if config.momentum:
                with m.State("MOMENTUM"):  # its noise
                    m.d.comb += seed.load.eq(1)
                    m.d.sync += self.use.eq(0)
                    m.next = "APPLY"
                with m.State("APPLY"):
                    with m.If(seed.ready & ~self.apply):
                        m.d.sync += [self.noise_load.eq(1), self.update.eq(1), self.apply.eq(1)]
                    with m.If(self.started & self.apply):
                        m.d.sync += self.apply.eq(0)
                        m.next = chosen_energy
            if time.reach:
                with m.State("CHOOSE"):  # a lane's energy, in two cycles
                    m.d.sync += high.eq(~high)
                    with m.If(high):
                        m.next = "ENERGY"
            with m.State("ENERGY"):
                with m.If(~self.logging | ~self.errors):
                    m.next = "AGAIN"
                with m.Elif(self.space):
                    m.d.comb += pushes.eq(1)
                    m.d.sync += high.eq(~high)
                    with m.If(high):
                        m.d.sync += lane.eq(next_lane)
                        m.next = chosen_energy
                        with m.If(last_lane):
                            m.next = "AGAIN"
            with m.State("AGAIN"):
                m.d.sync += [count.eq(0), lane.eq(0), of_energy.eq(0)]
                with m.If(self.errors):
                    m.d.sync += self.updates.eq(self.updates - 1)
                m.next = "WAIT"
                with m.If(again):
                    begin()
                with m.Else():
                    m.d.sync += [self.phase.eq(Phase.DRAIN), drain.eq(time.drain)]

        # What a report comes to; and a load, which gives the hash to this lane, or tells it that
        # there is no pattern for it. By themselves, since they are known late.
        with m.If(report):
            m.d.sync += [
                unsettled_count.eq(unsettled_count + more_unsettled),
                skipped_count.eq(skipped_count + more_skipped),
            ]
        m.d.comb += loads.eq(report | (updating.ongoing("LOAD") & seed.ready))
        with m.If(loads):
            m.d.sync += [
                self.use.bit_select(lane, 1).eq(takes),
                to_draw.eq(to_draw + takes),
            ]
        with m.If(loads & takes):
            m.d.sync += next_slot.eq(next_drawn.slot)
            if lanes > 1:
                m.d.sync += next_drawn.lane.eq(Mux(ends_lanes, 0, next_drawn.lane + 1))
        # the slot is not looked at before the cycle after the next
        ends_round, ends_set = Signal(), Signal(reset_less=True)
        m.d.sync += [
            ends_round.eq(loads & takes & ends_lanes),
            ends_set.eq(last_drawn),
        ]
        with m.If(ends_round):
            m.d.sync += next_drawn.slot.eq(Mux(ends_set, 0, next_drawn.slot + 1))
        return m
