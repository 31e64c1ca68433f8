"""Products of any list, and the fold: against fractions, the paper's sums, and words of before."""

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import product
from math import prod

import numpy as np
import pytest

from rbp.golden.config import Config
from rbp.golden.features import Features, count, monomials
from rbp.golden.formats import PRESETS, narrow
from rbp.golden.tables import ACTIVATIONS, feature_tables
from tests.support import words

STATE = PRESETS["w16"].state
INTEGERS = replace(STATE, integer=14, fraction=1)
"""One fractional bit: products of even integers are exact."""
DENSE = [(1,), (2,), (3,), (1, 2), (0, 1, 2), (0, 3)]
LISTS = {
    "mixed": ((2,), (0, 1), (3, 0, 2), (1,)),
    "repeated": ((1, 1), (2, 0, 2), (3, 3, 3), (0, 0, 1)),
    "twice": ((0, 1), (1, 0), (0, 1)),
    "constants": ((), ()),
    "with a constant": ((3, 1, 0), (), (2,)),
    "none": (),
    **{f"dense {degrees}": monomials(4, degrees) for degrees in DENSE},
}


def drawn(seed, *, units=4, products=9, order=3):
    """A list of any products."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(0, order + 1, products)
    return tuple(tuple(rng.integers(0, units, n).tolist()) for n in lengths)


LISTS |= {f"drawn {seed}": drawn(seed) for seed in range(4)}


def test_dense_lists_stand_in_the_order_that_is_said():
    assert monomials(3, (2, 1)) == (
        *((0,), (1,), (2,)),
        *((0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)),
    )
    assert monomials(2, (0, 3)) == ((), (0, 0, 0), (0, 0, 1), (0, 1, 1), (1, 1, 1))
    assert [count(15, (2,)), count(6, (3,)), count(8, (0, 1, 2))] == [120, 56, 45]
    for units, degrees in product((1, 2, 5), DENSE):
        assert len(monomials(units, degrees)) == count(units, degrees)


@pytest.mark.parametrize("name", LISTS)
def test_products_and_their_derivatives_of_integers(name):
    """Where nothing is rounded, against fractions."""
    features, rng = Features(4, LISTS[name], INTEGERS), np.random.default_rng(1)
    c = 4 * rng.integers(-6, 7, (5, 4))
    sums = rng.integers(-99, 99, (5, len(features.products)))
    phi, folded = features.phi(c), features.fold(sums, c, c)
    assert phi.shape == sums.shape
    for a, row in enumerate([[Fraction(int(word), 2) for word in row] for row in c]):
        assert [Fraction(int(word), 2) for word in phi[a]] == [
            prod((row[k] for k in units), start=Fraction(1)) for units in features.products
        ]
        for k in range(4):
            slopes = (
                sum(
                    prod(row[j] for j in (*p[:at], *p[at + 1 :]))
                    for at, i in enumerate(p)
                    if i == k
                )
                for p in features.products
            )
            expected = sum(int(s) * slope for s, slope in zip(sums[a], slopes, strict=True))
            assert Fraction(int(folded[a, k]), 2) == expected


@pytest.mark.parametrize("feature", ["identity", *ACTIVATIONS])
@pytest.mark.parametrize("preset", PRESETS)
def test_close_to_floats(preset, feature):
    """Each factor off by a unit at most, each multiplication by half a one; |f| ≤ 1."""
    f, rng, products = PRESETS[preset], np.random.default_rng(2), drawn(5, products=20)
    tables = (None, None) if feature == "identity" else feature_tables(preset, f, feature)
    features = Features(4, products, f.state, *tables)
    c = rng.integers(-(1 << f.state.fraction), 1 << f.state.fraction, (6, 4))
    x, unit = f.state.to_float(c), 2.0**-f.state.fraction
    real, slope = x, np.ones_like(x)
    if feature != "identity":
        real, slope = ACTIVATIONS[feature](x), ACTIVATIONS[feature].slope(x)
    phi = features.phi(features.factors(c))
    expected = np.array([[prod(row[list(p)]) for p in products] for row in real])
    assert np.abs(f.state.to_float(phi) - expected).max() <= 4.1 * unit  # 3 factors, 2 roundings
    sums = rng.integers(-99, 100, phi.shape)
    folded = features.fold(sums, features.factors(c), c) * unit
    for k in range(4):
        terms = np.zeros(6)
        for m, p in enumerate(products):
            for at in np.flatnonzero(np.array(p, int) == k):
                rest = real[:, list(p[:at] + p[at + 1 :])].prod(axis=1)
                terms += sums[:, m] * rest * slope[:, k]
        factors = np.array([p.count(k) for p in products])
        assert (np.abs(folded[:, k] - terms) <= np.abs(sums) @ factors * 4.1 * unit).all()


def symmetric(features, sums, c):
    """Of a dense list, written out as (24) to (26): factors are multiplied as they stand."""
    result = np.zeros(c.shape, int)
    state = features.state

    def times(a, b):
        return narrow(a * b, state.fraction, state)

    for m, units in enumerate(features.products):
        for k, multiplicity in Counter(units).items():
            rest = list(units)
            rest.remove(k)
            derivative = np.full(len(c), features.one)
            for unit in rest:
                derivative = times(derivative, c[:, unit])
            result[:, k] += multiplicity * sums[:, m] * derivative
    return result


@pytest.mark.parametrize("degrees", DENSE)
def test_dense_lists_are_the_symmetric_sums(degrees):
    features, rng = Features(5, monomials(5, degrees), STATE), np.random.default_rng(3)
    c = words(rng, STATE, (6, 5))
    sums = rng.integers(-(1 << 30), 1 << 30, (6, len(features.products)))
    assert (features.fold(sums, c, c) == symmetric(features, sums, c)).all()


def test_the_order_of_factors_is_that_of_the_multiplications():
    c = np.array([[3, 16384 // 2, 5]])
    for products in permutations_of((0, 1, 2)):
        (phi,) = Features(3, (products,), STATE).phi(c)
        a, b, d = (c[0, k] for k in products)
        first = narrow(np.array([a * b]), STATE.fraction, STATE)
        assert phi == narrow(first * d, STATE.fraction, STATE)
    assert len({int(Features(3, (p,), STATE).phi(16000 - c)[0, 0]) for p in permutations_of()}) > 1


def permutations_of(units=(0, 1, 2)):
    return [p for p in product(units, repeat=3) if len(set(p)) == 3]


@pytest.mark.parametrize("name", LISTS)
def test_terms(name):
    """All by default; of some products and units, those that do not add 0."""
    features, rng = Features(4, LISTS[name], STATE), np.random.default_rng(4)
    size = len(features.products)
    terms = features.terms().tolist()
    assert [row[:2] for row in terms] == sorted(row[:2] for row in terms)
    assert {row[0] for row in terms} == set(range(4))
    assert sum(row[1] < size for row in terms) == sum(map(len, features.products))
    for k, m, *others in terms:
        if m == size:
            assert others == [4] * (features.order - 1)
            assert not any(k in p for p in features.products)
        else:
            factors = [k, *(i for i in others if i < 4)]
            assert sorted(factors) == sorted(features.products[m])
    connected, held = rng.random(size) < 0.5, np.array([True, False, False, True])
    some = features.terms(connected, held).tolist()
    kept = [row for row in terms if row[1] < size and connected[row[1]] and not held[row[0]]]
    assert [row for row in some if row[1] < size] == kept
    assert {row[0] for row in some} == {1, 2}
    # and the sums are those of all where the others are 0
    sums = np.where(connected, rng.integers(-99, 99, (3, size)), 0)
    c = words(rng, STATE, (3, 4))
    folded = features.fold(sums, c, c, connected=connected, held=held)
    assert (folded == np.where(held, 0, features.fold(sums, c, c))).all()


def test_what_saturates_is_said():
    features, flags = Features(2, ((0,), (0, 0), (0, 1)), STATE), set()
    c = np.array([[24000, -24000]])
    assert features.phi(c, flags).tolist() == [[24000, 32767, -32768]]
    assert flags == {"state"}
    flags.clear()
    features.phi(c, flags, connected=np.array([True, False, False]))
    assert flags == set()
    features = replace(features, products=((0, 0, 0), (1,)))
    for connected, held, expected in (
        ([True, True], [False, False], {"state"}),
        ([False, True], [False, False], set()),
        ([True, True], [True, False], set()),
    ):
        sums = np.zeros((1, 2), int)
        features.fold(sums, c, c, flags, connected=np.array(connected), held=np.array(held))
        assert flags == expected
        flags.clear()


def test_sums_of_any_length_are_exact():
    features = Features(2, ((0, 0, 1),) * 8, STATE)
    c = np.full((1, 2), STATE.min)
    for bits in (45, 46, 47, 48, 60):
        sums = np.full((1, 8), -(1 << bits))
        (found,) = features.fold(sums, c, c).tolist()
        assert found == [16 * -STATE.max << bits, 8 * -STATE.max << bits]


# The host's tables


def read_back(features, config, connected, first):
    """What a core makes of the words of the fold."""
    size, mask = config.column_bits, (1 << config.unit_bits) - 1
    table = features.fold_words(config, connected, first)
    for term, word in zip(table[::2], table[1::2], strict=True):
        units = [word >> place * config.unit_bits & mask for place in range(config.order)]
        yield term & (1 << size) - 1, term >> size & 1, term >> size + 1, units


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(("units", "order", "columns"), [(4, 3, 64), (9, 3, 70)])
def test_tables(name, units, order, columns):
    """A core may hold more units, products and factors than the network has."""
    features = Features(4, LISTS[name], STATE)
    config = Config(units=units, macs=1, order=order, products=columns, folds=columns * 3)
    table = features.product_words(config)
    assert len(table) == len(features.products)
    for word, factors in zip(table, features.products, strict=True):
        padded = [*factors, *[units] * (order - len(factors))]
        assert word == sum(k << place * config.unit_bits for place, k in enumerate(padded))
    connected = np.random.default_rng(5).random(len(features.products)) < 0.7
    for first in (0, 2, 3):
        rows = list(read_back(features, config, connected, first))
        terms = features.terms(connected, np.arange(4) < first).tolist()
        assert len(rows) == len(terms)
        last = [*(a[0] != b[0] for a, b in zip(terms, terms[1:], strict=False)), True]
        assert [row[1] for row in rows] == last
        for (m, _, _, units_of), (k, column, *others) in zip(rows, terms, strict=True):
            assert m == (columns if column == len(features.products) else column)
            padded = [k, *(units if i == 4 else i for i in others)]
            assert units_of == [*padded, *[units] * (order - len(padded))]
        assert [row[2] for row in rows] == [0] * (len(rows) - 1) + [1]


def test_what_does_not_fit_is_refused():
    features = Features(4, ((0, 1, 2), (3,)), STATE)
    connected = np.array([True, True])
    for has, complaint in (
        ({"units": 3}, "4 units: the core holds 3"),
        ({"products": 1, "folds": 4}, "2 products: the core holds 1"),
        ({"order": 2}, "3 factors of a product: the core holds 2"),
    ):
        config = Config(**({"units": 4, "macs": 1, "order": 3, "products": 2} | has))
        with pytest.raises(ValueError, match=f"the network has {complaint}"):
            features.product_words(config)
        with pytest.raises(ValueError, match=f"the network has {complaint}"):
            features.fold_words(config, connected, 0)
    config = Config(units=4, macs=1, order=3, products=4, folds=4)
    features = replace(features, products=(*features.products, (0,)))
    with pytest.raises(ValueError, match="5 terms of derivatives: the core holds 4"):
        features.fold_words(config, np.array([True] * 3), 0)
