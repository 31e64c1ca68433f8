"""Log: a ring, and nothing is lost."""

import numpy as np
import pytest

from rbp.golden.config import FAMILIES, Config
from rbp.hdl.memories.log import Log
from rbp.hdl.timing import Timing
from tests.support import play, timeline

DEPTH = 8


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("pushes", [0.2, 0.5, 0.9])
def test_ring(pushes, family):
    """Against a list: who pushes waits for space, and does so a cycle later, two from afar; who
    reads looks at any word that is there, and says now and then up to where it has read, or more
    than there is.

    A word is looked at when its address has stood for the memory's latency.
    """
    config = Config(units=2, macs=1, log_depth=DEPTH, family=family)
    latency, far = FAMILIES[family].memory, Timing(config).reach
    rng, line = np.random.default_rng(3), timeline()
    written, read, at = [], 0, 0  # words since the last clear; how many of them are read
    before = 0  # and a cycle ago
    counts, spaces, reads, refusals, words = [], [], [], [], {}
    push = space = clear = False
    pushed, asked, stood = [], None, 0
    for cycle in range(3000):
        filling = cycle // 100 % 2  # to the brim, to the bottom
        will_push = rng.random() < max(pushes, filling) and space
        clear = rng.random() < 0.003
        word = int(rng.integers(1 << 32))
        upto = None
        if asked is None and rng.random() < min(pushes, 1 - filling):
            on = int(rng.integers(DEPTH + 1) if rng.random() < 0.2 else rng.integers(3))
            upto = (read + on) % (2 * DEPTH)
            if rng.random() < 0.05:
                upto += 2 * DEPTH << int(rng.integers(28))
        if rng.random() < 0.3:
            at, stood = int(rng.integers(DEPTH)), 0
        line[cycle] = {
            "report.push": push,
            "report.word": word,
            "clear": clear,
            "host.address": at,
            "host.set": upto is not None,
            "host.upto": upto or 0,
        }
        counts.append(len(written) - read)
        reads.append(read % (2 * DEPTH))
        spaces.append(space)
        count = len(written) - before
        space = count < DEPTH - 3  # known a cycle late
        there = [n for n in range(max(0, len(written) - DEPTH), len(written)) if n % DEPTH == at]
        if stood >= latency + 1 and there and not pushed:
            words[cycle] = written[there[0]]
        stood = 0 if pushed or clear or (push and not far) else stood + 1
        refusals.append(asked is not None and not 0 <= asked[0] <= count)
        before = read
        if asked is not None and not refusals[-1]:
            read += asked[0]
        asked = None
        if upto is not None and not clear:
            beyond = upto >= 2 * DEPTH
            asked = (-1 if beyond else (upto - reads[-1]) % (2 * DEPTH),)
        now = [word] * push if not clear else []
        written += pushed if far else now
        pushed = now if far else []
        if clear:
            written, read, before = [], 0, 0
        push = will_push
    outputs = ["host.count", "host.read", "host.refused", "host.word", "report.space"]
    seen = play(Log(config), line, outputs, cycles=3000)
    assert seen["host.count"] == counts
    assert seen["host.read"] == reads
    assert seen["host.refused"] == refusals
    assert seen["report.space"] == spaces
    assert {cycle: seen["host.word"][cycle] for cycle in words} == words
    assert set(counts) == set(range(DEPTH + far))
    assert len(words) > 200
    assert 10 < sum(refusals)


def test_depth():
    """A power of two, with room for a column of W and three words more."""
    assert Config(units=253, macs=1).log_depth == 256
    assert Config(units=254, macs=1).log_depth == 512
    assert Config(units=256, macs=1).log_depth == 512
    assert Config(units=300, macs=1).log_depth == 512
    assert Config(units=5, macs=1).log_depth == 256
    assert Config(units=5, macs=1, log_depth=8).log_depth == 8


@pytest.mark.parametrize("depth", [0, 8, 12])
def test_bad_depth(depth):
    message = f"log_depth must be a power of two of at least 9, not {depth}"
    with pytest.raises(ValueError, match=message):
        Config(units=6, macs=1, log_depth=depth)
