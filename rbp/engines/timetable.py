"""The timetable of a core; relaxations of a higher order are counted by compiled software."""

import numpy as np

from rbp.cmodel.build import NoCompiler
from rbp.cmodel.folds import relaxations
from rbp.hdl.products.fold import DEPTH
from rbp.hdl.schedule import Schedule

__all__ = ["Timetable"]

FEW = 50_000
"""Entries of a program that are played, about: nothing is compiled to count so many."""


def distinct(rows):
    """(rows that differ from each other, which of them each row is), of K×C integers: numpy.unique
    of rows, by sorting one number for each."""
    key, size = np.zeros(len(rows), np.int64), 1
    for column in rows.T:
        least, span = int(column.min()), int(np.ptp(column)) + 1
        if size * span >= 1 << 62:
            values, key = np.unique(key, return_inverse=True)
            size = len(values)
        key, size = key * span + (column - least), size * span
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    return rows[first], which


class Timetable(Schedule):
    """:class:`rbp.hdl.schedule.Schedule`: the same cycles, sooner."""

    def _updates(self, steps, held, learning, patterns, *, apart=False):
        """As that of the schedule says, which counts what follows each kind of relaxations."""
        hashes = learning.draw is None or learning.start_seed is not None
        lanes = held % self.config.lanes
        closes = (lanes == self.config.lanes - 1) | (held == patterns - 1)
        kinds, which = distinct(np.hstack([lanes, closes]))
        batch, behind = held.shape[1], []
        for kind in kinds.tolist():
            rounds = self._rounds(kind[:batch], kind[batch:])
            looks, now, last = self._update(rounds, hashes)
            behind.append((looks, now, last + self.time.before_relax - now))
        looks, after, over = np.array(behind)[which].T
        free = np.zeros_like(over) if apart else np.append(0, over[:-1])
        settled, dealt = self._relaxations(self._before_deal(held, learning), free, lanes, steps)
        return np.maximum(dealt + looks, settled + self.time.reach) + 1 + after, over

    def _relaxations(self, ready, free, lanes, steps):
        batch = lanes.shape[1]
        rows = np.column_stack([ready, free, lanes, steps.reshape(len(steps), -1)])
        rows, which = distinct(rows)
        ready, free, lanes = rows[:, 0], rows[:, 1], rows[:, 2 : 2 + batch]
        given = ready, free, lanes, rows[:, 2 + batch :].reshape(-1, batch, 2)
        return self._apart(*given)[:, which]

    def _apart(self, ready, free, lanes, steps):
        many = steps.sum() * len(self.program) > FEW
        if self.config.higher and many and steps.any(axis=2).all():
            try:
                return relaxations(self._times(), ready, free, lanes, steps)
            except (NoCompiler, OSError):
                pass
        return super()._relaxations(ready, free, lanes, steps)

    def _times(self):
        """Those of :data:`rbp.cmodel.folds.FIELDS`."""
        time, lanes = self.time, self.config.lanes
        return {
            "lanes": lanes,
            "whole": len(self.program),
            "brief": int(self.program.short),
            "reach": time.reach,
            "sums": time.tail + time.sums,
            "finish": time.merge - time.sums + time.integrator + time.factor,
            "ahead": time.memory + 1,
            "pipeline": time.fold_pipeline,
            "depth": DEPTH,
            "behind": [time.behind(lane) for lane in range(lanes)],
            "units": len(self.terms),
            "terms": self.terms,
            "places": len(self.row_times),
            "rows": self.row_times,
        }
