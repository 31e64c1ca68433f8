"""How many cycles a run takes, exactly, without simulating it; of first-order networks.

Time passes in turns of the carousel, so a run of any size costs a few operations a sweep. What is
assumed: the host fetches the log before it is full.
"""

from bisect import insort
from collections import deque

import numpy as np

from rbp.hdl.noise import NoiseSeed
from rbp.hdl.timing import Timing

__all__ = ["Schedule", "utilisation"]


def utilisation(config, settle_steps, cycles):
    """Useful products / (P · L · cycles): N·M a sweep, a sweep a step and one a rank-1 update.

    ``settle_steps`` is updates × A × 2.
    """
    sweeps = int(settle_steps.sum()) + settle_steps.shape[0] * settle_steps.shape[1]
    return sweeps * config.units * config.terms / (config.macs * config.lanes * cycles)


class Schedule:
    """The timetable of one configuration.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config):
        self.config, self.time = config, Timing(config)
        after = self.time.result + self.time.tree + self.time.integrator
        last_row = (config.units - 1) % config.macs
        self.finish = (last_row + after, config.macs - 1 + after)
        """From a sweep's last column to its pattern's finish: FORWARD, BACKWARD."""

    def cycles(self, settle_steps):
        """Cycles of a training whose relaxations took ``settle_steps``, updates × A × 2."""
        now = free = 0  # the run's cycle; the first in which the carousel may start a RELAX
        for steps in np.asarray(settle_steps):
            settled, dealt = self._relax(now, free, steps)
            now, last = self._update(settled, dealt, len(steps))
            free = last + self.time.before_relax
        return max(now, free) + self.time.drain + 1

    def _relax(self, begin, free, steps):
        """(cycle in which all lanes are idle, in which the deal is over)."""
        lanes, sweep = self.config.lanes, self.config.sweep
        rings = [[] for _ in range(lanes)]  # (cycle from which it is ready, pattern, steps to come)
        finishes = [set() for _ in range(lanes)]
        deals = deque((a, list(map(int, pair))) for a, pair in enumerate(steps))
        deal_at, idle = begin + 1 + 2 * self.time.reach, begin
        while deals or any(rings):
            heads = [ring[0][0] for ring in rings if ring]
            start = max(free, min(heads)) if heads else None
            if deals and (start is None or deal_at <= start + self.time.behind(lanes)):
                pattern, left = deals[0]
                if deal_at not in finishes[pattern % lanes]:
                    deals.popleft()
                    insort(rings[pattern % lanes], (deal_at + 1, pattern, left))
                deal_at += 1
                continue
            for lane, ring in enumerate(rings):
                picked = start + self.time.behind(lane)
                if not ring or ring[0][0] > picked:
                    continue
                _, pattern, left = ring.pop(0)
                kind = 0 if left[0] else 1
                left[kind] -= 1
                finish = picked + sweep + self.finish[kind]
                finishes[lane].add(finish)
                if any(left):
                    insort(ring, (finish + 1, pattern, left))
                else:
                    idle = max(idle, finish + 1)
            free = start + sweep
        return idle, deal_at - self.time.reach

    def _update(self, settled, now, patterns):
        """(first cycle of what follows, first in which the carousel is free) behind the updates."""
        lanes, sweep = self.config.lanes, self.config.sweep
        for lane in range(lanes):
            now += 1 + (NoiseSeed.latency if lane < patterns else 1)
        now = max(now, settled + self.time.reach) + 1
        last = 0
        # with a single port an UPDATE takes another turn
        another = (sweep + self.time.before_update) * self.config.spram
        for first in range(0, patterns, lanes):
            started = (max(now, last + self.time.before_update) if first else now) + another
            last = started + sweep
            now = started + 1
            for pattern in range(first, min(first + lanes, patterns)):
                hashed = pattern + lanes < patterns
                now += 1 + max(self.time.look + 2, NoiseSeed.latency * hashed)
        if self.config.momentum:
            started = max(now + NoiseSeed.latency + 1, last + self.time.before_update) + another
            now, last = started + 1, started + sweep
        return now + (2 + 2 * self.time.reach) * lanes + 1, last
