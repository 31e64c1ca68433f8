"""Cycles from the steps of a result are those that the Verilated core counts."""

import numpy as np
import pytest

import rbp
from rbp.errors import InputError
from rbp.golden.config import Config
from rbp.paper.networks import visible_memory

WAYS = {
    "held, all at once": {},
    "held, two lanes, momentum": {"lanes": 2, "momentum_shift": 2},
    "held, fixed steps, three lanes": {"lanes": 3, "fixed_steps": 5},
    "held, in turn": {"batch": 2},
    "held, in turn, two lanes": {"batch": 2, "lanes": 2},
    "held, in turn, three lanes, random start": {"batch": 3, "lanes": 3, "start": "random"},
    "concurrent": {"method": "concurrent", "lanes": 2},
    "drawn": {"method": "stochastic"},
    "drawn, two lanes, random start": {"method": "stochastic", "lanes": 2, "start": "random"},
    "loaded by the host": {"batch": 2, "slots": 3},
    "loaded by the host, two lanes": {"batch": 3, "slots": 2, "lanes": 2},
    "loaded, random start, momentum": {
        "batch": 2,
        "slots": 3,
        "start": "random",
        "momentum_shift": 1,
    },
    "refilled": {"batch": 2, "slots": 4},
    "refilled, two lanes": {"batch": 2, "slots": 2, "lanes": 2},
    "refilled, two lanes, random start": {"batch": 2, "slots": 2, "lanes": 2, "start": "random"},
}


def problem():
    rng = np.random.default_rng(3)
    return visible_memory(rng.choice([0.1, 0.9], (5, 6)), rng)


@pytest.mark.parametrize("macs", [1, 4])
@pytest.mark.parametrize("way", WAYS)
def test_exact(way, macs):
    result = rbp.train(problem(), 12, **WAYS[way])
    on_core = rbp.train(problem(), 12, "rtl", macs=macs, **WAYS[way])
    assert rbp.cycles(result, macs=macs) == on_core.cycles
    assert rbp.cycles(on_core) == on_core.cycles


def products():
    given = {name: getattr(problem(), name) for name in ("targets", "target_units")}
    return rbp.Problem(weights=np.full((6, 3), 0.3), products=[(0, 1), (2, 2, 5), ()], **given)


@pytest.mark.parametrize("flags", [{}, {"lanes": 2, "batch": 2}, {"batch": 2, "slots": 4}])
def test_exact_of_products(flags):
    on_core = rbp.train(products(), 4, "rtl", macs=2, **flags)
    assert rbp.cycles(rbp.train(products(), 4, **flags), macs=2) == on_core.cycles


def test_bad_input():
    result = rbp.train(problem(), 2)
    with pytest.raises(InputError, match="the network has 6 units: the core holds 5"):
        rbp.cycles(result, Config(units=5, macs=2))
    with pytest.raises(InputError, match="a batch of 5 patterns does not fit: the core holds 4"):
        rbp.cycles(result, Config(units=6, macs=2, slots=4))
    with pytest.raises(InputError, match="core and macs, lanes or slots were given"):
        rbp.cycles(result, Config(units=6, macs=2), lanes=2)
    with pytest.raises(TypeError, match="unexpected keyword argument 'seed'"):
        rbp.cycles(result, seed=2)
    with pytest.raises(InputError, match="macs"):
        rbp.cycles(result, macs=7)
