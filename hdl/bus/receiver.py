"""Receiver: frames out of bytes, whole ones only."""

from amaranth.hdl import C, Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.bus.frames import ESCAPE, FLAG, FLIP, RING, CheckSum
from rbp.hdl.primitives.arithmetic import next_or
from rbp.hdl.primitives.ram import Ram

__all__ = ["Receiver"]


class Receiver(wiring.Component):
    """Puts a request's bytes into a ring, and hands them out once its CRC and length are right.

    A frame that is damaged, or has no room, leaves nothing behind but ``damaged``. Whatever came
    before, the byte FLAG begins a new one. See :mod:`rbp.hdl.bus.frames`.

    A byte takes :attr:`latency` cycles, since its bits pass one by one.

    Parameters
    ----------
    device : Family
        Whose memory.

    Members
    -------
    data, valid : In
        A byte of the line; ``data`` stays for :attr:`latency` cycles after ``valid``.
    byte, there, pop : Out, Out, In
        The next byte of a whole request, its CRC included, is there; take it. ``byte`` follows
        after as many cycles as the memory takes.
    damaged, told : Out, In
        Since it was told last, a frame was not taken.
    """

    latency = 8

    def __init__(self, device):
        self.device = device
        super().__init__(
            {
                "data": In(8),
                "valid": In(1),
                "byte": Out(8),
                "there": Out(1),
                "pop": In(1),
                "damaged": Out(1),
                "told": In(1),
            }
        )
        self.escaped = Signal()
        self.whole = Signal(range(RING), init=1)  # behind the last whole request

    def elaborate(self, platform):
        m = Module()
        m.submodules.ring = ring = Ram(width=8, depth=RING, device=self.device)
        m.submodules.check_sum = check_sum = CheckSum()
        whole, escaped = self.whole, self.escaped
        newest = Signal(range(RING), init=1)
        first, lost = Signal(init=1), Signal()  # no byte since FLAG; no room for one
        beat = Signal(4)  # the upper half: the bits of a byte
        with m.If(self.valid | beat[3]):
            m.d.sync += beat.eq(Mux(self.valid, 8, beat + 1))
        ends = beat.all()
        byte = Signal(8)
        is_flag, is_escape = self.data == FLAG, self.data == ESCAPE
        is_data = ~is_flag & ~is_escape
        before = self._oldest(m, ring)
        room = Signal()
        taken, closes = Signal(), Signal()
        good = check_sum.zero & self._length(m, taken, first, byte) & ~lost & ~escaped
        m.d.comb += [
            byte.eq(self.data ^ Mux(escaped, FLIP, 0)),
            room.eq(newest != before),
            taken.eq(ends & is_data),
            closes.eq(ends & is_flag),
            check_sum.bit.eq(Cat(*reversed(byte)).bit_select(beat[:3], 1)),
            check_sum.step.eq(beat[3] & is_data),
            check_sum.start.eq(closes),
            ring.w_addr.eq(newest),
            ring.w_data.eq(byte),
            ring.w_en.eq(taken & room),
        ]
        with m.If(ends):
            m.d.sync += [escaped.eq(is_escape), first.eq(is_flag | (is_escape & first))]
        with m.If(taken | closes):
            m.d.sync += lost.eq(~closes & (lost | ~room))
        with m.If(Mux(closes, ~good, taken & room)):
            m.d.sync += newest.eq(next_or(newest, closes, whole))
        with m.If(closes & good):
            m.d.sync += whole.eq(newest)
        with m.If(self.told | (closes & ~good & (~first | escaped))):
            m.d.sync += self.damaged.eq(~self.told)
        return m

    def _oldest(self, m, ring):
        """Reads the ring; returns the place before the oldest byte, which is never written."""
        before, oldest = Signal(range(RING)), Signal(range(RING))
        m.d.comb += [
            oldest.eq(before + 1),
            ring.r_addr.eq(oldest),
            self.byte.eq(ring.r_data),
            self.there.eq(oldest != self.whole),
        ]
        with m.If(self.pop):
            m.d.sync += before.eq(oldest)
        return before

    def _length(self, m, taken, first, byte):
        """Whether the frame has as many bytes as its operation says, its second byte.

        After n words less one come 4n + 9 bytes, or 2n + 7, of a read 5. They are counted from
        -(4n + 4), -(2n + 2) or 0 up to 5. The ring holds less than one turn of the counter.
        """
        count, second = Signal(range(RING)), Signal()
        with m.If(taken):
            less, writes = ~byte[:6] & byte[7].replicate(6), byte[7]
            start = Mux(byte[6], Cat(C(0, 1), less, writes, writes), Cat(C(0, 2), less, writes))
            m.d.sync += [second.eq(first), count.eq(next_or(count, second, start))]
        return count == 5
