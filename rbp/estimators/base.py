"""What classifier and regressor share: inputs and targets, epochs, and when they end."""

import logging
import warnings
from contextlib import nullcontext

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from rbp.checks import choice, integer, number, shown
from rbp.engines import recall
from rbp.engines.learner import learner
from rbp.errors import InputError
from rbp.estimators.remarks import Remarks, bounded
from rbp.estimators.wiring import Wiring, layers
from rbp.golden.config import GREATEST_UNITS
from rbp.problem import Problem
from rbp.progress import Progress
from rbp.result import ENGINES

__all__ = ["FLAGS", "Recurrent"]

CLIP = 1.0
"""Of the inputs I: states of 0.5 ± 1 leave room for what a state holds, ±2."""

LEVELS = {"logistic": (0.1, 0.9), "tanh": (-0.8, 0.8), "sin": (-0.8, 0.8)}
"""Targets that are low and high, of each activation."""

FLAGS = ("macs", "lanes", "slots", "preset", "eta_shift", "dt_shift", "momentum_shift")
"""Of :class:`rbp.Settings`, as they stand."""

_log = logging.getLogger("rbp.estimators")


class Recurrent(BaseEstimator):
    """A network whose outputs are read, learned a batch at a time.

    Inputs are standardised, halved, and held to what a state can hold; the scale is that of the
    rows of the first ``fit`` or ``partial_fit``. Raises :class:`rbp.InputError`, a ValueError, for
    what cannot be, before anything is learned.

    Parameters
    ----------
    hidden : int or tuple of int
        Hidden units; with topology ``layered`` a layer for each number.
    topology : str or N×N bool
        ``layered``, ``recurrent``, or a mask, see :class:`rbp.estimators.wiring.Wiring`.
    activation : str or pair of functions
        Of hidden units and outputs, as in :class:`rbp.Problem`.
    order : int
        1 … 3; above 1 units also sum products of the units that feed them.
    spread : float
        First weights are drawn from ± so much.
    eta_shift, dt_shift, momentum_shift, preset, macs, lanes, slots
        As in :class:`rbp.Settings`. Velocities begin at 0 in each ``partial_fit``.
    batch : int
        Patterns of an update; all, where there are fewer.
    max_iter : int
        Most epochs of a ``fit``.
    tol, n_iter_no_change : float, int
        It ends where for so many epochs E a pattern has not fallen, or the validation's score not
        risen, by more than ``tol``.
    early_stopping, validation_fraction : bool, float
        Keep back a share of the rows, whose accuracy or R² says when to end; the network that was
        best by it is kept.
    engine, threads, port
        As in :func:`rbp.train`.
    random_state : int, RandomState or None
        Of first weights, order of the rows, rounding noise, validation.
    verbose : bool
        A bar of tqdm for the epochs, where there is a terminal or a notebook; and log each, to the
        logger ``rbp.estimators``, at INFO.
    callback : callable, optional
        ``callback(estimator)`` after each epoch, whose network it can ask; where it returns true,
        learning ends.

    Attributes
    ----------
    result_ : rbp.Result
        The learned network; after ``partial_fit`` that of the last rows.
    loss_curve_ : list of float
        Mean E a pattern of each epoch, before its updates.
    validation_scores_ : list of float
    n_iter_ : int
        Epochs so far.
    n_features_in_ : int
    """

    def __init__(
        self,
        hidden=30,
        *,
        topology="layered",
        activation="logistic",
        order=1,
        spread=0.5,
        eta_shift=-3,
        dt_shift=0,
        momentum_shift=None,
        batch=16,
        max_iter=200,
        tol=1e-3,
        n_iter_no_change=10,
        early_stopping=False,
        validation_fraction=0.1,
        preset="w16",
        engine="model",
        macs=None,
        lanes=1,
        slots=None,
        threads=1,
        port=None,
        random_state=None,
        verbose=False,
        callback=None,
    ):
        self.hidden = hidden
        self.topology = topology
        self.activation = activation
        self.order = order
        self.spread = spread
        self.eta_shift = eta_shift
        self.dt_shift = dt_shift
        self.momentum_shift = momentum_shift
        self.batch = batch
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.preset = preset
        self.engine = engine
        self.macs = macs
        self.lanes = lanes
        self.slots = slots
        self.threads = threads
        self.port = port
        self.random_state = random_state
        self.verbose = verbose
        self.callback = callback

    def fit(self, X, y):
        """Learn from nothing: X is A×features float, y A labels, or A (or A×outputs) numbers."""
        self._check()
        self.__dict__.pop("result_", None)
        return self._first(*self._validated(X, y), self.max_iter, self.early_stopping)

    def _first(self, X, y, epochs=1, stopping=False):
        """The first epochs, of a new network."""
        bounded("X", X)
        rng, kept = check_random_state(self.random_state), None
        self._activation = self.activation
        self._mean, deviation = X.mean(axis=0), X.std(axis=0)
        self._deviation = np.where(deviation > 1e-12 * (1 + abs(self._mean)), deviation, 1.0)
        self._wiring = wiring = Wiring(
            X.shape[1], layers(self.hidden), self._outputs, self.topology, self.order
        )
        if wiring.units > GREATEST_UNITS:
            raise InputError(
                f"there must be at most {GREATEST_UNITS} units, not {wiring.units} (a bias, "
                f"{X.shape[1]} inputs, the hidden units, {self._outputs} outputs)"
            )
        if stopping:
            X, kept_X, y, kept_y = self._split(X, y, rng)
            kept = self._inputs(kept_X), kept_y
        order, (connected, products) = rng.permutation(len(X)), wiring.connections()
        weights = np.where(connected, rng.uniform(-self.spread, self.spread, connected.shape), 0)
        self._seed, self._products = int(rng.randint(2**31)), products
        self.loss_curve_, self.validation_scores_, self.n_iter_ = [], [], 0
        return self._learn(self._problem(weights, connected, X[order], y[order]), epochs, kept)

    def _first_rows(self, X, y):
        """The first ``partial_fit``."""
        if len(X) == 1:
            warnings.warn(
                "the scale is that of the rows of the first partial_fit: expected 2 or more, not 1",
                stacklevel=3,
            )
        return self._first(X, y)

    def _more(self, X, y):
        """One epoch of rows, with the weights and the scales that there are."""
        last = self.result_
        self._seed += 1
        problem = self._problem(last.weights, last.problem.connected, X, y)
        return self._learn(problem, 1, None)

    def _learn(self, problem, epochs, kept):
        """So many epochs, or fewer where it gets no better."""
        batch = min(self.batch, problem.patterns)
        flags = {name: getattr(self, name) for name in FLAGS} | {"seed": self._seed % 2**32}
        job = learner(problem, self.engine, self.threads, self.port, batch=batch, **flags)
        updates = -(-problem.patterns // batch)
        best, waited, found, remarks = -np.inf, 0, None, Remarks()
        with Progress("epoch") if self.verbose else nullcontext() as progress:
            for epoch in range(1, epochs + 1):
                loss = float(job.train(updates).sum()) / (updates * batch)
                score = -loss if kept is None else self._score_of(*self._seen(job, *kept))
                self.loss_curve_.append(loss)
                self.validation_scores_ += [] if kept is None else [score]
                self.n_iter_ += 1
                waited += 1
                if score > best + self.tol or epoch == 1:
                    best, waited = score, 0
                    found = job.result() if kept else None
                remarks.of(*job.trouble(), stacklevel=4)
                if progress:
                    progress.seen(loss, job.trouble()[1])
                    progress(epoch, epochs)
                    _log.info(
                        "epoch %d of %d: E a pattern %.6f, score %.4f", epoch, epochs, loss, score
                    )
                if self.callback:
                    self.result_ = job.result()
                    if self.callback(self):
                        break
                if waited >= self.n_iter_no_change:
                    break
        self.result_ = found or job.result()
        remarks.of_result(self.result_, stacklevel=4)
        return self

    def _seen(self, job, inputs, y):
        """The outputs of rows that are kept back, and what they should be."""
        return job.states(np.full(inputs.shape, 0.5), inputs)[:, self._wiring.read], y

    def _check(self):
        """Refuse what no training can have, before anything is changed."""
        choice("engine", self.engine, ENGINES)
        for name in ("max_iter", "n_iter_no_change", "batch"):
            integer(name, getattr(self, name), 1)
        integer("order", self.order, 1, 3)
        if self.early_stopping not in (True, False):
            raise InputError(
                f"early_stopping must be True or False, not {shown(self.early_stopping)}"
            )
        layers(self.hidden)
        own = isinstance(self.activation, tuple) and len(self.activation) == 2
        if not isinstance(self.activation, str) and not (
            own and all(map(callable, self.activation))
        ):
            raise InputError(
                f"activation must be a name, or a pair of functions, not {shown(self.activation)}"
            )
        ranges = (("spread", 0, 8), ("validation_fraction", 0.001, 0.999), ("tol", 0, 1e9))
        for name, low, high in ranges:
            number(name, getattr(self, name), low, high)
        if self.callback is not None and not callable(self.callback):
            raise InputError(f"callback must be callable, not {shown(self.callback)}")

    def _split(self, X, y, rng):
        try:
            return train_test_split(
                X, y, test_size=self.validation_fraction, random_state=rng, stratify=self._strata(y)
            )
        except ValueError as error:
            raise InputError(f"early_stopping with {len(X)} rows: {error}") from error

    @property
    def _levels(self):
        name = self._activation if isinstance(self._activation, str) else ""
        return LEVELS.get(name, (0.1, 0.9))

    def _inputs(self, X):
        """I of the network's units, A×N."""
        z = (np.asarray(X, float) - self._mean) / self._deviation
        inputs = np.zeros((len(X), self._wiring.units))
        most = min(CLIP, 1.99 ** (1 / self._wiring.order) - 0.5)  # a product is a state, too
        inputs[:, self._wiring.shown] = np.clip(z / 2, -most, most)
        return inputs

    def _problem(self, weights, connected, X, y):
        wiring = self._wiring
        targets = np.zeros((len(X), wiring.units))
        targets[:, wiring.read] = self._targets(y)
        read = np.zeros(wiring.units, bool)
        read[wiring.read] = True
        activation = ["logistic"] * wiring.first
        activation += [self._activation] * (wiring.units - wiring.first)
        return Problem(
            weights=weights,
            connected=connected,
            targets=targets,
            target_units=read,
            inputs=self._inputs(X),
            activation=activation,
            products=self._products,
        )

    def _read(self, X):
        """The outputs, A×outputs float, with the chip's bits."""
        check_is_fitted(self, "result_")
        X = validate_data(self, X, reset=False, dtype=float)
        inputs = self._inputs(X)
        cues = {"initial_state": np.full(inputs.shape, 0.5), "inputs": inputs}
        states = recall(self.result_, cues, self.result_.engine, port=self.port)
        return states.values[:, self._wiring.read]
