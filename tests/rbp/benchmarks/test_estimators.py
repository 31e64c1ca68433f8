"""The estimators beside scikit-learn's networks."""

import numpy as np
import pytest

from rbp.benchmarks import estimators


def test_iris():
    """Of the bench's rows the smallest: every figure comes from a fixed seed."""
    found = estimators.measure(("iris",), seeds=1)["iris"]
    assert found["w16"]["score"] >= found["sklearn"]["score"]
    assert [line.count("|") for line in estimators.table({"iris": found})] == [6, 6, 6]


def test_page():
    """Its page has a row for each of the data."""
    text = estimators.PAGE.read_text()
    rows = text.split(estimators.BEGIN)[1].split(estimators.END)[0].strip().splitlines()[2:]
    assert len(rows) == len(estimators.DATA)
    for row, name in zip(rows, estimators.DATA, strict=True):
        assert name in row


@pytest.mark.slow
@pytest.mark.parametrize("name", estimators.DATA)
def test_engines(name):
    """An epoch of one fold on golden, the model and the Verilated core: the same words."""
    hidden, load = estimators.DATA[name]
    X, y, ((rows, _), *_) = load(0)
    results = []
    for engine in ("golden", "model", "rtl"):
        ours = estimators.rivals(name, hidden, 0)["w16"]
        ours.set_params(engine=engine, max_iter=1, slots=16)
        results.append(ours.fit(X[rows[:400]], y[rows[:400]]).result_)
    for result in results[1:]:
        assert np.array_equal(result.weights_raw, results[0].weights_raw)
        assert np.array_equal(result.energy, results[0].energy)
        assert np.array_equal(result.states, results[0].states)
