"""Carousel: plays the program, and sends the weights round, an entry a cycle."""

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.fixed import gate
from rbp.hdl.layouts import Kind, step_layout
from rbp.hdl.program import Program
from rbp.hdl.timing import Timing
from rbp.hdl.wires import tables

__all__ = ["Carousel"]


class Carousel(wiring.Component):
    """Turns back to back while any lane has a sweep to make; else the first that comes starts it.

    A turn takes as many cycles as the program has entries; one in which all lanes sweep BACKWARD,
    those up to the program's short end; a WRITE one. Behind an UPDATE, a RELAX waits for its late
    reads (:attr:`rbp.hdl.timing.Timing.update_lag`). Behind a WRITE nothing starts until its bank
    has the word, behind a PROBE until its results have left the tree.

    Where weights have a single port, an UPDATE takes two turns: in the first the words of even
    numbers are due, in the second those of odd ones. Each waits until the last writing is over,
    :attr:`rbp.hdl.timing.Timing.before_update`.

    Members
    -------
    table : TablePort
        To the program, while ``resting``.
    relax, ahead : In
        A lane has a sweep to make; one of them FORWARD.
    update, write, probe : In
        Requests; at most one, which is held until its turn starts.
    apply, zero : In
        Only with momentum: the update is an APPLY, or makes the velocities 0.
    updating, serving : Out
        The turn starts that ``update``, or that ``write`` or ``probe``, asks for; of two, the last.
    step : Out
        Where the carousel is. A turn's first step comes in the cycle after ``step.start``.
    resting : Out
        No turn is under way, nor the wait behind an UPDATE, and the program is ready.
    """

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "table": In(tables(config)["program"]),
                "relax": In(1),
                "ahead": In(1),
                "update": In(1),
                "write": In(1),
                "probe": In(1),
                "updating": Out(1),
                "serving": Out(1),
                "step": Out(step_layout(config)),
                "resting": Out(1),
                **({"apply": In(1), "zero": In(1)} if config.momentum else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, step = self.config, self.step
        time = Timing(config)
        lag = time.before_relax - time.before_update
        running, kind, short = Signal(), Signal(Kind), Signal()
        # A WRITE's word and place are held until the last bank has it. A PROBE's results pass the
        # tree before the next turn says whose they are.
        behind = time.behind(0) + max(time.last_write, time.result + time.tree + time.merge)
        before_host = config.macs + behind

        m.submodules.program = program = Program(config)
        connect(m, flipped(self.table), program.table)
        entry, writing = program.entry, kind == Kind.WRITE
        m.d.comb += [
            program.play.eq(running & ~writing),
            program.short.eq(short),
            step.valid.eq(running),
            step.kind.eq(kind),
            *(step[name].eq(entry[name]) for name in entry.shape().members),
        ]
        ending, holds_up, going_on = Signal(), Signal(), Signal()
        m.d.comb += [
            ending.eq(running & (entry.end | writing)),
            holds_up.eq(ending & (kind != Kind.RELAX)),  # others wait for this turn
            going_on.eq(running & ~ending),
        ]
        m.d.sync += running.eq(step.start | going_on)

        # The wait behind what holds up, counted down.
        wait = Signal(range(max(before_host, time.before_relax) + 1))
        waited, almost = Signal(init=1), Signal(init=1)  # wait is 0; at most the lag
        after_update = holds_up & (kind == Kind.UPDATE)
        after_host = holds_up & (kind != Kind.UPDATE)

        def begun_or(otherwise, begun):
            """``begun``, of the cycles to wait, behind a turn that holds up; else ``otherwise``."""
            waits = ((after_update, time.before_relax - 1), (after_host, before_host))
            values = (gate(Const(begun(cycles), len(wait)), now) for now, cycles in waits)
            return reduce(or_, values, gate(otherwise, ~holds_up))

        m.d.sync += [
            wait.eq(begun_or(gate(wait - 1, ~waited), lambda cycles: cycles)),
            waited.eq(begun_or(waited | (wait == 1), lambda cycles: cycles == 0)),
            almost.eq(begun_or(almost | (wait <= lag + 1), lambda cycles: cycles <= lag)),
        ]

        may_read = ~going_on & ~holds_up & waited & program.ready
        after = holds_up if time.before_update else after_host
        may_update = ~going_on & almost & ~after & program.ready
        with m.If(self.update):
            m.d.comb += [step.start.eq(may_update), step.start_kind.eq(Kind.UPDATE)]
        with m.Elif(self.write):
            m.d.comb += [step.start.eq(may_read), step.start_kind.eq(Kind.WRITE)]
        with m.Elif(self.probe):
            m.d.comb += [step.start.eq(may_read), step.start_kind.eq(Kind.PROBE)]
        with m.Else():
            m.d.comb += [step.start.eq(may_read & self.relax), step.start_kind.eq(Kind.RELAX)]
        asked = self.update | self.write | self.probe
        m.d.comb += [
            step.start_relax.eq(may_read & self.relax & ~asked),
            step.start_short.eq(~self.ahead),
        ]
        with m.If(~going_on):  # whether one starts is known late
            m.d.sync += [kind.eq(step.start_kind), short.eq(self.relax & ~self.ahead & ~asked)]
        self._options(m, may_update)
        serves = may_read & ~self.update
        m.d.comb += self.serving.eq(serves & (self.write | self.probe))
        # what wait == 0 will be, unless a turn starts
        rests = Signal(init=1)
        m.d.sync += rests.eq(Mux(running, ending & ~holds_up, wait <= 1))
        m.d.comb += self.resting.eq(rests & ~running & program.ready)
        return m

    def _options(self, m, may_update):
        """Of an UPDATE: what it is with momentum; two turns of it with a single port."""
        config, step = self.config, self.step
        if config.momentum:
            apply, zero = Signal(), Signal()
            m.d.comb += [step.apply.eq(apply), step.zero.eq(zero)]
            with m.If(step.start):
                m.d.sync += [apply.eq(self.apply), zero.eq(self.zero)]
        second = Const(1)  # the next turn of an UPDATE is its last
        if config.spram:
            second, due = Signal(), Signal(reset_less=True)
            with m.If(self.update & may_update):
                m.d.sync += second.eq(~second)
            m.d.sync += due.eq(Mux(step.start, ~second, ~due))
            m.d.comb += step.due.eq(due)
        m.d.comb += self.updating.eq(self.update & may_update & second)
