"""The timetable of a core; relaxations of a higher order are counted by compiled software."""

import numpy as np

from rbp.cmodel.build import NoCompiler
from rbp.cmodel.folds import relaxations
from rbp.hdl.products.fold import DEPTH
from rbp.hdl.schedule import Schedule

__all__ = ["Timetable"]

FEW = 4
"""So many relaxations are counted without it: nothing is compiled for them."""


class Timetable(Schedule):
    """:class:`rbp.hdl.schedule.Schedule`: the same cycles, sooner."""

    def _relaxations(self, ready, free, lanes, steps):
        if self.config.higher and steps.any(axis=2).all():
            batch = lanes.shape[1]
            rows = np.column_stack([ready, free, lanes, steps.reshape(len(steps), -1)])
            rows, which = np.unique(rows, axis=0, return_inverse=True)
            if len(rows) > FEW:
                once = rows[:, 0], rows[:, 1], rows[:, 2 : 2 + batch], rows[:, 2 + batch :]
                try:
                    return relaxations(self._times(), *once)[:, which.reshape(-1)]
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
