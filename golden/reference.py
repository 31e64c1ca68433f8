"""The paper in float64: (1), (17), (13) by iteration, and (14) by solving, as the oracle."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from rbp.golden.relaxation import Relaxed, Settling, settle
from rbp.golden.structure import Structure
from rbp.golden.tables import activation
from rbp.golden.training import Learning

__all__ = ["Products", "Reference", "activate", "exact_errors"]


def activate(names, u, derivative=0):
    """g(u), or g'(u), of K×N net inputs; ``names`` are those of the units' activations."""
    result = np.empty_like(u)
    for name in set(names):
        units = np.array([other == name for other in names])
        result[:, units] = activation(name).derivatives[derivative](u[:, units])
    return result


@dataclass(frozen=True)
class Products:
    """φ of a higher-order network: products of f, each of the units in a tuple of ``monomials``."""

    monomials: tuple
    feature: str = "identity"

    @cached_property
    def index(self):
        """M×n int: the units of each product, n at least 1; -1 is the factor 1."""
        longest = max([1, *map(len, self.monomials)])
        return np.array([m + (-1,) * (longest - len(m)) for m in self.monomials])

    def phi(self, c):
        """φ, A×M, of c, A×N (22)."""
        f = np.concatenate([self._f(c, 0), np.ones((len(c), 1))], axis=1)
        return f[:, self.index].prod(axis=2)

    def jacobian(self, c):
        """∂φ/∂c, A×M×N (25), (26)."""
        f, slope = self._f(c, 0), self._f(c, 1)
        result = np.zeros((len(c), len(self.monomials), c.shape[1]))
        for m, units in enumerate(self.monomials):
            for place, k in enumerate(units):
                rest = f[:, list(units[:place] + units[place + 1 :])].prod(axis=1)
                result[:, m, k] += rest * slope[:, k]
        return result

    def _f(self, c, derivative):
        if self.feature == "identity":
            return np.ones_like(c) if derivative else c
        return activation(self.feature).derivatives[derivative](c)


@dataclass
class Reference:
    """A network that learns, in floating point; the counterpart of ``rbp.golden.training.Machine``.

    Arrays are floats: ``weights`` N×M, ``connected`` N×M bool, ``targets``, ``inputs`` and
    ``start`` A×N. Held units are those of :class:`rbp.golden.structure.Structure`. ``tolerance``
    and ``use_within`` of ``settling`` are in units of ``unit``.
    """

    activation: tuple
    """Name of each unit's g."""
    clamp_units: np.ndarray
    target_units: np.ndarray
    weights: np.ndarray
    connected: np.ndarray
    targets: np.ndarray
    inputs: np.ndarray
    start: np.ndarray
    settling: Settling
    unit: float = 2.0**-14
    eta: float = 1.0
    learning: Learning = field(default_factory=Learning)
    """Which patterns an update takes, and where they start; its η and rounding do not count."""
    t: int = 0
    unsettled: int = 0
    skipped: int = 0
    x: Any = None
    y: Any = None
    velocity: Any = None
    products: Products | None = None
    """Of a higher-order network; None where φ is c."""

    def __post_init__(self):
        if self.velocity is None:
            self.velocity = np.zeros_like(self.weights)
        products = self.products and self.products.monomials
        flags = self.clamp_units, self.target_units
        self.structure = Structure.of(self.connected, *flags, products)
        rest = self.g(np.zeros_like(self.inputs)) + self.inputs
        rest = np.where(self.clamp_units, self.targets, rest)
        held = self.structure.held
        self.start = np.where(held, rest, self.start)
        self.x = self.start.copy() if self.x is None else np.where(held, rest, self.x)
        self.y = np.zeros_like(self.start) if self.y is None else self.y.copy()

    def phi(self, c):
        """φ, A×M, of c, A×N (22)."""
        return c if self.products is None else self.products.phi(c)

    def g(self, u, derivative=0):
        return activate(self.activation, u, derivative)

    def relax(self, *, errors=True) -> Relaxed:
        """Settle x by (1), then y by (17), of the next batch; the fields of Relaxed as floats."""
        dt = 2.0**-self.settling.dt_shift
        rows = np.arange(len(self.targets))
        if errors:
            rows = self.learning.patterns(len(self.targets), self.t)
        targets, inputs = self.targets[rows], self.inputs[rows]
        if errors and self.learning.start_seed is not None:
            fraction = round(-np.log2(self.unit))
            places = self.structure.places
            words = self.learning.start_words(len(self.start), places, self.t, fraction)
            self.start[np.ix_(rows, self.structure.rows)] = self.unit * words
        x, y = self.start[rows], np.zeros_like(self.start[rows])
        if errors and self.learning.keep:
            x, y = self.x[rows], self.y[rows]
        slope, held = np.zeros_like(x), self.structure.held

        def streamed():
            """c: the target where a unit is clamped (30), else x."""
            return np.where(self.clamp_units, targets, x)

        def step_x(some):
            u = self.phi(streamed()[some]) @ self.weights.T
            step = np.where(held, 0.0, dt * (self.g(u) + inputs[some] - x[some]))
            x[some] += step
            slope[some] = self.g(u, 1)
            return np.abs(step).max(axis=1) / self.unit

        steps_x, unsettled, far = settle(step_x, len(x), self.settling)
        self.unsettled += int(unsettled.sum())
        self.x[rows] = x
        if not errors:
            return Relaxed(x, streamed(), slope, None, steps_x[:, None], unsettled[:, None], far, 0)
        j = np.where(self.target_units, targets - x, 0.0)
        fold = None if self.products is None else self.products.jacobian(streamed())

        def step_y(some):
            b = y[some] @ self.weights
            if fold is not None:
                b = np.einsum("am,amk->ak", b, fold[some])
            b = np.where(self.clamp_units, 0.0, b)
            step = np.where(held, 0.0, dt * (slope[some] * (b + j[some]) - y[some]))
            y[some] += step
            return np.abs(step).max(axis=1) / self.unit

        steps_y, unsettled_y, far_y = settle(step_y, len(x), self.settling)
        self.unsettled += int(unsettled_y.sum())
        self.y[rows] = y
        return Relaxed(
            x,
            streamed(),
            slope,
            y,
            np.stack([steps_x, steps_y], axis=1),
            np.stack([unsettled, unsettled_y], axis=1),
            far | far_y,
            (j * j).sum(),
        )

    def learn(self, relaxed: Relaxed):
        """W += η Σ_α y φᵀ over the patterns that count (19)."""
        use = ~relaxed.skip
        self.skipped += int(relaxed.skip.sum())
        self.t += len(use)
        step = self.eta * relaxed.y[use].T @ self.phi(relaxed.c[use])
        friction = self.learning.friction
        if friction is not None:
            step = self.velocity + step
            self.velocity = step * (1 - 2.0**-friction)
        moved = self.connected & ~self.structure.held[:, None]
        self.weights = self.weights + np.where(moved, step, 0.0)

    def update(self) -> Relaxed:
        relaxed = self.relax()
        self.learn(relaxed)
        return relaxed


def exact_errors(weights, slope, j, clamp_units):
    """y^∞ by (14), one pattern: y_r = g'_r Σ_k J_k (L⁻¹)_kr, L_ij = δ_ij − g'_i w_ij (12).

    A clamped unit feeds nothing back, so its column of w does not count. In a higher-order network
    w is W ∂φ/∂c, which is v_ij f'_j of (27).
    """
    fed_back = np.where(clamp_units[None, :], 0.0, weights)
    l = np.eye(len(slope)) - slope[:, None] * fed_back
    return slope * np.linalg.solve(l.T, j)
