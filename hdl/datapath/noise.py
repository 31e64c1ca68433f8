"""Rounding noise of a block's first row; the PEs mix that of the rows below as it passes them."""

from functools import reduce
from operator import xor

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.noise import (
    BITS,
    GOLDEN_RATIO,
    HASH_BITS,
    LAYERS,
    MASK,
    ORBIT,
    POLYNOMIAL,
    ROTATIONS,
)
from rbp.hdl.fixed import delay, gate

__all__ = ["NoiseHead", "NoiseSeed", "mixed", "xorshift"]

FUNCTIONAL = 0x9C4
"""T: the bits of r whose parity it is. Of all 4095 the one with the fewest gates."""
SEQUENCE = 2 * BITS - 1
"""s_m that a product needs."""


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


def mixed(v):
    """F of 12 bits, as in ``rbp.golden.noise.mix``: a LUT4 a bit."""
    a, b, c = ROTATIONS
    return v.rotate_left(a) ^ v.rotate_left(b) ^ (v.rotate_left(c) & MASK)


def _layer(kind, z, v):
    """A layer of H, on lists of bits; a LUT4 each."""
    w = HASH_BITS
    if kind == "L":
        return [v[k] ^ v[(k + 4) % w] ^ v[(k + 10) % w] ^ z[k] for k in range(w)]
    u = [v[6 * k % w] for k in range(w)]
    return [u[k] ^ (~u[(k + 1) % w] & u[(k + 2) % w]) ^ z[k] for k in range(w)]


def _constants():
    """s_0 … s_22 of the power 1, as a word; and what of q_0 … q_11 each bit of r is the XOR of."""
    s = [int(v & FUNCTIONAL).bit_count() & 1 for v in ORBIT]
    s += s
    words = {sum(s[m + k] << k for k in range(BITS)): int(v) for m, v in enumerate(ORBIT)}
    units = [words[1 << k] for k in range(BITS)]  # r where q_k is the only one
    sources = [[k for k in range(BITS) if units[k] >> bit & 1] for bit in range(BITS)]
    return sum(s[k] << k for k in range(SEQUENCE)), sources


class NoiseHead(wiring.Component):
    """r of a block's first row, for a column a cycle in any order.

    A power xⁱ is kept as the sequence s_m = T(x^{i+m}), T the parity of some of r's bits; that of
    the next row is shifted by one. With a = H(z, j) it makes ``q_b = XOR of a_k·s_{k+b}``, which is
    T(a·xⁱ·x^b); each bit of r is the XOR of a few q. T is the one that needs the fewest gates.

    Latency is ``stages``; throughput a column a cycle, never stalled. Where it is ``deep``, H is
    three of them and the product two, and no stage is deeper than two LUT4 but for a few bits with
    three; else they are five and four, with fewer registers. Golden model:
    :func:`rbp.golden.noise.noise_of`. Measured with yosys: about 208 LUT4.

    Parameters
    ----------
    column_bits : int
        1 … 13.
    stages : int
        Cycles from a column to its noise, at least :attr:`least`; two more where it is deep.
    deep : bool
        More registers, for a fast device.
    keeps : bool
        It keeps z from ``load`` on; else z stands outside, up to a cycle behind ``begin``, which
        takes 32 registers less.
    soon : bool
        z is taken two cycles behind ``begin`` at the latest, for some more registers.

    Members
    -------
    load, z : In
        z of the next update: ``stages`` − 3 cycles behind the present one's ``begin`` at the
        soonest, and before its own.
    begin : In
        With the first entry of an UPDATE: take that z, and i = 0.
    nearest : In
        With ``begin``: this UPDATE's noise is 0.
    column : In
        Column of an entry.
    first : In
        The first entry of a block; the block starts at row i.
    row : In
        One of a block's first P entries, the first one included: i goes on by one.
    noise : Out(12)
        r of the block's first row, ``stages`` cycles after its column.
    """

    least = 4

    def __init__(self, *, column_bits, stages, deep=False, keeps=True, soon=False):
        if not 1 <= column_bits <= HASH_BITS:
            raise ValueError(f"Column bits must be 1 to {HASH_BITS}, not {column_bits!r}")
        least = self.least + 2 * deep
        if stages < least:
            raise ValueError(f"Stages must be at least {least}, not {stages!r}")
        self.column_bits, self.stages, self.deep = column_bits, stages, deep
        self.keeps, self.soon = keeps, soon
        assert keeps or self.lead <= 2
        super().__init__(
            {
                "load": In(1),
                "z": In(32),
                "begin": In(1),
                "nearest": In(1),
                "column": In(column_bits),
                "first": In(1),
                "row": In(1),
                "noise": Out(BITS),
            }
        )

    @property
    def lead(self):
        """Cycles from an entry to the hash."""
        spare = self.stages - 3 - 2 * self.deep
        return min(2, spare) if self.soon else spare

    def elaborate(self, platform):
        m = Module()
        start, sources = _constants()
        deep, lead = self.deep, self.lead
        cuts = (2, 4) if deep else ()  # registers within H
        a = self._hash(m, lead, cuts)
        reads = lead + len(cuts)  # to the product
        if not deep:
            a, reads = delay(m, a, 1, name="a"), reads + 1
        held = self._power(m, reads, start)
        pairs = [
            [(a[k] & held[k + b]) ^ (a[k + 1] & held[k + 1 + b]) for k in range(0, BITS, 2)]
            for b in range(BITS)
        ]
        if deep:
            pairs = [delay(m, Cat(of), 1, name="pairs") for of in pairs]
        q = delay(m, Cat(reduce(xor, of) for of in pairs), 1, name="q")
        r = Cat(reduce(xor, (q[k] for k in of)) for of in sources)
        behind = self.stages - lead - 2 - 2 * deep
        m.d.comb += self.noise.eq(delay(m, r, behind, name="r"))
        return m

    def _hash(self, m, lead, cuts):
        """a of a column, ``lead`` cycles later, and one for each register behind a layer."""
        following, z = self.z, Signal(32, reset_less=True)
        if self.keeps:
            following = Signal(32, reset_less=True)
            with m.If(self.load):
                m.d.sync += following.eq(self.z)
        with m.If(delay(m, self.begin, lead - 1, name="begin")):
            m.d.sync += z.eq(following)
        key, column = z, delay(m, self.column, lead, name="column")
        v = [column[k] if k < len(column) else Const(0, 1) for k in range(HASH_BITS)]
        for k, (kind, shift) in enumerate(LAYERS):
            if k in cuts:  # an update's last columns keep their key
                v, key = delay(m, Cat(v), 1, name="v"), delay(m, key, 1, name="key")
            layer = Signal(HASH_BITS, name=f"layer{k}")  # a wire: each bit is written out once
            m.d.comb += layer.eq(Cat(_layer(kind, key.rotate_right(shift), v)))
            v = layer
        return v[:BITS]

    def _power(self, m, reads, start):
        """s of the block, ``reads`` cycles after its first entry."""
        power = Signal(SEQUENCE, reset_less=True)
        held = Signal(SEQUENCE, reset_less=True)
        feedback = (power[k + SEQUENCE - BITS] for k in range(BITS) if POLYNOMIAL >> k & 1)
        following = Cat(power[1:], reduce(xor, feedback))
        # a cycle ahead of the entry that begins, so that this one can be a block's first
        begin, noisy = delay(m, Cat(self.begin, ~self.nearest), reads - 2, name="power_begin")
        first, row = delay(m, Cat(self.first, self.row), reads - 1, name="row")
        with m.If(begin | row):
            m.d.sync += power.eq(gate(Const(start), begin & noisy) | gate(following, ~begin))
        with m.If(first):
            m.d.sync += held.eq(power)
        return held
