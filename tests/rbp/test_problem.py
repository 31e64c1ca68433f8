"""Problems: defaults, files, and the machine made of one."""

import numpy as np
import pytest

import rbp
from rbp.errors import InputError
from rbp.golden.tables import SAMPLES
from rbp.settings import Settings


def small(**changes):
    given = {
        "weights": [[0.5, -0.25, 0], [1e-9, 0.75, 0], [0, 0, 0]],
        "targets": [[0.25, 0.5, np.nan], [0.75, 1.5, np.nan]],
        "target_units": [True, False, False],
        "clamp_units": [False, True, False],
    }
    return rbp.Problem(**(given | changes))


def test_defaults():
    problem = small(clamp_units=None)
    assert (problem.units, problem.patterns) == (3, 2)
    assert not problem.clamp_units.any()
    assert problem.connected.all()
    assert (problem.inputs == np.zeros((2, 3))).all()
    assert (problem.start == np.full((2, 3), 0.5)).all()
    assert problem.activation == ("logistic",) * 3
    assert (problem.order, problem.feature) == (1, "identity")


def test_arrays_are_copies_that_stay():
    weights = np.zeros((3, 3))
    problem = small(weights=weights)
    weights[0, 0] = 1
    assert problem.weights[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        problem.weights[0, 0] = 1


def test_raw_words():
    machine = small(inputs=[[0, 0, 0], [0, -0.5, 0]]).to_raw(Settings())
    # A wanted connection of 0 is loaded as one unit.
    assert machine.weights.tolist() == [[2048, -1024, 1], [1, 3072, 1], [1, 1, 1]]
    # Targets that nobody reads are 0, whatever was given.
    assert machine.targets.tolist() == [[4096, 8192, 0], [12288, 24576, 0]]
    assert machine.inputs.tolist() == [[0, 0, 0], [0, -8192, 0]]
    assert machine.network.input_units.tolist() == [False, True, False]
    # A held unit is at T from the start.
    assert machine.start.tolist() == [[8192, 8192, 8192], [8192, 24576, 8192]]
    assert machine.t == 0
    assert all(a.dtype == np.int64 for a in (machine.weights, machine.targets, machine.start))


def test_absent_connections_are_words_of_0():
    connected = np.array([[1, 1, 0], [1, 1, 0], [0, 0, 0]])
    weights = small(connected=connected).to_raw(Settings()).weights
    assert ((weights != 0) == connected).all()


def test_ends_of_the_range():
    for preset, lowest in (("w16", -(2**15)), ("w18", -(2**17)), ("w8", -(2**7))):
        settings = Settings(preset=preset)
        unit = -8 / lowest
        ends = np.array([[-8, 8 - unit, 8 - 1.5 * unit], [0, 0, 0], [0, 0, 0]])
        targets = np.full((2, 3), 0.5)
        weights = small(weights=ends, targets=targets).to_raw(settings).weights
        assert weights[0].tolist() == [lowest, -lowest - 1, -lowest - 1]
        for index, value in (((0, 0), -8 - unit / 4), ((0, 1), 8 - 0.9 * unit)):
            beyond = ends.copy()
            beyond[index] = value
            with pytest.raises(rbp.InputError, match=r"weights\[0, [01]\] = .* out of range"):
                small(weights=beyond, targets=targets).to_raw(settings)


def bell(u):
    return np.exp(-u * u)


def bell_slope(u):
    return -2 * u * bell(u)


def test_an_activation_of_the_user_s_own(tmp_path):
    """Sampled, saved, and the same on every engine; beside one of the project's."""
    problem = small(activation=["tanh", (bell, bell_slope), (bell, bell_slope)])
    _, name, again = problem.activation
    assert name == again
    assert small(activation=(bell, bell_slope)).activation == (name,) * 3
    problem.save(tmp_path / "p.npz")
    loaded = rbp.Problem.load(tmp_path / "p.npz")
    assert loaded.activation == problem.activation
    assert np.array_equal(loaded.tables[0, 0], bell(SAMPLES))
    results = {e: rbp.train(loaded, 5, engine=e) for e in ("float64", "golden", "rtl")}
    assert np.array_equal(results["golden"].weights_raw, results["rtl"].weights_raw)
    assert np.allclose(results["float64"].energy, results["golden"].energy, rtol=0.01)


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        ((np.exp, np.exp), r"g\(0.693359\) must be a number, -2 … 2, not 2.0004"),
        ((np.sin, lambda u: u), r"g'\(-8\) must be a number, -1 … 1, not -8"),
        ((lambda u: u * np.nan, np.cos), r"g\(-8\) must be a number, .* not nan"),
    ],
)
def test_functions_that_no_format_holds(pair, message):
    with pytest.raises(InputError, match=message):
        small(activation=pair)


def test_activations_are_in_canonical_order():
    problem = small(activation=["sin", "logistic", "sin"])
    config = Settings().config(problem)
    assert config.activations == ("logistic", "sin")
    assert problem.to_raw(Settings()).network.activation.tolist() == [1, 0, 1]


def test_start_of_each_pattern():
    """Where the second unit is held, at T from the start."""
    start = np.array([[0.25, 0.125, 0.75], [0, 1, -1]])
    for clamp, second in ((None, (2048, 16384)), ([0, 1, 0], (8192, 24576))):
        given = small(initial_state=start, clamp_units=clamp)
        assert given.to_raw(Settings()).start.tolist() == [
            [4096, second[0], 12288],
            [0, second[1], -16384],
        ]
        assert np.array_equal(given.start, start)


def test_saved_and_loaded(tmp_path):
    problem = small(activation="tanh", inputs=np.full((2, 3), 0.125))
    problem.save(tmp_path / "p.npz")
    loaded = rbp.Problem.load(tmp_path / "p.npz")
    for key, array in problem.arrays().items():
        assert np.array_equal(loaded.arrays()[key], array, equal_nan=array.dtype.kind == "f")
    assert [p.name for p in tmp_path.iterdir()] == ["p.npz"]


def test_load_names_the_file(tmp_path):
    np.savez(tmp_path / "p.npz", weights=np.zeros((2, 2)))
    with pytest.raises(rbp.InputError, match=r"p\.npz: missing key 'targets'"):
        rbp.Problem.load(tmp_path / "p.npz")


def test_settings_follow_from_others():
    problem = small()
    config = Settings(lanes=2).config(problem)
    assert (config.macs, config.slots) == (3, 1)
    for k, tolerance, limit in ((0, 4, 64), (1, 2, 128), (2, 1, 256), (3, 1, 512)):
        settings = Settings(dt_shift=k)
        settling = settings.settling()
        assert (settling.tolerance, settling.limit, settling.use_within) == (tolerance, limit, 64)
        assert settings.settling(recall=True).limit == 512 << k
        assert Settings(preset="w8", dt_shift=k).settling().tolerance == 2
    fixed = Settings(fixed_steps=9).settling()
    assert (fixed.limit, fixed.fixed) == (9, True)
    assert Settings(rounding="nearest").learning().seed is None
    assert Settings(seed=7, eta_shift=-2).learning().eta_shift == -2


def test_settings_survive_json():
    problem = small()
    for settings in (Settings(), Settings(macs=2, dt_shift=1, fixed_steps=5, seed=2**32 - 1)):
        assert Settings.from_json(settings.to_json(problem)) == settings


# Products

LISTED = [(1, 0), (2,), (), (0, 1, 0)]


def of_products(products=LISTED, columns=4, **changes):
    return small(weights=np.full((3, columns), 0.25), products=products, **changes)


def test_products_are_a_list():
    problem = of_products()
    assert problem.products == problem.monomials == tuple(LISTED)
    assert (problem.terms, problem.order) == (4, None)
    padded = np.array([[1, 0, -1], [2, -1, -1], [-1, -1, -1], [0, 1, 0]])
    assert of_products(padded).products == tuple(LISTED)
    assert of_products(padded.tolist()[3:], 1).products == ((0, 1, 0),)
    assert of_products(np.full((2, 1), -1), 2).products == ((), ())
    c = np.array([[0.5, -0.25, 0.75]])
    assert problem.phi.phi(c).tolist() == [[-0.125, 0.75, 1, -0.0625]]
    features = problem.to_raw(Settings()).network.features
    assert features.products == problem.products
    assert features.phi(np.array([[8192, -4096, 12288]])).tolist() == [[-2048, 12288, 16384, -1024]]


def test_an_order_is_a_list_too():
    assert small().monomials is None
    assert small().phi is None
    assert small(feature="tanh").monomials == ((0,), (1,), (2,))
    problem = small(weights=np.zeros((3, 4)), order=(1, 0))
    assert (problem.order, problem.products) == ((0, 1), None)
    assert problem.monomials == ((), (0,), (1,), (2,))


def test_products_in_files(tmp_path):
    of_products().save(tmp_path / "p.npz")
    with np.load(tmp_path / "p.npz") as arrays:
        assert "order" not in arrays
        assert arrays["products"].tolist() == [[1, 0, -1], [2, -1, -1], [-1, -1, -1], [0, 1, 0]]
    loaded = rbp.Problem.load(tmp_path / "p.npz")
    assert loaded.products == tuple(LISTED)
    small().save(tmp_path / "old.npz")
    with np.load(tmp_path / "old.npz") as arrays:
        assert "products" not in arrays
    assert rbp.Problem.load(tmp_path / "old.npz").order == 1


@pytest.mark.parametrize(
    ("products", "complaint"),
    [
        (
            [(0, 1), (0, 1, 2, 0)],
            r"products\[1\] must be 0 … 3 numbers of units, not \(0, 1, 2, 0\)",
        ),
        ([(0, 1), "01"], r"products\[1\] must be 0 … 3 numbers of units, not '01'"),
        ([(0, 0.5)], r"products\[0\] must be 0 … 3 numbers of units, not \(0, 0.5\)"),
        ([0, 1], r"products\[0\] must be 0 … 3 numbers of units, not 0"),
        ([(0, 1), (3,)], r"products\[1\] must be of units 0 … 2, not 3"),
        ([(0, -1)], r"products\[0\] must be of units 0 … 2, not -1"),
        (np.array([[0, 1], [-1, 2]]), r"products\[1\] must be of units 0 … 2, not -1"),
        (np.array([0, 1]), "products must have shape M×n, not 2"),
        (np.array([[0.5, 1]]), "products must be of integers, not of type float64"),
        ([], "products must hold at least one product, not none"),
        (3, "products must be a list of tuples, not 3"),
        ([(0,)] * 3, "weights must have shape 3×3, not 3×4"),
    ],
)
def test_bad_products(products, complaint):
    with pytest.raises(InputError, match=complaint):
        of_products(products)


def test_order_or_products():
    with pytest.raises(InputError, match="order and products must not both be given"):
        of_products(order=2)
