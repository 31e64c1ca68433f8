"""RecurrentClassifier: which of K classes a row belongs to."""

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import column_or_1d, validate_data

from rbp.errors import InputError
from rbp.estimators.base import Recurrent

__all__ = ["RecurrentClassifier"]


class RecurrentClassifier(ClassifierMixin, Recurrent):
    """A network with an output for each class; the greatest output says the class.

    It learns E = ½ Σ (T − x)² with T 0.9 for the class of a row and 0.1 for the others (±0.8 for
    ``tanh`` and ``sin``). Parameters and attributes are those of
    :class:`rbp.estimators.base.Recurrent`, and ``classes_``, the labels, sorted.
    """

    def partial_fit(self, X, y, classes=None):
        """Learn rows once more, from what has been learned so far.

        ``classes``, all labels that there will be, are needed in the first call.
        """
        self._check()
        if not hasattr(self, "result_"):
            X, y = validate_data(self, X, y, reset=True, dtype=float)
            if classes is None:
                raise InputError("classes must be passed on the first call to partial_fit")
            self.classes_ = unique_labels(classes)
            return self._first_rows(X, self._known(y))
        X, y = validate_data(self, X, y, reset=False, dtype=float)
        if classes is not None and not np.array_equal(unique_labels(classes), self.classes_):
            raise InputError(f"classes must be those of the first call, {self.classes_}")
        return self._more(X, self._known(y))

    def predict(self, X):
        """The label of each row, A."""
        outputs = self._read(X)
        return self.classes_[outputs.argmax(axis=1)]

    def predict_proba(self, X):
        """The outputs from the low target on, as shares of their sum; A×K, rows add up to 1.

        They rank the classes. They are no calibrated probabilities; see
        ``sklearn.calibration.CalibratedClassifierCV``.
        """
        outputs, (low, high) = self._read(X), self._levels
        share = np.clip((outputs - low) / (high - low), 1e-9, None)
        return share / share.sum(axis=1, keepdims=True)

    def _validated(self, X, y):
        X, y = validate_data(self, X, y, dtype=float)
        check_classification_targets(y)
        y = column_or_1d(y, warn=True)
        self.classes_ = unique_labels(y)
        return X, self._known(y)

    def _known(self, y):
        """Number of each label."""
        y = column_or_1d(y, warn=True)
        try:
            unknown = np.setdiff1d(y, self.classes_)
        except TypeError as error:  # objects that have no order
            raise InputError(f"y must be of the classes {self.classes_}: {error}") from error
        if len(unknown):
            raise InputError(
                f"y must be of the classes {self.classes_}, not {unknown[:1].tolist()[0]!r}"
            )
        return np.searchsorted(self.classes_, y)

    @property
    def _outputs(self):
        return len(self.classes_)

    def _targets(self, y):
        low, high = self._levels
        return np.where(y[:, None] == np.arange(self._outputs), high, low)

    def _score_of(self, outputs, y):
        return float((outputs.argmax(axis=1) == y).mean())

    def _strata(self, y):
        counts = np.bincount(y, minlength=self._outputs)
        if counts.min() < 2:
            label = self.classes_[counts.argmin() :][:1].tolist()[0]
            raise InputError(f"early_stopping needs 2 rows of each class, not 1 of {label!r}")
        return y
