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


def steps_of(rng, count, batch):
    steps = rng.integers(1, 6, (count, batch, 2))
    steps[..., 1] *= rng.random((count, batch)) < 0.8  # a recall has none of y
    return steps


@pytest.mark.parametrize("part", range(4))
def test_random_cores(part):
    """Each relaxation ends in the same cycle as in the schedule, and its deal, too."""
    for seed in range(part * 15, part * 15 + 15):
        core, structure, rng = drawn(seed)
        schedule, batch = timetable.Timetable(core, structure), int(rng.integers(1, 9))
        lanes = (rng.integers(0, core.lanes, (6, 1)) + np.arange(batch)) % core.lanes
        given = rng.integers(0, 400, 6), rng.integers(0, 400, 6), lanes, steps_of(rng, 6, batch)
        expected = Schedule(core, structure)._relaxations(*given)
        assert np.array_equal(schedule._relaxations(*given), expected), seed


def test_whole_runs(monkeypatch):
    """Cycles of all updates; without a compiler, too."""
    core, structure, rng = drawn(3)
    given = steps_of(rng, 20, 4), Learning(batch=4), 6
    expected = Schedule(core, structure).cycles(*given)
    assert timetable.Timetable(core, structure).cycles(*given) == expected

    def refuse(*_):
        raise NoCompiler("none")

    monkeypatch.setattr(timetable, "relaxations", refuse)
    assert timetable.Timetable(core, structure).cycles(*given) == expected
