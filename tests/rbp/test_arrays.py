"""What users hand in and get out: every kind of array, copies, pickles, honest edits."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, fields, replace

import joblib
import numpy as np
import pytest

import rbp
from rbp.errors import InputError
from rbp.golden import tables
from rbp.golden.config import Config
from rbp.golden.formats import PRESETS

N, A = 3, 2


def given():
    rng = np.random.default_rng(3)
    return {
        "weights": rng.integers(-4, 5, (N, N)) / 4 + 0.125,
        "targets": rng.integers(0, 5, (A, N)) / 4,
        "target_units": np.array([True, True, False]),
        "clamp_units": np.array([True, False, False]),
        "inputs": rng.integers(0, 3, (A, N)) / 4,
        "initial_state": rng.integers(1, 4, (A, N)) / 4,
        "connected": np.ones((N, N), bool),
    }


def trained(**flags):
    return rbp.train(rbp.Problem(**given()), 3, "golden", **flags)


class Arraylike:
    """As pandas and torch hand over."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)


class Broken:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no data")


def mapped(values, tmp_path):
    np.save(tmp_path / "x.npy", values)
    return np.load(tmp_path / "x.npy", mmap_mode="r")


def strided(values):
    wide = np.zeros((*values.shape[:-1], 2 * values.shape[-1]), values.dtype)
    wide[..., ::2] = values
    return wide[..., ::2]


def frozen(values):
    values = values.copy()
    values.flags.writeable = False
    return values


READ = {
    "list": lambda x, _: x.tolist(),
    "tuple": lambda x, _: tuple(map(tuple, x.tolist())) if x.ndim > 1 else tuple(x.tolist()),
    "fortran": lambda x, _: np.asfortranarray(x),
    "strided": lambda x, _: strided(x),
    "backwards": lambda x, _: np.ascontiguousarray(x[::-1])[::-1],
    "big endian": lambda x, _: x.astype(x.dtype.newbyteorder(">")),
    "float16": lambda x, _: x.astype(np.float16) if x.dtype != bool else x,
    "long double": lambda x, _: x.astype(np.longdouble) if x.dtype != bool else x,
    "unsigned": lambda x, _: x.astype(np.uint8) if x.dtype == bool else x,
    "mapped": mapped,
    "read-only": lambda x, _: frozen(x),
    "no mask": lambda x, _: np.ma.masked_array(x, mask=False),
    "matrix": lambda x, _: np.asmatrix(x) if x.ndim == 2 else x,
    "array-like": lambda x, _: Arraylike(x),
}
REFUSED = {
    "masked": lambda x: np.ma.masked_array(x, mask=np.arange(x.size).reshape(x.shape) == 1),
    "a number": lambda x: np.float64(0.5),
    "empty": lambda x: np.zeros((0, *x.shape[1:])),
    "ragged": lambda x: [[1, 2, 3], [1]],
    "complex": lambda x: x.astype(complex),
    "objects": lambda x: x.astype(object),
    "strings": lambda x: x.astype(str),
    "named": lambda x: np.zeros(x.shape, [("a", float), ("b", float)]),
    "dates": lambda x: np.zeros(x.shape, "datetime64[s]"),
    "None inside": lambda x: [[None] * N] * A,
    "a dict": lambda x: {"a": 1},
    "broken": lambda x: Broken(),
    "one more": lambda x: np.zeros((*x.shape, 1)),
}
PLACES = sorted(given())


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("place", PLACES)
def test_read_right(place, kind, tmp_path):
    values = given()
    made = rbp.Problem(**values | {place: READ[kind](values[place], tmp_path)})
    for name, expected in given().items():
        found = getattr(made, name)
        assert np.array_equal(found, expected)
        assert type(found) is np.ndarray
        assert found.dtype == (bool if expected.dtype == bool else np.float64)
        assert found.flags.c_contiguous


@pytest.mark.parametrize("kind", REFUSED)
@pytest.mark.parametrize("place", PLACES)
def test_refused_in_one_line(place, kind):
    values = given()
    with pytest.raises(InputError, match=place) as refusal:
        rbp.Problem(**values | {place: REFUSED[kind](values[place])})
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", READ)
@pytest.mark.parametrize("place", ["initial_state", "inputs"])
def test_cues_read_right(place, kind, tmp_path):
    result, cues = trained(), {name: given()[name] for name in ("initial_state", "inputs")}
    expected = rbp.recall(result, cues, "golden")
    found = rbp.recall(result, cues | {place: READ[kind](cues[place], tmp_path)}, "golden")
    assert np.array_equal(found.states, expected.states)


@pytest.mark.parametrize("kind", [k for k in REFUSED if k not in ("a dict",)])
@pytest.mark.parametrize("place", ["initial_state", "inputs"])
def test_cues_refused(place, kind):
    cues = {name: given()[name] for name in ("initial_state", "inputs")}
    with pytest.raises(InputError, match=place):
        rbp.recall(trained(), cues | {place: REFUSED[kind](cues[place])}, "golden")


@pytest.mark.parametrize("kind", REFUSED)
def test_weights_refused(kind):
    result = trained()
    with pytest.raises(InputError, match="weights"):
        result.with_weights(REFUSED[kind](result.weights))


# What is kept is a copy, and cannot be written


def arrays_of(thing):
    for field in fields(thing):
        value = getattr(thing, field.name)
        if isinstance(value, np.ndarray):
            yield field.name, value


def test_what_is_handed_in_stays_the_users():
    values = given()
    made = rbp.Problem(**values)
    for value in values.values():
        value[...] = 0
    for name, expected in given().items():
        assert np.array_equal(getattr(made, name), expected)


def test_what_is_handed_out_cannot_be_written(tmp_path):
    result = trained(momentum_shift=2)
    states = rbp.recall(result, given()["initial_state"], "golden")
    result.save(tmp_path / "result.npz")
    loaded = rbp.Result.load(tmp_path / "result.npz")
    again = [f(x) for f in (copy.copy, copy.deepcopy, pickled) for x in (result, states)]
    for thing in (result, result.problem, states, loaded, loaded.problem, *again):
        for _, array in arrays_of(thing):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
    for table in Config(units=3, macs=1, activations=("tanh", "sin")).tables.g:
        assert not table.knots.flags.writeable
    assert not tables.SAMPLES.flags.writeable


def relu(u):
    u[u < 0] = 0  # in place
    return np.minimum(u, 1.0, out=u)


def step(u):
    return ((u > 0) & (u < 1)).astype(float)


def own():
    return rbp.Problem(**given() | {"activation": (relu, step)})


def test_a_function_that_works_in_place():
    before = tables.SAMPLES.copy()
    first, second = own(), own()
    assert np.array_equal(tables.SAMPLES, before)
    assert first.activation == second.activation


@pytest.mark.parametrize(
    ("function", "says"),
    [
        (lambda u: u[:5], "must map 16385 numbers"),
        (lambda u: "x", "must map"),
        (lambda u: u + 1j, "must map"),
        (lambda u: u * np.nan, "must be a number"),
    ],
)
def test_a_function_of_something_else(function, says):
    with pytest.raises(InputError, match=says):
        rbp.Problem(**given() | {"activation": (function, step)})


def test_what_a_function_keeps_is_not_the_tables():
    kept = []

    def g(u):
        kept.append(np.tanh(u))
        return kept[-1]

    made = rbp.Problem(**given() | {"activation": (g, lambda u: 1 - np.tanh(u) ** 2)})
    before = rbp.train(made, 3, "golden").weights_raw
    for array in kept:
        array[...] = 0
    assert np.array_equal(rbp.train(made, 3, "golden").weights_raw, before)


# Other processes


def pickled(thing):
    return pickle.loads(pickle.dumps(thing))


def words(problem):
    return rbp.train(problem, 3, "golden").weights_raw.tolist()


def more(result):
    return rbp.train(result, 2, "golden").weights_raw.tolist()


@pytest.mark.parametrize("how", ["fork", "spawn", "forkserver"])
def test_another_process(how):
    problem, result = own(), rbp.train(own(), 3, "golden")
    with ProcessPoolExecutor(1, multiprocessing.get_context(how)) as pool:
        assert pool.submit(words, problem).result() == words(problem)
        assert pool.submit(more, result).result() == more(result)


def test_public_things_pickle():
    result = trained()
    states = rbp.recall(result, given()["initial_state"], "golden")
    for thing in (result, result.problem, states):
        for (name, a), (_, b) in zip(arrays_of(thing), arrays_of(pickled(thing)), strict=True):
            assert np.array_equal(a, b), name
    assert pickled(rbp.Settings(macs=2)) == rbp.Settings(macs=2)
    assert str(pickled(InputError("x"))) == "x"


# Edits


def test_an_edit_of_one_of_both_is_refused(tmp_path):
    result = trained()
    raw = result.weights_raw.copy()
    raw[1, 2] += 1
    weights = result.weights.copy()
    weights[1, 2] += 1
    for change in ({"weights": weights}, {"weights_raw": raw}):
        with pytest.raises(InputError, match=r"weights\[1, 2\] = .*with_weights"):
            replace(result, **change)
        result.save(tmp_path / "a.npz")
        with np.load(tmp_path / "a.npz") as file:
            np.savez(tmp_path / "b.npz", **dict(file) | change)
        with pytest.raises(InputError, match=r"b\.npz: weights\[1, 2\]"):
            rbp.Result.load(tmp_path / "b.npz")


def test_words_that_wrap_are_refused(tmp_path):
    result = trained()
    result.save(tmp_path / "a.npz")
    low = PRESETS["w16"].weight.min - 1
    for words in (result.weights_raw.astype(np.uint64), np.full((N, N), low)):
        with np.load(tmp_path / "a.npz") as file:
            np.savez(tmp_path / "b.npz", **dict(file) | {"weights_raw": words})
        with pytest.raises(InputError, match="weights_raw"):
            rbp.Result.load(tmp_path / "b.npz")


@pytest.mark.parametrize("name", ["states", "errors", "weights_raw"])
@pytest.mark.parametrize("side", ["min", "max"])
def test_words_at_the_ends_of_their_formats(name, side, tmp_path):
    """The last word is read, or not refused for that; the next one names itself."""
    trained().save(tmp_path / "a.npz")
    formats = PRESETS["w16"]
    fmt = {"states": formats.state, "errors": formats.error, "weights_raw": formats.weight}[name]
    last = getattr(fmt, side)
    beyond = last + (1 if side == "max" else -1)
    for word, refused in ((last, False), (beyond, True)):
        with np.load(tmp_path / "a.npz") as file:
            arrays = dict(file)
        arrays[name] = np.full(arrays[name].shape, word)
        arrays["weights"] = arrays["weights_raw"] * 2.0**-formats.weight.fraction
        np.savez(tmp_path / "b.npz", **arrays)
        if refused:
            with pytest.raises(InputError, match=rf"{name}\[0, 0\] must be a word of .*{word}"):
                rbp.Result.load(tmp_path / "b.npz")
        else:
            assert (getattr(rbp.Result.load(tmp_path / "b.npz"), name) == word).all()


def test_velocities_must_be_finite(tmp_path):
    trained(momentum_shift=2).save(tmp_path / "a.npz")
    with np.load(tmp_path / "a.npz") as file:
        np.savez(tmp_path / "b.npz", **dict(file) | {"velocities": np.full((N, N), np.inf)})
    with pytest.raises(InputError, match=r"velocities\[0, 0\] must be a finite number"):
        rbp.Result.load(tmp_path / "b.npz")


@pytest.mark.parametrize("engine", ["float64", "golden"])
def test_pruning(engine):
    """What is removed stays away, on every engine; the rest is as it was."""
    result = rbp.train(rbp.Problem(**given()), 3, engine, momentum_shift=2)
    small = np.abs(result.weights) < 0.4
    assert 0 < small.sum() < N * N
    pruned = result.with_weights(np.where(small, 0, result.weights))
    assert np.array_equal(pruned.problem.connected, ~small)
    assert (pruned.weights_raw[small] == 0).all()
    assert (pruned.velocities[small] == 0).all()
    assert np.array_equal(pruned.weights_raw[~small], result.weights_raw[~small])
    on = {e: rbp.train(pruned, 2, e) for e in ("golden", "rtl", "float64")}
    assert np.array_equal(on["golden"].weights_raw, on["rtl"].weights_raw)
    for after in on.values():
        assert np.array_equal(after.weights_raw == 0, small)


def test_a_weight_beyond_its_format():
    with pytest.raises(InputError, match=r"weights\[0, 0\] = 8 is out of range"):
        trained().with_weights(np.full((N, N), 8.0))


def test_what_crosses_to_integers_is_narrowed_once():
    """Velocities of a float64 result beyond their format: the same words, and flags."""
    problem = rbp.Problem(
        weights=np.full((2, 2), 0.1), targets=[[0.9, 0.1]] * 64, target_units=[1, 1]
    )
    flags = {"momentum_shift": 7, "eta_shift": 1, "rounding": "nearest"}
    real = rbp.train(problem, 1, "float64", **flags)
    assert np.abs(real.velocities).max() > 2
    golden, rtl = (rbp.train(real, 1, engine) for engine in ("golden", "rtl"))
    assert np.array_equal(golden.weights_raw, rtl.weights_raw)
    assert np.array_equal(golden.velocities, rtl.velocities)
    assert golden.saturated == rtl.saturated
    assert golden.saturated["velocity"]


def test_in_processes_of_joblib():
    """As scikit-learn's searches run what they try."""
    problem, seeds = rbp.Problem(**given()), range(4)
    parallel = joblib.Parallel(n_jobs=2)
    results = parallel(joblib.delayed(rbp.train)(problem, 3, "golden", seed=s) for s in seeds)
    for seed, result in zip(seeds, results, strict=True):
        assert np.array_equal(result.weights_raw, trained(seed=seed).weights_raw)


def test_flags_cannot_be_changed():
    result = trained()
    assert asdict(result)["saturated"] == result.saturated
    pickled = pickle.loads(pickle.dumps(result))
    for one in (result, copy.copy(result), copy.deepcopy(result), pickled):
        with pytest.raises(TypeError):
            one.saturated["net"] = True
        assert one.saturated == dict.fromkeys(result.saturated, False)
