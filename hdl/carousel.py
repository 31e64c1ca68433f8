"""Carousel: sends the weights round, block by block and column by column."""

from functools import reduce
from operator import or_

from amaranth.hdl import Const, Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from hdl.fixed import gate
from hdl.timing import Timing

__all__ = ["Carousel", "Kind", "step_layout"]


class Kind(enum.Enum, shape=2):
    """What a turn of the carousel is for."""

    RELAX = 0
    """FORWARD or BACKWARD, as each lane chooses."""
    UPDATE = 1
    WRITE = 2
    """One token, with one weight from the host."""
    PROBE = 3
    """FORWARD with φ one-hot, whose results are a column of W."""


def step_layout(config):
    """The carousel's position; ``start`` comes the cycle before a turn's first step.

    With momentum, an UPDATE without patterns is an APPLY: the velocities move the weights.
    """
    return data.StructLayout(
        {
            **({"apply": 1} if config.momentum else {}),
            "start": 1,
            "start_kind": Kind,
            "valid": 1,
            "kind": Kind,
            "column": range(max(2, config.terms)),
            "first": 1,  # of the columns
            "last": 1,
            "first_block": 1,
            "last_block": 1,
            "row": 1,  # one of the first P columns: y of the next PE is due
        }
    )


class Carousel(wiring.Component):
    """Turns back to back while any lane has a sweep to make; else the first that comes starts it.

    A turn takes S = R·M cycles (a WRITE one). Behind an UPDATE, a RELAX waits until the last
    weights are written, and for its late reads (:attr:`hdl.timing.Timing.update_lag`), max(δ, δ + d
    − S) cycles; an UPDATE behind an UPDATE max(0, d − S), d being :attr:`hdl.timing.Timing.reread`.
    Behind a WRITE nothing starts until its bank has the word.

    Members
    -------
    relax, update, write, probe : In
        Requests; at most one of the last three, which is held until its turn starts.
    apply : In
        Only with momentum: the update is an APPLY.
    updating, serving : Out
        The turn starts that ``update``, or that ``write`` or ``probe``, asks for.
    step : Out
        Where the carousel is. A turn's first step comes in the cycle after ``step.start``.
    resting : Out
        No turn is under way, nor the wait behind an UPDATE.
    """

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "relax": In(1),
                "update": In(1),
                "write": In(1),
                "probe": In(1),
                "updating": Out(1),
                "serving": Out(1),
                "step": Out(step_layout(config)),
                "resting": Out(1, init=1),
                **({"apply": In(1)} if config.momentum else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, step = self.config, self.step
        time = Timing(config)
        lag = time.before_relax - time.before_update
        column, block = Signal(range(max(2, config.terms))), Signal(range(max(2, config.blocks)))
        running, kind = Signal(), Signal(Kind)
        # known with the count, not after comparing it; ``ending`` in a turn's last step
        last, last_block = Signal(init=config.terms == 1), Signal(init=config.blocks == 1)
        ending = Signal()
        ends_writing = Signal()  # that step, of a turn that writes
        # A WRITE's word and place are held until the last bank has it.
        before_write = time.last_write + config.macs

        m.d.comb += [
            step.valid.eq(running),
            step.kind.eq(kind),
            step.column.eq(column),
            step.first.eq(column == 0),
            step.last.eq(last),
            step.first_block.eq(block == 0),
            step.last_block.eq(last_block),
            step.row.eq(column < config.macs),
        ]
        before_last = column == config.terms - 2
        writes = (kind == Kind.UPDATE) | (kind == Kind.WRITE)
        going_on = running & ~ending
        next_block = Mux(last, block == config.blocks - 2, last_block)
        m.d.sync += [
            column.eq(gate(column + 1, going_on & ~last)),
            last.eq((going_on & ~last & before_last) | (config.terms == 1)),
            block.eq(gate(block + last, going_on)),
            last_block.eq((going_on & next_block) | (config.blocks == 1)),
            running.eq(step.start | going_on),
        ]

        # The wait behind what writes weights, counted down.
        wait = Signal(range(max(before_write, time.before_relax) + 1))
        waited, almost = Signal(init=1), Signal(init=1)  # wait is 0; at most the lag

        after_write = ends_writing & (kind == Kind.WRITE)
        after_update = ends_writing & (kind == Kind.UPDATE)

        def begun_or(otherwise, begun):
            """``begun``, of the cycles to wait, behind a turn that writes; else ``otherwise``."""
            waits = ((after_update, time.before_relax - 1), (after_write, before_write))
            values = (gate(Const(begun(cycles), len(wait)), now) for now, cycles in waits)
            return reduce(or_, values, gate(otherwise, ~ends_writing))

        m.d.sync += [
            wait.eq(begun_or(gate(wait - 1, ~waited), lambda cycles: cycles)),
            waited.eq(begun_or(waited | (wait == 1), lambda cycles: cycles == 0)),
            almost.eq(begun_or(almost | (wait <= lag + 1), lambda cycles: cycles <= lag)),
        ]

        free = ~running | ending
        may_read = free & ~ends_writing & waited
        may_update = free & almost
        if time.before_update:
            may_update = may_update & ~ends_writing
        else:
            may_update = may_update & ~after_write
        with m.If(self.update):
            m.d.comb += [step.start.eq(may_update), step.start_kind.eq(Kind.UPDATE)]
        with m.Elif(self.write):
            m.d.comb += [step.start.eq(may_read), step.start_kind.eq(Kind.WRITE)]
        with m.Elif(self.probe):
            m.d.comb += [step.start.eq(may_read), step.start_kind.eq(Kind.PROBE)]
        with m.Else():
            m.d.comb += [step.start.eq(may_read & self.relax), step.start_kind.eq(Kind.RELAX)]
        with m.If(step.start):
            m.d.sync += kind.eq(step.start_kind)
        # a turn's last step is next: of one under way, or of one that starts and is so short
        ends = going_on & last_block & before_last
        write = may_read & self.write & ~self.update
        short, short_writing = (step.start, self.updating) if config.terms == 1 else (0, 0)
        m.d.sync += [
            ending.eq(ends | write | short),
            ends_writing.eq((ends & writes) | write | short_writing),
        ]
        if config.momentum:
            apply = Signal()
            m.d.comb += step.apply.eq(apply)
            with m.If(step.start):
                m.d.sync += apply.eq(self.apply)
        m.d.comb += [
            self.updating.eq(self.update & may_update),
            self.serving.eq(~self.update & (self.write | self.probe) & may_read),
        ]
        # what ~running & (wait == 0) will be
        rests = Mux(running, ending & ~ends_writing, wait <= 1)
        m.d.sync += self.resting.eq(~step.start & rests)
        return m
