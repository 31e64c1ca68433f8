"""Features φ(c): what a higher-order network sums (22), products of f of the units' activities.

A network has a list of products, each a tuple of 0 … 3 units, in the order of W's columns. A unit
may be in one twice; factors are multiplied in the order in which they stand; () is the constant 1.

Dense lists have every unordered product of some degrees once, so that the symmetric sum (26) is one
weight. Their order: by degree, then as words of a dictionary; of 3 units and the degrees 1 and 2

    f₀  f₁  f₂  f₀f₀  f₀f₁  f₀f₂  f₁f₁  f₁f₂  f₂f₂

and of degree 0 the constant 1, which comes first.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from rbp.golden.formats import Format, narrow
from rbp.golden.tables import Table

__all__ = ["GREATEST_ORDER", "Features", "count", "each_monomial", "monomials"]

GREATEST_ORDER = 3


def monomials(units, degrees):
    """The units of each product of a dense list."""
    return tuple(each_monomial(units, degrees))


def each_monomial(units, degrees):
    """The same one after the other, however many they are."""
    for degree in sorted(degrees):
        yield from combinations_with_replacement(range(units), degree)


def count(units, degrees):
    """How many they are, without listing them."""
    total = 0
    for degree in degrees:
        ways = 1
        for k in range(degree):
            ways = ways * (units + k) // (k + 1)
        total += ways
    return total


@dataclass(frozen=True)
class Features:
    """φ and its derivatives, in STATE words.

    Parameters
    ----------
    units : int
        N.
    products : tuple of tuples of int
        M, the units of each.
    state : Format
    f, slope : Table, optional
        f and f', from STATE to STATE; None for the identity.
    """

    units: int
    products: tuple[tuple[int, ...], ...]
    state: Format
    f: Table | None = None
    slope: Table | None = None

    @property
    def order(self):
        """n, the factors of the longest product; at least 1."""
        return max([1, *map(len, self.products)])

    @property
    def one(self):
        return 1 << self.state.fraction

    def _padded(self, factors, length):
        """Missing factors are 1: that of the unit behind the last."""
        return (*factors, *(self.units,) * (length - len(factors)))

    @cached_property
    def index(self):
        """M×n: which factors a product has; N is the factor 1."""
        rows = [self._padded(units, self.order) for units in self.products]
        return np.array(rows, int).reshape(-1, self.order)

    @cached_property
    def _derivatives(self):
        """The rows of :meth:`terms` of all products and units, but those without a term."""
        rows = []
        for m, units in enumerate(self.products):
            for place, k in enumerate(units):
                rest = units[:place] + units[place + 1 :]
                rows.append((k, m, *self._padded(rest, self.order - 1)))
        return np.array(sorted(rows), int).reshape(-1, self.order + 1)

    def _counted(self, connected, held):
        """Those of connected products and of units that are not held."""
        rows = self._derivatives
        if connected is not None:
            rows = rows[connected[rows[:, 1]]]
        return rows if held is None else rows[~held[rows[:, 0]]]

    def terms(self, connected=None, held=None):
        """What (24) to (26) add up, R×(1 + n) int, sorted by unit and product.

        A row is k, m, and the units of the factors of φ_m without one that is f(c_k): so many rows
        as there are such factors. A unit without any has a row in which m is M.

        Parameters
        ----------
        connected : M bool, optional
            Products that have weights; the others add 0 and have no rows. By default all.
        held : N bool, optional
            Units that have no rows. By default none.
        """
        rows = self._counted(connected, held)
        bare = np.full(self.units, True) if held is None else ~held
        bare[rows[:, 0]] = False
        without = np.full((bare.sum(), self.order + 1), self.units)
        without[:, 0], without[:, 1] = np.flatnonzero(bare), len(self.products)
        rows = np.concatenate([rows, without])
        return rows[np.argsort(rows[:, 0], kind="stable")]

    def product_words(self, config):
        """The words of a core's product table: M, :attr:`~rbp.golden.config.Config.unit_bits` for
        each factor, the first lowest; N of the core is the factor 1.

        Raises ValueError where the network does not fit.
        """
        self._check("units", self.units, config.units)
        self._check("products", len(self.products), config.columns)
        self._check("factors of a product", self.order, config.order)
        return self._words(self.index, config, config.order)

    def fold_words(self, config, connected, first):
        """The words of a core's fold table: two for each row of :meth:`terms`.

        {m, last of the unit's terms, last of all}, where m of
        :attr:`~rbp.golden.config.Config.column_bits` is M of the core in a row without a term;
        {k, the other factors}, as the words of the product table. Units before ``first`` are held.
        Raises ValueError where the network does not fit.
        """
        self.product_words(config)
        rows = self.terms(connected, np.arange(self.units) < first)
        self._check("terms of derivatives", len(rows), config.folds)
        k, m = rows[:, 0], np.where(rows[:, 1] == len(self.products), config.columns, rows[:, 1])
        end = np.arange(len(rows)) == len(rows) - 1
        last = end | (k != np.roll(k, -1))
        terms = (
            m | last.astype(int) << config.column_bits | end.astype(int) << config.column_bits + 1
        )
        units = self._words(np.delete(rows, 1, axis=1), config, config.order)
        return [word for pair in zip(terms.tolist(), units, strict=True) for word in pair]

    def _words(self, units, config, length):
        """A word for each row of units, as many as a core has in a word."""
        units = np.where(units == self.units, config.units, units)
        words = np.zeros(len(units), int)
        for place in range(length):
            here = units[:, place] if place < units.shape[1] else config.units
            words |= here << place * config.unit_bits
        return words.tolist()

    def _check(self, name, needed, has):
        if needed > has:
            raise ValueError(f"the network has {needed} {name}: the core holds {has}")

    def factors(self, c):
        """f(c), A×N."""
        return c if self.f is None else self.f(c)

    def _products(self, factors, index, flags, where=True):
        """Of the factors in each row of ``index``, rounded after each multiplication."""
        padded = np.concatenate([factors, np.full((len(factors), 1), self.one)], axis=1)
        product = np.full((len(factors), len(index)), self.one)
        for units in index.T:
            exact = product * padded[:, units]
            product = narrow(exact, self.state.fraction, self.state, flags, where)
        return product

    def phi(self, factors, flags: Any = None, connected=None):
        """φ, A×M, of the factors f(c). Of products that are not connected (M bool; by default all
        are) it is not said that they saturate."""
        return self._products(factors, self.index, flags, True if connected is None else connected)

    def fold(self, sums, factors, c, flags: Any = None, connected=None, held=None):
        """Σ_m s_m ∂φ_m/∂c_k, A×N exact sums (24) to (26), of s = Wᵀ y (A×M) at f(c), c.

        They are int64, or Python's integers where a sum may be longer. The terms are those of
        :meth:`terms`: 0 of units that are held, and s_m has to be 0 where a product is not
        connected.

        ∂φ_m/∂c_k is a STATE word: the other factors and then f'(c_k), rounded after each
        multiplication.
        """
        rows = self._counted(connected, held)
        k, m = rows[:, 0], rows[:, 1]
        derivatives = self._products(factors, rows[:, 2:], flags)
        if self.slope is not None:
            product = derivatives * self.slope(c)[:, k]
            derivatives = narrow(product, self.state.fraction, self.state)
        greatest = float(np.abs(sums).max(initial=0)) * np.abs(derivatives).max(initial=0)
        if greatest * np.bincount(k).max(initial=0) >= 2.0**63:  # of the terms of one unit
            sums, derivatives = sums.astype(object), derivatives.astype(object)
        terms = sums[:, m] * derivatives
        result = np.zeros(factors.shape, terms.dtype)
        if len(rows):
            units, starts = np.unique(k, return_index=True)
            result[:, units] = np.add.reduceat(terms, starts, axis=1)
        return result
