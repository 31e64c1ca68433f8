"""What goes wrong in a training, said while it runs."""

import logging

__all__ = ["Trends"]

WARMED_UP = 20
"""Updates before anything is called a trend."""

HARMFUL = {"weight", "error", "state", "velocity"}
"""Roles whose words should not be clamped; that of net does no harm, g is flat there."""

_log = logging.getLogger("rbp")


class Trends:
    """E that grows, relaxations that fail, words that are clamped: each is logged once.

    Parameters
    ----------
    dt_shift : int
        Of the training, for what is advised.
    """

    def __init__(self, dt_shift):
        self.dt_shift, self.warned, self.roles = dt_shift, set(), 0
        self.count, self.mean, self.first, self.settled = 0, 0.0, None, 1.0

    def seen(self, energy, unsettled, saturated):
        """Of an update: E, the share of relaxations at the limit, the roles that have saturated."""
        self.count += 1
        few = self.count if self.count < WARMED_UP else WARMED_UP
        self.mean += (energy - self.mean) / few
        self.settled += (1 - unsettled - self.settled) / few
        if self.count < WARMED_UP:
            return
        if self.first is None:
            self.first = self.mean
        if self.mean > 2 * self.first:
            self._warn("E", "E has doubled since the start: a smaller eta_shift may help")
        if self.settled < 0.5:
            finer = f"dt_shift {self.dt_shift + 1}" if self.dt_shift < 3 else "other weights"
            self._warn("settled", f"most relaxations do not settle: {finer} may help")
        if len(saturated) > self.roles:
            self.roles = len(saturated)
            for role in sorted(HARMFUL & set(saturated)):
                self._warn(role, f"{role} has saturated: its format clamped a value")

    def _warn(self, kind, text):
        if kind not in self.warned:
            self.warned.add(kind)
            _log.warning("%s (after %d updates)", text, self.count)
