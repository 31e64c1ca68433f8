"""Sums at the ends of every format and size: exact, in golden and in the hardware's widths."""

import numpy as np
import pytest

import rbp
from rbp.golden import pe
from rbp.golden.config import Config
from rbp.golden.features import Features, monomials
from rbp.golden.formats import PRESETS, narrow, round_half_up

ORDERS = [(16, (1, 2)), (18, (1, 2)), (18, (2,)), (26, (3,)), (20, (0, 1, 2, 3)), (88, (2,))]


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("units", [1, 15, 1024])
@pytest.mark.parametrize("sign", [-1, 1])
def test_sweeps(preset, units, sign):
    """Every weight and operand at its end; of both signs."""
    f = PRESETS[preset]
    w = f.weight.min if sign < 0 else f.weight.max
    weights = np.full((units, units), w)
    for operand, sweep in ((f.state.min, pe.forward), (f.error.min, pe.backward)):
        (sums,) = sweep(weights, np.full((1, units), operand))
        assert sums.tolist() == [int(w) * int(operand) * units] * units
    config = Config(units=units, macs=1, preset=preset)
    most = abs(int(f.weight.min)) * max(abs(int(f.state.min)), abs(int(f.error.min))) * units
    assert most < 1 << (config.sum_width - 1)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("units", "degrees"), ORDERS)
def test_fold(preset, units, degrees):
    """Σ s·∂φ/∂c with all words at their ends, against Python's integers."""
    f, products = PRESETS[preset], monomials(units, degrees)
    features = Features(units, products, f.state)
    terms = features.terms().tolist()
    config = Config(
        units=units,
        macs=1,
        preset=preset,
        order=features.order,
        products=len(products),
        folds=len(terms),
    )
    sums = np.array([[int(f.weight.min) * int(f.error.min) * units] * len(products)])
    assert abs(int(sums[0, 0])) < 1 << (config.backward_width - 1)
    c = np.full((1, units), f.state.min)
    found = features.fold(sums, features.factors(c), c)
    expected = [0] * units
    for k, _, *others in terms:
        derivative = features.one
        for unit in others:
            factor = f.state.min if unit < units else features.one
            derivative = narrow(
                np.array([int(derivative) * int(factor)]), f.state.fraction, f.state
            )[0]
        expected[k] += int(sums[0, 0]) * int(derivative)
    assert [int(x) for x in found[0]] == expected
    shift = f.weight.fraction + f.state.fraction
    clamped = [
        min(max((x + (1 << shift - 1)) >> shift, f.error.min), f.error.max) for x in expected
    ]
    assert narrow(found, shift, f.error).tolist() == [clamped]
    assert narrow(found, shift, f.error).dtype == np.int64
    # what the hardware adds up in
    width = config.backward_width + f.state.width + config.folds.bit_length()
    assert max(map(abs, expected)) < 1 << (width - 1)


def test_long_integers_round_as_short_ones():
    short = np.array([-7, -6, -5, 5, 6, 7])
    assert round_half_up(short.astype(object), 2).tolist() == round_half_up(short, 2).tolist()
    long = np.array([-(2**80) - 2, 2**80 + 2, 2**80 + 1], dtype=object)
    assert round_half_up(long, 2).tolist() == [-(2**78), 2**78 + 1, 2**78]


@pytest.mark.parametrize("units", [16, 18])
def test_the_core_learns_them(units):
    """Second order, w18, weights near ±8: words are golden's."""
    rng = np.random.default_rng(units)
    terms = units + units * (units + 1) // 2
    visible = np.arange(units) < 12
    problem = rbp.Problem(
        weights=rng.choice([-7.99, 7.99], (units, terms)),
        targets=rng.choice([-1.9, 1.9], (2, units)),
        target_units=visible,
        clamp_units=visible,
        order=(1, 2),
        activation="tanh",
    )
    flags = {"preset": "w18", "macs": 9, "fixed_steps": 3}
    golden, rtl = (rbp.train(problem, 2, engine, **flags) for engine in ("golden", "rtl"))
    for name in ("weights_raw", "states", "errors", "energy", "saturated"):
        assert np.array_equal(getattr(golden, name), getattr(rtl, name)), name
