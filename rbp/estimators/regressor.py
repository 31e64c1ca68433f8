"""RecurrentRegressor: one number, or several, for each row."""

import numpy as np
from scipy.sparse import issparse
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import validate_data

from rbp.errors import InputError
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
        self._check()
        if not hasattr(self, "result_"):
            return self._first_rows(*self._validated(X, y))
        X, y = validate_data(
            self, X, y, reset=False, dtype=float, multi_output=True, y_numeric=True
        )
        y = self._numbers(y)
        if y.shape[1] != self._outputs:
            raise InputError(f"y must have {self._outputs} numbers in a row, not {y.shape[1]}")
        return self._more(X, y)

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
        y = self._numbers(y)
        self._least, width = y.min(axis=0), np.ptp(y, axis=0)
        self._range = np.where(width > 0, width, 1.0)
        return X, y

    def _numbers(self, y):
        """A×outputs float."""
        if issparse(y):
            raise InputError("y must be an array of numbers, not sparse: expected y.toarray()")
        y = np.asarray(y, float).reshape(len(y), -1)
        bounded("y", y)
        return y

    @property
    def _outputs(self):
        return len(self._range)

    def _targets(self, y):
        low, high = self._levels
        inside = np.clip((y - self._least) / self._range, -0.1, 1.1)
        return low + (high - low) * inside

    def _score_of(self, outputs, y):
        return float(r2_score(self._targets(y), outputs))

    def _strata(self, y):
        if len(y) * self.validation_fraction <= 1:
            raise InputError(
                "R² needs 2 rows that are kept back: try a greater validation_fraction"
            )
        return None
