"""Log: what a run reports, word by word, for the host to fetch."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from rbp.hdl.fixed import unreset
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.wires import LogPort, Report

__all__ = ["Log"]


class Log(wiring.Component):
    """Queue of 32-bit words in a block RAM. Who pushes waits for ``space``; nothing is lost.

    Both ends have a register first, away from the logic that pushes and pops: ``count`` changes two
    cycles after, ``space`` three. Who pushes may have a register too, so ``space`` ends with three
    words free.

    Members
    -------
    clear : In
        Remove all words.
    report : Report
        Append a word.
    host : LogPort
        The oldest word, the memory's latency and two cycles after the pop before.
    """

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "clear": In(1),
                "report": In(Report()),
                "host": In(LogPort(config)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        depth = self.config.log_depth
        m.submodules.ram = ram = Ram(width=32, depth=depth, device=self.config.device)
        newest = Signal(range(depth), reset_less=True)
        oldest, count = Signal.like(newest), unreset(m, self.host.count, "count")
        push, pop = Signal(), Signal()
        word = Signal(32, reset_less=True)
        m.d.sync += [push.eq(self.report.push & ~self.clear), pop.eq(self.host.pop & ~self.clear)]
        m.d.sync += word.eq(self.report.word)
        m.d.comb += [
            ram.w_en.eq(push),
            ram.w_addr.eq(newest),
            ram.w_data.eq(word),
            ram.r_addr.eq(oldest),
            self.host.head.eq(ram.r_data),
        ]
        m.d.sync += self.report.space.eq(count < depth - 3)
        with m.If(push):
            m.d.sync += newest.eq(newest + 1)
        with m.If(pop):
            m.d.sync += oldest.eq(oldest + 1)
        m.d.sync += count.eq(count + push - pop)
        with m.If(self.clear):
            m.d.sync += [newest.eq(0), oldest.eq(0), count.eq(0)]
        return m
