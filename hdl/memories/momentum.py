"""Momentum: the velocities move the weights, and lose some of themselves."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.noise import BITS
from rbp.hdl.fixed import delay, gate, saturate
from rbp.hdl.timing import LANE_SKEW

__all__ = ["Momentum"]


class Momentum(wiring.Component):
    """w ← sat(w + round(v)), v ← v − ((v + r) >> k): an APPLY of one bank's words.

    A weight of 0 stays 0, one that becomes 0 turns into 1. Latency is that of an UPDATE through all
    lanes, LANE_SKEW·L cycles; throughput one word a cycle. There is one a bank, however many the
    lanes. Golden model: :func:`rbp.golden.pe.apply`.

    Members
    -------
    weight, velocity, noise : In
        The words, and R(t, i, j), with its upper bit turned round where rounding is to nearest.
    friction : In
        k.
    weight_o, velocity_o : Out
        The new words.
    clipped : Out
        The weight saturated.
    """

    def __init__(self, config):
        self.config = config
        f = config.formats
        super().__init__(
            {
                "weight": In(signed(f.weight.width)),
                "velocity": In(signed(f.velocity.width)),
                "noise": In(BITS + 1),
                "friction": In(range(config.frictions + 1)),
                "weight_o": Out(signed(f.weight.width)),
                "velocity_o": Out(signed(f.velocity.width)),
                "clipped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        f = self.config.formats
        narrower = f.velocity.fraction - f.weight.fraction
        noise = Cat(Const(0, 16 - len(self.noise)), self.noise)
        weight = Signal.like(self.weight, reset_less=True)
        velocity, step = (Signal.like(self.velocity, reset_less=True) for _ in range(2))
        lost = Signal(signed(f.velocity.width + 1), reset_less=True)
        m.d.sync += [
            weight.eq(self.weight),
            velocity.eq(self.velocity),
            step.eq((self.velocity + noise[16 - narrower :]).shift_right(narrower)),
            lost.eq(self.velocity + (noise << self.friction)[16:]),
        ]
        moved, clipped = saturate(weight + step, f.weight)
        present, zero = weight.any(), ~moved.any()
        behind = LANE_SKEW * self.config.lanes - 1
        m.d.comb += [
            self.weight_o.eq(delay(m, gate(moved | zero, present), behind)),
            self.velocity_o.eq(delay(m, velocity - (lost >> self.friction), behind)),
            self.clipped.eq(delay(m, clipped & present, behind)),
        ]
        return m
