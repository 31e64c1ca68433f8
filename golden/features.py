"""Features φ(c): what a higher-order network sums (22), monomials of f of the units' activities.

Each unordered product is there once, so that the symmetric sum (26) is one weight. Their order: by
degree, then as words of a dictionary; of 3 units and the degrees 1 and 2

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
    """The units of each product, in the order of W's columns."""
    return tuple(each_monomial(units, degrees))


def each_monomial(units, degrees):
    """The same one after the other, however many they are."""
    for degree in sorted(degrees):
        yield from combinations_with_replacement(range(units), degree)


def count(units, degrees):
    """M, without listing them."""
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

    ``f`` and ``slope`` are the tables of f and f', from STATE to STATE; None for the identity.
    """

    units: int
    degrees: tuple[int, ...]
    state: Format
    f: Table | None = None
    slope: Table | None = None

    @property
    def order(self):
        """n, the factors of the longest product."""
        return max(self.degrees)

    @property
    def one(self):
        return 1 << self.state.fraction

    @cached_property
    def monomials(self):
        return monomials(self.units, self.degrees)

    def _padded(self, factors, length):
        """Missing factors are 1: that of the unit behind the last."""
        return (*factors, *(self.units,) * (length - len(factors)))

    @cached_property
    def index(self):
        """M×n: which factors a product has."""
        return np.array([self._padded(m, self.order) for m in self.monomials])

    @cached_property
    def program(self):
        """Σ degree × (2 + n − 1): what (24) to (26) add up, unit by unit.

        A row is k, m, and the units of the factors of φ_m without one that is f(c_k): so many rows
        as there are such factors.
        """
        rows = []
        for m, units in enumerate(self.monomials):
            for place, k in enumerate(units):
                rest = units[:place] + units[place + 1 :]
                rows.append((k, m, *self._padded(rest, self.order - 1)))
        return np.array(sorted(rows))

    def factors(self, c):
        """f(c), A×N."""
        return c if self.f is None else self.f(c)

    def _products(self, factors, index, flags):
        """Of the factors in each row of ``index``, rounded after each multiplication."""
        padded = np.concatenate([factors, np.full((len(factors), 1), self.one)], axis=1)
        product = np.full((len(factors), len(index)), self.one)
        for units in index.T:
            product = narrow(product * padded[:, units], self.state.fraction, self.state, flags)
        return product

    def phi(self, factors, flags: Any = None):
        """φ, A×M, of the factors f(c)."""
        return self._products(factors, self.index, flags)

    def fold(self, sums, factors, c, flags: Any = None):
        """Σ_m s_m ∂φ_m/∂c_k, A×N exact sums (24) to (26), of s = Wᵀ y (A×M) at f(c), c.

        They are int64, or Python's integers where a sum may be longer.

        ∂φ_m/∂c_k is a STATE word: the other factors and then f'(c_k), rounded after each
        multiplication.
        """
        k, m = self.program[:, 0], self.program[:, 1]
        derivatives = self._products(factors, self.program[:, 2:], flags)
        if self.slope is not None:
            product = derivatives * self.slope(c)[:, k]
            derivatives = narrow(product, self.state.fraction, self.state)
        greatest = float(np.abs(sums).max(initial=0)) * np.abs(derivatives).max(initial=0)
        if greatest * np.bincount(k).max(initial=0) >= 2.0**63:  # of the terms of one unit
            sums, derivatives = sums.astype(object), derivatives.astype(object)
        terms_of = sums[:, m] * derivatives
        result = np.zeros(factors.shape, terms_of.dtype)
        for row, terms in zip(result, terms_of, strict=True):
            np.add.at(row, k, terms)
        return result
