"""Training: relax a batch, then a rank-1 update for each of its patterns, in order; again."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.control.deal import Dealer
from rbp.hdl.control.report import Reporter
from rbp.hdl.control.turns import Turns
from rbp.hdl.datapath.noise import NoiseSeed
from rbp.hdl.fixed import gate, unreset
from rbp.hdl.layouts import Phase, patterns, slots
from rbp.hdl.timing import Timing
from rbp.hdl.wires import Deal, Draw, LookUp, Report, Run, Turn

__all__ = ["Training"]


class Training(wiring.Component):
    """One program for all methods, and recall.

    A batch is dealt to the lanes by :class:`rbp.hdl.control.deal.Dealer`. Once all have settled
    there is an UPDATE for those of each slot. During it their steps are logged and the noise of
    the next is hashed. A recall stops short of the updates.

    What is logged: see :class:`rbp.hdl.control.report.Reporter`.

    Golden model: :class:`rbp.golden.training.Machine`.

    Members
    -------
    run : Run
        The host's. ``updates`` are those still to make, and count down; 0: until stopped.
    deal, turn, look : Deal, Turn, LookUp, arrays of L
        To the lanes.
    report : Report
        To the log.
    update, started, resting : Out, In, In
        To and from the carousel.
    apply, zero : with momentum, the update is the one that moves the weights, behind a batch's
        last; or, behind a clear, one that makes the velocities 0
    draw : Draw
        With a random start, to :class:`rbp.hdl.control.start.RandomStart`.
    """

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "run": In(Run(config)),
                "deal": Out(Deal(config)).array(config.lanes),
                "turn": Out(Turn(config)).array(config.lanes),
                "look": Out(LookUp(config)).array(config.lanes),
                "report": Out(Report()),
                "update": Out(1),
                "started": In(1),
                "resting": In(1),
                **({"apply": Out(1), "zero": Out(1)} if config.momentum else {}),
                **({"draw": Out(Draw(config))} if config.random_start else {}),
            }
        )

        lanes, pattern = config.lanes, patterns(config)
        self.seed, self.dealer = NoiseSeed(), Dealer(config)
        self.turns, self.reporter = Turns(config), Reporter(config)
        self.phase, self.begins, self.begun = Signal(Phase), Signal(), Signal()
        self.all_dealt, self.again = Signal(), Signal()
        # whose turn it is: a lane, a slot of all lanes, and which lanes take part
        self.lane, self.use = Signal(range(max(2, lanes))), Signal(lanes)
        self.slot = Signal(slots(config))
        self.last_lane = self.lane == lanes - 1
        self.next_lane = gate(self.lane + 1, ~self.last_lane)
        self.loads, self.noise_load = Signal(), Signal(lanes)
        # a report: tick 0, then up to look + 2 until it is made, when the steps are there
        self.tick = Signal(range(Timing(config).look + 4))
        self.count, self.is_last, self.pushes = Signal(pattern), Signal(), Signal()
        self.of_energy, self.high = Signal(), Signal()
        self.load, self.ends = Signal(), Signal()  # hash a noise; an update's end

    def elaborate(self, platform):
        m = Module()
        run = self.run
        m.submodules.seed, m.submodules.dealer = self.seed, self.dealer
        m.submodules.turns, m.submodules.reporter = self.turns, self.reporter
        self._deal(m)
        self._draw(m)
        self._report(m)
        m.d.sync += [
            self.begun.eq(self.begins),
            self.again.eq(run.errors & ~run.stop & (run.updates != 1)),
        ]
        with m.If(self.started):
            m.d.sync += self.update.eq(0)
        with m.FSM(name="update_state") as updating:
            self._settle(m)
            self._update(m)
        loaded = updating.ongoing("LOAD") & self.seed.ready
        m.d.comb += self.loads.eq(self.reporter.made | loaded)  # by itself: it is known late
        self._count(m)
        return m

    def _deal(self, m):
        """To and from the dealer."""
        run, dealer, seed, config = self.run, self.dealer, self.seed, self.config
        # with several lanes, by a register between the machines
        m.d.comb += [
            dealer.start.eq(self.begun if Timing(config).reach else self.begins),
            dealer.z.eq(seed.z),
            dealer.ready.eq(seed.ready),
            seed.load.eq(self.load | dealer.load),
            seed.set.eq(run.noise_write),
            seed.set_s.eq(run.set),
            run.fits.eq(dealer.fits),
        ]
        for name in "errors drawn patterns batch first_write set clear".split():
            m.d.comb += getattr(dealer, name).eq(getattr(run, name))
        for k in range(config.lanes):
            connect(m, dealer.lanes[k], flipped(self.deal[k]))
        if config.random_start:
            m.d.comb += [
                dealer.random.eq(run.random),
                dealer.start_ready.eq(self.draw.ready),
                self.draw.go.eq(dealer.start_go),
                self.draw.z.eq(seed.z),
                self.draw.place.eq(self.turns.place),
            ]
        with m.If(dealer.dealt):
            m.d.sync += self.all_dealt.eq(1)

    def _draw(self, m):
        """The turn of each lane, and the noise for it."""
        dealer, turns = self.dealer, self.turns
        take_up = self.begun | dealer.take_up
        m.d.comb += [
            turns.patterns.eq(self.run.patterns),
            turns.batch.eq(self.run.batch),
            turns.take_up.eq(take_up),
            turns.first.eq(dealer.place),
            turns.step.eq(dealer.step),
            turns.lane.eq(self.lane),
            turns.load.eq(self.loads),
        ]
        with m.If(take_up):
            m.d.sync += self.slot.eq(dealer.place.slot)
        m.d.sync += self.noise_load.eq(gate(turns.takes << self.lane, self.loads))
        with m.If(self.loads):
            m.d.sync += self.use.bit_select(self.lane, 1).eq(turns.takes)
        for k, turn in enumerate(self.turn):
            m.d.comb += [
                turn.slot.eq(self.slot),
                turn.use.eq(self.use[k]),
                turn.noise_load.eq(self.noise_load[k]),
                turn.noise_z.eq(self.seed.z),
            ]

    def _report(self, m):
        """To and from the reporter."""
        run, reporter = self.run, self.reporter
        m.d.comb += [
            reporter.skip.eq(Cat(turn.skip for turn in self.turn)),
            reporter.ready.eq(self.seed.almost),
            reporter.push.eq(self.pushes),
            run.unsettled.eq(reporter.unsettled),
            run.skipped.eq(reporter.skipped),
        ]
        for name in "lane slot use begun tick of_energy high".split():
            m.d.comb += getattr(reporter, name).eq(getattr(self, name))
        for name in ("errors", "logging", "clear"):
            m.d.comb += getattr(reporter, name).eq(getattr(run, name))
        connect(m, reporter.report, flipped(self.report))
        for k in range(self.config.lanes):
            connect(m, reporter.look[k], flipped(self.look[k]))
        # known a cycle late, which is in time where some pass between two patterns
        used = self.use.bit_select(self.lane, 1)
        m.d.sync += self.is_last.eq(used & (self.count + 1 == run.batch))

    def _hash_or_idle(self, m):
        """Hash the noise of this lane's next pattern, if there is one."""
        hashed = self.run.drawn
        if self.config.random_start:
            hashed = hashed & ~self.run.random
        m.d.comb += self.load.eq(self.run.errors & self.turns.wanted & ~hashed)

    def _begin(self, m):
        """A new batch."""
        m.d.comb += self.begins.eq(1)
        m.d.sync += self.phase.eq(Phase.RELAX)

    def _settle(self, m):
        """From a command, or the update before, until the batch has settled."""
        run, drain = self.run, Signal(range(Timing(self.config).drain + 1))
        with m.State("WAIT"):  # for a command, the deal, or the last weights on their way
            with m.If(run.start):
                self._begin(m)
            if self.config.momentum:
                with m.If(run.clear):
                    m.d.sync += [self.update.eq(1), self.zero.eq(1), self.use.eq(0)]
                with m.If(self.started):
                    m.d.sync += self.zero.eq(0)
            with m.If(self.all_dealt):
                m.d.comb += self.turns.restart.eq(1)
                m.d.sync += self.all_dealt.eq(0)
                m.next = "HASH"
            with m.If(self.phase == Phase.DRAIN):
                with m.If(self.resting):
                    m.d.sync += drain.eq(drain - 1)
                with m.If(drain == 0):
                    m.d.sync += self.phase.eq(Phase.IDLE)
        with m.State("HASH"):  # the first round's noise, while the batch relaxes
            self._hash_or_idle(m)
            m.next = "LOAD"
        with m.State("LOAD"):
            with m.If(self.seed.ready):
                m.d.sync += self.lane.eq(self.next_lane)
                m.next = "HASH"
                with m.If(self.last_lane):
                    m.next = "SETTLE"
        with m.State("SETTLE"):
            with m.If(Cat(lane.idle for lane in self.deal).all()):
                with m.If(run.errors):
                    m.d.sync += [self.phase.eq(Phase.UPDATE), self.update.eq(1)]
                m.next = "REPORT"
                with m.If(run.abort):
                    m.d.sync += self.update.eq(0)
                    m.next = "AGAIN"
        with m.State("AGAIN"):
            m.d.comb += self.ends.eq(1)
            m.d.sync += [self.count.eq(0), self.lane.eq(0), self.of_energy.eq(0)]
            m.next = "WAIT"
            with m.If(self.again):
                self._begin(m)
            with m.Else():
                m.d.sync += [self.phase.eq(Phase.DRAIN), drain.eq(Timing(self.config).drain)]

    def _update(self, m):
        """A turn of the carousel for each slot, and the report."""
        run = self.run
        chosen = "CHOOSE" if Timing(self.config).reach else "ENERGY"
        # behind the start of an UPDATE, one turn for all lanes: the steps of this lane's pattern,
        # and the noise of its next
        with m.State("REPORT"):
            with m.If(~self.update & ~self.reporter.looked_up):
                with m.If(self.tick == 0):
                    self._hash_or_idle(m)
                m.d.sync += self.tick.eq(self.tick + 1)
            with m.If(self.reporter.made):
                turns, used = self.turns, self.use.bit_select(self.lane, 1)
                m.d.comb += self.pushes.eq(run.logging & used)
                m.d.sync += [self.tick.eq(0), self.count.eq(self.count + used)]
                m.d.sync += self.lane.eq(self.next_lane)
                with m.If(self.last_lane):
                    m.d.sync += self.slot.eq(Mux(turns.takes, turns.place.slot, turns.next_slot))
                    with m.If(run.errors):
                        m.d.sync += self.update.eq(1)
                with m.If(self.is_last):
                    m.d.sync += [self.lane.eq(0), self.update.eq(0), self.of_energy.eq(1)]
                    m.next = chosen
                    if self.config.momentum:
                        with m.If(run.errors):
                            m.next = "MOMENTUM"
        if self.config.momentum:
            with m.State("MOMENTUM"):  # its noise
                m.d.comb += self.load.eq(1)
                m.d.sync += self.use.eq(0)
                m.next = "APPLY"
            with m.State("APPLY"):
                with m.If(self.seed.ready & ~self.apply):
                    m.d.sync += [self.noise_load.eq(1), self.update.eq(1), self.apply.eq(1)]
                with m.If(self.started & self.apply):
                    m.d.sync += self.apply.eq(0)
                    m.next = chosen
        if chosen == "CHOOSE":
            with m.State("CHOOSE"):  # a lane's energy, in two cycles
                m.d.sync += self.high.eq(~self.high)
                with m.If(self.high):
                    m.next = "ENERGY"
        with m.State("ENERGY"):
            with m.If(~run.logging | ~run.errors):
                m.next = "AGAIN"
            with m.Elif(self.report.space):
                m.d.comb += self.pushes.eq(1)
                m.d.sync += self.high.eq(~self.high)
                with m.If(self.high):
                    m.d.sync += self.lane.eq(self.next_lane)
                    m.next = chosen
                    with m.If(self.last_lane):
                        m.next = "AGAIN"

    def _count(self, m):
        """Updates still to make, and cycles."""
        run, cycles = self.run, unreset(m, self.run.cycles, "cycle_count")
        m.d.comb += [run.busy.eq(self.phase != Phase.IDLE), run.phase.eq(self.phase)]
        with m.If(run.busy):
            m.d.sync += cycles.eq(cycles + 1)
        with m.If(run.clear):
            m.d.sync += cycles.eq(0)
        with m.If(run.updates_write):
            m.d.sync += run.updates.eq(run.set)
        with m.If(self.ends & run.errors):
            m.d.sync += run.updates.eq(run.updates - 1)
