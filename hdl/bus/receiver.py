"""Receiver: frames out of bytes, whole ones only."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.bus.frames import CRC, ESCAPE, FLAG, FLIP, RING
from rbp.hdl.primitives.ram import Ram

__all__ = ["Receiver"]

SHORTEST = 7
"""Bytes of a request without words."""


class Receiver(wiring.Component):
    """Puts a request's bytes into a ring, and hands them out once its CRC and length are right.

    A frame that is damaged, or has no room, leaves nothing behind but ``damaged``. Whatever came
    before, the byte FLAG begins a new one. See :mod:`rbp.hdl.bus.frames`.

    Parameters
    ----------
    device : Family
        Whose memory.

    Members
    -------
    data, valid : In
        A byte of the line.
    byte, there, pop : Out, Out, In
        The next byte of a whole request, its CRC included, is there; take it.
    damaged, told : Out, In
        Since it was told last, a frame was not taken.
    """

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

    def elaborate(self, platform):
        m = Module()
        m.submodules.ring = ring = Ram(width=8, depth=RING, device=self.device)
        m.submodules.crc = crc = CRC.create()
        newest, whole, oldest = (Signal(range(RING), name=n) for n in ("newest", "whole", "oldest"))
        count, length = Signal(range(RING)), Signal(range(RING))
        escaped, lost = Signal(), Signal()
        byte = Mux(escaped, self.data ^ FLIP, self.data)
        is_flag, is_escape = self.data == FLAG, self.data == ESCAPE
        taken = self.valid & ~is_flag & ~is_escape
        room = (newest + 1)[: len(newest)] != oldest
        good = crc.match_detected & (count == length) & ~lost & ~escaped
        m.d.comb += [
            crc.data.eq(byte),
            crc.valid.eq(taken),
            crc.start.eq(self.valid & is_flag),
            ring.w_addr.eq(newest),
            ring.w_data.eq(byte),
            ring.w_en.eq(taken & room),
            ring.r_addr.eq(oldest),
            self.byte.eq(ring.r_data),
        ]
        with m.If(self.told):
            m.d.sync += self.damaged.eq(0)
        with m.If(self.valid):
            m.d.sync += escaped.eq(is_escape)
        with m.If(taken):
            m.d.sync += [count.eq(count + 1), newest.eq(newest + room)]
            m.d.sync += lost.eq(lost | ~room | count.all())
            with m.If(count == 1):  # the operation
                m.d.sync += length.eq(SHORTEST + Mux(byte[7], (byte[:6] + 1) << 2, 0))
        with m.If(self.valid & is_flag):
            m.d.sync += [count.eq(0), lost.eq(0), newest.eq(Mux(good, newest, whole))]
            with m.If(good):
                m.d.sync += whole.eq(newest)
            with m.Elif(count.any() | lost | escaped):
                m.d.sync += self.damaged.eq(1)

        # a byte is there the memory's latency after its address
        stood = Signal(range(ring.latency + 1))
        m.d.comb += self.there.eq((stood == ring.latency) & (oldest != whole))
        with m.If(self.pop):
            m.d.sync += [oldest.eq(oldest + 1), stood.eq(0)]
        with m.Elif(stood != ring.latency):
            m.d.sync += stood.eq(stood + 1)
        return m
