"""Estimators: scikit-learn's own checks, and the bits of every engine."""

import pickle
import warnings

import joblib
import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import rbp
from rbp.estimators import AssociativeMemory, RecurrentClassifier, RecurrentRegressor

SKIPPED = {
    "check_array_api_input",  # scipy's arrays of other kinds: rbp has NumPy's only
    "check_classifier_data_not_an_array",  # without pandas
    "check_regressor_data_not_an_array",
}
IRIS = load_iris(return_X_y=True)


@pytest.mark.parametrize("engine", ["model", "golden"])
@pytest.mark.parametrize("kind", [RecurrentClassifier, RecurrentRegressor, AssociativeMemory])
def test_conventions(kind, engine):
    """All checks pass; those that scikit-learn skips are named here, with the reason."""
    few = {"max_iter": 10} if engine == "golden" else {}
    expected = {}
    if engine == "golden":  # too few updates to learn these data
        expected = dict.fromkeys(("check_classifiers_train", "check_regressors_train"), "few")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(
            kind(hidden=10, engine=engine, **few),
            on_fail=None,
            expected_failed_checks=expected,
        )
    failed = [r["check_name"] for r in found if r["status"] == "failed"]
    assert failed == []
    assert {r["check_name"] for r in found if r["status"] == "skipped"} <= SKIPPED


def test_what_is_wrong_is_found():
    """A classifier that changes its parameters fails the checks."""

    class Wrong(RecurrentClassifier):
        def fit(self, X, y):
            self.hidden = 3
            return super().fit(X, y)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(Wrong(max_iter=2), on_fail=None)
    failed = [r["check_name"] for r in found if r["status"] == "failed"]
    assert "check_estimators_overwrite_params" in failed


VARIANTS = {
    "layers": {"hidden": (4, 3)},
    "recurrent": {"topology": "recurrent", "hidden": 4, "dt_shift": 1, "momentum_shift": 3},
    "second order": {"hidden": 2, "order": 2, "preset": "w18"},
    "tanh": {"activation": "tanh", "hidden": 4, "eta_shift": -4, "preset": "w8"},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_engines(variant):
    """Golden, the model and the Verilog learn the same words, and so does a training by hand."""
    X, y = IRIS
    found = {
        engine: RecurrentClassifier(
            **VARIANTS[variant], engine=engine, max_iter=2, random_state=3, slots=16
        ).fit(X, y)
        for engine in ("golden", "model", "rtl")
    }
    first = found["golden"].result_
    for model in found.values():
        assert np.array_equal(model.result_.weights_raw, first.weights_raw)
        assert np.array_equal(model.result_.states, first.states)
        assert model.loss_curve_ == found["golden"].loss_curve_
        assert np.array_equal(model.predict_proba(X), found["golden"].predict_proba(X))
    flags = rbp.train(first.problem, 20, "golden", **_flags(first.settings))
    assert np.array_equal(flags.weights_raw, first.weights_raw)


def _flags(settings):
    return {name: getattr(settings, name) for name in settings.__dataclass_fields__}


def test_more_rows():
    """One row at a time; each call is a training that can be made again."""
    X, y = IRIS
    model = RecurrentClassifier(5, random_state=0).fit(X[::2], y[::2])
    for k in range(1, 40, 2):
        before = model.result_.weights_raw
        model.partial_fit(X[k : k + 1], y[k : k + 1])
        last = model.result_
        assert np.array_equal(last.problem.to_raw(last.settings).weights, before)
        again = rbp.train(last.problem, 1, "golden", **_flags(last.settings))
        assert np.array_equal(again.weights_raw, last.weights_raw)
    assert len(model.loss_curve_) == model.n_iter_
    first = RecurrentClassifier(5, random_state=0)
    with pytest.raises(ValueError, match="classes must be passed"):
        first.partial_fit(X[:1], y[:1])
    with pytest.warns(UserWarning, match="the first partial_fit: expected 2 or more, not 1"):
        clone(first).partial_fit(X[:1], y[:1], classes=[0, 1, 2])
    first.partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    assert first.predict_proba(X).shape == (150, 3)
    with pytest.raises(ValueError, match=r"y must be of the classes \[0 1 2\], not 3"):
        first.partial_fit(X[:1], [3])


def test_seeds_of_calls_differ():
    """Each call draws other noise."""
    X, y = IRIS
    model = RecurrentClassifier(5, random_state=0, max_iter=1).fit(X, y)
    seeds = {model.partial_fit(X, y).result_.settings.seed for _ in range(5)}
    assert len(seeds) == 5


def test_learns():
    X, y = IRIS
    assert cross_val_score(RecurrentClassifier(10, random_state=0), X, y, cv=5).mean() > 0.9
    X, y = load_diabetes(return_X_y=True)
    assert cross_val_score(RecurrentRegressor(10, random_state=0), X, y, cv=5).mean() > 0.4


def test_several_numbers():
    X, _ = load_diabetes(return_X_y=True)
    y = np.stack([X[:, 0] + X[:, 1], X[:, 2]], axis=1)
    model = RecurrentRegressor(10, random_state=0).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.9


def test_in_company():
    """Pipelines, grids, clones, pickles, and processes."""
    X, y = IRIS
    pipeline = make_pipeline(StandardScaler(), RecurrentClassifier(5, max_iter=20, random_state=0))
    grid = GridSearchCV(pipeline, {"recurrentclassifier__eta_shift": [-3, -2]}, n_jobs=2).fit(X, y)
    assert grid.best_score_ > 0.6
    model = RecurrentClassifier(5, max_iter=5, random_state=0).fit(X, y)
    twin = pickle.loads(pickle.dumps(model))
    assert np.array_equal(twin.predict_proba(X), model.predict_proba(X))
    assert np.array_equal(clone(model).fit(X, y).result_.weights_raw, model.result_.weights_raw)
    jobs = [joblib.delayed(clone(model).fit)(X, y) for _ in range(2)]
    for other in joblib.Parallel(n_jobs=2)(jobs):
        assert np.array_equal(other.result_.weights_raw, model.result_.weights_raw)


def test_early_stopping():
    """The best network by the rows kept back is the one that is kept."""
    X, y = load_breast_cancer(return_X_y=True)
    model = RecurrentClassifier(5, early_stopping=True, random_state=0, n_iter_no_change=5)
    model.fit(X, y)
    scores = model.validation_scores_
    assert model.n_iter_ == len(scores) == len(model.loss_curve_) < 200
    best = int(np.argmax(scores)) + 1
    assert scores[-1] <= scores[best - 1]
    assert model.result_.updates == best * -(-512 // 16)


def test_callback_and_words(caplog):
    X, y = IRIS
    seen = []

    def callback(model):
        seen.append(model.loss_curve_[-1])
        return len(seen) == 3

    caplog.set_level("INFO", "rbp.estimators")
    model = RecurrentClassifier(5, callback=callback, verbose=True).fit(X, y)
    assert seen == model.loss_curve_
    assert model.n_iter_ == 3
    assert len(caplog.records) == 3
    assert "epoch 3 of 200" in caplog.text


def test_what_does_harm_is_said():
    """Weights at their ends are named, once; a net at its ends, where g is flat, is not."""
    X, y = IRIS
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = RecurrentClassifier(10, random_state=0, spread=4, max_iter=1).fit(X, y)
    assert model.result_.saturated["net"]
    with pytest.warns(ConvergenceWarning, match="weights reached the ends") as said:
        RecurrentClassifier(10, random_state=0, eta_shift=1, spread=7.9, max_iter=100).fit(X, y)
    assert len(said) == len({str(w.message) for w in said})
    assert {w.filename for w in said} == {__file__}  # whose line it is


def test_it_is_said_while_it_learns():
    """Where warnings are errors, the last epoch is never reached."""
    X, y = IRIS
    model = RecurrentClassifier(10, random_state=0, eta_shift=1, spread=7.9, max_iter=100)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning):
            model.fit(X, y)
    assert model.n_iter_ < 100


WRONG = {
    "hidden must be an integer of at least 1": {"hidden": 0},
    "engine must be one of": {"engine": "fpga"},
    "topology must be one of layered, recurrent": {"topology": "ring"},
    "topology must have shape": {"topology": np.ones((3, 3), bool)},
    "order must be an integer, 1 … 3": {"order": 4},
    "eta_shift must be": {"eta_shift": 9},
    "spread must be a number": {"spread": -1},
    "callback must be callable": {"callback": 3},
    "batch must be": {"batch": 0},
    "preset must be": {"preset": "w12"},
    "threads must be an integer, 1 … 256": {"threads": 99999},
    "at most 1024 units, not 100008": {"hidden": 100_000},
    "activation must be a name": {"activation": None},
    "validation_fraction must be": {"validation_fraction": 0},
    "early_stopping must be True or False": {"early_stopping": "no"},
    "order 2 makes more than 4096 products": {"hidden": 900, "topology": "recurrent", "order": 2},
}


@pytest.mark.parametrize("message", WRONG)
def test_bad_input(message):
    X, y = IRIS
    with pytest.raises(rbp.InputError, match=message):
        RecurrentClassifier(**WRONG[message]).fit(X, y)


def test_rows_that_cannot_be():
    X, y = IRIS
    with pytest.raises(rbp.InputError, match="X must be of numbers within"):
        RecurrentClassifier().fit(X * 1e300, y)
    with pytest.raises(rbp.InputError, match="y must be of numbers within"):
        RecurrentRegressor().fit(X, y * 1e300)
    labels = np.array(["cat", "dog"])[(np.arange(150) > 0).astype(int)]
    with pytest.raises(rbp.InputError, match="2 rows of each class, not 1 of 'cat'"):
        RecurrentClassifier(early_stopping=True).fit(X, labels)


def test_products_stay_in_their_format():
    """The same inputs, of second and third order: no state is clamped."""
    X, y = IRIS
    for order in (2, 3):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            RecurrentClassifier(4, order=order, max_iter=5, random_state=0).fit(X, y)


def test_settings_of_a_learned_network():
    """A network is asked as it was learned; what is wrong is refused before more is learned."""
    X, y = IRIS
    model = RecurrentClassifier(4, max_iter=2, random_state=0).fit(X, y)
    shares, words = model.predict_proba(X), model.result_.weights_raw
    model.set_params(order=3, activation="tanh", hidden=9)
    assert np.array_equal(model.predict_proba(X), shares)
    assert model.partial_fit(X, y).result_.problem.activation == ("logistic",) * 12
    for flags in ({"order": 0}, {"callback": 3}, {"tol": "a"}, {"n_iter_no_change": None}):
        model = RecurrentClassifier(4, max_iter=2, random_state=0).fit(X, y)
        with pytest.raises(rbp.InputError, match=f"{next(iter(flags))} must be"):
            model.set_params(**flags).partial_fit(X, y)
        assert np.array_equal(model.result_.weights_raw, words)


def test_a_callback_asks_the_network():
    X, y = IRIS
    scores = []

    def callback(model):
        scores.append(model.score(X, y))
        if len(scores) == 3:
            raise RuntimeError("enough")

    model = RecurrentClassifier(4, callback=callback, random_state=0)
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(X, y)
    assert model.score(X, y) == scores[-1]
    assert model.result_.updates == 3 * -(-150 // 16)


def test_an_interrupted_fit_is_none():
    def interrupted(u):
        raise KeyboardInterrupt

    X, y = IRIS
    for kind in (RecurrentClassifier, RecurrentRegressor):
        model = kind(4, max_iter=2).fit(X, y).set_params(activation=(interrupted, np.cos))
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
        with pytest.raises(NotFittedError):
            model.predict(X)


def test_targets_that_cannot_be():
    X, y = IRIS
    model = RecurrentRegressor(4, max_iter=2).fit(X, np.stack([y, y], axis=1))
    for wrong in (y, np.stack([y] * 3, axis=1)):
        with pytest.raises(rbp.InputError, match="y must have 2 numbers in a row, not"):
            model.partial_fit(X, wrong)
    for ask in (RecurrentRegressor().fit, RecurrentRegressor().partial_fit):
        with pytest.raises(rbp.InputError, match="y must be of numbers within .*, not nan"):
            ask(X, np.array([None] * 150))
        with pytest.raises(rbp.InputError, match="not sparse"):
            ask(X, csr_matrix(np.stack([y, y], axis=1)))
    with pytest.raises(rbp.InputError, match="early_stopping with 9 rows: R² needs 2 rows"):
        RecurrentRegressor(early_stopping=True).fit(X[:9], y[:9])
    model = RecurrentClassifier(4)
    for labels in (np.array([0, "a"] * 75, object), np.array([None] * 150)):
        with pytest.raises(rbp.InputError, match=r"y must be of the classes \[0 1 2\]"):
            model.partial_fit(X, labels, classes=[0, 1, 2])
    with pytest.raises(rbp.InputError, match="classes must be passed on the first call"):
        model.partial_fit(X, y)
