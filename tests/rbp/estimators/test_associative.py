"""AssociativeMemory: patterns come back."""

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from rbp.errors import InputError
from rbp.estimators import AssociativeMemory
from rbp.paper.networks import digits


def test_pictures():
    """Ten pictures, from their upper halves, in the numbers in which they were given."""
    pictures, labels = digits()
    first = [np.flatnonzero(labels == k)[0] for k in range(10)]
    patterns = np.where(pictures[first] >= 0.5, 3.0, -1.0)
    memory = AssociativeMemory(random_state=0).fit(patterns)
    assert memory.stable_.all()
    assert memory.n_iter_ < 1000
    found = memory.recall(patterns, known=np.arange(64) < 32)
    assert (np.where(found > 1, 3, -1) == patterns).all()
    missing = np.where(np.arange(64) < 32, patterns, np.nan)
    assert np.array_equal(memory.recall(missing), found)


def test_score():
    """The share of rows that come back; of whole patterns those that are stable."""
    patterns = np.random.default_rng(0).integers(0, 2, (6, 12)) * 4.0 - 2
    memory = AssociativeMemory(random_state=0, max_iter=200).fit(patterns)
    assert memory.score(patterns) == memory.stable_.mean()
    noisy = np.where(np.arange(12) < 3, -patterns, patterns)
    near = abs(memory.recall(noisy) - patterns) <= 0.1 * 4
    assert memory.score(noisy, patterns=patterns) == near.all(axis=1).mean()
    assert memory.score(noisy, patterns=patterns) != memory.score(noisy)
    known = np.arange(12) >= 3
    near = abs(memory.recall(noisy, known) - patterns) <= 0.1 * 4
    assert memory.score(noisy, patterns=patterns, known=known) == near.all(axis=1).mean()
    found = GridSearchCV(memory, {"max_iter": [1, 200]}, cv=[(range(6), range(6))])
    assert found.fit(patterns).best_params_ == {"max_iter": 200}


def test_engines():
    patterns = np.random.default_rng(0).integers(0, 2, (4, 10))
    kinds = {
        engine: AssociativeMemory(5, spread=0.5, random_state=1, engine=engine, max_iter=20)
        for engine in ("golden", "model", "rtl")
    }
    results = [memory.fit(patterns).result_ for memory in kinds.values()]
    assert all(np.array_equal(r.weights_raw, results[0].weights_raw) for r in results)
    recalled = [memory.recall(patterns) for memory in kinds.values()]
    assert all(np.array_equal(r, recalled[0]) for r in recalled)


def test_bad_input():
    patterns = np.eye(4)
    memory = AssociativeMemory(max_iter=10).fit(patterns)
    with pytest.raises(InputError, match="known must be"):
        memory.recall(patterns, known=np.ones(4))
    with pytest.raises(InputError, match="hidden must be an integer of at least 0"):
        AssociativeMemory(-1).fit(patterns)
    for flags in ({"spread": True}, {"spread": "a"}, {"tol": -1}, {"tol": np.nan}):
        with pytest.raises(InputError, match="must be a number, 0 … 8, not"):
            AssociativeMemory(**flags).fit(patterns)
    with pytest.raises(InputError, match="X must be of numbers within"):
        AssociativeMemory().fit((2 * patterns - 1) * 1.7e308)
    with pytest.raises(InputError, match="patterns must have shape"):
        memory.score(patterns, patterns=patterns[:2])
    with pytest.raises(InputError, match="at most 1024 units, not 1000004"):
        AssociativeMemory(10**6).fit(patterns)
    with pytest.raises(InputError, match="tol must be a number"):
        memory.set_params(tol="a").score(patterns)
    with pytest.raises(NotFittedError):
        AssociativeMemory().get_feature_names_out()


def test_settings_of_a_learned_memory():
    """It recalls as it was learned; one that was refused does not mix two scales."""
    patterns = np.eye(4)
    memory = AssociativeMemory(2, max_iter=10, random_state=0).fit(patterns)
    found = memory.recall(patterns)
    assert np.array_equal(memory.set_params(hidden=5).recall(patterns), found)
    with pytest.raises(InputError, match="macs must be"):
        memory.set_params(macs=99).fit(7 * patterns)
    with pytest.raises(NotFittedError):
        memory.recall(patterns)
