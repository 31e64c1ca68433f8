"""AssociativeMemory: patterns come back."""

import numpy as np
import pytest

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
