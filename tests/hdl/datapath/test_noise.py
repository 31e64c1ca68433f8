"""Noise of the rounding: the contract's vectors, in golden and in hardware."""

import numpy as np
import pytest
from amaranth.hdl import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.config import Config
from rbp.golden.noise import GOLDEN_RATIO, noise, start_word, stream_start, xorshift
from rbp.hdl.datapath.noise import NoiseSeed, NoiseStream
from rbp.hdl.datapath.pe import PE
from tests.support import play, timeline

ZERO_ENDS = (0x00000000, 0x5A638178, 0x6D6CF38F, 0xE5155850)
"""All the words s (searched for) whose hash ends at z = 0, a state that X never leaves."""


def spelled_out(seed, t, i, j):
    """R(t, i, j), letter by letter from the contract."""

    def x(z):
        z ^= z << 13 & 0xFFFFFFFF
        z ^= z >> 17
        return z ^ z << 5 & 0xFFFFFFFF

    s = (seed + (t + 1) * 0x9E3779B9) % 2**32
    z = s
    for _ in range(3):
        z = (x(x(z)) + s) % 2**32
    z = z or 0x9E3779B9
    for _ in range(j + 1):
        z = x(z)
    v = z >> 16
    for _ in range(i):
        bits = f"{v:016b}"
        v = int(bits[7:] + bits[:7], 2) ^ int(bits[14:] + bits[:14], 2)
        v ^= int(bits[9:] + bits[:9], 2) & 0xA51C
    return v


def test_vectors():
    r = noise(1, 0, 256, 3)
    assert r[0].tolist() == [0xE7EC, 0xDE47, 0xD51B]
    assert r[1, 0] == 0x4E84
    assert r[255, 0] == 0xE494
    assert noise(0xDEADBEEF, 7, 15, 15)[14, 14] == 0x355C


@pytest.mark.parametrize(("seed", "t"), [(0, 0), (1, 1), (0xFFFFFFFF, 41), (12345, 2**32 + 3)])
def test_golden_is_as_spelled_out(seed, t):
    expected = [[spelled_out(seed, t, i, j) for j in range(7)] for i in range(9)]
    assert noise(seed, t, 9, 7).tolist() == expected


@pytest.mark.parametrize("s", ZERO_ENDS)
def test_a_hash_of_zero_is_replaced(s):
    z = s
    for _ in range(3):
        z = (xorshift(xorshift(z)) + s) % 2**32
    assert z == 0
    assert stream_start(s) == GOLDEN_RATIO
    assert noise(s - GOLDEN_RATIO, 0, 1, 50).any(axis=0).sum() > 45


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


def test_stream():
    """A column for each ``step``; the next update's start is loaded while this one draws, and its
    ``begin`` may come with the last ``step``."""
    rng, line, expected, cycle = np.random.default_rng(5), timeline(), {}, 1
    line[0] = {"load": 1, "z": stream_start(start_word(77, 0))}
    for t in range(8):
        line[cycle]["begin"] = 1
        line[cycle + 1 + t % 4] |= {"load": 1, "z": stream_start(start_word(77, t + 1))}
        for r in noise(77, t, 1, 9)[0]:
            wait = int(rng.integers(0, 2) * rng.integers(0, 4))
            expected |= dict.fromkeys(range(cycle + 1, cycle + wait + 2), r)
            cycle += wait + 1
            line[cycle]["step"] = 1
        cycle += t % 2
    seen = play(NoiseStream(), line, ["noise"], cycles=cycle + 1)["noise"]
    assert {c: seen[c] for c in expected} == expected


class Rows(wiring.Component):
    """P processing elements in a ring: a token that has passed the last one enters the first."""

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "set": In(1),
                "set_s": In(32),
                "load": In(1),
                "begin": In(1),
                "step": In(1),
                "again": In(1),
                "noise": Out(16).array(config.macs),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.seed = seed = NoiseSeed()
        m.submodules.stream = stream = NoiseStream()
        pes = [PE(self.config) for _ in range(self.config.macs)]
        m.submodules += pes
        m.d.comb += [
            seed.set.eq(self.set),
            seed.set_s.eq(self.set_s),
            seed.load.eq(self.load),
            stream.load.eq(seed.ready),
            stream.z.eq(seed.z),
            stream.begin.eq(self.begin),
            stream.step.eq(self.step),
            pes[0].i.noise.eq(Mux(self.again, pes[-1].o.noise, stream.noise)),
            *(pe.i.noise.eq(before.o.noise) for before, pe in zip(pes, pes[1:], strict=False)),
            *(o.eq(pe.i.noise) for o, pe in zip(self.noise, pes, strict=True)),
        ]
        return m


@pytest.mark.parametrize(("seed", "t", "rows"), [(1, 0, 256), (0xDEADBEEF, 7, 32)])
def test_rows_along_the_processing_elements(seed, t, rows):
    """R(t, i, j) stands at PE i mod P, i cycles behind row 0; columns a cycle apart."""
    p = 16
    line, first = timeline(), NoiseSeed.latency + 3
    line[0] = {"set": 1, "set_s": start_word(seed, t - 1)}
    line[1]["load"] = 1
    line[first - 1]["begin"] = 1
    for j in range(p):
        line[first + j]["step"] = 1
    for cycle in range(first + p, first + rows + p):
        line[cycle]["again"] = 1
    outputs = [f"noise.{k}" for k in range(p)]
    seen = play(Rows(Config(units=p, macs=p)), line, outputs, cycles=max(line) + 1)
    came = [[seen[f"noise.{i % p}"][first + i + j] for j in range(p)] for i in range(rows)]
    assert came == noise(seed, t, rows, p).tolist()
    if seed == 1:
        assert came[0][:3] == [0xE7EC, 0xDE47, 0xD51B]
        assert [came[1][0], came[255][0]] == [0x4E84, 0xE494]
    else:
        assert came[14][14] == 0x355C
