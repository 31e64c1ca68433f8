"""Sender: bytes out of frames."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import enum, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.bus.frames import CRC, ESCAPE, FLAG, FLIP

__all__ = ["Part", "Sender"]


class Part(enum.Enum, shape=2):
    """What is to be sent."""

    BYTE = 0
    FLAG = 1
    """Ends a frame, or begins it; the CRC begins anew."""
    HIGH = 2
    LOW = 3
    """The halves of the CRC of the bytes since the last FLAG."""


class Sender(wiring.Component):
    """Sends a part in one byte of the line, or in two. See :mod:`rbp.hdl.bus.frames`.

    Members
    -------
    part, byte, valid, ready : In, In, In, Out
        What to send; taken where ``ready``.
    o_data, o_valid, o_ready : Out, Out, In
        Bytes of the line.
    """

    def __init__(self):
        super().__init__(
            {
                "part": In(Part),
                "byte": In(8),
                "valid": In(1),
                "ready": Out(1),
                "o_data": Out(8),
                "o_valid": Out(1),
                "o_ready": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC.create()
        data, second, sum_ = Signal(8), Signal(), Signal(16)
        with m.Switch(self.part):
            with m.Case(Part.BYTE):
                m.d.comb += data.eq(self.byte)
            with m.Case(Part.FLAG):
                m.d.comb += data.eq(FLAG)
            with m.Case(Part.HIGH):
                m.d.comb += data.eq(sum_[8:])
            with m.Case(Part.LOW):
                m.d.comb += data.eq(sum_[:8])
        plain = self.part == Part.FLAG
        special = ~plain & ((data == FLAG) | (data == ESCAPE)) & ~second
        sent = self.valid & self.o_ready
        m.d.comb += [
            sum_.eq(crc.crc),
            crc.data.eq(self.byte),
            crc.valid.eq(self.ready & sent & (self.part == Part.BYTE)),
            crc.start.eq(self.ready & sent & plain),
            self.o_valid.eq(self.valid),
            self.o_data.eq(Mux(special, ESCAPE, Mux(second, data ^ FLIP, data))),
            self.ready.eq(self.o_ready & ~special),
        ]
        with m.If(sent):
            m.d.sync += second.eq(special)
        return m
