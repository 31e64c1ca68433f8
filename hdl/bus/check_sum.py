"""CheckSum: the CRC of a frame, a bit a cycle."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.bus.frames import CRC

__all__ = ["CheckSum"]


class CheckSum(wiring.Component):
    """Takes bits, the highest of a byte first. Golden function: :func:`.frames.check_sum`.

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
