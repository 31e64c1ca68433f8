"""AssociativeMemory: patterns that come back from a part of them."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from rbp.checks import boolean, choice, integer, number
from rbp.engines import recall
from rbp.engines.learner import learner
from rbp.errors import InputError
from rbp.estimators.base import FLAGS
from rbp.estimators.remarks import Remarks, bounded
from rbp.golden.config import GREATEST_UNITS
from rbp.problem import Problem
from rbp.result import ENGINES

__all__ = ["AssociativeMemory"]

LOW, HIGH, UNKNOWN = 0.1, 0.9, 0.5
"""States of the least and the greatest number of the patterns, and of what is not known."""

LOOK = 10
"""Updates after which the memory is tried."""


class AssociativeMemory(TransformerMixin, BaseEstimator):
    """A fully connected network whose visible units come to rest at the patterns (30).

    Its master learns with the visible units clamped; recall lets the same weights settle without
    clamps. Learning ends when every pattern, given as a whole, stays within ``tol``.

    Parameters
    ----------
    hidden : int
        Units besides the visible ones, one of which there is for each column.
    spread : float
        First weights are drawn from ± so much.
    eta_shift, dt_shift, momentum_shift, preset, macs, lanes, slots
        As in :class:`rbp.Settings`.
    max_iter : int
        Most updates, each of all patterns.
    tol : float
        How far a state may be from its pattern, as a share of the range of the patterns.
    engine, threads, port
        As in :func:`rbp.train`.
    random_state : int, RandomState or None

    Attributes
    ----------
    result_ : rbp.Result
    n_iter_ : int
        Updates.
    loss_curve_ : list of float
        E of each update, a pattern.
    stable_ : A bool
        Which patterns stay.
    n_features_in_ : int
    """

    def __init__(
        self,
        hidden=0,
        *,
        spread=0.1,
        eta_shift=0,
        dt_shift=0,
        momentum_shift=None,
        max_iter=1000,
        tol=0.1,
        preset="w16",
        engine="model",
        macs=None,
        lanes=1,
        slots=None,
        threads=1,
        port=None,
        random_state=None,
    ):
        self.hidden = hidden
        self.spread = spread
        self.eta_shift = eta_shift
        self.dt_shift = dt_shift
        self.momentum_shift = momentum_shift
        self.max_iter = max_iter
        self.tol = tol
        self.preset = preset
        self.engine = engine
        self.macs = macs
        self.lanes = lanes
        self.slots = slots
        self.threads = threads
        self.port = port
        self.random_state = random_state

    def fit(self, X, y=None):
        """Learn patterns, A×visible float."""
        choice("engine", self.engine, ENGINES)
        integer("hidden", self.hidden, 0)
        integer("max_iter", self.max_iter, 1)
        for name in ("spread", "tol"):
            number(name, getattr(self, name), 0, 8)
        self.__dict__.pop("result_", None)
        X = validate_data(self, X, dtype=float)
        bounded("X", X)
        self._units = X.shape[1] + self.hidden
        if self._units > GREATEST_UNITS:
            raise InputError(
                f"there must be at most {GREATEST_UNITS} units, not {self._units} "
                f"({X.shape[1]} visible, {self.hidden} hidden)"
            )
        self._least, width = X.min(), np.ptp(X)
        self._range = width or 1.0
        rng, visible = check_random_state(self.random_state), self._visible
        seed, n = int(rng.randint(2**31)), len(visible)
        problem = Problem(
            weights=rng.uniform(-self.spread, self.spread, (n, n)),
            targets=self._states(X),
            target_units=visible,
            clamp_units=visible,
        )
        flags = {name: getattr(self, name) for name in FLAGS}
        job = learner(problem, self.engine, self.threads, self.port, seed=seed, **flags)
        self.loss_curve_, remarks = [], Remarks()
        while len(self.loss_curve_) < self.max_iter:
            energy = job.train(min(LOOK, self.max_iter - len(self.loss_curve_)))
            self.loss_curve_ += (energy / len(X)).tolist()
            rest = job.states(problem.targets, np.zeros(problem.targets.shape))
            away = abs(rest - problem.targets)[:, visible] / (HIGH - LOW)
            remarks.of(*job.trouble(), stacklevel=2)
            self.stable_ = (away <= self.tol).all(axis=1)
            if self.stable_.all():
                break
        self.result_, self.n_iter_ = job.result(), len(self.loss_curve_)
        remarks.of_result(self.result_, stacklevel=2)
        return self

    def recall(self, X, known=None):
        """The patterns that the network settles at, C×visible float, in the units of ``fit``.

        ``X`` is C×visible; what is not ``known`` (C×visible or visible bool), or NaN, begins in
        the middle.
        """
        check_is_fitted(self, "result_")
        X = validate_data(self, X, reset=False, dtype=float, ensure_all_finite="allow-nan")
        if known is None:
            known = np.ones(X.shape, bool)
        known = boolean("known", known, X.shape, X.shape[1:])
        start = np.where(known & ~np.isnan(X), self._states(X)[:, self._visible], UNKNOWN)
        cues = np.full((len(X), len(self._visible)), UNKNOWN)
        cues[:, self._visible] = np.clip(start, -2, 1.99)
        states = recall(self.result_, cues, self.result_.engine, port=self.port)
        found = (states.values[:, self._visible] - LOW) / (HIGH - LOW)
        return self._least + found * self._range

    def transform(self, X):
        """:meth:`recall` of whole rows, which may be noisy."""
        check_is_fitted(self, "result_")
        return self.recall(validate_data(self, X, reset=False, dtype=float))

    def score(self, X, y=None, *, patterns=None, known=None):
        """The share of rows from which the patterns come back, within ``tol``.

        ``patterns``, C×visible, are those that should; by default ``X`` itself. ``known`` is that
        of :meth:`recall`; ``y`` is not used, as in scikit-learn.
        """
        check_is_fitted(self, "result_")
        number("tol", self.tol, 0, 8)
        found, wanted = self.recall(X, known), X if patterns is None else patterns
        wanted = validate_data(self, wanted, reset=False, dtype=float)
        if wanted.shape != found.shape:
            raise InputError(f"patterns must have shape {found.shape}, as X, not {wanted.shape}")
        return float((abs(found - wanted) <= self.tol * self._range).all(axis=1).mean())

    def get_feature_names_out(self, input_features=None):
        """One for each column."""
        check_is_fitted(self, "result_")
        given = getattr(self, "feature_names_in_", None)
        return np.array([f"x{k}" for k in range(self.n_features_in_)] if given is None else given)

    @property
    def _visible(self):
        """N bool."""
        return np.arange(self._units) < self.n_features_in_

    def _states(self, X):
        """The states of the patterns, A×N; 0.5 of hidden units."""
        states = np.full((len(X), len(self._visible)), UNKNOWN)
        states[:, self._visible] = LOW + (HIGH - LOW) * (X - self._least) / self._range
        return states
