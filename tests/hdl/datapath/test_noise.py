"""Noise of the rounding: the specification's vectors, in golden and in hardware."""

import gc

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.noise import (
    BITS,
    GOLDEN_RATIO,
    ORBIT,
    POLYNOMIAL,
    mix,
    noise,
    noise_of,
    start_word,
    stream_start,
    xorshift,
)
from rbp.hdl.datapath.noise import NoiseHead, NoiseSeed, mixed
from tests.support import play, timeline

ZERO_ENDS = (0x00000000, 0x5A638178, 0x6D6CF38F, 0xE5155850)
"""All the words s (searched for) whose hash ends at z = 0, a state that X never leaves."""


def spelled_start(seed, t):
    """z, letter by letter from the specification."""

    def x(z):
        z ^= z << 13 & 0xFFFFFFFF
        z ^= z >> 17
        return z ^ z << 5 & 0xFFFFFFFF

    s = (seed + (t + 1) * 0x9E3779B9) % 2**32
    z = s
    for _ in range(3):
        z = (x(x(z)) + s) % 2**32
    return z or 0x9E3779B9


def spelled_hash(z, j):
    """H(z, j): a list of 13 bits."""
    v = [j >> k & 1 for k in range(13)]
    for layer in ("L20", "C17", "L2", "C0", "L27"):
        key = [z >> (k + int(layer[1:])) % 32 & 1 for k in range(13)]
        if layer[0] == "L":
            v = [v[k] ^ v[(k + 4) % 13] ^ v[(k + 10) % 13] ^ key[k] for k in range(13)]
        else:
            u = [v[6 * k % 13] for k in range(13)]
            v = [u[k] ^ (1 - u[(k + 1) % 13] & u[(k + 2) % 13]) ^ key[k] for k in range(13)]
    return v


def spelled_mix(v):
    """F."""
    bits = f"{v:012b}"
    a, b, c = (int(bits[n:] + bits[:n], 2) for n in (2, 9, 11))
    return a ^ b ^ c & 0x687


def spelled_out(seed, t, i, j):
    """R(t, i, j)."""
    power, r = 1, 0
    for _ in range(i):
        power = spelled_mix(power)
    for bit in spelled_hash(spelled_start(seed, t), j)[:12]:
        r ^= bit * power
        power = spelled_mix(power)
    return r * 16 + 8


def test_vectors():
    r = noise(1, 0, 1024, 4096)
    assert r[0, :4].tolist() == [0x7088, 0x00D8, 0x66E8, 0x5498]
    assert [r[1, 0], r[255, 0], r[0, 4095], r[1023, 4095]] == [0xE448, 0x77D8, 0xEC78, 0x0338]
    assert noise(0xDEADBEEF, 7, 15, 15)[14, 14] == 0x5938
    assert spelled_start(1, 0) == stream_start(start_word(1, 0)) == 0xE8598D48
    hashes = [sum(b << k for k, b in enumerate(spelled_hash(0xE8598D48, j))) for j in range(4)]
    assert hashes == [0x1AF9, 0x0424, 0x143E, 0x06C6]


@pytest.mark.parametrize(("seed", "t"), [(0, 0), (1, 1), (0xFFFFFFFF, 41), (12345, 2**32 + 3)])
def test_golden_is_as_spelled_out(seed, t):
    r = noise(seed, t, 1024, 1 << 13)
    assert (r.dtype, r.shape) == (np.int64, (1024, 1 << 13))
    columns = [0, 1, 2, 3, 12, 100, 4095, 4096, 8191]
    for i in (*range(15), 700, 1023):
        assert [r[i, j] for j in columns] == [spelled_out(seed, t, i, j) for j in columns]


def test_many_updates_at_once():
    z = np.array([[stream_start(start_word(5, t)) for t in range(k, k + 3)] for k in (0, 3)])
    together = noise_of(z, 9, 7) << 4 | 8
    assert together.reshape(6, 9, 7).tolist() == [noise(5, t, 9, 7).tolist() for t in range(6)]


def test_a_column_of_zeros():
    """0 stays 0 in all rows: one column in 4096."""
    r = noise(1, 0, 4095, 1 << 13)
    (zeros,) = np.nonzero(r[0] == 8)
    assert len(zeros) in range(1, 8)
    assert (r[:, zeros] == 8).all()
    others = np.delete(np.arange(1 << 13), zeros)[:50]
    assert all(len(set(r[:, j].tolist())) == 4095 for j in others)


def test_the_powers_are_a_field():
    """F has full order, and f(F) = 0."""
    assert sorted(ORBIT.tolist()) == list(range(1, 1 << BITS))
    assert mix(int(ORBIT[-1])) == 1
    for v in (1, 2, 0x800, 0xABC):
        power, total = v, 0
        for k in range(BITS + 1):
            total ^= (POLYNOMIAL >> k & 1) * power
            power = spelled_mix(power)
        assert total == 0
    assert [mix(v) for v in range(1 << BITS)] == [spelled_mix(v) for v in range(1 << BITS)]


@pytest.mark.parametrize("s", ZERO_ENDS)
def test_a_hash_of_zero_is_replaced(s):
    z = s
    for _ in range(3):
        z = (xorshift(xorshift(z)) + s) % 2**32
    assert z == 0
    assert stream_start(s) == GOLDEN_RATIO
    assert spelled_start(s - GOLDEN_RATIO, 0) == GOLDEN_RATIO


def test_seed():
    """``ready`` falls with ``load`` and rises the latency later; the hash stays until the next."""
    rng, line, loads = np.random.default_rng(4), timeline(), {}
    latency, cycle = NoiseSeed.latency, 2
    drawn = [start_word(int(seed), int(t)) for seed, t in rng.integers(0, 1 << 32, (20, 2))]
    for s in (*ZERO_ENDS, 1, 0xFFFFFFFF, *drawn):
        line[cycle]["load"] = 1
        loads[cycle] = s
        line[cycle - 1] |= {"set": 1, "set_s": s - GOLDEN_RATIO}
        cycle += latency + int(rng.integers(0, 3))
    seen = play(NoiseSeed(), line, ["ready", "z"], cycles=cycle)
    starts = [*loads, cycle]
    ready = [True] * 3
    for at, following in zip(starts, starts[1:], strict=False):
        assert set(seen["z"][at + latency : following + 1]) == {stream_start(loads[at])}
        ready += [False] * (latency - 1) + [True] * (following - at - latency + 1)
    assert seen["ready"] == ready[:cycle]


class Mixed(wiring.Component):
    """F alone."""

    v: In(BITS)
    mixed: Out(BITS)

    def elaborate(self, platform):
        m = Module()
        m.d.comb += self.mixed.eq(mixed(self.v))
        return m


def test_mixed():
    line = timeline() | {v: {"v": v} for v in range(1 << BITS)}
    seen = play(Mixed(), line, ["mixed"], cycles=1 << BITS)["mixed"]
    assert seen == [spelled_mix(v) for v in range(1 << BITS)]


class Program:
    """Entries of several UPDATEs for a NoiseHead, and the noise that belongs to each."""

    def __init__(self, *, column_bits, seed):
        self.rng = np.random.default_rng(seed)
        self.seed, self.columns = seed, 1 << column_bits
        self.line, self.expected, self.cycle = timeline(), {}, 1

    def load(self, t, cycle):
        self.line[cycle] |= {"load": 1, "z": stream_start(start_word(self.seed, t))}

    def update(self, t, macs, blocks, *, nearest=0, longest=6, hurry=False):
        """Blocks of P rows, columns in any order, two entries at least; the next one's ``load``
        at some time, or at once."""
        rng, start = self.rng, self.cycle
        r = noise(self.seed, t, macs * blocks, self.columns) >> 4
        for block in range(blocks):
            entries = max(macs + int(rng.integers(0, longest)), 3 - blocks)
            for k in range(entries):
                j = int(rng.integers(0, self.columns))
                self.line[self.cycle] |= {
                    "begin": block == k == 0,
                    "nearest": nearest,
                    "column": j,
                    "first": k == 0,
                    "row": k < macs,
                }
                self.expected[self.cycle] = 0 if nearest else r[block * macs, j]
                self.cycle += 1
        soonest = start + self.behind
        late = int(rng.integers(soonest, max(soonest, self.cycle) + 1))
        self.cycle = max(self.cycle, soonest + 1)
        self.load(t + 1, soonest if hurry else min(late, self.cycle - 1))

    def gap(self, cycles):
        """Other sweeps: columns and blocks that are no UPDATE's."""
        for _ in range(cycles):
            column, first = self.rng.integers(0, [self.columns, 2])
            self.line[self.cycle] |= {"column": column, "first": first}
            self.cycle += 1


@pytest.mark.parametrize("stages", [4, 5, 6, 7, 8])
@pytest.mark.parametrize("column_bits", [1, 4, 13])
def test_head(stages, column_bits):
    """Of every entry, R of its column and its block's first row; updates close behind each other
    or not, the next one's z loaded at any time; P from 1."""
    program = Program(column_bits=column_bits, seed=stages * 100 + column_bits)
    program.behind = max(1, stages - 3)
    program.load(0, 0)
    shapes = [(1, 1), (1, 7), (5, 3), (2, 9), (16, 3), (1, 1), (3, 4), (1, 1), (40, 8), (4, 2)]
    for t, (macs, blocks) in enumerate(shapes):
        program.update(t, macs, blocks, nearest=t in (2, 5), longest=t % 2 * 6 + 1, hurry=t % 3 < 2)
        if t % 4 == 3:
            program.gap(1 + t % 3)
    for deep in (False, True)[: 1 + (stages >= 6)]:
        head = NoiseHead(column_bits=column_bits, stages=stages, deep=deep)
        seen = play(head, program.line, ["noise"], cycles=program.cycle + stages)["noise"]
        assert {c: seen[c + stages] for c in program.expected} == program.expected


def test_head_vectors():
    """The first block, and the one that starts at row 255."""
    head, line = NoiseHead(column_bits=13, stages=NoiseHead.least), timeline()
    line[0] = {"load": 1, "z": 0xE8598D48}
    line[1] = {"begin": 1}
    for row in range(255):
        line[row + 1] |= {"first": row in (0, 1), "row": 1, "column": 4095 if row == 0 else 0}
    line[256] = {"first": 1, "row": 1}
    seen = play(head, line, ["noise"], cycles=256 + head.least + 1)["noise"][head.least :]
    assert [seen[1], seen[2], seen[256]] == [0xEC7, 0xE44, 0x77D]


@pytest.mark.parametrize(
    ("column_bits", "stages", "message"),
    [(0, 5, "Column bits .* not 0"), (14, 5, "not 14"), (4, 3, "at least 4, not 3")],
)
@pytest.mark.filterwarnings("ignore::amaranth.hdl.UnusedElaboratable")
def test_what_a_head_cannot_be(column_bits, stages, message):
    with pytest.raises(ValueError, match=message):
        NoiseHead(column_bits=column_bits, stages=stages)
    gc.collect()  # the one that was not made, while its warning is ignored
