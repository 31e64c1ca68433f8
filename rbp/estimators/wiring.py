"""Wiring: which unit, or which product of units, feeds which unit."""

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from rbp.checks import boolean, integer, shown
from rbp.errors import InputError
from rbp.golden.config import GREATEST_COLUMNS

__all__ = ["Wiring", "layers"]

TOPOLOGIES = ("layered", "recurrent")


@dataclass(frozen=True)
class Wiring:
    """Units in this order: a bias at 0.5, the inputs, hidden units, outputs.

    Parameters
    ----------
    inputs, outputs : int
    hidden : tuple of int
        Units of each hidden layer.
    topology : str or N×N bool
        ``layered``: each layer feeds the next. ``recurrent``: hidden units and outputs feed each
        other and themselves, and the inputs feed all of them. In both the bias feeds them, too.
        Or what feeds what, row by row the unit that is fed; nothing may feed bias and inputs.
    order : int
        1: a unit sums states. 2 or 3: also all products of up to so many units that feed it.
    """

    inputs: int
    hidden: tuple[int, ...]
    outputs: int
    topology: object = "layered"
    order: int = 1

    @property
    def units(self):
        """N."""
        return 1 + self.inputs + sum(self.hidden) + self.outputs

    @property
    def first(self):
        """The first unit that is fed."""
        return 1 + self.inputs

    @property
    def shown(self):
        """The inputs, as a slice of the units."""
        return slice(1, self.first)

    @property
    def read(self):
        """The outputs, as a slice of the units."""
        return slice(self.units - self.outputs, self.units)

    def feeds(self):
        """N×N bool, feeds[i, j] where unit j feeds unit i. Raises InputError."""
        n, first = self.units, self.first
        if isinstance(self.topology, list | tuple | np.ndarray):
            mask = boolean("topology", self.topology, (n, n))
            fed = np.flatnonzero(mask[:first].any(axis=1))
            if len(fed):
                raise InputError(
                    f"topology must feed nothing to unit {fed[0]}, one of the bias and "
                    f"{self.inputs} inputs"
                )
            if not mask[self.read].any(axis=1).all():
                raise InputError(f"topology must feed each of the {self.outputs} outputs")
            return mask.copy()
        if not isinstance(self.topology, str) or self.topology not in TOPOLOGIES:
            raise InputError(
                f"topology must be one of {', '.join(TOPOLOGIES)}, or {n}×{n} bool, not "
                f"{shown(self.topology)}"
            )
        mask = np.zeros((n, n), bool)
        if self.topology == "recurrent":
            mask[first:] = True
            return mask
        layer = np.repeat(
            np.arange(2 + len(self.hidden)), [self.inputs, *self.hidden, self.outputs]
        )
        mask[first:, 0] = True
        mask[first:, 1:] = layer[None, :] == layer[self.inputs :, None] - 1
        return mask

    def connections(self):
        """(N×M bool, M tuples of units or None): the connections, and the products of columns."""
        feeds = self.feeds()
        if self.order == 1:
            return feeds, None
        found: dict[tuple[int, ...], None] = {}
        for sources in {tuple(np.flatnonzero(row)) for row in feeds[self.first :]}:
            for degree in range(1, self.order + 1):
                # a power of the bias is a constant, and one of those is enough
                for term in combinations_with_replacement(sources, degree):
                    if degree == 1 or 0 not in term:
                        found[term] = None
                    if len(found) > GREATEST_COLUMNS:
                        raise InputError(
                            f"order {self.order} makes more than {GREATEST_COLUMNS} products of "
                            f"{self.units} units: expected a lower order, or fewer units"
                        )
        products = sorted(found, key=lambda term: (len(term), term))
        fed = [feeds[:, list(term)].all(axis=1) for term in products]
        return np.stack(fed, axis=1), [tuple(map(int, term)) for term in products]


def layers(hidden):
    """Units of each hidden layer: of a number, or of several."""
    several = isinstance(hidden, list | tuple)
    return tuple(integer("hidden", units, 1) for units in (hidden if several else (hidden,)))
