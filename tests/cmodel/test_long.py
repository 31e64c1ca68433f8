"""Long trainings, and random ones on the Verilog: the model's words are the others'."""

from dataclasses import fields

import numpy as np
import pytest

import rbp
from rbp.paper import examples, figure1

LONG = {
    "Figure 1, 5000 updates": (figure1.problem(), 5000, {}),
    "association": (examples.find("association").problem(), 1500, {"momentum_shift": 2}),
    "digits, 800 updates": (None, 800, {"batch": 16, "slots": 16, "eta_shift": -2}),
}


def unlike(one, other):
    """Names of the fields in which two results differ, but for what only an engine has."""
    names = {f.name for f in fields(rbp.Result)}
    names -= {"problem", "settings", "engine", "cycles", "utilisation"}
    return {n for n in names if not np.array_equal(getattr(one, n), getattr(other, n))}


@pytest.mark.parametrize("name", LONG)
def test_long(name):
    problem, updates, flags = LONG[name]
    if problem is None:
        problem = examples.find("digits").problem()
    found, expected = (rbp.train(problem, updates, e, **flags) for e in ("model", "golden"))
    assert unlike(found, expected) == set()


SETS = (
    {},
    {"momentum_shift": 3, "lanes": 2},
    {"start": "random", "method": "stochastic"},
    {"rounding": "nearest", "batch": 2, "lanes": 3, "dt_shift": 1},
)


def drawn(seed):
    """A network of 3 to 12 units, with some of its connections, flags and inputs."""
    rng = np.random.default_rng(seed)
    n, a = int(rng.integers(3, 13)), int(rng.integers(2, 5))
    connected = rng.random((n, n)) < rng.choice([0.2, 0.5, 1.0])
    return rbp.Problem(
        weights=np.where(connected, rng.uniform(-2, 2, (n, n)), 0),
        connected=connected,
        targets=rng.uniform(0, 1, (a, n)),
        target_units=rng.random(n) < 0.5,
        clamp_units=rng.random(n) < 0.3,
        inputs=np.where(rng.random(n) < 0.4, rng.uniform(-1, 1, (a, n)), 0),
    )


@pytest.mark.parametrize("seed", range(60))
def test_random_trainings_of_the_verilog(seed):
    problem, flags = drawn(seed), SETS[seed % len(SETS)] | {"seed": seed, "slots": 4}
    found, core = (rbp.train(problem, 6, engine, macs=3, **flags) for engine in ("model", "rtl"))
    assert unlike(found, core) == set()
