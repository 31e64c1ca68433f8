"""Block RAM, multiplier and adder."""

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.fpga import flow
from rbp.golden.config import FAMILIES
from rbp.hdl.primitives.arithmetic import Adder, Multiplier
from rbp.hdl.primitives.ram import Ram
from tests.support import play, timeline


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("depth", [1, 2, 5, 16])
def test_ram(depth, family):
    """Against a list, for addresses that are not read while they are written."""
    rng, line, expected = np.random.default_rng(depth), timeline(), {}
    content = rng.integers(0, 1 << 9, depth).tolist()
    device = FAMILIES[family]
    dut, latency = Ram(width=9, depth=depth, device=device, init=content), device.memory
    for cycle in range(300):
        read, write, word = (int(v) for v in rng.integers(0, (depth, depth, 512)))
        enable = int(rng.integers(2))
        line[cycle] = {"r_addr": read, "w_addr": write, "w_data": word, "w_en": enable}
        if not (enable and read == write):
            expected[cycle + latency] = content[read]
        if enable:
            content[write] = word
    seen = play(dut, line, ["r_data"], cycles=300 + latency)["r_data"]
    assert {cycle: seen[cycle] for cycle in expected} == expected
    assert len(expected) > (50 if depth == 1 else 150)


@pytest.mark.parametrize("family", FAMILIES)
def test_ram_written_is_read_in_the_next_cycle(family):
    line, device = timeline(), FAMILIES[family]
    latency = device.memory
    line[3] = {"w_en": 1, "w_addr": 5, "w_data": 77}
    for cycle in range(4, 8):
        line[cycle] = {"r_addr": 5, "w_addr": 5, "w_data": 1}
    seen = play(Ram(width=8, depth=8, device=device), line, ["r_data"], cycles=12)["r_data"]
    assert seen[4 + latency : 8 + latency] == [77] * 4


def multiply(a_width, b_width, family, pairs):
    line, latency = timeline(), FAMILIES[family].multiplier
    for cycle, (a, b) in enumerate(pairs):
        line[cycle] = {"a": a, "b": b}
    dut = Multiplier(a_width=a_width, b_width=b_width, device=FAMILIES[family])
    assert dut.latency == latency
    seen = play(dut, line, ["product"], cycles=len(pairs) + latency)["product"]
    assert seen[latency:] == [a * b for a, b in pairs]
    assert not any(seen[:latency])


@pytest.mark.parametrize("family", FAMILIES)
def test_multiplier_at_every_pair(family):
    multiply(4, 5, family, [(a, b) for a in range(-8, 8) for b in range(-16, 16)])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("width", [16, 18])
def test_multiplier_at_full_width(width, family):
    rng, greatest = np.random.default_rng(width), 1 << (width - 1)
    ends = [-greatest, 1 - greatest, -1, 0, 1, greatest - 1]
    drawn = rng.integers(-greatest, greatest, (60, 2)).tolist()
    multiply(width, width, family, [*((a, b) for a in ends for b in ends), *map(tuple, drawn)])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("width", [3, 8, 11])
def test_multiplier_with_an_addend(width, family):
    """Narrower than the product, as wide, wider; nothing is lost."""
    dut, greatest = Multiplier(a_width=4, b_width=4, device=FAMILIES[family], addend_width=width), 8
    ends, words = (-greatest, -1, 0, greatest - 1), (-1 << (width - 1), 0, (1 << (width - 1)) - 1)
    cases = [(a, b, c) for a in ends for b in ends for c in words]
    line = timeline()
    for cycle, (a, b, c) in enumerate(cases):
        line[cycle] = {"a": a, "b": b, "addend": c}
    seen = play(dut, line, ["product"], cycles=len(cases) + dut.latency)["product"]
    assert seen[dut.latency :] == [a * b + c for a, b, c in cases]


class TwoAdders(wiring.Component):
    """The plain adder and ECP5's, with the same operands."""

    def __init__(self, width):
        word, self.width = signed(width), width
        members = {"a": In(word), "b": In(word), "c": In(word), "enable": In(1), "differ": Out(1)}
        super().__init__(members)

    def elaborate(self, platform):
        m = Module()
        adders = [Adder(width=self.width, device=FAMILIES[name]) for name in ("generic", "ecp5")]
        m.submodules.plain, m.submodules.cells = plain, cells = adders
        for adder in adders:
            for name in ("a", "b", "c", "enable"):
                m.d.comb += getattr(adder, name).eq(getattr(self, name))
        m.d.comb += self.differ.eq(plain.sum != cells.sum)
        return m


@pytest.mark.parametrize("width", [1, 2, 7, 43])
def test_adders_instance(width):
    """ECP5's carry cells, as yosys models them, are proved equal to the plain sum."""
    text = rtlil.convert(TwoAdders(width), name="top", platform="ecp5-25k", emit_src=False)
    assert text.count("cell \\CCU2C ") == -(-width // 2)
    script = f"""
        {flow.READ[0]}
        read_verilog -overwrite +/ecp5/cells_sim.v
        hierarchy -top top
        proc
        flatten
        sat -verify -prove differ 0
    """
    flow.yosys("adder", text, script)


def test_adder():
    rng, line = np.random.default_rng(1), timeline()
    drawn = rng.integers(-64, 64, (50, 3)).tolist()
    for cycle, (a, b, c) in enumerate(drawn):
        line[cycle] = {"a": a, "b": b, "c": c, "enable": cycle % 2}
    seen = play(Adder(width=7, device=FAMILIES["generic"]), line, ["sum"], cycles=50)["sum"]
    sums = [a + (b if cycle % 2 else c) for cycle, (a, b, c) in enumerate(drawn)]
    assert seen == [(total + 64) % 128 - 64 for total in sums]
