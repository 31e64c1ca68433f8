"""How many cycles a run takes, exactly, without simulating it.

Time passes in turns of the carousel, so a run of any size costs a few operations a sweep; in a
higher order relaxations pass in cycles. What is assumed: the host fetches the log before it is
full.
"""

from bisect import insort
from collections import deque
from functools import partial

import numpy as np

from rbp.hdl import relax_schedule
from rbp.hdl.datapath.noise import NoiseSeed
from rbp.hdl.fold_schedule import relax, terms_of
from rbp.hdl.program import compiled
from rbp.hdl.timing import Timing

__all__ = ["Schedule", "utilisation"]

FEW = 8
"""So many relaxations are counted quicker by themselves."""


def utilisation(structure, macs, settle_steps, cycles):
    """Useful products / (P · L · cycles), of all ``macs`` = P · L: a sweep a step and one a rank-1
    update, each once for every connection that counts in it.

    ``settle_steps`` is updates × A × 2.
    """
    x_steps, y_steps = settle_steps.sum(axis=(0, 1)).tolist()
    connected = structure.numbered
    all_of, backward = connected.sum(), connected[:, structure.numbered_wanted].sum()
    updates = settle_steps.shape[0] * settle_steps.shape[1]
    return (all_of * (x_steps + updates) + backward * y_steps) / (macs * cycles)


class Schedule:
    """The timetable of a network on one configuration.

    Parameters
    ----------
    config : Config
    structure : Structure
        The network's.
    """

    def __init__(self, config, structure):
        self.config, self.time = config, Timing(config)
        self.program = compiled(config, structure)
        self.rows = len(structure.order) - structure.first
        time = self.time
        self.finish = time.tail + time.merge + time.integrator
        """From a sweep's last entry to its pattern's finish; in first order."""
        self.relaxed = self._relax
        if config.higher:
            self.relaxed = partial(relax, self)
            self.terms, self.row_times = terms_of(structure), self._row_times(structure)

    def _row_times(self, structure):
        """Cycles from a FORWARD's turn in which its results go to the integrator, of a higher
        order; the last one ends the sweep, whosever it is."""
        program, time, macs = self.program, self.time, self.config.macs
        places = 1 << (max(2, self.config.units) - 1).bit_length()
        times = [len(program) + time.tail + time.sums]
        for block, end in enumerate([*program.starts[1:], len(program)]):
            for p in range(macs):
                if structure.first + block * macs + p < places:
                    times.append(int(end) + time.tail + time.sums - (macs - 1) + p)
        return times

    def cycles(self, settle_steps, learning, patterns, t=0):
        """Cycles of a training whose relaxations took ``settle_steps``, updates × B × 2.

        ``learning`` (:class:`rbp.golden.training.Learning`), ``patterns``, A, and t, the rank-1
        updates before, say which patterns these are of.
        """
        steps = np.asarray(settle_steps)
        held = learning.patterns(patterns, t + np.arange(len(steps)) * steps.shape[1])
        now, free = self._updates(steps, held, learning, patterns)
        return int(now.sum() + max(0, free[-1])) + self.time.drain + 1

    def runs(self, settle_steps, learning, patterns):
        """Cycles (updates) of a training of one update by each of the ``settle_steps``."""
        steps = np.asarray(settle_steps)
        held = np.tile(learning.patterns(patterns, 0), (len(steps), 1))
        now, free = self._updates(steps, held, learning, patterns, apart=True)
        return now + np.maximum(0, free) + self.time.drain + 1

    def _updates(self, steps, held, learning, patterns, *, apart=False):
        """How long each update takes, and how long behind it the carousel is not yet free for a
        RELAX (updates each); ``apart``: it is free before each of them.

        What follows the relaxations takes as long wherever it begins, so that of all updates is
        counted first, once for each kind.
        """
        hashes = learning.draw is None or learning.start_seed is not None
        lanes = held % self.config.lanes
        closes = (lanes == self.config.lanes - 1) | (held == patterns - 1)
        kinds, which = np.unique(np.hstack([lanes, closes]), axis=0, return_inverse=True)
        batch, behind = held.shape[1], []
        for kind in kinds.tolist():
            rounds = self._rounds(kind[:batch], kind[batch:])
            looks, now, last = self._update(rounds, hashes)
            behind.append((looks, now, last + self.time.before_relax - now))
        looks, after, over = np.array(behind)[which.reshape(-1)].T
        free = np.zeros_like(over) if apart else np.append(0, over[:-1])
        settled, dealt = self._relaxations(self._before_deal(held, learning), free, lanes, steps)
        return np.maximum(dealt + looks, settled + self.time.reach) + 1 + after, over

    def _relaxations(self, ready, free, lanes, steps):
        """(settled, dealt) of relaxations that begin at 0, as :attr:`relaxed` says; equal ones
        are counted once, and many side by side."""
        batch = lanes.shape[1]
        rows = np.column_stack([ready, free, lanes, steps.reshape(len(steps), -1)])
        rows, which = np.unique(rows, axis=0, return_inverse=True)
        ready, free, lanes, steps = np.split(rows, [1, 2, 2 + batch], axis=1)
        steps, found = steps.reshape(-1, batch, 2), np.empty((2, len(rows)), np.int64)
        groups, of = np.unique(lanes, axis=0, return_inverse=True)
        for k, group in enumerate(groups):
            picked = np.flatnonzero(of.reshape(-1) == k)
            given = ready[picked, 0], free[picked, 0], group, steps[picked]
            if self._side_by_side(given[-1]):
                found[:, picked] = relax_schedule.relax(self, *given)
            else:
                for at, r, f, some in zip(picked, *given[:2], given[-1], strict=True):
                    found[:, at] = self.relaxed(0, int(r), int(f), group.tolist(), some)
        return found[:, which.reshape(-1)]

    def _side_by_side(self, steps):
        """Whether relaxations are so many, and such, that :mod:`rbp.hdl.relax_schedule` counts
        them."""
        many = len(steps) >= FEW and not self.config.higher
        return many and steps.any(axis=2).all() and relax_schedule.regular(self, steps.shape[1])

    @staticmethod
    def _rounds(lanes, closes):
        """The lanes that take part in each round of updates: behind the last lane, and behind the
        last pattern, another begins."""
        rounds = [[]]
        for lane, is_last in zip(lanes, closes, strict=True):
            rounds[-1].append(lane)
            if is_last:
                rounds.append([])
        return [r for r in rounds if r]

    def _before_deal(self, held, learning):
        """Cycles that the deal of each update waits: to draw the pattern, and x(t0) of each."""
        wait, start = np.zeros(len(held), np.int64), learning.start_seed is not None
        if learning.draw is not None:
            wait += NoiseSeed.latency + 18 + held[:, 0] + 1
        if start:
            tick = self.time.reach + self.time.memory + self.time.factor + 2
            hashed = held.shape[1] - (learning.draw is not None)  # the draw's hash serves its start
            wait += NoiseSeed.latency * hashed + (2 + self.rows * tick) * held.shape[1]
        return wait

    def _relax(self, begin, ready, free, held, steps):
        """(cycle in which all lanes are idle, in which the deal is over)."""
        lanes, time = self.config.lanes, self.time
        rings = [[] for _ in range(lanes)]  # (cycle from which it is ready, pattern, steps to come)
        # of a lane that is behind, what a turn before will take still asks for a turn
        taken = [[] for _ in range(lanes)]  # (ready from, taken in, whether BACKWARD)
        finishes = [set() for _ in range(lanes)]
        deals = deque((a, list(map(int, pair))) for a, pair in zip(held, steps, strict=True))
        deal_at, idle = ready + 1 + 2 * time.reach, begin
        while deals or any(rings):
            taken = [[t for t in of if max(free, t[0]) <= t[1]] for of in taken]
            heads = [ring[0][0] for ring in rings if ring] + [t[0] for of in taken for t in of]
            start = max(free, min(heads)) if heads else None
            if deals and (start is None or deal_at <= start + time.behind(lanes)):
                pattern, left = deals[0]
                if deal_at not in finishes[pattern % lanes]:
                    deals.popleft()
                    insort(rings[pattern % lanes], (deal_at + 1, pattern, left))
                deal_at += 1
                continue
            short = not any(map(self._ahead, rings, taken, [start] * lanes))
            plays = self.program.short if short else len(self.program)
            for lane, ring in enumerate(rings):
                picked = start + time.behind(lane)
                if not ring or ring[0][0] > picked or (short and ring[0][2][0]):
                    continue
                came, pattern, left = ring.pop(0)
                backward = not left[0]
                taken[lane].append((came, picked, backward))
                left[backward] -= 1
                finish = picked + plays + self.finish
                finishes[lane].add(finish)
                if any(left):
                    insort(ring, (finish + 1, pattern, left))
                else:
                    idle = max(idle, finish + 1)
            free = start + plays
        return idle, deal_at - time.reach

    @staticmethod
    def _ahead(ring, taken, start):
        """Whether a lane has a FORWARD to make, as the carousel sees it in a cycle."""
        for came, picked, backward in taken:
            if came <= start <= picked:
                return not backward
        return bool(ring) and ring[0][0] <= start and bool(ring[0][2][0])

    def _update(self, rounds, hashes):
        """(cycles to look up each lane, behind the deal; from when all have and are idle: to what
        follows the updates, until the carousel is free)."""
        lanes, sweep = self.config.lanes, len(self.program)
        looks = sum(
            1 + (NoiseSeed.latency if hashes and lane in rounds[0] else 1) for lane in range(lanes)
        )
        now = last = 0
        # with a single port an UPDATE takes another turn
        another = (sweep + self.time.before_update) * self.config.spram
        for k, following in enumerate([*rounds[1:], []]):
            started = (max(now, last + self.time.before_update) if k else now) + another
            last = started + sweep
            now = started + 1
            for lane in range(lanes if following else rounds[k][-1] + 1):
                now += 1 + max(self.time.look + 2, NoiseSeed.latency * (lane in following))
        if self.config.momentum:
            started = max(now + NoiseSeed.latency + 1, last + self.time.before_update) + another
            now, last = started + 1, started + sweep
        return looks, now + (2 + 2 * self.time.reach) * lanes + 1, last
