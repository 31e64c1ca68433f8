"""A core of some capacity: networks that fit it learn one after the other, without a reset; those
that do not are refused; and whatever its program is, it ends, and writes what may move alone."""

from contextlib import nullcontext
from copy import deepcopy

import numpy as np
import pytest

from rbp.cosim import run
from rbp.cosim.build import library
from rbp.cosim.simulator import Simulator
from rbp.golden.config import Config
from rbp.golden.structure import Structure
from rbp.golden.training import Learning
from rbp.hdl.host.memory_map import Area
from rbp.hdl.layouts import Region
from rbp.hdl.program import compiled, holding
from rbp.hdl.timing import Timing
from rbp.host.driver import Driver
from tests.networks import draw, equal, on_schedule

CORES = {
    "one lane": Config(units=64, macs=4, slots=4),
    "two lanes, ecp5": Config(units=64, macs=4, lanes=2, slots=2, family="ecp5"),
    "momentum": Config(units=64, macs=4, slots=4, momentum=True, random_start=True),
    "products": Config(units=64, macs=4, slots=4, order=3, products=120, words=512),
}
every_core = pytest.mark.parametrize("name", CORES)
CLEAR, TRAIN, RECALL = 4, 1, 2
STATES = (Region.X_START, Region.X, Region.Y)


def connections(units, kind, rng):
    """N×N bool."""
    unit = np.arange(units)
    match kind:
        case "dense":
            return np.ones((units, units), bool)
        case "layered":
            layer = unit * 4 // units
            return layer[:, None] == layer[None, :] + 1
        case "sparse":
            return rng.random((units, units)) < 0.1
        case "banded":
            return np.abs(np.subtract.outer(unit, unit)) < 3
        case "alone":
            return np.zeros((units, units), bool)


NETWORKS = (
    (64, "dense"),
    (1, "dense"),
    (40, "layered"),
    (63, "sparse"),
    (2, "dense"),
    (64, "layered"),
    (17, "sparse"),
    (5, "alone"),
    (64, "banded"),
    (30, "dense"),
)


def network(config, units, kind, seed):
    """A machine on it; of higher order, with a list of products of chance."""
    rng = np.random.default_rng(seed)
    connected, products = connections(units, kind, rng), None
    if config.higher:
        tuples = [tuple(rng.integers(0, units, rng.integers(0, 4)).tolist()) for _ in range(100)]
        products = tuple(dict.fromkeys(tuples))
        connected = rng.random((units, len(products))) < {"dense": 1, "alone": 0}.get(kind, 0.2)
    target = rng.random(units) < 0.2
    target[-1] = True
    patterns = int(rng.integers(1, 5))
    return draw(
        config,
        patterns,
        units=units,
        connected=connected,
        products=products,
        clamp=rng.random(units) < 0.3,
        target=target,
        inputs=np.where(rng.random(units) < 0.3, rng.uniform(-0.5, 0.5, (patterns, units)), 0),
        spread=0.5,
        learning=Learning(-1, seed, friction=2 if config.momentum else None),
        seed=seed,
    )


def learns(core, config, machine, updates=3):
    """What the core, which stays as it is, makes of it is golden's, in its cycles."""
    found, golden = run.train(config, machine, updates, core=nullcontext(core)), deepcopy(machine)
    equal(found, golden, updates)
    assert found.saturated == golden.saturated
    on_schedule(found, config, machine)


@every_core
def test_ten_networks_without_a_reset(name):
    """Large and small by turns, so that each finds the words of a larger one."""
    config = CORES[name]
    with Simulator(library(config)) as core:
        for seed, (units, kind) in enumerate(NETWORKS):
            learns(core, config, network(config, units, kind, seed))


@every_core
def test_a_core_forgets_nothing_of_what_it_was(name):
    """Forth and back: the same words as at first."""
    config = CORES[name]
    small, large = network(config, 9, "sparse", 1), network(config, 64, "banded", 2)
    with Simulator(library(config)) as core:
        for machine in (small, large, small, large):
            learns(core, config, machine, updates=2)


# Bad programs


class Misused:
    """A core that has a good network of fewer units than it holds, and then other words."""

    def __init__(self, name, core, seed):
        self.config, self.core, self.rng = CORES[name], core, np.random.default_rng(seed)
        self.driver = Driver(self.config)
        self.machine = network(self.config, 23, ("layered", "sparse", "dense")[seed % 3], seed)
        core.do(self.driver.load(self.machine))
        self.places = self.config.lanes * self.config.slots
        self.words = self._fill()

    def _fill(self):
        """Words of chance in all that no run of these patterns may write; by their addresses."""
        structure, words = self.machine.structure, {}
        moves = np.zeros(self.config.units, bool)
        moves[structure.first : len(structure.order)] = structure.order[structure.first :] >= 0
        self.patterns = min(2, len(self.machine.targets))
        self.core.do(self.driver.write("PATTERNS", self.patterns))
        self.core.do(self.driver.write("BATCH", self.patterns))
        for region in STATES:
            for a in range(self.places):
                for unit in np.flatnonzero(~moves | (a >= self.patterns)).tolist():
                    word = int(self.rng.integers(-(1 << 15), 1 << 15)) & 0xFFFFFFFF
                    words[self.driver.map.state(region, a, unit)] = word
        for address, word in words.items():
            self.core.write(address, word)
        return words

    def table(self, area, words):
        for at, word in enumerate(words):
            self.core.write(self.driver.map.at(area, at), int(word))

    def ends(self, command):
        """A run under way, whatever becomes of it, ends when told to, and writes nothing else."""
        core, driver = self.core, self.driver
        core.do(driver.write("UPDATES", 0))
        core.do(driver.write("CONTROL", command))
        assert core.do(driver.busy())
        core.run(int(self.rng.integers(1, 60_000)))
        core.do(driver.write("CONTROL", CLEAR))  # in a million cycles, or TimeoutError
        assert not core.do(driver.busy())
        assert {address: core.read(address) for address in self.words} == self.words
        assert not core.do(driver.read("STATUS")) >> 6 & 1


def chance(rng, config):
    """Words of any bits."""
    return rng.integers(0, 1 << config.column_bits + 6, config.words)


def few_ends(rng, config):
    """The same, an end being rare."""
    ends = rng.random(config.words) < 0.05
    return np.where(ends, 1 << config.column_bits + 4, 0) | chance(rng, config) & ~(
        3 << config.column_bits + 4
    )


def no_end(rng, config):
    """Not one."""
    return chance(rng, config) & ~(3 << config.column_bits + 4)


def endless_runs(rng, config):
    """Each as long as can be, from a column to the one before it."""
    return np.full(config.words, rng.integers(0, config.columns) | 1 << config.column_bits)


def other(rng, config):
    """The program of a larger network, columns beyond the one that is there."""
    seed = int(rng.integers(99))
    return compiled(config, network(config, 64, "sparse", seed).structure).encode(config.columns)


def unended(rng, config):
    """The same without its last word."""
    return other(rng, config)[:-1]


@pytest.mark.parametrize("bad", [chance, few_ends, no_end, endless_runs, other, unended])
@every_core
def test_a_bad_program(name, bad):
    """Trained and recalled; then a good one learns golden's words."""
    config = CORES[name]
    with Simulator(library(config)) as core:
        for seed in range(3):
            misused = Misused(name, core, seed)
            rng = misused.rng
            misused.table(Area.PROGRAM, bad(rng, config))
            if seed == 1:
                last = config.units - 1 if config.random_start else 0
                rows = int(rng.integers(config.units)) | last << 16
                core.do(misused.driver.write("ROWS", rows))
            if config.higher and seed == 2:
                bits = config.order * config.unit_bits
                misused.table(Area.PRODUCTS, rng.integers(0, 1 << bits, config.products))
                misused.table(Area.FOLDS, rng.integers(0, 1 << bits, 2 * config.folds))
            for command in (TRAIN, RECALL):
                misused.ends(command)
            learns(core, config, network(config, 31, "sparse", seed), updates=2)


# What does not fit


def structure(units, connected, products=None):
    none = np.zeros(units, bool)
    return Structure.of(connected, none, ~none, products)


def test_errors_name_the_capacity_and_the_need():
    """One too few of each, and as many as are needed."""
    rng = np.random.default_rng(1)
    sparse = structure(64, rng.random((64, 64)) < 0.2)
    products = structure(9, np.ones((9, 9), bool), tuple((k, k) for k in range(9)))
    program = compiled(Config(units=64, macs=4, words=999), sparse)
    cases = (
        ("units", len(sparse.order), {}, sparse),
        ("columns", 9, {"order": 2, "products": 9}, products),
        ("entries", len(program), {"words": 999}, sparse),
        ("words", program.words, {}, sparse),
    )
    for name, needed, capacities, network in cases:
        field = "products" if name == "columns" else name
        capacities = {"units": 64, "macs": 4, "words": 999} | capacities
        enough, few = (Config(**capacities | {field: n}) for n in (needed, needed - 1))
        assert compiled(enough, network).check(network.numbered, Timing(enough).rules) is None
        message = f"^the network has {needed} {name}: the core holds {needed - 1}$"
        with pytest.raises(ValueError, match=message):
            compiled(few, network)


def test_nothing_is_loaded_of_what_does_not_fit():
    config = Config(units=64, macs=4, entries=100)
    driver = Driver(config)
    with pytest.raises(ValueError, match="entries: the core holds 100"):
        next(driver.load(network(config, 64, "dense", 1)))


@pytest.mark.parametrize("rounded", [False, True])
def test_a_core_that_holds_networks(rounded):
    """Those it was made for, and where it is rounded up, of some powers of two."""
    least = Config(units=1, macs=1)
    structures = [network(CORES["one lane"], *case, 1).structure for case in NETWORKS]
    config = holding(least, *structures, rounded=rounded)
    programs = [compiled(config, structure) for structure in structures]
    assert config.words >= max(256, *(p.words for p in programs))
    sizes = (config.units, config.entries, config.words)
    if rounded:
        assert all(size & (size - 1) == 0 for size in sizes)
    else:
        assert config.entries == max(map(len, programs))
        assert config.units == max(len(s.order) for s in structures)
