"""Structure: which units are held, and the numbers that the machine gives to units.

A unit is *held* where nothing moves it that anybody would see: it is no target, and it is clamped
or nothing feeds it. Its x stays where it would come to rest, T or sat(g(0) + I), and its y is 0.
The machine numbers held units first, so they have no rows; the others as
:func:`rbp.golden.structure.numbering.number` does. No word depends on these numbers but the
rounding noise and what is drawn for x(t0), whose places are those of the machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from rbp.golden.structure.numbering import number

__all__ = ["Structure"]


@dataclass(frozen=True, eq=False)
class Structure:
    """Of a network of N units and M columns of W.

    Parameters
    ----------
    connected : N×M bool
    held : N bool
    products : M tuples of unit numbers, or None
        Of a higher-order network; None where the columns are the units.
    """

    connected: np.ndarray
    held: np.ndarray
    products: Sequence[tuple[int, ...]] | None = None

    @classmethod
    def of(cls, connected, clamp_units, target_units, products=None):
        """From the flags of the units, N bool each."""
        held = ~target_units & (clamp_units | ~connected.any(axis=1))
        if held.all():
            held[-1] = False  # a machine has a row
        return cls(connected, held, products)

    @cached_property
    def wanted(self):
        """M bool: columns whose sums Wᵀ y (17) lead to a unit that is not held."""
        if self.products is None:
            return ~self.held
        return np.array([any(~self.held[list(p)]) for p in self.products], bool)

    @cached_property
    def order(self):
        """Which unit has each number of the machine; −1 where none has it."""
        return number(self.connected, self.held, self.wanted)

    @cached_property
    def numbers(self):
        """N int, the inverse: which number a unit has."""
        numbers = np.empty(len(self.held), int)
        numbers[self.order[self.order >= 0]] = np.flatnonzero(self.order >= 0)
        return numbers

    @property
    def first(self):
        """H, how many units are held: the number of the first that is not."""
        return int(self.held.sum())

    @cached_property
    def rows(self):
        """The units that are not held, in the machine's order."""
        numbered = self.order[self.first :]
        return numbered[numbered >= 0]

    @cached_property
    def places(self):
        """The rows of the program that they have."""
        return np.flatnonzero(self.order[self.first :] >= 0)

    @cached_property
    def columns(self):
        """Which column of W has each number of the machine; −1 where none has it."""
        return self.order if self.products is None else np.arange(len(self.products))

    @cached_property
    def column_numbers(self):
        """M int, the inverse: which number a column of W has."""
        return self.numbers if self.products is None else self.columns

    def to_machine(self, words):
        """N×M words in the machine's numbers; 0 where nobody has them."""
        fill = np.pad(words, ((0, 1), (0, 1)))
        return fill[self.order][:, self.columns]

    def from_machine(self, words):
        """The inverse."""
        result = np.zeros_like(words, shape=self.connected.shape)
        rows, columns = self.order >= 0, self.columns >= 0
        result[np.ix_(self.order[rows], self.columns[columns])] = words[np.ix_(rows, columns)]
        return result

    @cached_property
    def numbered(self):
        """The connections that the machine computes, by its numbers; bool."""
        connected = self.to_machine(self.connected)
        connected[: self.first] = False
        return connected

    @cached_property
    def numbered_wanted(self):
        """:attr:`wanted` by the machine's numbers."""
        return np.append(self.wanted, False)[self.columns]

    @cached_property
    def numbered_products(self):
        """The products, by the machine's numbers of units; None in first order."""
        if self.products is None:
            return None
        return tuple(tuple(int(self.numbers[i]) for i in p) for p in self.products)
