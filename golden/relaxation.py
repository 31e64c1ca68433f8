"""Relaxation: Euler steps until nothing moves, x first, then y.

Every pattern stops by itself. All patterns of a call are stepped together as rows of one array,
which changes no bit, since rows do not meet.
"""

from dataclasses import dataclass, replace

import numpy as np

from rbp.golden import pe
from rbp.golden.features import Features
from rbp.golden.formats import Formats, saturate
from rbp.golden.integrator import backward_step, forward_step, targets_error
from rbp.golden.tables import Tables

__all__ = ["Network", "Relaxed", "Settling", "relax", "replaced", "settle"]


@dataclass(frozen=True)
class Network:
    """What the units are: formats, tables, and the flags of each unit (N bool each)."""

    formats: Formats
    tables: Tables
    activation: np.ndarray
    """Index of each unit's table."""
    clamp_units: np.ndarray
    target_units: np.ndarray
    input_units: np.ndarray
    features: Features | None = None
    """φ of a higher-order network; None where it is c itself."""

    def streamed(self, x, targets):
        """What the state memory keeps for the sums: c, or its factors f(c); A×N."""
        c = np.where(self.clamp_units, targets, x)
        return c if self.features is None else self.features.factors(c)

    def phi(self, c, flags, connected=None):
        """φ, A×M, of what :meth:`streamed` gives; whatever saturates of ``connected`` columns (M
        bool, by default all) joins ``flags``."""
        return c if self.features is None else self.features.phi(c, flags, connected)

    def of(self, units):
        """The same of some units."""
        flags = ("activation", "clamp_units", "target_units", "input_units")
        return replace(self, **{name: getattr(self, name)[units] for name in flags})

    def rest(self, inputs):
        """sat(g(0) + I), where a unit comes to rest that nothing feeds; A×N."""
        g, _ = self.activate(np.zeros_like(inputs))
        return saturate(g + np.where(self.input_units, inputs, 0), self.formats.state)

    def activate(self, u):
        """g(u) and g'(u), each unit by its own table."""
        return self._by_unit(self.tables.g, u), self._by_unit(self.tables.slope, u)

    def _by_unit(self, tables, u):
        result, *others = (table(u) for table in tables)
        for k, other in enumerate(others, 1):
            result = np.where(self.activation == k, other, result)
        return result


@dataclass(frozen=True)
class Settling:
    """When a relaxation ends.

    It ends when the greatest |step| is at most ``tolerance`` units, or after ``limit`` steps; where
    ``fixed``, always after ``limit`` steps, and then it counts as settled. One that reaches the
    limit still counts towards the update where its last steps were at most ``use_within``.
    """

    dt_shift: int
    tolerance: int
    limit: int
    use_within: int
    fixed: bool = False


@dataclass
class Relaxed:
    """Where A patterns ended: arrays of A rows."""

    x: np.ndarray
    c: np.ndarray
    """Of :meth:`Network.streamed`."""
    slope: np.ndarray
    y: np.ndarray | None
    steps: np.ndarray
    """A×2: Euler steps of x and of y."""
    unsettled: np.ndarray
    """A×2 bool: the limit was reached."""
    skip: np.ndarray
    """A bool: too far from settled to be used."""
    energy: int
    """Σ J² over all, at the first step of y, in units of ERROR squared."""


def replaced(words, at, some):
    """A copy of an array, with ``some`` words in the places ``at``."""
    result = words.copy()
    result[at] = some
    return result


def settle(step, patterns, settling):
    """Call ``step(rows)`` → greatest |step| per row, until every row is done."""
    steps = np.zeros(patterns, np.int64)
    unsettled, far = np.zeros(patterns, bool), np.zeros(patterns, bool)
    rows = np.arange(patterns)
    for count in range(1, settling.limit + 1):
        moved = step(rows)
        steps[rows] = count
        done = np.zeros(len(rows), bool) if settling.fixed else moved <= settling.tolerance
        if count == settling.limit and not settling.fixed:
            unsettled[rows] = ~done
            far[rows] = ~done & (moved > settling.use_within)
        rows = rows[~done]
        if len(rows) == 0:
            break
    return steps, unsettled, far


def relax(
    network, weights, targets, inputs, start, settling, flags, *, held=None, errors=True, y=None
):
    """Relax x, then (where ``errors``) y, of every pattern.

    ``targets``, ``inputs`` and ``start`` are A×N raw STATE words; ``start`` is x(t0), ``y`` A×N
    ERROR words y(t0), by default 0. Units that are ``held`` (N bool, by default none) keep both.
    Roles that saturated join ``flags``.
    """
    zeros = np.zeros_like(start)
    held = np.zeros(start.shape[1], bool) if held is None else held
    free = np.flatnonzero(~held)
    at = np.s_[:, free]
    c, start_y = network.streamed(start, targets), zeros if y is None else y
    moving, weights = network.of(free), weights[free]
    connected = (weights != 0).any(axis=0)
    weights = weights.astype(network.formats.sums(max(weights.shape)))  # once, for the products
    x, y, slope = start[at], start_y[at], zeros[at]
    aims, inputs = targets[at], inputs[at]

    def step_x(rows):
        sums = pe.forward(weights, network.phi(c[rows], flags, connected))
        moved, slope[rows], step = forward_step(
            moving, sums, x[rows], inputs[rows], settling.dt_shift, flags
        )
        x[rows], c[rows[:, None], free] = moved, moving.streamed(moved, aims[rows])
        return np.abs(step).max(axis=1, initial=0)

    steps_x, unsettled_x, far = settle(step_x, len(start), settling)
    x_all, slope_all = replaced(start, at, x), replaced(zeros, at, slope)
    if not errors:
        return Relaxed(x_all, c, slope_all, None, steps_x[:, None], unsettled_x[:, None], far, 0)

    j = targets_error(moving, aims, x, flags)
    unfactored = np.where(network.clamp_units, targets, x_all)

    def step_y(rows):
        sums = pe.backward(weights, y[rows])
        if network.features is not None:
            sums = network.features.fold(sums, c[rows], unfactored[rows], flags, connected, held)
        y[rows], step = backward_step(
            moving, sums[:, free], y[rows], slope[rows], j[rows], settling.dt_shift, flags
        )
        return np.abs(step).max(axis=1, initial=0)

    steps_y, unsettled_y, far_y = settle(step_y, len(start), settling)
    return Relaxed(
        x_all,
        c,
        slope_all,
        replaced(start_y, at, y),
        np.stack([steps_x, steps_y], axis=1),
        np.stack([unsettled_x, unsettled_y], axis=1),
        far | far_y,
        int((j * j).sum()),
    )
