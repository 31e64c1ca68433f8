"""The free network in floating point: how it moves, where it rests, and whether it stays there."""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np

from rbp.checks import raw_words
from rbp.golden.formats import PRESETS
from rbp.golden.reference import Products, activate
from rbp.result import Result
from rbp.settings import Settings

__all__ = ["DTS", "SAME", "Network", "fixed_points", "free_networks", "stability", "units_of"]

DTS = tuple(Fraction(1, 2**k) for k in range(4))
"""Δt for which the Euler map is judged."""

SAME = 1e-6
"""Fixed points nearer than this are one: far above what Newton leaves, far below a STATE word."""


@dataclass(frozen=True)
class Network:
    """(1) or (21) for one I: W (N×M), I (N) and each unit's g; states are rows (K×N)."""

    weights: np.ndarray
    inputs: np.ndarray
    g: object
    """``g(u, derivative)`` → g or g', K×N."""
    products: Products | None = None
    """φ of a higher-order network."""

    @property
    def units(self):
        return len(self.weights)

    def sums(self, x):
        """u = W φ(x), K×N."""
        phi = x if self.products is None else self.products.phi(x)
        return phi @ self.weights.T

    def pull(self, x):
        """∂u/∂x, K×N×N: W, or W ∂φ/∂x (27)."""
        if self.products is None:
            return np.broadcast_to(self.weights, (len(x), *self.weights.shape))
        return self.weights @ self.products.jacobian(x)

    def image(self, x):
        """g(u) + I, which is x at a fixed point (10)."""
        return self.g(self.sums(x), 0) + self.inputs

    def slope(self, x):
        """g'(u)."""
        return self.g(self.sums(x), 1)

    def linear(self, x):
        """L (12), (27), K×N×N."""
        return np.eye(self.units) - self.slope(x)[:, :, None] * self.pull(x)

    def box(self):
        """Least and greatest values of g + I (N each): every fixed point lies between them."""
        far = np.linspace(-np.pi, np.pi, 5)[:, None] * np.ones(self.units)
        ends = self.g(np.concatenate([far, far * 1e2]), 0)
        return ends.min(axis=0) + self.inputs, ends.max(axis=0) + self.inputs

    def settle(self, x, dt_shift):
        """Euler steps (1) from K states until nothing moves, at most as many as in recall.

        Returns the last states (K×N) and whether they had settled (K bool).
        """
        x, settled = x.copy(), np.zeros(len(x), bool)
        rows = np.arange(len(x))
        for _ in range(512 << dt_shift):
            step = self.image(x[rows]) - x[rows]
            x[rows] += step * 2.0**-dt_shift
            done = np.abs(step).max(axis=1) <= SAME
            settled[rows[done]] = True
            rows = rows[~done]
            if not len(rows):
                break
        return x, settled

    def path(self, start, dt_shift, steps=512):
        """The states of an Euler run from one start (N): steps + 1 rows, fewer if it settles."""
        states = [start]
        for _ in range(steps):
            step = (self.image(states[-1][None]) - states[-1])[0]
            states.append(states[-1] + step * 2.0**-dt_shift)
            if np.abs(step).max() <= SAME:
                break
        return np.array(states)


def units_of(names):
    """``g(u, derivative)`` of units (K×N) with the activations of those names."""
    return partial(activate, names)


def free_networks(source, dt_shift=None):
    """``[(Network, patterns, starts)]``, one for each I of a problem or result, and Δt's shift.

    ``patterns`` are the indices of the patterns with that I, ``starts`` their x(t0) (28): the
    pattern at clamped units, the problem's initial state elsewhere.
    """
    earlier = source if isinstance(source, Result) else None
    problem = earlier.problem if earlier else source
    settings = earlier.settings if earlier else Settings()
    if dt_shift is None:
        dt_shift = settings.dt_shift
    formats = PRESETS[settings.preset]  # what no machine would hold is refused here too
    raw_words("weights", problem.weights, formats.weight)
    raw_words("inputs", problem.inputs, formats.state)
    raw_words("initial_state", problem.initial_state, formats.state)
    raw_words("targets", problem.targets, formats.state, problem.read_units)
    weights, g = earlier.weights if earlier else problem.weights, units_of(problem.activation)
    starts = np.where(problem.clamp_units, problem.targets, problem.start)
    found = []
    for inputs in np.unique(problem.inputs, axis=0):
        patterns = np.flatnonzero((problem.inputs == inputs).all(axis=1))
        network = Network(weights, inputs, g, problem.phi)
        found.append((network, patterns, starts[patterns]))
    return sorted(found, key=lambda item: item[1][0]), dt_shift


def fixed_points(network, candidates):
    """Fixed points (10) that Newton's method reaches from the candidates (K×N), each once."""
    x = np.array(candidates, np.float64)
    # What rounding leaves of x - F(x): M terms in each sum, of size 2 at most, or 2³.
    rows = np.abs(network.weights).sum(axis=1).max() * (2 if network.products is None else 8)
    small = 4 * network.weights.shape[1] * np.finfo(float).eps * (1 + rows)
    for _ in range(60):
        residual, l = x - network.image(x), network.linear(x)
        try:
            step = np.linalg.solve(l, residual[:, :, None])
        except np.linalg.LinAlgError:  # L is singular at one of the states
            step = np.linalg.pinv(l) @ residual[:, :, None]
        x = x - np.clip(step[:, :, 0], -1, 1)
    x = x[np.abs(x - network.image(x)).max(axis=1) <= small]
    distinct = np.empty((0, network.units))
    for point in x:
        if not (np.abs(distinct - point).max(axis=1, initial=0) <= SAME).any():
            distinct = np.vstack([distinct, point])
    return distinct


def stability(network, point):
    """Eigenvalues of L for x and for y, and what they say of flow and Euler map at one point (N).

    (1) linearises to I − GW, (17) to I − GWᵀ. The flow is stable where all Re λ > 0, the map where
    all |1 − Δt λ| < 1.
    """
    gain, (pull,) = np.diag(network.slope(point[None])[0]), network.pull(point[None])
    l = np.eye(network.units) - gain @ pull
    of_x, of_y = (np.linalg.eigvals(np.eye(network.units) - gain @ w) for w in (pull, pull.T))
    return {
        "x": point.tolist(),
        "eigenvalues_x": _pairs(of_x),
        "eigenvalues_y": _pairs(of_y),
        "index": int(np.linalg.slogdet(l)[0]),
        "flow_stable": bool(of_x.real.min() > 0),
        "euler_stable": {str(dt): bool(np.abs(1 - float(dt) * of_x).max() < 1) for dt in DTS},
    }


def _pairs(eigenvalues):
    """[[real, imaginary]], in order."""
    ordered = np.sort_complex(eigenvalues)
    return np.stack([ordered.real, ordered.imag], axis=1).tolist()
