"""RecurrentRegressor: one number, or several, for each row."""

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import validate_data

from rbp.estimators.base import Recurrent
from rbp.estimators.remarks import bounded

__all__ = ["RecurrentRegressor"]


class RecurrentRegressor(RegressorMixin, Recurrent):
    """A network with an output for each number.

    Targets run from 0.1 to 0.9 (±0.8 for ``tanh`` and ``sin``) between the least and the greatest
    number of the rows of the first ``fit`` or ``partial_fit``; so the outputs cannot go far
    beyond. Parameters and attributes are those of :class:`rbp.estimators.base.Recurrent`.
    """

    def partial_fit(self, X, y):
        """Learn rows once more, from what has been learned so far."""
        if not hasattr(self, "result_"):
            self._check()
            return self._first(*self._validated(X, y))
        X, y = validate_data(
            self, X, y, reset=False, dtype=float, multi_output=True, y_numeric=True
        )
        return self._more(X, y.reshape(len(X), -1))

    def predict(self, X):
        """A, or A×outputs float."""
        outputs, (low, high) = self._read(X), self._levels
        found = self._least + (outputs - low) / (high - low) * self._range
        return found[:, 0] if self._flat else found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def _validated(self, X, y):
        X, y = validate_data(self, X, y, dtype=float, multi_output=True, y_numeric=True)
        self._flat = y.ndim == 1
        y = np.asarray(y, float).reshape(len(X), -1)
        bounded("y", y)
        self._least, width = y.min(axis=0), np.ptp(y, axis=0)
        self._range = np.where(width > 0, width, 1.0)
        return X, y

    @property
    def _outputs(self):
        return len(self._range)

    def _targets(self, y):
        low, high = self._levels
        inside = np.clip((y - self._least) / self._range, -0.1, 1.1)
        return low + (high - low) * inside

    def _score_of(self, outputs, y):
        return float(r2_score(self._targets(y), outputs)) if len(y) > 1 else -np.inf

    def _strata(self, y):
        return None
