"""Log: a queue, and nothing is lost."""

from collections import deque

import numpy as np
import pytest

from rbp.golden.config import FAMILIES, Config
from rbp.hdl.memories.log import Log
from tests.support import play, timeline

DEPTH = 8


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("pushes", [0.2, 0.5, 0.9])
def test_queue(pushes, family):
    """Against a deque: who pushes waits for space, and does so a cycle later; who pops waits for a
    word; now and then a clear.

    The head is looked at when it has stood for the memory's latency.
    """
    config = Config(units=2, macs=1, log_depth=DEPTH, family=family)
    latency = FAMILIES[family].memory
    rng, line, queue = np.random.default_rng(3), timeline(), deque()
    counts, spaces, heads, stable, space, pushed, popped = [], [], {}, 0, False, [], False
    push = False
    for cycle in range(1500):
        filling = cycle // 100 % 2  # to the brim, to the bottom
        will_push = rng.random() < max(pushes, filling) and space
        pop = rng.random() < min(pushes, 1 - filling) and len(queue) > 0 and stable >= latency
        clear = rng.random() < 0.003
        word = int(rng.integers(1 << 32))
        report = {"report.push": push, "report.word": word}
        line[cycle] = report | {"host.pop": pop, "clear": clear}
        counts.append(len(queue))
        spaces.append(space)
        space = len(queue) < DEPTH - 3  # known a cycle late
        if queue and stable >= latency:
            heads[cycle] = queue[0]
        stable = 0 if pop or popped or clear or not queue else stable + 1
        if popped:
            queue.popleft()
        popped = pop and not clear
        queue.extend(pushed)
        pushed = [word] * push
        if clear:
            queue.clear()
            pushed.clear()
        push = will_push
    seen = play(Log(config), line, ["host.count", "host.head", "report.space"], cycles=1500)
    assert seen["host.count"] == counts
    assert seen["report.space"] == spaces
    assert {cycle: seen["host.head"][cycle] for cycle in heads} == heads
    assert set(counts) == set(range(DEPTH + 1))
    assert len(heads) > 200


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
