"""Reader: a word for the host, everything after the same time."""

from functools import reduce
from operator import or_

from amaranth.hdl import Array, Cat, Const, Module, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, gate
from rbp.hdl.timing import Timing

__all__ = ["READABLE", "Reader"]

READABLE = {
    "IDENTITY": 32,
    "STATUS": 28,
    "LOG_COUNT": 16,
    "LOG_READ": 16,
    "IRQ_ENABLE": 2,
    "DESCRIPTION": 32,
    "LOG": 32,
    "UPDATES": 24,
    "UNSETTLED": 24,
    "SKIPPED": 24,
    "CYCLES": 32,
    "CYCLES_HIGH": 16,
}
"""What can be read but for the state, and its bits."""


class Reader(wiring.Component):
    """Registers are chosen in a cycle of their own; where they are far, four at a time in the cycle
    before. Takes :attr:`latency` cycles.

    Members
    -------
    reading : In
        The host asks, until it has its word.
    starting : In
        A start is looked at, whose end a read should see.
    hit, from_state, lane : In
        From the decoder.
    registers : In
        What they hold.
    words, quiet : In
        Of the lanes' states; no run is under way.
    word, found, arrived : Out
        The word; that there is one; both are there.
    """

    def __init__(self, config):
        self.config = config
        width = max(config.formats.state.width, config.formats.error.width)
        super().__init__(
            {
                "reading": In(1),
                "starting": In(1),
                "hit": In(data.StructLayout({name: 1 for name in READABLE})),
                "from_state": In(1),
                "lane": In(range(max(2, config.lanes))),
                "registers": In(data.StructLayout(READABLE)),
                "words": In(signed(width)).array(config.lanes),
                "quiet": In(1),
                "word": Out(32),
                "found": Out(1),
                "arrived": Out(1),
            }
        )

    @property
    def latency(self):
        """Cycles of a read, the first included."""
        return Timing(self.config).answer

    def elaborate(self, platform):
        m = Module()
        time = Timing(self.config)
        look, reach = time.look, time.reach
        chosen = [gate(self.registers[name], self.hit[name]) for name in READABLE]
        parts = [reduce(or_, chosen[k::4], Const(0, 32)) for k in range(4)]
        parts = [delay(m, part, reach, name=f"part_{k}") for k, part in enumerate(parts)]
        register, word = Signal(32, reset_less=True), Signal(32, reset_less=True)
        elapsed = Signal(range(self.latency))
        # a word of the state is the host's if no run was under way when its memory took the address
        quietly = delay(m, self.quiet, look, name="asked_quietly")
        found_state, found_register = Signal(reset_less=True), Signal(reset_less=True)
        found = Signal(reset_less=True)
        of_lane = Array(self.words)[delay(m, self.lane, reach, name="of_lane")]
        extended = Cat(of_lane, of_lane[-1].replicate(32 - len(of_lane)))
        m.d.comb += [
            self.arrived.eq(self.reading & (elapsed == self.latency - 1)),
            self.word.eq(word),
            self.found.eq(found),
        ]
        awaiting = self.reading & ~self.arrived & ~self.starting
        m.d.sync += [
            elapsed.eq(gate(elapsed + 1, awaiting)),
            register.eq(reduce(or_, parts)),
            found_state.eq(self.from_state & quietly),
            found_register.eq(self.hit.as_value().any()),
            word.eq(gate(extended, found_state) | register),
            found.eq(found_state | found_register),
        ]
        return m
