"""Networks of higher order: products of activities, in golden, in floating point, on the core."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from rbp.cosim.run import lockstep, recall, train
from rbp.golden.config import Config
from rbp.golden.features import monomials
from rbp.golden.formats import PRESETS
from rbp.golden.reference import Products, Reference, exact_errors
from rbp.golden.relaxation import Settling
from rbp.golden.tables import ACTIVATIONS, feature_tables
from rbp.golden.training import Learning
from rbp.hdl.schedule import utilisation
from tests.networks import associative, draw, equal, example1, on_schedule

ORDERS = [(1,), (2,), (3,), (1, 2), (0, 1, 2), (0, 3)]
FEATURES = ["identity", *ACTIVATIONS]


def core(units, macs, degrees, **other):
    """A core that holds all products of some degrees; of (1,) one of first order, if f(c) is c."""
    products = monomials(units, degrees)
    if degrees != (1,) or "feature" in other and other["feature"] != "identity":
        other |= {"order": max(1, *degrees), "products": len(products)}
    return Config(units=units, macs=macs, **other)


def products_of(config, degrees):
    """The list, or None where sums are those of states."""
    return monomials(config.units, degrees) if config.higher else None


def reference(machine, config, **other):
    """The same network in floating point."""
    f, network, features = config.formats, machine.network, machine.network.features
    return Reference(
        activation=tuple(config.activations[k] for k in network.activation),
        clamp_units=network.clamp_units,
        target_units=network.target_units,
        weights=f.weight.to_float(machine.weights),
        connected=machine.weights != 0,
        targets=f.state.to_float(machine.targets),
        inputs=f.state.to_float(machine.inputs),
        start=f.state.to_float(machine.start),
        **({"settling": machine.settling} | other),
        products=features and Products(features.products, config.feature),
    )


# Features


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("preset", PRESETS)
def test_f_is_within_one_unit(preset, name):
    f = PRESETS[preset]
    words = np.arange(f.state.min, f.state.max + 1)
    for table, derivative in zip(feature_tables(preset, f, name), (0, 1), strict=True):
        real = ACTIVATIONS[name].derivatives[derivative](f.state.to_float(words))
        assert np.abs(table(words) - real * 2.0**f.state.fraction).max() <= 1


# The learning rule


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("degrees", ORDERS)
def test_the_update_is_the_gradient(degrees, feature):
    """Every weight, by central differences of E; and y by its formal solution (14) with (27)."""
    config = core(4, 1, degrees, feature=feature, activations=("logistic", "tanh"))
    products = products_of(config, degrees)
    units = np.arange(4)
    inputs = np.where(units < 3, 0.2 - 0.3 * units, 0) * np.array([[1], [-0.7]])
    machine = draw(
        config,
        2,
        clamp=units == 0,
        target=units > 1,
        inputs=inputs,
        spread=0.4,
        seed=4,
        products=products,
    )
    exact = reference(machine, config, settling=Settling(0, 0, 80, 0, fixed=True))
    relaxed = exact.relax()

    def energy(i, m, step):
        moved = replace(exact, weights=exact.weights.copy())
        moved.weights[i, m] += step
        return moved.relax().energy / 2

    h = 1e-5
    found = relaxed.y.T @ exact.phi(relaxed.c)
    for i, m in np.ndindex(exact.weights.shape):
        slope = (energy(i, m, h) - energy(i, m, -h)) / (2 * h)
        assert found[i, m] == pytest.approx(-slope, rel=1e-5, abs=1e-9)
    if config.higher:
        folds = exact.products.jacobian(relaxed.c)
    else:
        folds = np.broadcast_to(np.eye(4), (2, 4, 4))
    errors = np.where(exact.target_units, exact.targets - relaxed.x, 0)
    for y, slope, j, fold in zip(relaxed.y, relaxed.slope, errors, folds, strict=True):
        solved = exact_errors(exact.weights @ fold, slope, j, exact.clamp_units)
        assert y == pytest.approx(solved, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("degrees", ORDERS[1:])
def test_formulas_of_the_memory(degrees, feature):
    """(b) to (f) of docs/design/higher-order.md, by central differences; three units visible, two
    hidden.

    Of the weights, some.
    """
    config = core(5, 1, degrees, feature=feature)
    products = products_of(config, degrees)
    machine = associative(config, 3, 1, spread=0.4, seed=3, products=products)
    memory = reference(machine, config, settling=Settling(0, 0, 80, 0, fixed=True))
    relaxed, h, hidden = memory.relax(), 1e-6, np.arange(5) >= 3
    (clamped,) = np.where(hidden, relaxed.x, memory.targets)  # Z
    phi, products = memory.phi(clamped[None])[0], memory.products

    b = products.jacobian(clamped[None])[0]
    for k, step in enumerate(h * np.eye(5)):
        moved = products.phi(np.stack([clamped + step, clamped - step]))
        assert b[:, k] == pytest.approx((moved[0] - moved[1]) / (2 * h), rel=1e-6, abs=1e-8)

    v, slope = memory.weights @ b, relaxed.slope[0]
    loop = np.eye(5) - slope[:, None] * v * hidden  # L = 1 − G V Θ_H
    c = np.linalg.inv(loop) * slope  # dz_i/dw_rs = (L⁻¹)_ir g'_r φ_s
    some = np.random.default_rng(1).permutation(list(np.ndindex(memory.weights.shape)))[:15]
    for r, s in some:
        ends = []
        for step in (h, -h):
            moved = replace(memory, weights=memory.weights.copy())
            moved.weights[r, s] += step
            ends.append(moved.relax().x[0])
        found = (ends[0] - ends[1]) / (2 * h)
        assert c[:, r] * phi[s] == pytest.approx(found, rel=1e-5, abs=1e-8)

    j = np.where(memory.target_units, memory.targets - relaxed.x, 0)[0]
    y = relaxed.y[0]
    assert y == pytest.approx(j @ c, rel=1e-9)  # (d)
    assert y == pytest.approx(slope * np.linalg.solve(loop.T, j), rel=1e-9)  # (e)
    assert y == pytest.approx(
        slope * (hidden * (b.T @ (memory.weights.T @ y)) + j), rel=1e-9
    )  # (f)
    of_x = np.sort_complex(np.linalg.eigvals(slope[:, None] * v * hidden))
    of_y = np.sort_complex(np.linalg.eigvals(slope[:, None] * (v * hidden).T))
    assert of_x == pytest.approx(of_y, abs=1e-9)


@pytest.mark.parametrize("feature", ["identity", "logistic"])
@pytest.mark.parametrize("degrees", ORDERS)
def test_golden_follows_the_reference(degrees, feature):
    config = core(5, 1, degrees, feature=feature, preset="w18")
    products = products_of(config, degrees)
    machine = associative(config, 3, 3, spread=0.4, learning=Learning(-1, 2), products=products)
    exact, unit = reference(machine, config, eta=0.5, unit=2.0**-16), 2.0**-16
    for _ in range(10):
        golden, real = machine.update(), exact.update()
        assert np.abs(golden.x * unit - real.x).max() < 40 * unit
        assert np.abs(golden.y * unit - real.y).max() < 40 * unit
    assert np.abs(machine.weights * 2.0**-14 - exact.weights).max() < 40 * 2.0**-14


# The core


def check(config, machine, updates):
    machine = deepcopy(machine)
    result = train(config, deepcopy(machine), updates)
    on_schedule(result, config, machine)
    equal(result, machine, updates)
    assert result.saturated == machine.saturated
    return result


CORES = {
    "second": (7, 3, (2,), {}),
    "second, all rows at once": (6, 6, (2,), {}),
    "second, two lanes": (7, 4, (2,), {"lanes": 2, "slots": 2}),
    "second, four lanes, ecp5": (
        *(6, 3, (2,)),
        {"lanes": 4, "slots": 1, "family": "ecp5", "preset": "w18"},
    ),
    "second of tanh, ecp5": (5, 2, (2,), {"feature": "tanh", "family": "ecp5"}),
    "third, two lanes, ice40hx": (4, 4, (3,), {"lanes": 2, "slots": 2, "family": "ice40hx"}),
    "third of logistic, ecp5": (4, 3, (3,), {"feature": "logistic", "family": "ecp5"}),
    "first and second, w8": (6, 3, (1, 2), {"preset": "w8"}),
    "none to second of logistic": (6, 4, (0, 1, 2), {"feature": "logistic"}),
    "first of logistic": (6, 6, (1,), {"feature": "logistic"}),
    "one unit": (1, 1, (2,), {}),
    "second, 496 products": (31, 8, (2,), {"slots": 2}),
    "third, 455 products": (13, 13, (3,), {"slots": 2}),
}


@pytest.mark.parametrize("name", CORES)
def test_core_is_golden(name):
    """Dense lists; any other list is that of tests/hdl/test_programs.py."""
    units, macs, degrees, other = CORES[name]
    config = core(units, macs, degrees, **other)
    products = products_of(config, degrees)
    spread = 0.3 if config.columns < 100 else 0.02
    patterns = min(4, config.slots * config.lanes)
    visible = -(-config.units // 2)
    machine = associative(config, visible, patterns, spread=spread, products=products)
    check(config, machine, 6)
    if config.units > 4 and config.columns < 100:
        machine = example1(config, patterns, inputs=2, targets=2, spread=spread, products=products)
        machine.settling = replace(machine.settling, dt_shift=1, limit=128)
        check(config, machine, 3)


@pytest.mark.parametrize(("macs", "lanes"), [(1, 1), (5, 2), (15, 1)])
def test_no_bit_depends_on_macs_or_lanes(macs, lanes):
    config = core(15, macs, (2,), lanes=lanes, slots=4 // lanes)
    machine = associative(config, 10, 4, spread=0.1, products=products_of(config, (2,)))
    check(config, machine, 3)


METHODS = {
    "drawn": {"batch": 1, "draw": 5, "seed": 5},
    "kept": {"keep": True},
    "two in turn, to nearest": {"batch": 2, "seed": None},
    "random starts and momentum": {"start_seed": 1, "friction": 2},
    "side by side": {"batch": 1, "keep": True},
}


@pytest.mark.parametrize("method", METHODS)
def test_methods(method):
    learning = Learning(-1, **({"seed": 1} | METHODS[method]))
    config = core(
        *(6, 4, (1, 2)),
        lanes=2,
        slots=2,
        feature="logistic",
        momentum=learning.friction is not None,
        random_start=learning.start_seed is not None,
    )
    products = products_of(config, (1, 2))
    machine = associative(config, 4, 4, spread=0.3, learning=learning, products=products)
    if method == "side by side":
        machine.settling = Settling(0, 4, 1, 64, fixed=True)
    check(config, machine, 8)


@pytest.mark.parametrize("units", [1, 2])
def test_a_random_start_waits_for_f(units):
    """The last unit's f(c) is there when the first product is read."""
    config = core(
        *(units, units, (2,)),
        slots=1,
        feature="tanh",
        family="ice40hx",
        random_start=True,
    )
    machine = draw(config, 1, target=np.arange(units) < 1, products=products_of(config, (2,)))
    machine.learning = Learning(0, 2, start_seed=2)
    check(config, machine, 8)


def test_every_word():
    config = core(5, 3, (0, 1, 3), lanes=2, slots=2, feature="tanh")
    products = products_of(config, (0, 1, 3))
    machine = associative(config, 3, 3, spread=0.3, products=products)
    result = lockstep(config, deepcopy(machine), 4, stalls=True)
    for _ in range(4):
        machine.update()
    assert (result.weights == machine.weights).all()


def test_products_saturate_and_say_so():
    """φ and ∂φ/∂c of activities beyond √2, and b."""
    config = core(4, 2, (1, 3), slots=2, activations=("sin",))
    products = products_of(config, (1, 3))
    machine = associative(config, 3, 2, spread=7, learning=Learning(1, 3), products=products)
    machine.targets[:] = np.where(machine.network.clamp_units, 30000, 0)
    machine.inputs[:, 3] = 20000
    machine.network = replace(machine.network, input_units=np.arange(4) == 3)
    result = check(config, machine, 5)
    assert {"state", "error"} <= result.saturated


def test_recall():
    config = core(6, 3, (1, 2), feature="logistic")
    products = products_of(config, (1, 2))
    machine = draw(config, 4, spread=0.5, target=np.arange(6) < 1, products=products)
    machine.start = np.random.default_rng(2).integers(0, 1 << 14, machine.start.shape)
    result = recall(config, deepcopy(machine))
    relaxed = machine.relax(errors=False)
    assert (result.states == relaxed.x).all()
    assert (result.settle_steps == relaxed.steps[:, 0]).all()


@pytest.mark.parametrize("fixed", [False, True])
def test_utilisation(fixed):
    """N = 15, M = 120, P = 5, 4 patterns."""
    config = core(15, 5, (2,))
    machine = associative(config, 10, 4, spread=0.1, products=products_of(config, (2,)))
    if fixed:
        machine.settling = Settling(0, 4, 12, 64, fixed=True)
    result = check(config, machine, 10)
    useful = utilisation(machine.structure, 5, result.settle_steps, result.cycles)
    assert result.utilisation == useful
    assert result.utilisation >= 0.90
