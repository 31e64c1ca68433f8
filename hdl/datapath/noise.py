"""Rounding noise of row 0; the rows below mix theirs from it as it rides along the PEs."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.noise import GOLDEN_RATIO
from rbp.hdl.fixed import gate

__all__ = ["NoiseSeed", "NoiseStream", "xorshift"]


def xorshift(z):
    """X, as in ``rbp.golden.noise.xorshift``."""
    z = z ^ Cat(Const(0, 13), z[:19])
    z = z ^ z[17:]
    return z ^ Cat(Const(0, 5), z[:27])


class NoiseSeed(wiring.Component):
    """Hashes s = seed + (t+1)·9E3779B9 into z: z = s; three times z = X(X(z)) + s; never 0.

    ``load`` goes on to the next t; ``ready`` falls with it and rises :attr:`latency` cycles later.
    One serves all lanes. Golden model: :func:`rbp.golden.noise.stream_start`.

    Members
    -------
    set, set_s : In
        s of the update before the first: seed + t·9E3779B9; at the latest in the cycle before
        ``load``.
    load : In
        s ← s + 9E3779B9, and hash it. Only while ``ready``.
    ready, z : Out
        The hash, until the next ``load``.
    almost : Out
        Ready in the next cycle, or already.
    """

    latency = 14

    def __init__(self):
        super().__init__(
            {
                "set": In(1),
                "set_s": In(32),
                "load": In(1),
                "ready": Out(1),
                "almost": Out(1),
                "z": Out(32),
            }
        )

    def elaborate(self, platform):
        m = Module()
        s, total = Signal(32, reset_less=True), Signal(32, reset_less=True)
        was_set, begin, running = Signal(), Signal(), Signal()
        phase = Signal(12)  # one bit, which moves on: three times X, X, the sum, and take it
        mixes = phase[0] | phase[1] | phase[4] | phase[5] | phase[8] | phase[9]
        last = phase[11]
        takes = phase[3] | phase[7] | last
        x = Signal(32)
        m.d.comb += [
            x.eq(xorshift(self.z)),
            self.ready.eq(~running),
            self.almost.eq(~running | last),
        ]
        m.d.sync += [
            was_set.eq(self.set),
            begin.eq(self.load),
            running.eq(self.load | (running & ~last)),
            phase.eq(Cat(begin, phase)),
            total.eq(self.z + s),
        ]
        with m.If(running):
            m.d.sync += self.z.eq(
                gate(s, begin)
                | gate(x, mixes)
                | gate(total, takes)
                | gate(Const(GOLDEN_RATIO), last & (total == 0))
            )
        # s of the next update, from the cycle in which that of the present one has been used
        with m.If(self.set):
            m.d.sync += s.eq(self.set_s)
        with m.Elif(was_set | last):
            m.d.sync += s.eq(s + GOLDEN_RATIO)
        return m


class NoiseStream(wiring.Component):
    """Draws R(t, 0, j) = X^(j+1)(z) >> 16, a column a cycle.

    The next update's z is loaded while the present one draws. Golden model:
    :func:`rbp.golden.noise.noise`.

    Members
    -------
    load, z : In
        z of the next update.
    begin : In
        The cycle before its first column: start from that z.
    step : In
        The present column's noise is taken.
    noise : Out(16)
        R(t, 0, j), from the cycle after ``begin``.
    """

    def __init__(self):
        super().__init__(
            {"load": In(1), "z": In(32), "begin": In(1), "step": In(1), "noise": Out(16)}
        )

    def elaborate(self, platform):
        m = Module()
        following, z = Signal(32, reset_less=True), Signal(32, reset_less=True)
        with m.If(self.load):
            m.d.sync += following.eq(self.z)
        with m.If(self.begin | self.step):
            m.d.sync += z.eq(xorshift(Mux(self.begin, following, z)))
        m.d.comb += self.noise.eq(z[16:])
        return m
