"""The compiled model is golden, in every word: random machines of all options together."""

import pytest

from tests.cmodel.drawn import differences, drawn

SHARE = 250
"""Networks of a test."""


def found(seeds):
    """{seed: what differs}."""
    differing = {seed: differences(drawn(seed), threads=1 + seed % 2) for seed in seeds}
    return {seed: names for seed, names in differing.items() if names}


@pytest.mark.parametrize("part", range(12))
def test_random_machines(part):
    assert found(range(part * SHARE, (part + 1) * SHARE)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("part", range(400))
def test_many_random_machines(part):
    assert found(range(10**6 + part * SHARE, 10**6 + (part + 1) * SHARE)) == {}
