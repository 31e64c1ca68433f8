"""Numbering: held units first, then what a short BACKWARD plays; shorter programs, or as it was."""

import numpy as np
import pytest

from rbp.golden.program import Rules, compile_program
from rbp.golden.structure import Structure
from rbp.golden.structure.numbering import number
from rbp.paper import examples

RULES = Rules(gap=3, late=20, shortest=4)


def grid(side, reach):
    """Each unit is fed by those in the square around it."""
    y, x = np.divmod(np.arange(side * side), side)
    return (abs(y[:, None] - y) <= reach) & (abs(x[:, None] - x) <= reach)


def shuffled(mask, seed=1):
    order = np.random.default_rng(seed).permutation(len(mask))
    return mask[np.ix_(order, order)]


def small_world(units=256, reach=4):
    """A ring, of whose connections a tenth is led elsewhere."""
    rng = np.random.default_rng(1)
    mask = np.zeros((units, units), bool)
    for i in range(units):
        for d in (*range(-reach, 0), *range(1, reach + 1)):
            mask[i, (i + d) % units if rng.random() > 0.1 else rng.integers(units)] = True
    return mask


def scattered(share, units=256):
    return np.random.default_rng(0).random((units, units)) < share


def program(mask, macs, held=None):
    held = np.zeros(len(mask), bool) if held is None else held
    structure = Structure(mask, held)
    order = structure.order
    assert sorted(order[order >= 0].tolist()) == list(range(len(mask)))
    return compile_program(
        structure.numbered,
        macs,
        RULES,
        held=structure.first,
        wanted=structure.numbered_wanted,
    )


ENTRIES = {
    "grid 3×3": (grid(16, 1), {4: 900, 8: 652, 16: 484}),
    "grid 3×3 shuffled": (shuffled(grid(16, 1)), {4: 960, 8: 710, 16: 545}),
    "grid 5×5": (grid(16, 2), {4: 1940, 8: 1250, 16: 860}),
    "grid 5×5 shuffled": (shuffled(grid(16, 2)), {4: 2030, 8: 1340, 16: 920}),
    "small world": (small_world(), {4: 935, 16: 550}),
    "random, 3 %": (scattered(0.03), {4: 1570, 16: 1240}),
    "random, 10 %": (scattered(0.1), {4: 4960, 16: 2940}),
    "layers": (
        np.repeat([1, 2, 3], [20, 30, 14])[:, None] == np.repeat([2, 3, 4], [20, 30, 14]),
        {4: 412},
    ),
}
"""Of a sweep, at most."""


@pytest.mark.parametrize("name", ENTRIES)
def test_entries(name):
    mask, most = ENTRIES[name]
    for macs, entries in most.items():
        assert len(program(mask, macs)) <= entries


@pytest.mark.parametrize(
    "name", ["grid 3×3", "small world", "dense", "nothing", "one unit", "band"]
)
def test_never_much_longer_than_as_it_was(name):
    i, j = np.indices((45, 45))
    other = {
        "dense": np.ones((45, 45), bool),
        "nothing": np.zeros((45, 45), bool),
        "one unit": np.ones((1, 1), bool),
        "band": abs(i - j) < 3,
    }
    mask = other[name] if name in other else ENTRIES[name][0]
    both = [
        sum(len(made(mask, macs)) for macs in (2, 4, 8, 16))
        for made in (program, lambda mask, macs: compile_program(mask, macs, RULES))
    ]
    assert both[0] <= both[1]
    if name != "grid 3×3":
        order = number(mask, np.zeros(len(mask), bool))
        assert (order == np.arange(len(mask))).all()


@pytest.mark.parametrize("seed", range(40))
def test_groups(seed):
    """Held units in the user's order; rows with wanted columns; the others. Twice the same."""
    rng = np.random.default_rng(seed)
    units = int(rng.integers(1, 70))
    terms = int(rng.integers(1, 90)) if seed % 2 else units
    mask = rng.random((units, terms)) < rng.choice([0.01, 0.05, 0.3])
    held = rng.random(units) < rng.choice([0, 0.3, 1])
    mask[held] = False
    wanted = rng.random(terms) < 0.2 if seed % 2 else None
    order = number(mask, held, wanted)
    assert sorted(order.tolist()) == list(range(units))
    leads = (mask & (~held if wanted is None else wanted)).any(axis=1)
    kind = np.select([held, leads], [0, 1], 2)[order]
    assert (np.diff(kind) >= 0).all()
    assert (np.diff(order[: held.sum()]) > 0).all()
    assert (number(mask, held, wanted) == order).all()


@pytest.mark.parametrize(("first", "side"), [(k, 8) for k in (1, 2, 3, 5, 16)])
def test_the_second_group_goes_on_in_a_block(first, side):
    """Rows that lead to no result begin within a block; what shares columns is in one anyway."""
    inputs = side * side
    tiles = grid(side, 1)
    units = inputs + first + inputs
    mask = np.zeros((units, units), bool)
    mask[inputs : inputs + first, inputs + first :] = True
    shuffle = np.random.default_rng(first).permutation(inputs)
    mask[inputs + first :, :inputs] = tiles[shuffle]
    held = np.arange(units) < inputs
    alone = np.vstack(
        [np.zeros((inputs, 2 * inputs), bool), np.hstack([tiles[shuffle], tiles & False])]
    )
    apart = len(program(alone, 4, np.arange(2 * inputs) < inputs))
    assert len(program(mask, 4, held)) <= apart + (first // 4 + 1) * (inputs + 9)


@pytest.mark.parametrize(
    ("name", "macs"), [("xor", 1), ("xor", 2), ("xor", 4), ("digits", 1), ("digits", 4)]
)
def test_a_short_backward_of_the_examples(name, macs):
    """It plays the output layer."""
    mask = examples.find(name).problem().connected
    made = program(mask, macs, ~mask.any(axis=1))
    assert made.short == SHORT[name, macs]


SHORT = {("xor", 1): 4, ("xor", 2): 4, ("xor", 4): 4, ("digits", 1): 219, ("digits", 4): 72}


@pytest.mark.parametrize("units", [100, 1000, 1020, 1021, 1024])
def test_free_numbers_are_within_a_core(units):
    """Five rows are fed by 55 others, and these by held units: three numbers are free between."""
    begin = units - 60
    held = np.arange(units) < begin
    mask = np.zeros((units, units), bool)
    mask[begin : begin + 5, begin + 5 :] = True
    mask[begin + 5 :, : min(begin, 64)] = True
    assert len(number(mask, held)) == (units + 3 if units + 3 <= 1023 else units)
