"""Commands: what a write to CONTROL does, and when."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.host.memory_map import TAG

__all__ = ["Commands", "Tag"]


class Tag(wiring.Component):
    """Keeps the tag of the last start, be it of a run or of a column; 0 is none.

    Members
    -------
    word : In
        What was written, a cycle after.
    again, last : Out
        It has the tag of the last start; that tag.
    run, column : In
        The run, or the column, of the word before was started.
    clear : In
        Forget it.
    """

    def __init__(self):
        super().__init__(
            {
                "word": In(32),
                "again": Out(1),
                "last": Out(TAG.width),
                "run": In(1),
                "column": In(1),
                "clear": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        tag = self.word[TAG.low : TAG.low + TAG.width]
        before, last = Signal.like(tag), self.last
        m.d.comb += self.again.eq(tag.any() & (tag == last))
        m.d.sync += before.eq(tag)
        with m.If(self.run | self.column):
            m.d.sync += last.eq(before)
        with m.If(self.clear):
            m.d.sync += last.eq(0)
        return m


class Commands(wiring.Component):
    """A start that fits is done two cycles later; of a run under way, STOP and CLEAR at once.

    Members
    -------
    data, word : In
        What is written; the same a cycle later.
    doing, running : In
        CONTROL is written, and no run is under way, or one is.
    quiet, fit : In
        No run is under way; one may start with these settings.
    column : In
        The word before starts a column that there is.
    train, recall, clear : Out
        For a cycle, what starts or is cleared. A reset clears, too.
    asked : Out
        A start, while it is looked at.
    stop, abort : Out
        Until the run has ended.
    waits : Out
        A CLEAR waits for the end of the run.
    set_errors : Out
        A start is written, of a training if ``data`` has TRAIN.
    forgets : Out
        STATUS is to be cleared.
    again, tag : Out
        ``word`` has the tag of the last start; that tag.
    refused : Out
        Of what was written 1 or 2 cycles ago.
    """

    def __init__(self):
        super().__init__(
            {
                "data": In(32),
                "word": In(32),
                "doing": In(1),
                "running": In(1),
                "quiet": In(1),
                "fit": In(1),
                "column": In(1),
                "errors": In(1),
                "train": Out(1),
                "recall": Out(1),
                "clear": Out(1, init=1),
                "asked": Out(2),
                "stop": Out(1),
                "abort": Out(1),
                "waits": Out(1),
                "set_errors": Out(1),
                "forgets": Out(1),
                "again": Out(1),
                "tag": Out(TAG.width),
                "refused": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.tag = tag = Tag()
        train, recall, clear, stop = self.data[:4]
        start = self.doing & (train | recall) & ~clear
        fits = self.asked[1] & self.fit
        m.d.comb += [
            tag.word.eq(self.word),
            tag.run.eq(fits),
            tag.column.eq(self.column),
            tag.clear.eq(self.clear),
            self.again.eq(tag.again),
            self.tag.eq(tag.last),
            self.set_errors.eq(start),
            self.forgets.eq(self.doing & clear),
        ]
        m.d.sync += [
            self.clear.eq(self.forgets),
            self.asked.eq(Cat(start, self.asked[0] & ~tag.again)),
            self.train.eq(fits & self.errors),
            self.recall.eq(fits & ~self.errors),
        ]

        # while a run is under way; a start is refused unless it is that run's own, once more
        ends, started = self.running & (stop | clear), Signal()
        with m.If(self.quiet):
            m.d.sync += self.stop.eq(0)
        m.d.comb += self.waits.eq(self.running & clear)
        m.d.sync += [
            self.abort.eq(~self.quiet & (self.abort | self.waits)),
            started.eq(self.running & (train | recall) & ~ends),
        ]
        with m.If(ends):
            m.d.sync += self.stop.eq(1)
        done, other, both = Signal(), Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            done.eq(self.doing),
            other.eq(Cat(self.data[4 : TAG.low], self.data[TAG.low + TAG.width :]).any()),
            both.eq(clear & (train | recall)),
        ]
        unfit = self.asked[1] & ~self.fit
        unknown = done & (other | both)
        m.d.comb += self.refused.eq(unknown | unfit | (started & ~tag.again))
        return m
