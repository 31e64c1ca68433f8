"""Log: what a run reports, word by word, for the host to read."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from rbp.hdl.fixed import delay, unreset
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.timing import Timing
from rbp.hdl.wires import LogPort, Report

__all__ = ["Log"]


class Log(wiring.Component):
    """A ring of 32-bit words in a block RAM. Who pushes waits for ``space``; nothing is lost.

    A word stays where it is, and can be read again, until the host says that it has read up to
    there. Both ends have a register first, away from the logic that pushes and reads; where that is
    near (:attr:`rbp.hdl.timing.Timing.reach`), only the host's. ``count`` changes two cycles after,
    or one, ``space`` one later, and two where the host reads on. Who pushes may have a register
    too, so ``space`` ends with three words free.

    Members
    -------
    clear : In
        Remove all words; the next one is word 0.
    report : Report
        Append a word.
    host : LogPort
        Word n is at n modulo the depth. It is there the memory's latency after its address.
        ``set`` is not high in two cycles running.
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
        host, depth = self.host, self.config.log_depth
        m.submodules.ram = ram = Ram(width=32, depth=depth, device=self.config.device)
        read = unreset(m, host.read, "read")
        newest, count = Signal.like(read), Signal.like(host.count, reset_less=True)
        following = Signal.like(read, init=1)  # newest + 1
        reach = Timing(self.config).reach
        push = delay(m, self.report.push & ~self.clear, reach, control=True, name="push")
        word = delay(m, self.report.word, reach, name="word")
        m.d.comb += [
            ram.w_en.eq(push),
            ram.w_addr.eq(newest),
            ram.w_data.eq(word),
            ram.r_addr.eq(host.address),
            host.word.eq(ram.r_data),
        ]
        # by how much the host has read on, and whether a word says more than there can be
        asked, beyond = Signal(), Signal()
        upto, on = Signal.like(read), Signal.like(read)
        fits = ~beyond & (on <= count)
        m.d.comb += [host.refused.eq(asked & ~fits), host.count.eq(newest - read)]
        m.d.sync += [
            asked.eq(host.set & ~self.clear),
            beyond.eq(host.upto[len(read) :].any()),
            upto.eq(host.upto),
            on.eq(host.upto - read),
            count.eq(Mux(push, following, newest) - read),
            self.report.space.eq(count < depth - 3),
        ]
        with m.If(push):
            m.d.sync += [newest.eq(following), following.eq(following + 1)]
        with m.If(asked & fits):
            m.d.sync += read.eq(upto)
        with m.If(self.clear):
            m.d.sync += [newest.eq(0), following.eq(1), read.eq(0), count.eq(0)]
        return m
