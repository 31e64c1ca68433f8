"""When relaxations of a higher order end: the folds of the lanes, cycle by cycle."""

from collections import deque
from itertools import count

import numpy as np

from rbp.hdl.products.fold import DEPTH

__all__ = ["FoldTimes", "relax", "terms_of"]


def terms_of(structure):
    """How many rows each unit has in the fold's table, from the first unit that has one."""
    terms = np.zeros(len(structure.order), int)
    for product in np.flatnonzero(structure.numbered.any(axis=0)):
        np.add.at(terms, list(structure.numbered_products[product]), 1)
    return np.maximum(1, terms[structure.first :]).tolist()


class FoldTimes:
    """What :class:`rbp.hdl.products.fold.Fold` does in each cycle, but for its words.

    Parameters
    ----------
    time : Timing
    terms : list of int
        Rows of each unit.
    """

    def __init__(self, time, terms):
        self.rows = [(k == 0, k == n - 1) for n in terms for k in range(n)]  # first, last
        ahead = time.memory + 1
        self.at, self.begun = 0, 0
        self.fetched = deque([None] * ahead)  # rows
        self.coming = deque([None] * (time.fold_pipeline - ahead - 1))  # results, and no result
        self.waiting = deque()  # results: None, or the sweep whose last it is
        self.sweeps = deque()  # to be folded: from which cycle on, and which

    def step(self, cycle, accepts):
        """A cycle, in which a result is taken where one waits and ``accepts``.

        Returns the sweep whose last result is taken, or None.
        """
        go = bool(self.sweeps) and self.sweeps[0][0] <= cycle
        row = self.fetched.pop()
        first, last = self.rows[row] if row is not None else (False, False)
        refused = first and self.begun == DEPTH
        valid = row is not None and not refused
        end = valid and row == len(self.rows) - 1
        accept = bool(self.waiting) and accepts
        done = self.waiting.popleft() if accept else None
        self.begun += (valid and first) - accept
        self.fetched.appendleft(self.at if go else None)
        if refused or end:  # what was fetched behind it is dropped
            self.fetched = deque([None] * len(self.fetched))
            self.at = row if refused else 0
        elif go:
            self.at = (self.at + 1) % len(self.rows)
        sweep = self.sweeps.popleft()[1] if end else None
        self.coming.appendleft((sweep,) if valid and last else None)
        if came := self.coming.pop():
            self.waiting.append(came[0])
        return done


class _Lane:
    """A lane's ring, its fold, and when its sweeps end."""

    def __init__(self, schedule):
        self.schedule, self.fold = schedule, FoldTimes(schedule.time, schedule.terms)
        self.ring = []  # (cycle from which it is ready, pattern, steps to come), in order
        self.finishes = {}  # by cycle: the pattern, and the steps that it has to come
        self.turns = deque()  # (cycle in which it takes its sweep, entries, short)
        self.rows = set()  # cycles in which a FORWARD's results go to the integrator
        self.unfolded = 0

    def head(self, cycle):
        """Whether a sweep is ready, and whether it is BACKWARD."""
        if not self.ring or self.ring[0][0] > cycle:
            return False, False
        backward = not self.ring[0][2][0]
        return not (backward and self.unfolded == 2), backward

    def step(self, cycle):
        """Take what the turn is for; fold."""
        time, end = self.schedule.time, None
        if self.turns and self.turns[0][0] == cycle:
            _, plays, short = self.turns.popleft()
            is_ready, backward = self.head(cycle)
            if is_ready and (backward or not short):
                _, pattern, left = self.ring.pop(0)
                left[backward] -= 1
                end = cycle + plays + time.tail + time.sums
                if backward:
                    self.fold.sweeps.append((end + 1, (pattern, left)))
                    self.unfolded += 1
                else:
                    self.finishes[end + self.finish] = pattern, left
                    self.rows |= {cycle + row for row in self.schedule.row_times}
        if done := self.fold.step(cycle, cycle not in self.rows):
            self.finishes[cycle + self.finish] = done
            self.unfolded -= 1

    @property
    def finish(self):
        """From a result, of a row or of the fold, to its pattern's finish."""
        time = self.schedule.time
        return time.merge - time.sums + time.integrator + time.factor


def relax(schedule, begin, ready, free, held, steps):
    """(cycle in which all lanes are idle, in which the deal is over), as
    :meth:`rbp.hdl.schedule.Schedule.cycles` counts them."""
    time, program = schedule.time, schedule.program
    lanes = [_Lane(schedule) for _ in range(schedule.config.lanes)]
    deals = deque((a, list(map(int, pair))) for a, pair in zip(held, steps, strict=True))
    deal_at, idle, settling = ready + 1 + 2 * time.reach, begin, len(held)
    for cycle in count(begin):
        if not settling:
            return idle, deal_at - time.reach
        deal_now = bool(deals) and cycle == deal_at
        for lane in lanes:
            if finished := lane.finishes.get(cycle):
                pattern, left = finished
                if any(left):
                    lane.ring.append((cycle + 1, pattern, left))
                else:
                    idle, settling = cycle + 1, settling - 1
        if deal_now:
            pattern, pair = deals[0]
            lane = lanes[pattern % len(lanes)]
            if cycle not in lane.finishes:
                lane.ring.append((cycle + 1, pattern, pair))
                deals.popleft()
            deal_at += 1
        heads = [lane.head(cycle) for lane in lanes]
        if cycle >= free and any(is_ready for is_ready, _ in heads):
            short = not any(is_ready and not backward for is_ready, backward in heads)
            plays = program.short if short else len(program)
            for k, lane in enumerate(lanes):
                lane.turns.append((cycle + time.behind(k), plays, short))
            free = cycle + plays
        for lane in lanes:
            lane.step(cycle)
    raise AssertionError("no cycle is the last")
