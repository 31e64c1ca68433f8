"""Results: continued bit for bit, saved and loaded, and what is recalled from them."""

from dataclasses import fields, replace

import numpy as np
import pytest

import rbp
from rbp.golden.formats import ROLES
from rbp.paper import figure1

UPDATES = 12


@pytest.fixture(scope="module")
def problem():
    return figure1.problem(3)


@pytest.fixture(scope="module")
def trained():
    return rbp.train(figure1.problem(), 150, engine="golden")


@pytest.fixture(scope="module", params=["golden", "model", "float64"])
def engine(request):
    return request.param


def same(a, b):
    for field in fields(rbp.Result):
        if field.name != "problem":
            assert np.array_equal(getattr(a, field.name), getattr(b, field.name)), field.name
    for key, array in a.problem.arrays().items():
        assert np.array_equal(b.problem.arrays()[key], array), key


@pytest.mark.parametrize("cuts", [(1,), (5,), (11,), (3, 4, 9)])
@pytest.mark.parametrize("flags", [{}, {"dt_shift": 1, "seed": 9, "eta_shift": -1}])
def test_continuation(problem, engine, cuts, flags, tmp_path):
    """Cut anywhere, by way of a file: the same bits as in one run."""
    whole = rbp.train(problem, UPDATES, engine=engine, **flags)
    source, done = problem, 0
    for cut in (*cuts, UPDATES):
        given = {"engine": engine, **flags} if done == 0 else {}
        rbp.train(source, cut - done, **given).save(tmp_path / "part.npz")
        source, done = rbp.Result.load(tmp_path / "part.npz"), cut
    same(whole, source)


def test_noise_goes_on(problem):
    """Continuing is not starting again: the noise of the second half is another."""
    half = rbp.train(problem, 3, engine="golden")
    machine_again = replace(problem, weights=half.weights)
    again = rbp.train(machine_again, 3, engine="golden")
    assert not np.array_equal(rbp.train(half, 3).weights_raw, again.weights_raw)


def test_fields(problem, engine):
    result = rbp.train(problem, UPDATES, engine=engine)
    assert result.updates == UPDATES
    assert result.energy.shape == (UPDATES,)
    assert result.settle_steps.shape == (UPDATES, 4, 2)
    assert result.states.shape == (4, 15)
    assert result.states.dtype == result.weights_raw.dtype == np.int64
    assert np.abs(result.weights - result.weights_raw / 4096).max() <= 0.5 / 4096
    assert result.energy[-1] < result.energy[0]
    assert (result.cycles, result.utilisation) == (0, 0.0)
    assert result.saturated == dict.fromkeys(ROLES, False)


def test_energy_is_that_of_the_states(problem):
    result = rbp.train(problem, 1, engine="golden")
    j = np.where(problem.target_units, problem.targets, 0) * 2**14
    j = np.where(problem.target_units, np.floor(j + 0.5) - result.states, 0)
    assert result.energy[0] == (j**2).sum() / 2 / 2.0**28


def test_saved_and_loaded(problem, engine, tmp_path):
    result = rbp.train(problem, 2, engine=engine, preset="w18")
    result.save(tmp_path / "r.npz")
    same(result, rbp.Result.load(tmp_path / "r.npz"))
    assert [p.name for p in tmp_path.iterdir()] == ["r.npz"]
    with np.load(tmp_path / "r.npz", allow_pickle=False) as arrays:
        assert not arrays["saturated"]["weight"]
        assert '"tolerance": 4' in str(arrays["settings"])


def test_skips_and_saturation_are_of_the_whole():
    """One unit with w = -8: x falls into a cycle of two, and y grows; no update counts."""
    problem = rbp.Problem(weights=[[-8.0]], targets=[[0.25]], target_units=[True])
    first = rbp.train(problem, 3, engine="golden")
    assert (first.unsettled, first.skipped) == (6, 3)
    assert first.weights_raw.tolist() == [[-32768]]
    second = rbp.train(first, 2)
    assert (second.updates, second.unsettled, second.skipped) == (5, 10, 5)
    better = rbp.train(second, 2, dt_shift=1)
    assert (better.updates, better.skipped) == (7, 5)
    assert better.settings.dt_shift == 1
    flagged = replace(first, saturated=first.saturated | {"net": True})
    assert rbp.train(flagged, 1).saturated["net"]


def test_cycles_and_utilisation_of_the_whole(problem):
    part = rbp.train(problem, 1, engine="golden")
    first, second = (
        replace(part, cycles=100, utilisation=0.5),
        replace(part, cycles=300, utilisation=0.9),
    )
    whole = second.following(first)
    assert whole.cycles == 400
    assert whole.utilisation == pytest.approx(0.8)
    assert whole.updates == 2


def test_absent_connections_stay(problem, engine):
    connected = np.tril(np.ones((15, 15), bool), -1)
    feed_forward = rbp.Problem(
        weights=np.where(connected, problem.weights, 0),
        targets=problem.targets,
        target_units=problem.target_units,
        connected=connected,
    )
    result = rbp.train(feed_forward, 5, engine=engine)
    assert ((result.weights_raw != 0) == connected).all()
    assert (result.weights[~connected] == 0).all()


def test_another_engine_goes_on(problem):
    golden = rbp.train(rbp.train(problem, 5, engine="golden"), 5, engine="float64")
    floats = rbp.train(rbp.train(problem, 5, engine="float64"), 5, engine="golden")
    assert (golden.engine, floats.engine) == ("float64", "golden")
    assert np.abs(golden.weights - floats.weights).max() < 0.01


class TestRecall:
    def test_patterns_come_back(self, trained, engine):
        problem = trained.problem
        cues = np.where(problem.target_units, problem.targets, 0.5)
        states = rbp.recall(trained, cues, engine=engine)
        assert states.settled.all()
        assert states.states.shape == (4, 15)
        assert states.settle_steps.shape == states.settled.shape == (4,)
        assert np.abs(states.values - states.states / 2**14).max() <= 2.0**-15
        assert np.abs((states.values - problem.targets)[:, problem.target_units]).max() < 0.1

    def test_more_cues_than_slots(self, trained, engine):
        rng = np.random.default_rng(1)
        cues, inputs = rng.uniform(0, 1, (2, 11, 15))
        together = rbp.recall(trained, {"initial_state": cues, "inputs": inputs}, engine=engine)
        for k in range(11):
            given = {"initial_state": cues[k : k + 1], "inputs": inputs[k : k + 1]}
            alone = rbp.recall(trained, given, engine=engine)
            assert np.array_equal(alone.states[0], together.states[k])
            assert alone.settle_steps[0] == together.settle_steps[k]

    def test_one_cue(self, trained, engine):
        cue = trained.problem.targets[2]
        one = rbp.recall(trained, cue, engine=engine)
        many = rbp.recall(trained, trained.problem.targets, engine=engine)
        assert one.states.tolist() == many.states[2:3].tolist()

    def test_limit_is_that_of_recall(self, engine):
        problem = rbp.Problem(weights=[[-8.0]], targets=[[0.25]], target_units=[True])
        result = rbp.train(problem, 1, engine="golden", fixed_steps=7)
        states = rbp.recall(result, [[0.5]], engine=engine)
        assert states.settle_steps.tolist() == [512]
        assert states.settled.tolist() == [False]
        slower = rbp.recall(result, [[0.5]], engine=engine, dt_shift=1)
        assert slower.settled.tolist() == [True]
        assert slower.values[0, 0] == pytest.approx(0.18519, abs=2e-4)

    def test_saved(self, trained, tmp_path):
        states = rbp.recall(trained, trained.problem.targets, engine="golden")
        states.save(tmp_path / "s.npz")
        with np.load(tmp_path / "s.npz") as arrays:
            assert sorted(arrays) == ["settle_steps", "settled", "states", "values"]
            assert np.array_equal(arrays["states"], states.states)
