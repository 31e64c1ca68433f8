"""Frames of a serial link: what both of its ends agree upon.

Bytes between two FLAGs are a frame, as in PPP (RFC 1662): a byte of it that is FLAG or ESCAPE goes
as ESCAPE and the byte XOR 0x20. That needs no memory where a frame is sent, which COBS does, and a
UP5K has no block RAM to spare; it costs 0.8 % of the line on random words, 2.4 bytes a frame.

A request:   sequence number, operation, address (3 bytes, lowest first), words, CRC
An answer:   sequence number, kind, words, 1 if any was refused else 0, CRC

Operation: bits 0-5 words less one, bit 7 write. Bit 6 of a read: all at one address; of a write:
only the lower two bytes of each word come, and their sign fills it. Words go lowest byte first.
CRC: CRC-16/IBM-3740 of the bytes before it, highest byte first.

A request is done if its number is one more than that of the last one done, or if its address has
the bit SYNC, by which a host begins. Else nothing is done, and the answer is of the kind LOST, with
the number that is due; so, too, where a frame arrives damaged. So nothing is done twice, nor out of
order; and since each access can be repeated (:mod:`rbp.hdl.host.memory_map`), a host that begins
anew does no harm.
"""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import crc, wiring
from amaranth.lib.wiring import In, Out

__all__ = [
    "CRC",
    "DONE",
    "ESCAPE",
    "FLAG",
    "FLIP",
    "HALF",
    "LOST",
    "RING",
    "SYNC",
    "WORDS",
    "WRITE",
    "CheckSum",
    "check_sum",
]

FLAG, ESCAPE, FLIP = 0x7E, 0x7D, 0x20
DONE, LOST = 0, 1
"""Kinds of an answer."""

SYNC = 1 << 23
"""Bit of an address: whatever the number, this one is due."""

WRITE, HALF = 1 << 7, 1 << 6
"""Bits of an operation: it writes; words of two bytes."""

WORDS = 64
"""Of a frame, at most."""

RING = 512
"""Bytes of requests, without FLAGs and ESCAPEs, that the core's end keeps until they are done."""

CRC = crc.catalog.CRC16_IBM_3740(8)


def check_sum(data):
    """The CRC of some bytes."""
    return CRC.compute(data)


class CheckSum(wiring.Component):
    """Takes bits, the highest of a byte first. Golden function: :func:`check_sum`.

    Where the bit is ``top`` itself, the sum moves up by one: so it is sent, highest bit first. The
    sum over a frame and its own CRC is 0.

    Members
    -------
    bit, step : In
        Take a bit.
    start : In
        Begin anew.
    top : Out
        The highest bit of the sum.
    zero : Out
        All of it is 0.
    """

    def __init__(self):
        super().__init__(
            {"bit": In(1), "step": In(1), "start": In(1), "top": Out(1), "zero": Out(1)}
        )

    def elaborate(self, platform):
        m = Module()
        rule = CRC.algorithm
        total = Signal(rule.crc_width, init=rule.initial_crc)
        back = self.bit ^ self.top
        taps = [rule.polynomial >> k & 1 for k in range(rule.crc_width)]
        below = [0, *total[:-1]]
        following = [bit ^ back if tap else bit for bit, tap in zip(below, taps, strict=True)]
        m.d.comb += [self.top.eq(total[-1]), self.zero.eq(total == 0)]
        with m.If(self.start):
            m.d.sync += total.eq(rule.initial_crc)
        with m.Elif(self.step):
            m.d.sync += total.eq(Cat(following))
        return m
