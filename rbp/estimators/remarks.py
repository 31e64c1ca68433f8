"""What is said of rows that cannot be learned, and of a training that went wrong."""

import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from rbp.errors import InputError

__all__ = ["bounded", "say"]

MOST = 1e100
"""That a number may be: its square must be finite."""

REMEDIES = {
    "weight": "weights reached the ends of their format: try a smaller eta_shift, or preset w18",
    "error": "errors reached the ends of their format: try a smaller eta_shift or spread",
    "state": "states reached the ends of their format: try a smaller spread",
    "velocity": "velocities reached the ends of their format: try a smaller eta_shift",
}
"""By what has saturated. Of net it does no harm, since g is flat there."""


def say(result, stacklevel):
    """Warn once of what has done harm, with what helps."""
    said = [remedy for role, remedy in REMEDIES.items() if result.saturated[role]]
    share = result.unsettled / result.settle_steps.size
    if share > 0.01:
        said.append(
            f"{share:.0%} of the relaxations did not settle: try a smaller spread or "
            "eta_shift, or a greater dt_shift"
        )
    for remedy in said:
        warnings.warn(remedy, ConvergenceWarning, stacklevel=stacklevel)


def bounded(name, values):
    """Refuse numbers whose squares are none."""
    most = float(np.abs(values).max(initial=0))
    if most > MOST:
        raise InputError(f"{name} must be of numbers within ±{MOST:g}, not {most:g}")
