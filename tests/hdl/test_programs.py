"""Random networks, many on one core: the core is golden in every word, and takes its cycles."""

from copy import deepcopy

import numpy as np
import pytest

from rbp.cosim import run
from rbp.golden.config import Config
from rbp.golden.relaxation import Settling
from rbp.golden.training import Learning
from rbp.hdl.schedule import Schedule
from tests.networks import draw, equal

CORES = {
    "1 lane": Config(units=24, macs=4, slots=5),
    "1 mac": Config(units=12, macs=1, slots=3),
    "2 lanes": Config(units=24, macs=3, lanes=2, slots=3),
    "4 lanes": Config(units=20, macs=5, lanes=4, slots=2),
    "ecp5": Config(units=24, macs=4, slots=4, family="ecp5"),
    "ecp5, 1 mac, 2 lanes": Config(units=12, macs=1, lanes=2, slots=2, family="ecp5"),
    "ecp5, 3 lanes, momentum": Config(
        units=16, macs=6, lanes=3, slots=2, family="ecp5", momentum=True, random_start=True
    ),
    "spram, momentum": Config(units=24, macs=4, slots=3, spram=True, momentum=True),
    "w8, 2 lanes": Config(units=24, macs=8, lanes=2, slots=2, preset="w8", random_start=True),
}
HIGHER = {
    "2 factors": Config(units=10, macs=3, slots=3, order=2, products=64),
    "3 factors, 2 lanes": Config(units=8, macs=4, lanes=2, slots=2, order=3, products=64),
    "f, ecp5": Config(
        units=8, macs=2, slots=3, order=2, products=40, feature="tanh", family="ecp5"
    ),
    "1 factor, momentum": Config(
        units=8, macs=3, lanes=3, slots=2, products=20, feature="logistic", momentum=True
    ),
}
KINDS = ("dense", "random", "sparse", "layered", "banded", "grid", "empty rows", "single", "alone")


def structure(kind, rng, most):
    """N×N bool."""
    n = int(rng.integers(2, most + 1))
    unit = np.arange(n)
    match kind:
        case "dense":
            return np.ones((n, n), bool)
        case "random":
            return rng.random((n, n)) < rng.random()
        case "sparse":
            return rng.random((n, n)) < 0.1
        case "layered":
            layer = np.sort(rng.integers(0, 4, n))
            return layer[:, None] == layer[None, :] + 1
        case "banded":
            return np.abs(np.subtract.outer(unit, unit)) <= rng.integers(0, 3)
        case "grid":
            side = int(np.sqrt(n))
            at = np.stack(np.divmod(np.arange(side * side), side))
            return np.abs(at[:, :, None] - at[:, None, :]).max(axis=0) <= 1
        case "empty rows":
            some = rng.random((2, n)) < 0.5
            return (rng.random((n, n)) < 0.5) & some[0][:, None] & some[1][None, :]
        case "single":
            return np.ones((1, 1), bool)
        case "alone":
            return np.zeros((n, n), bool)


def products_of(config, rng, units):
    """Different products of up to so many factors, some not connected, with N×M bool."""
    count = int(rng.integers(1, config.columns + 1))
    drawn = [tuple(rng.integers(0, units, rng.integers(0, config.order + 1))) for _ in range(count)]
    found = list(dict.fromkeys(tuple(map(int, p)) for p in drawn))
    return tuple(found), rng.random((units, len(found))) < rng.random()


def network(config, kind, seed):
    """A machine on a random structure, and what it does."""
    rng, products = np.random.default_rng(seed), None
    connected = structure(kind, rng, config.units - 2)
    if config.higher:
        products, connected = products_of(config, rng, len(connected))
    elif rng.random() < 0.5:
        connected = connected[rng.permutation(len(connected))]
    n, a = len(connected), int(rng.integers(1, config.lanes * config.slots + 1))
    target = rng.random(n) < 0.3
    target[rng.integers(n)] = True
    flags = {"batch": int(rng.integers(1, a + 1))}
    if config.momentum:
        flags["friction"] = int(rng.integers(0, 4))
    if config.random_start and rng.random() < 0.5:
        flags["start_seed"] = seed
    elif rng.random() < 0.3:
        flags["keep"] = True
    if rng.random() < 0.2:
        flags |= {"batch": 1, "draw": seed}
    noise = seed if rng.random() < 0.8 else None
    return draw(
        config,
        a,
        connected=connected,
        units=n,
        products=products,
        clamp=rng.random(n) < 0.3,
        target=target,
        inputs=np.where(rng.random(n) < 0.4, rng.uniform(-0.5, 0.5, (a, n)), 0),
        settling=Settling(
            dt_shift=int(rng.integers(0, 3)), tolerance=4, limit=int(rng.integers(1, 12)),
            use_within=64, fixed=bool(rng.random() < 0.2),
        ),
        learning=Learning(int(rng.integers(-2, 2)), noise, **flags),
        seed=seed,
    )  # fmt: skip


@pytest.mark.parametrize("name", CORES)
def test_many_networks_on_one_core(name):
    config, updates = CORES[name], 3
    for seed in range(8):
        for kind in KINDS:
            machine = network(config, kind, seed)
            found = run.train(config, machine, updates)
            patterns = len(machine.targets)
            schedule = Schedule(config, machine.structure)
            counted = schedule.cycles(found.settle_steps, machine.learning, patterns)
            equal(found, deepcopy(machine), updates)
            assert found.cycles == counted, (kind, seed)


@pytest.mark.parametrize("name", HIGHER)
def test_many_products_on_one_core(name):
    config, updates = HIGHER[name], 3
    for seed in range(24):
        machine = network(config, "random", seed)
        found = run.train(config, machine, updates)
        schedule = Schedule(config, machine.structure)
        counted = schedule.cycles(found.settle_steps, machine.learning, len(machine.targets))
        equal(found, deepcopy(machine), updates)
        assert found.cycles == counted, seed
