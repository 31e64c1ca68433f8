"""Fold: golden's sums of any list of products, in any order; and an end, whatever the table is."""

from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import Module

from rbp.golden.config import FAMILIES, Config
from rbp.golden.features import Features, monomials
from rbp.golden.formats import narrow
from rbp.hdl.layouts import c_place_layout, element_layout, place_layout
from rbp.hdl.products.fold import Fold
from rbp.hdl.timing import Timing
from tests.support import simulate, words


class Bench:
    """A fold between a sender of sums, memories of f(c) and f', and a taker of results.

    At most two sweeps are under way, as a lane sees to.
    """

    def __init__(self, config, rng, *, takes=0.5):
        self.config, self.rng, self.takes = config, rng, takes
        self.table, self.sweeps = [], []
        self.factors = np.zeros((config.slots, 3, config.units), int)
        self.slopes = np.zeros((config.slots, config.units), int)
        self.results, self.sent, self.dones, self.clipped = [], [], [], []

    def sweep(self, sums, *, slot=0, bank=0, fresh=0, bare_end=False):
        """Sums by column, in any order; the end with the last or behind it."""
        order = self.rng.permutation(list(sums))
        steps = [{"valid": 1, "column": int(m), "sum": int(sums[m])} for m in order]
        if bare_end or not steps:
            steps.append({"valid": 0})
        steps[-1]["last"] = 1
        self.sweeps.append([step | {"slot": slot, "bank": bank, "fresh": fresh} for step in steps])

    async def _load(self, ctx, dut):
        for at, word in enumerate(self.table):
            for name, value in (("w_en", 1), ("w_addr", at), ("w_data", word)):
                ctx.set(getattr(dut.table, name), value)
            await ctx.tick()
        ctx.set(dut.table.w_en, 0)

    def run(self, cycles):
        """The values and elements of all results, and the cycles of each ``done``."""
        config, dut, memory = self.config, Fold(self.config), self.config.device.memory
        c_place, place, element = (
            layout(config) for layout in (c_place_layout, place_layout, element_layout)
        )
        steps = [(k, step) for k, sweep in enumerate(self.sweeps) for step in sweep]

        async def bench(ctx):
            await self._load(ctx, dut)
            reads, at = [], 0
            for cycle in range(cycles):
                free = at < len(steps) and steps[at][0] < len(self.dones) + 2
                step = {}
                if free and self.rng.random() < 0.9:
                    step, at = steps[at][1], at + 1
                    if "last" in step:
                        self.sent.append(cycle)
                for name in ("valid", "column", "sum", "last", "slot", "bank", "fresh"):
                    ctx.set(getattr(dut, name), step.get(name, 0))
                if len(reads) > memory - 1:
                    for k, word in enumerate(reads.pop(0)):
                        ctx.set(dut.c[k] if k < config.order - 1 else dut.slope, int(word))
                take = int(ctx.get(dut.ready) and self.rng.random() < self.takes)
                ctx.set(dut.accept, take)
                self.clipped.append(ctx.get(dut.clipped))
                if take:
                    found = element.from_bits(ctx.get(dut.element.as_value()))
                    flags = ctx.get(dut.element_valid), ctx.get(dut.element_last)
                    self.results.append((ctx.get(dut.value), found, *flags))
                if ctx.get(dut.done):
                    self.dones.append(cycle)
                now = [self._word(self.factors, c_place, ctx.get(p.as_value())) for p in dut.read]
                now.append(self._word(self.slopes, place, ctx.get(dut.slope_read.as_value())))
                reads.append(now)
                await ctx.tick()
                if at == len(steps) and len(self.dones) == len(self.sweeps):
                    break

        m = Module()
        m.submodules.dut = dut
        simulate(m, bench)
        return self

    def _word(self, memory, layout, bits):
        """0 where the address is none of a unit."""
        place = layout.from_bits(bits)
        at = (place.slot, place.bank, place.unit) if memory.ndim == 3 else (place.slot, place.unit)
        return memory[at] if all(map(int.__lt__, at, memory.shape)) else 0


def products_of(rng, units, order, count):
    lengths = rng.integers(0, order + 1, count)
    return tuple(tuple(rng.integers(0, units, n).tolist()) for n in lengths)


NETWORKS = {
    "order 1": ({"units": 5, "order": 1, "products": 9, "feature": "tanh"}, {}),
    "order 2": ({"units": 4, "order": 2, "products": 8, "feature": "logistic"}, {}),
    "order 3": ({"units": 6, "order": 3, "products": 21, "slots": 3}, {}),
    "smaller": ({"units": 9, "order": 3, "products": 40}, {"units": 5, "order": 2, "count": 7}),
    "few terms": ({"units": 9, "order": 2, "products": 9}, {"count": 2}),
    "one unit": ({"units": 1, "order": 2, "products": 1}, {}),
    "w18": ({"units": 3, "order": 3, "products": 12, "preset": "w18", "feature": "sin"}, {}),
    "w8": ({"units": 3, "order": 3, "products": 6, "preset": "w8"}, {}),
}


def check(config, features, rng, *, takes, connected=None, held=0, sweeps=5):
    """Back to back sweeps of a network: every result is golden's, in the order of units."""
    f, size = config.formats, len(features.products)
    connected = np.full(size, True) if connected is None else connected
    bench = Bench(config, rng, takes=takes)
    bench.table = features.fold_words(config, connected, held)
    bench.factors = words(rng, f.state, bench.factors.shape)
    bench.slopes = words(rng, f.state, bench.slopes.shape)
    most, patterns = (1 << config.backward_width - 1) - 1, []
    for _ in range(sweeps):
        sums = rng.integers(-most, most + 1, size) >> rng.integers(0, config.backward_width - 1)
        sums[~connected] = 0
        pattern = {
            name: int(rng.integers(0, most))
            for name, most in (("slot", config.slots), ("bank", 2), ("fresh", 2))
        }
        come = np.flatnonzero(connected | (rng.random() < 0.5))
        bench.sweep({m: sums[m] for m in come}, **pattern, bare_end=rng.random() < 0.3)
        patterns.append((sums, pattern))
    bench.run(4000)
    assert len(bench.dones) == sweeps
    units = np.arange(held, features.units)
    assert len(bench.results) == sweeps * len(units)
    flags, results = set(), iter(bench.results)
    for sums, pattern in patterns:
        factors = bench.factors[pattern["slot"], pattern["bank"], : features.units]
        slope = bench.slopes[pattern["slot"], : features.units]
        golden = features
        if config.feature != "identity":  # any words will do
            golden = replace(features, slope=lambda c, words=slope[None]: words)
        is_held = np.arange(features.units) < held
        b = golden.fold(sums[None], factors[None], None, flags, connected, is_held)
        shift = f.weight.fraction + f.state.fraction
        expected = narrow(b, shift, f.error)[0]
        for k in units:
            value, element, valid, last = next(results)
            assert narrow(np.array(value), f.weight.fraction, f.error) == expected[k]
            assert (element.unit, element.backward) == (k, 1)
            assert {name: element[name] for name in pattern} == pattern
            assert (valid, last) == (1, k == units[-1])
    assert bool(flags) == any(bench.clipped)
    return bench


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", NETWORKS)
def test_results_are_golden(name, family):
    core, network = NETWORKS[name]
    config = Config(macs=1, family=family, **core)
    rng = np.random.default_rng(list(NETWORKS).index(name))
    units, order = network.get("units", config.units), network.get("order", config.order)
    products = products_of(rng, units, order, network.get("count", config.products))
    features = Features(units, products, config.formats.state, *config.factor_tables)
    for takes, held in ((1, 0), (0.1, units // 2), (0.5, units - 1)):
        connected = rng.random(len(products)) < 0.8
        check(config, features, rng, takes=takes, connected=connected, held=held)


def test_a_full_table():
    """As many rows as the table has, no more than those of a default core."""
    features = Features(4, monomials(4, (3,)), Config(units=4, macs=1).formats.state)
    folds = len(features.terms())
    assert folds <= Config(units=4, macs=1, order=3, products=20).folds
    config = Config(units=4, macs=1, order=3, products=20, folds=folds)
    assert len(features.fold_words(config, np.full(20, True), 0)) == 2 * folds
    check(config, features, np.random.default_rng(1), takes=1)


@pytest.mark.parametrize("family", FAMILIES)
def test_latency(family):
    """A sweep takes its rows' cycles and the pipeline's, where there is room."""
    config = Config(units=4, macs=1, order=3, products=20, family=family)
    features = Features(4, monomials(4, (3,)), config.formats.state)
    bench = check(config, features, np.random.default_rng(1), takes=1, sweeps=1)
    rows = len(features.terms())
    assert bench.dones[0] == bench.sent[0] + rows + Timing(config).fold_pipeline


@pytest.mark.parametrize("feature", ["identity", "tanh"])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_row_without_a_term_adds_nothing(order, feature):
    """Whatever stands beside: here the factor 1, and those of unit 0; column 0 has a sum."""
    config = Config(units=3, macs=1, order=order, products=4, feature=feature)
    one = sum(3 << place * config.unit_bits for place in range(1, order))
    bench = Bench(config, np.random.default_rng(1))
    last, end, none = 1 << config.column_bits, 2 << config.column_bits, config.columns
    bench.table = [0 | last, 0 | one, none | last, 1 | one, none, 2 | one, none | last | end, 2]
    bench.factors[:], bench.slopes[:] = 12000, 12000
    bench.sweep(dict.fromkeys(range(4), 1 << 30))
    bench.run(200)
    values = [value for value, *_ in bench.results]
    assert values[0] > 0
    assert values[1:] == [0, 0]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("folds", [5, 16, 21])
def test_whatever_the_table_is_a_sweep_ends(folds, family):
    """Words of chance, or none; sums of columns that there are not, or none."""
    config = Config(units=5, macs=1, order=3, products=11, folds=folds, family=family)
    for seed in range(12):
        rng = np.random.default_rng(seed)
        bench = Bench(config, rng, takes=rng.choice([0.05, 0.5, 1]))
        width = max(config.column_bits + 2, config.order * config.unit_bits)
        bench.table = rng.integers(0, 1 << width, 2 * folds).tolist()
        if seed % 3:  # few ends
            ends = 1 << config.column_bits + 1
            bench.table[::2] = [word & ~ends for word in bench.table[::2]]
        if seed == 0:
            bench.table = []
        for _ in range(4):
            columns = rng.integers(0, 1 << config.column_bits, rng.integers(0, 9))
            bench.sweep({int(m): int(rng.integers(-99, 99)) for m in columns})
        bench.run(20000)
        assert len(bench.dones) == 4
        assert sum(last for *_, last in bench.results) == 4
        if bench.takes == 1:  # two sweeps of which each row is a unit that waits
            most = 2 * (folds + 1) * Timing(config).fold_pipeline
            assert (np.subtract(bench.dones, bench.sent) < most).all()


def test_a_unit_without_a_place_is_not_valid():
    """4 units have addresses of 2 bits; the numbers in the table have 3."""
    config = Config(units=4, macs=1, order=1, products=2)
    bench = Bench(config, np.random.default_rng(1))
    last, none = 1 << config.column_bits, config.columns
    bench.table = [word for k in (3, 4, 7, 1) for word in (none | last, k)]
    bench.table[-2] |= 2 << config.column_bits
    bench.sweep({})
    bench.run(200)
    found = [(valid, end) for _, _, valid, end in bench.results]
    assert found == [(1, 0), (0, 0), (0, 0), (1, 1)]


def test_no_result_is_lost():
    """Where units have a term each and results wait long."""
    config = Config(units=9, macs=1, order=1, products=9)
    features = Features(9, monomials(9, (1,)), config.formats.state)
    check(config, features, np.random.default_rng(1), takes=0.02)
