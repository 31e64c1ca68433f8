"""What is said of rows that cannot be learned, and of a training that went wrong."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from rbp.errors import InputError

__all__ = ["Remarks", "bounded"]

MOST = 1e100
"""That a number may be: its square must be finite."""

REMEDIES = {
    "weight": "weights reached the ends of their format: try a smaller eta_shift, or preset w18",
    "error": "errors reached the ends of their format: try a smaller eta_shift or spread",
    "state": "states reached the ends of their format: try a smaller spread",
    "velocity": "velocities reached the ends of their format: try a smaller eta_shift",
}
"""By what has saturated. Of net it does no harm, since g is flat there."""


class Remarks:
    """Warns of what does harm, with what helps: each once, while the network learns."""

    def __init__(self):
        self.said = set()

    def of(self, saturated, unsettled, stacklevel, *, ended=False):
        """``saturated`` are roles of formats, ``unsettled`` a share of the relaxations so far;
        before it has ``ended`` only one of most of them counts."""
        for role in REMEDIES.keys() & saturated:
            self._say(role, REMEDIES[role], stacklevel + 1)
        if unsettled > (0.01 if ended else 0.5):
            remedy = "try a smaller spread or eta_shift, or a greater dt_shift"
            text = f"{unsettled:.0%} of the relaxations did not settle: {remedy}"
            self._say("settled", text, stacklevel + 1)

    def of_result(self, result, stacklevel):
        """The same of a network that has learned."""
        saturated = {role for role, is_so in result.saturated.items() if is_so}
        share = result.unsettled / result.settle_steps.size
        self.of(saturated, share, stacklevel + 1, ended=True)

    def _say(self, kind, text, stacklevel):
        if kind not in self.said:
            self.said.add(kind)
            warnings.warn(text, ConvergenceWarning, stacklevel=stacklevel + 1)


def bounded(name, values):
    """Refuse numbers whose squares are none, and what is no number."""
    most = float(np.abs(values).max(initial=0))
    if not most <= MOST:
        raise InputError(f"{name} must be of numbers within ±{MOST:g}, not {most:g}")
