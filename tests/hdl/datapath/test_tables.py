"""Tables: golden against the real functions at every input, the hardware's against golden."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.config import FAMILIES, Config
from rbp.golden.formats import PRESETS
from rbp.golden.tables import ACTIVATIONS, SAMPLES, register, tables_for
from rbp.hdl.datapath.table import Tables, table_layout
from rbp.hdl.primitives.arithmetic import Multiplier
from tests.support import play, timeline

ALL = tuple(ACTIVATIONS)
REAL = {
    "logistic": (lambda u: 1 / (1 + np.exp(-u)), lambda u: 1 / (2 + np.exp(u) + np.exp(-u))),
    "tanh": (np.tanh, lambda u: 1 / np.cosh(u) ** 2),
    "sin": (np.sin, np.cos),
}


def built(preset, activations):
    return tables_for(preset, PRESETS[preset], activations)


def every_word(fmt):
    return np.arange(fmt.min, fmt.max + 1)


def greatest_error(table, real):
    """Over every input, in units in the last place."""
    raw = every_word(table.i)
    return np.abs(table(raw) - real(table.i.to_float(raw)) * 2.0**table.o.fraction).max()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("preset", PRESETS)
def test_within_one_unit_of_the_real_function(preset, name):
    """And half as many segments would not do."""
    tables = built(preset, (name,))
    for table, real in zip((tables.g[0], tables.slope[0]), REAL[name], strict=True):
        assert greatest_error(table, real) <= 1
        assert greatest_error(replace(table, segments=table.segments // 2), real) > 1


@pytest.mark.parametrize("preset", PRESETS)
def test_within_one_unit_where_the_sharpest_sets_the_size(preset):
    tables = built(preset, ALL)
    for name, g, slope in zip(ALL, tables.g, tables.slope, strict=True):
        assert greatest_error(g, REAL[name][0]) <= 1
        assert greatest_error(slope, REAL[name][1]) <= 1


OWN = {
    "arc tangent": (lambda u: np.arctan(u) / 2, lambda u: 0.5 / (1 + u * u)),
    "bell": (lambda u: np.exp(-u * u / 2), lambda u: -u * np.exp(-u * u / 2)),
}


@pytest.mark.parametrize("name", OWN)
@pytest.mark.parametrize("preset", PRESETS)
def test_within_one_unit_of_a_function_of_the_user_s_own(preset, name):
    own = register([f(SAMPLES) for f in OWN[name]])
    tables = built(preset, (own, "tanh"))
    for table, real in zip((tables.g[0], tables.slope[0]), OWN[name], strict=True):
        assert greatest_error(table, real) <= 1


@pytest.mark.parametrize("name", ALL)
def test_derivatives(name):
    """Each against the central difference of the one before, whose error is h²/6 · F''' ≤ 4 h²."""
    h, u = 2.0**-10, np.linspace(-8, 8, 999)
    functions = ACTIVATIONS[name].derivatives
    assert np.allclose(functions[0](u), REAL[name][0](u), rtol=0, atol=1e-14)
    for f, derivative in zip(functions, functions[1:], strict=False):
        assert np.abs((f(u + h) - f(u - h)) / (2 * h) - derivative(u)).max() <= 4 * h * h


def test_segments():
    """As specified."""

    def sizes(preset, activations):
        tables = built(preset, activations)
        return {t.segments for t in tables.g}, {t.segments for t in tables.slope}

    assert sizes("w16", ("logistic",)) == ({256}, {512})
    assert sizes("w16", ("tanh",)) == sizes("w16", ("logistic", "sin")) == ({1024}, {2048})
    assert sizes("w18", ("logistic",)) == ({1024}, {1024})
    assert sizes("w18", ALL) == ({2048}, {4096})
    assert sizes("w8", ("logistic",)) == ({16}, {32})
    assert sizes("w8", ALL) == ({64}, {128})


class Interpolated(wiring.Component):
    """Tables and their multipliers, joined as in the integrator."""

    def __init__(self, tables, device):
        self.tables, self.device = Tables(tables.g, tables.slope, device), device
        super().__init__(
            {
                "u": In(self.tables.u.shape()),
                "select": In(self.tables.select.shape()),
                "g": Out(self.tables.g.value.shape()),
                "slope": Out(self.tables.slope.value.shape()),
            }
        )

    @property
    def latency(self):
        return self.device.memory + self.device.multiplier + self.device.narrow - 1

    def elaborate(self, platform):
        m = Module()
        m.submodules.tables = tables = self.tables
        m.d.comb += [tables.u.eq(self.u), tables.select.eq(self.select)]
        for name, port in (("g", tables.g), ("slope", tables.slope)):
            m.submodules[f"{name}_multiplier"] = multiplier = Multiplier(
                a_width=len(port.difference),
                b_width=len(port.fraction),
                device=self.device,
                addend_width=len(port.knot),
            )
            m.d.comb += [
                multiplier.a.eq(port.difference),
                multiplier.b.eq(port.fraction),
                multiplier.addend.eq(port.knot),
                port.product.eq(multiplier.product),
                getattr(self, name).eq(port.value),
            ]
        return m


def compare(tables, family, arguments):
    """One argument a cycle, of each activation in turn; the values come the latency later."""
    dut, line = Interpolated(tables, FAMILIES[family]), timeline()
    arguments = np.repeat(arguments, count := len(tables.g))
    k = np.arange(len(arguments)) % count
    for cycle, (u, select) in enumerate(zip(arguments, k, strict=True)):
        line[cycle] = {"u": u, "select": select}
    seen = play(dut, line, ["g", "slope"], cycles=len(arguments) + dut.latency)
    for name in ("g", "slope"):
        expected = np.choose(k, [table(arguments) for table in getattr(tables, name)])
        assert seen[name][dut.latency :] == expected.tolist()


@pytest.mark.parametrize("family", ["generic", "ice40hx", "ecp5"])
@pytest.mark.parametrize("activations", [("logistic",), ("sin",), ALL], ids="-".join)
def test_hardware_at_every_word(activations, family):
    tables = built("w8", activations)
    compare(tables, family, every_word(tables.g[0].i))


@pytest.mark.parametrize("preset", ["w16", "w18"])
@pytest.mark.parametrize("activations", [("logistic",), ALL], ids="-".join)
def test_hardware_at_borders_and_between(activations, preset):
    """The first and the last word of every segment (of w16), and a sample of all."""
    tables, rng = built(preset, activations), np.random.default_rng(2)
    table = tables.slope[0]  # whose segments are the shorter ones
    first = np.arange(table.segments) * (1 << table.segment_bits) + table.i.min
    borders = np.concatenate([first, first + (1 << table.segment_bits) - 1])
    if preset != "w16":
        borders = rng.choice(borders, 200, replace=False)
    sample = rng.integers(table.i.min, table.i.max + 1, 600)
    compare(tables, "generic", np.concatenate([borders, sample]))


def test_a_word_holds_both():
    """UP5K's block RAMs have 256 words of 16 bits: four hold the pair of the logistic function."""
    tables = built("w16", ("logistic",))
    assert tables.g[0].segments == 256
    assert table_layout(tables.g, tables.slope).size <= 64


@pytest.mark.parametrize("activations", [(), ("relu",), ("logistic", "step")])
def test_unknown_activation(activations):
    with pytest.raises(ValueError, match="activations must be of logistic, tanh, sin"):
        Config(units=4, macs=2, activations=activations)
