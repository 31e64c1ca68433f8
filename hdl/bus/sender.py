"""Sender: bytes of a line out of the bits of frames."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.bus.frames import ESCAPE, FLAG, FLIP, CheckSum

__all__ = ["Sender"]


class Sender(wiring.Component):
    """Sends eight bits, the highest first, in one byte of the line or in two.

    See :mod:`rbp.hdl.bus.frames`. One byte is under way at a time.

    Members
    -------
    bit, step : In
        Take a bit.
    full : In
        It is the last one of a byte, which is to be sent.
    bare : In
        Held from the first bit until ``sent``: the byte is a FLAG; the CRC begins anew.
    top : Out
        The next bit of the CRC, if it is taken as the next bit.
    sent : Out
        The byte goes, or its second one does.
    o_data, o_valid, o_ready : Out, Out, In
        Bytes of the line.
    """

    def __init__(self):
        super().__init__(
            {
                "bit": In(1),
                "step": In(1),
                "full": In(1),
                "bare": In(1),
                "top": Out(1),
                "sent": Out(1),
                "o_data": Out(8),
                "o_valid": Out(1),
                "o_ready": In(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.check_sum = check_sum = CheckSum()
        byte, second = Signal(8), Signal()
        special = ~self.bare & ~second & ((byte == FLAG) | (byte == ESCAPE))
        accepted = self.o_valid & self.o_ready
        # of FLAG and of ESCAPE only some bits change, both ways the same
        ones, zeros = Signal(8), Signal(8)
        m.d.comb += [
            check_sum.bit.eq(self.bit),
            check_sum.step.eq(self.step),
            check_sum.start.eq(self.bare),
            self.top.eq(check_sum.top),
            ones.eq(Mux(special, ESCAPE & ~FLAG, 0)),
            zeros.eq(Mux(special, FLAG & ~ESCAPE, 0) | Mux(second, FLIP, 0)),
            self.o_data.eq((byte | ones) & ~zeros),
            self.sent.eq(accepted & ~special),
        ]
        with m.If(self.step):
            m.d.sync += byte.eq(Cat(self.bit, byte[:-1]))
        with m.If(accepted):
            m.d.sync += [second.eq(special), self.o_valid.eq(special)]
        with m.Elif(self.full):
            m.d.sync += self.o_valid.eq(1)
        return m
