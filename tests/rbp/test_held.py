"""Held units, on every engine: where they rest, that they stay there, and what follows of it."""

from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp.paper import examples

ENGINES = ("float64", "golden", "model", "rtl")
ONE = 1 << 14


def problem(start=None):
    """A bias, an input, a clamped unit that is fed, a hidden unit and a target."""
    connected = np.zeros((5, 5), bool)
    connected[2:, :] = True
    return rbp.Problem(
        weights=np.where(connected, 0.25, 0),
        connected=connected,
        targets=[[0, 0, 0.75, 0, 0.25], [0, 0, 0.125, 0, 0.875]],
        target_units=[False, False, False, False, True],
        clamp_units=[False, False, True, False, False],
        inputs=[[0, 0.25, 0, 0, 0], [0, -0.5, 0, 0.125, 0]],
        initial_state=start,
        activation=["logistic", "tanh", "logistic", "logistic", "logistic"],
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_where_they_rest(engine):
    """g(0) + I where nothing feeds a unit, T where it is clamped; y is 0, its weights stay."""
    result = rbp.train(problem(), 3, engine)
    rest = [[0.5, 0.25, 0.75], [0.5, -0.5, 0.125]]
    assert (result.states[:, :3] == np.array(rest) * ONE).all()
    assert not result.errors[:, :3].any()
    assert (result.weights[2] == 0.25).all()
    moved = result.weights != problem().weights
    assert moved[3:].any()
    assert not moved[:3].any()


@pytest.mark.parametrize("flags", [{}, {"start": "last"}, {"start": "random"}])
@pytest.mark.parametrize("engine", ENGINES)
def test_from_any_start(engine, flags):
    """initial_state of a held unit says nothing."""
    start = np.array([[0.5] * 5, [0.5] * 5])
    other = start.copy()
    other[:, :3] = [[-0.5, 1.5, 0], [1, -1, -2]]
    one, two = (rbp.train(problem(s), 3, engine, **flags) for s in (start, other))
    for name in ("weights_raw", "states", "errors", "energy", "settle_steps"):
        assert np.array_equal(getattr(one, name), getattr(two, name)), name


def test_saturated():
    """g(0) + I beyond STATE is its end, in words."""
    given = replace(problem(), inputs=[[1.75, 0, 0, 0, 0], [-2, 0, 0, 0, 0]])
    golden, rtl = (rbp.train(given, 2, engine) for engine in ("golden", "rtl"))
    assert golden.states[:, 0].tolist() == [2 * ONE - 1, -1.5 * ONE]
    assert np.array_equal(golden.states, rtl.states)
    assert np.array_equal(golden.weights_raw, rtl.weights_raw)


@pytest.mark.parametrize("engine", ENGINES)
def test_recalled(engine):
    """Without clamps, the one that was clamped is fed; the others rest at their cue's I."""
    result = rbp.train(problem(), 3, "golden")
    cues = {"initial_state": np.full((2, 5), 0.5), "inputs": np.full((2, 5), 0.25)}
    cues["initial_state"][1, :2] = [-1, 1]
    found = rbp.recall(result, cues, engine)
    assert (found.states[:, :2] == np.array([0.75, 0.25]) * ONE).all()
    assert np.array_equal(found.states[0], found.states[1])
    assert found.settle_steps[0] == found.settle_steps[1]
    assert not np.isclose(found.values[0, 2], 0.5)


def test_golden_and_the_core_agree():
    """With patterns in turn, and all that is kept of them."""
    given = examples.find("parity").problem()
    for flags in ({"batch": 3}, {"slots": 2, "batch": 2, "lanes": 2}, {"method": "concurrent"}):
        golden, rtl = (rbp.train(given, 6, engine, **flags) for engine in ("golden", "rtl"))
        for name in ("weights_raw", "states", "errors", "energy", "settle_steps", "saturated"):
            assert np.array_equal(getattr(golden, name), getattr(rtl, name)), (name, flags)
        assert 0 < rtl.utilisation < 1
