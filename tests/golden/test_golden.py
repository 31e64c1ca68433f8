"""Golden as a whole: against int64, float64, the paper's (14), and differences of E."""

from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp.golden import pe
from rbp.golden.config import GREATEST_COLUMNS, GREATEST_UNITS, Config
from rbp.golden.formats import PRESETS, Format
from rbp.golden.noise import noise
from rbp.golden.reference import Reference, exact_errors
from rbp.golden.relaxation import Settling
from rbp.machine import machine
from rbp.paper import figure1
from rbp.settings import Settings

# Products


WIDE = replace(
    PRESETS["w18"], weight=Format("weight", 3, 22), state=Format("state", 1, 24), velocity=None
)


@pytest.mark.parametrize("f", [*PRESETS.values(), WIDE], ids=[*PRESETS, "wide"])
def test_products_are_exact(f):
    rng, n = np.random.default_rng(1), 200
    for _ in range(3):
        weights = rng.integers(f.weight.min, f.weight.max + 1, (n, n))
        phi = rng.integers(f.state.min, f.state.max + 1, (4, n))
        y = rng.integers(f.error.min, f.error.max + 1, (4, n))
        held = weights.astype(f.sums(n))
        assert np.array_equal(pe.forward(held, phi), phi @ weights.T)
        assert np.array_equal(pe.backward(held, y), y @ weights)
    n = 1024  # the greatest network, all words at their ends
    full, least = np.full((n, n), f.weight.min, f.sums(n)), np.full((1, n), f.state.min)
    assert (pe.forward(full, least) == n * f.weight.min * f.state.min).all()
    assert (pe.backward(full, least) == n * f.weight.min * f.state.min).all()


def test_the_type_of_sums_holds_them():
    greatest = max(GREATEST_UNITS, GREATEST_COLUMNS)
    for formats in PRESETS.values():
        assert formats.sums(greatest) is np.float64
    assert WIDE.sums(8) is np.float64  # a product may reach 2**50
    assert WIDE.sums(9) is np.int64
    assert WIDE.sums(8191) is np.int64
    with pytest.raises(OverflowError, match="a sum of 8192 products may reach 9.22e.18, beyond"):
        WIDE.sums(8192)


# Learning


def test_patterns_learn_in_order_each_with_its_own_noise():
    given = machine(figure1.problem(3), Settings(seed=9), "golden")
    given.t = 5
    relaxed, weights, f = given.relax(), given.weights, given.network.formats
    relaxed.skip[2] = True
    for t, (y, c) in enumerate(zip(relaxed.y, relaxed.c, strict=True), start=5):
        if t != 7:  # the third: skipped, and counted
            r = noise(9, t, 15, 15)
            weights = pe.update(weights, y, c, r, f.update_shift(f.weight), f.weight)
    given.learn(relaxed)
    assert np.array_equal(given.weights, weights)
    assert (given.t, given.skipped) == (9, 1)


def test_a_step_of_eta():
    """η = ½ is the update at half the size; nearest, so that both are determined."""
    for eta in (-3, 0, 1):
        given = machine(figure1.problem(3), Settings(rounding="nearest", eta_shift=eta), "golden")
        relaxed, before, f = given.relax(), given.weights, given.network.formats
        given.learn(relaxed)
        exact = 2.0**eta * f.error.to_float(relaxed.y).T @ f.state.to_float(relaxed.c)
        step = f.weight.to_float(given.weights - before)
        # four roundings to nearest, half a unit each
        assert np.abs(step - exact).max() <= 4 * 0.5 * 2.0**-f.weight.fraction


# Against float64


def example1():
    """12 units, fully connected, three inputs and four targets, of which one is an input too."""
    rng, n = np.random.default_rng(2), 12
    unit = np.arange(n)
    return rbp.Problem(
        weights=rng.uniform(-0.8, 0.8, (n, n)),
        targets=np.where((unit >= 2) & (unit < 6), rng.uniform(0.1, 0.9, (3, n)), 0),
        target_units=(unit >= 2) & (unit < 6),
        inputs=np.where(unit < 3, rng.uniform(-0.6, 0.6, (3, n)), 0),
    )


PROBLEMS = {"CAM": lambda: figure1.problem(4), "Example 1": example1}


def as_float(golden, steps=400):
    """The very words of a golden machine, as float64 numbers, relaxed until nothing moves."""
    f = golden.network.formats
    return Reference(
        activation=("logistic",) * golden.weights.shape[0],
        clamp_units=golden.network.clamp_units,
        target_units=golden.network.target_units,
        weights=f.weight.to_float(golden.weights),
        connected=golden.weights != 0,
        targets=f.state.to_float(golden.targets),
        inputs=f.state.to_float(golden.inputs),
        start=f.state.to_float(golden.start),
        settling=Settling(0, 0, steps, 0, fixed=True),
    )


def inverses(reference, slope):
    """‖L⁻¹‖ and ‖L⁻ᵀ‖ of one pattern (12), in the greatest norm: how far a residual carries."""
    fed_back = np.where(reference.clamp_units, 0.0, reference.weights)
    inverse = np.linalg.inv(np.eye(len(slope)) - slope[:, None] * fed_back)
    transposed = np.linalg.inv(np.eye(len(slope)) - slope[:, None] * fed_back.T)
    return np.abs(inverse).sum(axis=1).max(), np.abs(transposed).sum(axis=1).max()


@pytest.mark.parametrize("name", PROBLEMS)
def test_errors_by_iteration_are_the_exact_ones(name):
    """(17) settles at (14). Both are float64: what is left is their rounding."""
    reference = as_float(machine(PROBLEMS[name](), Settings(), "golden"))
    relaxed = reference.relax()
    assert np.abs(relaxed.y).max() > 0.01
    for x, y, slope, targets in zip(
        relaxed.x, relaxed.y, relaxed.slope, reference.targets, strict=True
    ):
        j = np.where(reference.target_units, targets - x, 0.0)
        exact = exact_errors(reference.weights, slope, j, reference.clamp_units)
        # each of N terms is rounded, in either way of reckoning
        rounding = 4 * len(x) * np.finfo(float).eps * max(inverses(reference, slope))
        assert np.abs(y - exact).max() <= rounding


def distances(golden, reference, relaxed):
    """How far golden's x and y may be from those of float64, by the formats (Δt = 1).

    Golden stops where x moved by at most τ units, so x = F(x) to within r_x: a table's unit, half a
    unit of NET times g', and what τ units make of F. By (12) x is then within ‖L⁻¹‖·r_x of the
    fixed point. Likewise y: half a unit for b, times g', and half for the product; g' is off by a
    unit of its own and by g''·δu, times e; J by δx; and τ again. |g'| ≤ ¼, |g''| ≤ 0.0963.
    """
    f, tau = golden.network.formats, golden.settling.tolerance
    state, error, net, slope = (2.0**-fmt.fraction for fmt in (f.state, f.error, f.net, f.slope))
    fed_back = np.where(reference.clamp_units, 0.0, reference.weights)
    rows, columns = (np.abs(fed_back).sum(axis=axis).max() for axis in (1, 0))
    carried = [inverses(reference, s) for s in relaxed.slope]
    j = np.where(reference.target_units, reference.targets - relaxed.x, 0.0)
    e = np.abs(relaxed.y @ fed_back + j).max()
    dx = max(c for c, _ in carried) * (state + net / 8 + rows / 4 * tau * state)
    dg = slope + 0.0963 * (net / 2 + rows * dx)
    dy = max(c for _, c in carried) * (
        error / 8 + error / 2 + (e + error + dx) * dg + dx / 4 + columns / 4 * tau * error
    )
    return dx, dy


def energies(reference, weights):
    """E_total (6), (18) for each of K weight matrices: 300 steps of (1) at Δt = 1."""
    x = np.broadcast_to(reference.start, (len(weights), *reference.start.shape))
    for _ in range(300):
        c = np.where(reference.clamp_units, reference.targets, x)
        x = 1 / (1 + np.exp(-c @ weights.transpose(0, 2, 1))) + reference.inputs
    j = np.where(reference.target_units, reference.targets - x, 0.0)
    return (j * j).sum(axis=(1, 2)) / 2


def descent(reference, h=2.0**-12):
    """−∂E/∂w by central differences."""
    n = len(reference.weights)
    places = np.eye(n * n).reshape(n * n, n, n) * h
    above, below = (energies(reference, reference.weights + s * places) for s in (1, -1))
    return ((below - above) / (2 * h)).reshape(n, n)


@pytest.mark.parametrize("preset", ["w16", "w18"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_first_update_is_a_step_down_the_gradient(name, preset):
    """(8): η = 1, so the step of each weight is −∂E/∂w, summed over the patterns (19).

    A pattern's step is y·c, whose factors are within δy and δx of those of float64, then rounded to
    half a unit of WEIGHT. The differences are off by h²/6 · E''' and by the rounding of E over h,
    both below 1e-6.
    """
    golden = machine(PROBLEMS[name](), Settings(preset=preset, rounding="nearest"), "golden")
    reference, f = as_float(golden), golden.network.formats
    before, patterns = golden.weights, len(golden.targets)
    golden.update()
    assert golden.unsettled == 0
    relaxed, expected = reference.relax(), descent(reference)
    dx, dy = distances(golden, reference, relaxed)
    y, c = np.abs(relaxed.y).max(), np.abs(relaxed.c).max()
    bound = patterns * (0.5 * 2.0**-f.weight.fraction + y * dx + (c + dx) * dy) + 1e-6
    assert bound < 0.1 * np.abs(expected).max()  # it says something
    assert np.abs(f.weight.to_float(golden.weights - before) - expected).max() <= bound


@pytest.mark.parametrize("preset", ["w16", "w18"])
@pytest.mark.parametrize("name", PROBLEMS)
def test_relaxed_words_are_near_float64(name, preset):
    golden = machine(PROBLEMS[name](), Settings(preset=preset), "golden")
    reference, f = as_float(golden), golden.network.formats
    exact, relaxed = reference.relax(), golden.relax()
    dx, dy = distances(golden, reference, exact)
    assert max(dx, dy) < 0.01
    assert np.abs(f.state.to_float(relaxed.x) - exact.x).max() <= dx
    assert np.abs(f.error.to_float(relaxed.y) - exact.y).max() <= dy


@pytest.mark.parametrize("seed", [1, 2, 37])
def test_figure1_follows_float64(seed):
    """E_total of the master at every one of 300 updates within 0.02, which no one sees in the
    figure; it falls from about 4."""
    problem = figure1.problem(seed)
    golden, exact = (
        rbp.train(problem, 300, engine=engine, seed=seed).energy for engine in ("golden", "float64")
    )
    assert golden[0] > 2.9
    assert golden[-1] < 0.01
    assert np.abs(golden - exact).max() <= 0.02


# Feed-forward networks


def feed_forward(sizes, rng):
    """Layers, or where ``sizes`` is a number: that many units, each fed by all before it.

    Returns the problem and its depth in edges.
    """
    n, depth = (sizes, sizes - 1) if isinstance(sizes, int) else (sum(sizes), len(sizes) - 1)
    if isinstance(sizes, int):
        connected = np.tri(n, k=-1, dtype=bool)
    else:
        layer = np.repeat(np.arange(len(sizes)), sizes)
        connected = layer[:, None] == layer[None, :] + 1
    unit = np.arange(n)
    return depth, rbp.Problem(
        weights=np.where(connected, rng.uniform(-3, 3, (n, n)), 0),
        connected=connected,
        targets=np.where(unit == n - 1, rng.uniform(0, 1, (3, n)), 0),
        target_units=unit == n - 1,
        inputs=np.where(unit < 2, rng.uniform(-1, 1, (3, n)), 0),
        initial_state=rng.uniform(-1.5, 1.5, (3, n)),
    )


@pytest.mark.parametrize("sizes", [1, 2, 4, (3, 4, 2), (2, 3, 3, 3, 1)], ids=str)
def test_feed_forward_settles_in_depth_steps(sizes):
    """At Δt = 1 and to the bit, from any start: x, then y. One step less is too few.

    What nothing feeds is held where it comes to rest; a unit alone, which is a target, is not.
    """
    depth, problem = feed_forward(sizes, np.random.default_rng(3))
    needed = max(1, depth)

    def relaxed(**settings):
        return machine(problem, Settings(**settings), "golden").relax()

    long, enough = relaxed(fixed_steps=60), relaxed(fixed_steps=needed)
    assert np.array_equal(enough.x, long.x)
    assert np.array_equal(enough.y, long.y)
    assert np.abs(long.y[:, -1]).min() > 0
    if needed > 1:
        short = relaxed(fixed_steps=needed - 1)
        assert not np.array_equal(short.x, long.x)
        assert not np.array_equal(short.y, long.y)
    # a step more shows that nothing moves
    watched = relaxed(tolerance=0)
    assert not watched.unsettled.any()
    assert watched.steps.max() == needed + 1
    assert np.array_equal(watched.x, long.x)
    assert np.array_equal(watched.y, long.y)


# Configurations


def test_config():
    config = Config(units=17, macs=5)
    assert (config.blocks, config.columns, config.entries, config.words) == (4, 17, 68, 256)
    assert (config.column_bits, config.unit_bits, config.higher) == (5, 5, False)
    assert Config(units=15, macs=5).column_bits == 4  # with a value for none
    assert Config(units=16, macs=5).column_bits == 5
    products = Config(units=17, macs=5, order=2, products=153)
    assert (products.columns, products.column_bits, products.entries) == (153, 8, 4 * 153)
    assert (products.folds, products.higher) == (2 * 153 + 17, True)
    assert Config(units=1024, macs=1).words == 2048  # a word or two for each of 1024 blocks
    assert config.eta_shifts == (-6, 1)
    assert Config(units=4, macs=1, family="ice40").eta_shifts == (-2, 1)
    assert Config(units=4, macs=1, eta_shifts=(0, 0)).eta_shifts == (0, 0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"units": 0}, "units must be a positive integer, not 0"),
        ({"units": 2.0}, "units must be a positive integer, not 2.0"),
        ({"units": 1025}, "units must be at most 1024, not 1025"),
        ({"macs": 0}, "macs must be a positive integer, not 0"),
        ({"macs": 5}, "macs must be 1 … 4 .the units., not 5"),
        ({"lanes": -1}, "lanes must be a positive integer, not -1"),
        ({"lanes": 9}, "lanes must be 1 … 8, not 9"),
        ({"slots": 0}, "slots must be a positive integer, not 0"),
        ({"slots": 257}, "slots must be 1 … 256, not 257"),
        ({"entries": 1}, "entries must be at least 2, not 1"),
        ({"words": 3}, "words must be at least 4, not 3"),
        ({"spram": True, "entries": 16385}, "have 16385 entries: spram holds at most 16384"),
        ({"order": 0}, "order must be 1 … 3, not 0"),
        ({"order": 4, "products": 9}, "order must be 1 … 3, not 4"),
        ({"order": 2}, "order 2 and feature identity need products, not None"),
        ({"feature": "tanh"}, "order 1 and feature tanh need products, not None"),
        ({"feature": "relu", "products": 9}, "feature must be one of identity, logistic, tanh, "),
        ({"products": 0}, "products must be 1 … 4096, not 0"),
        ({"products": 4097}, "products must be 1 … 4096, not 4097"),
        ({"units": 1024, "products": 9}, "units must be at most 1023 where there are products"),
        ({"products": 9, "folds": 3}, "folds must be at least 4 .the units., not 3"),
        ({"momentum": True, "preset": "w8"}, "preset w8 has no format for momentum"),
        ({"spram": True, "family": "ecp5"}, "spram is for memories of one cycle, not those of ecp"),
        ({"preset": "w17"}, "preset must be one of w16, w18, w8, not 'w17'"),
        ({"family": "xc7"}, "family must be one of generic, .*, not 'xc7'"),
        ({"activations": ()}, "activations must be of logistic, tanh, sin, not"),
        ({"activations": ("relu",)}, "activations must be of .*, not .'relu',."),
        ({"eta_shifts": (1, 0)}, "eta_shifts must lie in -8 … 3, not .1, 0."),
        ({"eta_shifts": (-9, 0)}, "eta_shifts must lie in -8 … 3, not .-9, 0."),
        ({"eta_shifts": (0, 4)}, "eta_shifts must lie in -8 … 3, not .0, 4."),
    ],
)
def test_bad_config(changes, message):
    with pytest.raises(ValueError, match=message):
        Config(**({"units": 4, "macs": 2} | changes))
