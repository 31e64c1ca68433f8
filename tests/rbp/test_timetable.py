"""Relaxations of a higher order, counted by compiled software, are those of the schedule."""

import numpy as np
import pytest

from rbp.cmodel.build import NoCompiler
from rbp.engines import timetable
from rbp.golden.config import FAMILIES, Config
from rbp.golden.features import monomials
from rbp.golden.structure import Structure
from rbp.golden.training import Learning
from rbp.hdl.program import holding
from rbp.hdl.schedule import Schedule


def drawn(seed):
    """(core, structure, generator): a network of products, and a core that holds it."""
    rng = np.random.default_rng(seed)
    units = int(rng.integers(1, 9))
    products = monomials(units, [(0, 1), (1, 2), (2,), (0, 1, 2), (3,)][rng.integers(5)])
    if rng.random() < 0.5:
        sizes = rng.integers(0, 4, int(rng.integers(1, 3 * units + 1)))
        products = tuple(tuple(sorted(rng.integers(0, units, n).tolist())) for n in sizes)
    connected = rng.random((units, len(products))) < rng.choice([0.1, 0.5, 1.0])
    connected[-1, 0] = True
    flags = rng.random((2, units)) < 0.4
    structure = Structure.of(connected, *flags, products)
    core = Config(
        units=units,
        macs=int(rng.integers(1, units + 1)),
        lanes=int(rng.integers(1, 5)),
        order=max(2, *map(len, products)),
        products=len(products),
        feature=str(rng.choice(["identity", "sin"])),
        family=str(rng.choice([*FAMILIES])),
    )
    return holding(core, structure), structure, rng


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """Few are counted as many are."""
    monkeypatch.setattr(timetable, "FEW", 0)


def steps_of(rng, count, batch):
    steps = rng.integers(1, 6, (count, batch, 2))
    steps[..., 1] *= rng.random((count, batch)) < 0.8  # a recall has none of y
    return steps


@pytest.mark.parametrize("part", range(4))
def test_random_cores(part):
    """Each relaxation ends in the same cycle as in the schedule, and its deal, too."""
    for seed in range(part * 15, part * 15 + 15):
        core, structure, rng = drawn(seed)
        schedule, batch = timetable.Timetable(core, structure), int(rng.choice([2, 5, 40]))
        lanes = (rng.integers(0, core.lanes, (6, 1)) + np.arange(batch)) % core.lanes
        given = rng.integers(0, 400, 6), rng.integers(0, 400, 6), lanes, steps_of(rng, 6, batch)
        expected = Schedule(core, structure)._relaxations(*given)
        assert np.array_equal(schedule._relaxations(*given), expected), seed


WAYS = {
    "all": {},
    "in turn": {"batch": 2},
    "five in turn": {"batch": 5},
    "drawn": {"batch": 1, "draw": 1},
    "random starts": {"batch": 3, "start_seed": 1},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("higher", [False, True])
def test_whole_runs(way, higher, monkeypatch):
    """Cycles of all updates, from an update on or one at a time; without a compiler, too."""
    core, structure, rng = drawn(3)
    if not higher:
        flags = rng.random((2, 20)) < 0.4
        core = Config(units=20, macs=1, lanes=3, slots=2)
        structure = Structure.of(rng.random((20, 20)) < 0.5, *flags)
    learning, schedules = Learning(**WAYS[way]), (Schedule, timetable.Timetable)
    for _ in range(2):
        steps = steps_of(rng, 40, learning.batch or 6)
        expected, found = (of(core, structure) for of in schedules)
        assert found.cycles(steps, learning, 6, 12) == expected.cycles(steps, learning, 6, 12)
        expected = expected.runs(steps, learning, 6)
        assert np.array_equal(found.runs(steps, learning, 6), expected)

        def refuse(*_):
            raise NoCompiler("none")

        monkeypatch.setattr(timetable, "relaxations", refuse)


def test_distinct():
    """Of rows so wide that one number does not hold them, too."""
    rng = np.random.default_rng(0)
    for columns, most in ((1, 3), (4, 3), (40, 3), (6, 1 << 40), (3, 1 << 61)):
        rows = rng.integers(-most, most, (9, columns))[rng.integers(0, 9, 50)]
        found, which = timetable.distinct(rows)
        assert len(found) == len(np.unique(rows, axis=0))
        assert np.array_equal(found[which], rows)
