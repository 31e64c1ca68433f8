"""The compiled model is golden, in every word: random machines of all options together."""

import pytest

from tests.cmodel.drawn import differences, drawn

SHARE = 250
"""Networks of a test."""


def found(seeds):
    """{seed: what differs}. Golden refuses sums that float64 might not hold: those are left out."""
    differing, compared = {}, 0
    for seed in seeds:
        machine = drawn(seed)
        try:
            here = differences(machine, threads=1 + seed % 2)
        except OverflowError:
            continue
        compared += 1
        if here:
            differing[seed] = here
    assert compared > 0.9 * len(seeds)
    return differing


@pytest.mark.parametrize("part", range(12))
def test_random_machines(part):
    assert found(range(part * SHARE, (part + 1) * SHARE)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(400))
def test_many_random_machines(part):
    assert found(range(10**6 + part * SHARE, 10**6 + (part + 1) * SHARE)) == {}
