"""Result tree: its latency, and the order of what the leaves say."""

import numpy as np
import pytest

from rbp.golden.config import Config
from rbp.hdl.datapath.tree import ResultTree
from rbp.hdl.timing import Timing
from tests.support import play, timeline


@pytest.mark.parametrize("macs", [*range(1, 18), 33])
def test_order_and_latency(macs):
    """Rows 0 … P−1, a BACKWARD's columns right behind from the last leaf, rows again, and gaps.

    Leaves that are not valid say anything.
    """
    config = Config(units=macs, macs=macs)
    latency, rng, line, expected = Timing(config).tree, np.random.default_rng(macs), timeline(), {}
    greatest = 1 << (config.sum_width - 1)
    leaves = [*range(macs), *[macs - 1] * 4, *range(macs), None, None, *range(macs), None, macs - 1]
    for cycle, leaf in enumerate(leaves):
        sums = rng.integers(-greatest, greatest, macs)
        sums[0 if leaf is None else leaf] = rng.choice([-greatest, -1, 1, greatest - 1, sums[0]])
        for p in range(macs):
            line[cycle][f"sums.{p}"] = sums[p]
            line[cycle][f"valids.{p}"] = p == leaf
        if leaf is not None:
            expected[cycle + latency] = sums[leaf]
    seen = play(ResultTree(config), line, ["sum", "valid"], cycles=len(leaves) + latency + 3)
    came = {c: value for c, value in enumerate(seen["sum"]) if seen["valid"][c]}
    assert came == expected


def test_levels():
    """Pairs first, then fours: one level up to 2 leaves, two up to 8, three up to 32."""
    levels = {p: Timing(Config(units=p, macs=p)).tree for p in (1, 2, 3, 8, 9, 32, 33, 128)}
    assert levels == {1: 1, 2: 1, 3: 2, 8: 2, 9: 3, 32: 3, 33: 4, 128: 4}
