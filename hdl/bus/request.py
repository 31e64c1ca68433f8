"""Request: the head of one, as it comes bit by bit."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.primitives.arithmetic import next_or

__all__ = ["Request"]


class Request(wiring.Component):
    """Sequence number, operation and address, which counts the words on.

    See :mod:`rbp.hdl.bus.frames`. The bits lie as they came, the highest of each byte first.

    Parameters
    ----------
    address_width : int
        Bits of a word address, at most 23.

    Members
    -------
    bit, step : In
        Take a bit of the head, of 40.
    turn : In
        The next bit of the number, which is then gone.
    passed : In
        A word is done: the next one's address, unless all are read at one.
    number : Out
        A bit of it, the highest first.
    writes, half, last, sync, beyond : Out
        It writes; words of two bytes; the word is the last one; it has SYNC; its address is none.
    address : Out
        Of the word.
    """

    def __init__(self, address_width):
        super().__init__(
            {
                "bit": In(1),
                "step": In(1),
                "turn": In(1),
                "passed": In(1),
                "number": Out(1),
                "writes": Out(1),
                "half": Out(1),
                "last": Out(1),
                "sync": Out(1),
                "beyond": Out(1),
                "address": Out(address_width),
            }
        )
        self.width = address_width

    def _address(self, head):
        """Bits of it, the lowest first; SYNC is not among them."""
        return Cat(*reversed(head[8:16]), *reversed(head[16:24]), *reversed(head[25:32]))

    def elaborate(self, platform):
        m = Module()
        head, number = Signal(32), Signal(8)
        moved, counts = Signal(32), Signal()
        fixed, left = ~head[0] & head[1], Cat(*reversed(head[2:8]))  # words, less one
        address = self._address(head)[: self.width]
        m.d.comb += [
            moved.eq(Cat(head[1:], self.bit)),
            counts.eq(self.passed & ~fixed),
            self.number.eq(number[-1]),
            self.writes.eq(head[0]),
            self.half.eq(head[0] & head[1]),
            self.last.eq(left == 0),
            self.sync.eq(head[24]),
            self.beyond.eq(self._address(head)[self.width :].any()),
            self.address.eq(address),
        ]
        with m.If(self.step):
            m.d.sync += head.eq(moved)
        with m.If(self.step | counts):
            found = self._address(moved)[: self.width]
            m.d.sync += address.eq(next_or(address, ~counts, found))
        with m.If(self.step | self.passed):
            less = left + (~self.step).replicate(len(left))
            m.d.sync += left.eq(Mux(self.step, Cat(*reversed(moved[2:8])), less))
        with m.If(self.step | self.turn):
            m.d.sync += number.eq(Cat(head[0], number[:-1]))
        return m
