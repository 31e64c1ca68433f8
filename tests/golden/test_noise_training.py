"""Figure 1 learns with the noise as it does with that of PCG64: E after 300 updates, ten seeds.

``rbp.golden.noise`` has 12 bits a word, PCG64 has all 16. At ``w8`` an update is a few ulp, so the
noise decides what is learned.
"""

import numpy as np
import pytest

import rbp
from rbp.golden import training
from rbp.paper import figure1

SEEDS = range(1, 11)


def pcg(seed, updates, rows, columns):
    """16 bits from PCG64, in the place of :func:`rbp.golden.noise.noises`."""
    shape = len(rows), len(columns)
    return [np.random.default_rng([seed, t]).integers(0, 1 << 16, shape) for t in updates]


def biased(*of):
    """A noise with a fault: never in the upper half."""
    return [words >> 1 for words in pcg(*of)]


def energies(monkeypatch, preset, noise=None):
    """E after 300 updates, of each seed."""
    with monkeypatch.context() as patch:
        if noise is not None:
            patch.setattr(training, "noises", noise)
        found = [
            rbp.train(figure1.problem(), 300, engine="golden", preset=preset, seed=seed).energy[-1]
            for seed in SEEDS
        ]
    return np.array(found)


def worse(found, other):
    """By how many standard errors the mean of ``found`` is greater."""
    error = np.sqrt((found.var(ddof=1) + other.var(ddof=1)) / len(SEEDS))
    return (found.mean() - other.mean()) / error


@pytest.mark.parametrize("preset", ["w8", "w16"])
def test_no_worse_than_pcg64(monkeypatch, preset):
    expected = energies(monkeypatch, preset, pcg)
    assert worse(energies(monkeypatch, preset), expected) < 2
    assert worse(energies(monkeypatch, preset, biased), expected) > 5
