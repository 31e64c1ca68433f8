"""Programs: every connection once, every rule kept, each rule's breach named; words and back."""

import re
from dataclasses import replace

import numpy as np
import pytest

from rbp.golden.program import BUBBLE, Rules, compile_program
from rbp.paper import examples

ICE40 = Rules(gap=3, late=20, shortest=4)
ECP5 = Rules(gap=4, late=30, shortest=10)


def masks():
    """Structures by name: N×N bool."""
    rng = np.random.default_rng(1)
    n = 24
    i, j = np.indices((n, n))
    layer = np.repeat([0, 1, 2], [6, 12, 6])
    yield "dense", np.ones((n, n), bool)
    yield "layers", layer[:, None] == layer[None, :] + 1
    yield "band", abs(i - j) <= 2
    yield "lower", i > j
    yield "upper", i < j
    yield "nothing", np.zeros((n, n), bool)
    yield "diagonal", i == j
    yield "one unit", np.ones((1, 1), bool)
    yield "one unit, nothing", np.zeros((1, 1), bool)
    yield "a grid", (abs(i // 6 - j // 6) <= 1) & (abs(i % 6 - j % 6) <= 1)
    for k, share in enumerate((0.02, 0.1, 0.3, 0.8)):
        mask = rng.random((n, n)) < share
        mask[rng.random(n) < 0.2] = False
        mask[:, rng.random(n) < 0.2] = False
        yield f"random {k}", mask


MASKS = dict(masks())
every = [
    pytest.mark.parametrize("name", MASKS),
    pytest.mark.parametrize("macs", [1, 2, 3, 4, 5, 8, 16]),
    pytest.mark.parametrize("rules", [ICE40, ECP5], ids=["ice40", "ecp5"]),
    pytest.mark.parametrize("order", ["all", "held", "higher"]),
]


def on_all(test):
    for mark in every:
        test = mark(test)
    return test


def case(name, macs, rules, order):
    """(connected, program): with no unit held, a quarter, or with columns that are products."""
    mask = MASKS[name].copy()
    held = 0 if order == "all" else len(mask) // 4
    mask[:held] = False
    wanted = None
    if order == "higher":
        rng = np.random.default_rng(3)
        mask = np.hstack([mask, mask[:, ::2], mask[:, :1]])
        wanted = rng.random(mask.shape[1]) < 0.6
    return mask, compile_program(
        mask, macs, rules, held=held, wanted=wanted, higher=wanted is not None
    )


def decode(words, capacity):
    """(column or BUBBLE, last, cfirst, clast, end, short end) of each entry."""
    bits, parts, entries = capacity.bit_length(), [], []
    for word in words:
        assert word < 1 << bits + 6
        column, flags = word & (1 << bits) - 1, [bool(word >> bits + k & 1) for k in range(6)]
        assert column <= capacity
        parts.append((column, *flags))
    for k, (column, more, *flags) in enumerate(parts):
        behind = parts[k + 1][0] if more else column + 1
        assert behind > column
        entries += [(BUBBLE if j == capacity else j, *flags) for j in range(column, behind)]
    return entries


def sweep(program, entries, banks, x, y):
    """(u, sums by column) as the machine makes them, from what the words say."""
    u, sums, so_far, block, part = np.zeros(len(y), int), {}, {}, 0, 0
    for entry, (column, last, column_first, column_last, *_) in enumerate(entries):
        rows = program.held + block * program.macs + np.arange(program.macs)
        real = rows < len(y)
        part = part + banks[entry] * (0 if column == BUBBLE else x[column])
        total = (banks[entry][real] * y[rows[real]]).sum()
        if column != BUBBLE:
            so_far[column] = total + (0 if column_first else so_far[column])
        if column_last:
            sums[column] = so_far[column]
        if last:
            u[rows[real]] = part[real]
            block, part = block + 1, 0
    return u, sums


@on_all
def test_sweeps(name, macs, rules, order):
    """Of the words: W·φ, and of each wanted column a sum, y·W, in a short BACKWARD too."""
    mask, program = case(name, macs, rules, order)
    rng = np.random.default_rng(2)
    weights = np.where(mask, rng.integers(1, 9, mask.shape), 0)
    x, y = rng.integers(-9, 9, mask.shape[1]), rng.integers(-9, 9, len(mask))
    banks = program.pack(weights)
    assert banks.shape == (len(program), macs)
    for capacity in (mask.shape[1], 100):
        words = program.encode(capacity)
        assert len(words) == program.words
        entries = decode(words, capacity)
        assert [entry[0] for entry in entries] == program.columns.tolist()
        assert [entry[4] for entry in entries] == [False] * (len(entries) - 1) + [True]
        short = [k + 1 for k, entry in enumerate(entries) if entry[5]]
        assert short == ([program.short] if program.short < len(program) else [])
        expected = y @ weights
        u, sums = sweep(program, entries, banks, x, y)
        assert (u == weights @ x).all()
        _, short_sums = sweep(program, entries[: program.short], banks, x, y)
        assert short_sums == sums == {j: expected[j] for j in sums}
        needed = program.wanted & (mask.any(axis=0) if program.higher else True)
        assert set(sums) == set(np.flatnonzero(needed).tolist())


@on_all
def test_every_connection_once(name, macs, rules, order):
    """In a place of its own; weights go there and back."""
    mask, program = case(name, macs, rules, order)
    seen = np.zeros(mask.shape, int)
    there, rows, columns = program.places()
    np.add.at(seen, (rows, columns), 1)
    assert seen.max(initial=0) <= 1
    assert (seen[mask] == 1).all()
    weights = np.where(mask, np.random.default_rng(2).integers(1, 9, mask.shape), 0)
    banks = program.pack(weights)
    assert banks.shape == there.shape == (len(program), macs)
    assert (program.unpack(banks) == weights).all()
    assert (banks[~there] == 0).all()


@pytest.mark.parametrize("seed", range(60))
def test_random_structures(seed):
    """``compile_program`` checks what it makes; a short BACKWARD plays no more than it must."""
    rng = np.random.default_rng(seed)
    units, macs = int(rng.integers(1, 40)), int(rng.integers(1, 9))
    held = int(rng.integers(0, units)) if seed % 2 else 0
    terms = units if seed % 3 else int(rng.integers(1, 90))
    mask = rng.random((units, terms)) < rng.choice([0.02, 0.1, 0.5, 1])
    mask[:held] = False
    wanted = None if seed % 3 else rng.random(terms) < 0.5
    program = compile_program(
        mask,
        macs,
        (ICE40, ECP5)[seed % 4 // 2],
        held=held,
        wanted=wanted,
        higher=wanted is not None,
    )
    if program.short < len(program):
        last = np.flatnonzero(program.occurrences()[1]).max(initial=-1)
        start = program.starts[program.starts <= max(last, 0)][-1]
        assert program.short == max(2, last + 1, start + macs)
        assert program.words >= 4


@pytest.mark.parametrize(("units", "macs"), [(15, 5), (15, 15), (64, 16), (256, 4)])
def test_dense_networks_lose_nothing(units, macs):
    """⌈N / P⌉·N entries, two words a block; with held units, the last block may end sooner."""
    program = compile_program(np.ones((units, units), bool), macs, ICE40)
    blocks = -(-units // macs)
    assert len(program) == program.short == blocks * units
    assert program.words == 2 * blocks
    assert (program.columns == np.tile(np.arange(units), blocks)).all()
    mask = np.repeat([False, True], [macs, units])[:, None] & np.ones(units + macs, bool)
    program = compile_program(mask, macs, ICE40, held=macs)
    assert program.short == len(program) - macs == blocks * (units + macs) - macs


def test_fewer_connections_fewer_entries():
    """At P = 1, an entry a connection, and what the rules ask for."""
    for name in ("random 1", "random 2", "random 3", "band"):
        mask = MASKS[name]
        program = compile_program(mask, 1, ICE40)
        assert mask.sum() <= len(program) <= mask.sum() + 2 * len(mask)


def test_what_is_refused():
    for name, held in (("dense", 2), ("nothing", 24)):
        with pytest.raises(ValueError, match="held must be units without connections"):
            compile_program(MASKS[name], 4, ICE40, held=held)
    with pytest.raises(ValueError, match="W has 3 columns, expected 4"):
        compile_program(np.ones((4, 3), bool), 2, ICE40)
    with pytest.raises(ValueError, match="breaks rule C: unit 1 is last in entry 25"):
        compile_program(MASKS["lower"], 8, replace(ICE40, late=-300))
    with pytest.raises(ValueError, match="24 columns, but the core holds 23"):
        compile_program(MASKS["dense"], 4, ICE40).encode(23)
    assert (
        len(compile_program(np.zeros((1, 3), bool), 1, ICE40, wanted=np.ones(3, bool), higher=True))
        == 4
    )


def dense_and_held():
    """(connected, program): the first 6 units held; the last 6 entries are their columns."""
    mask = MASKS["dense"].copy()
    mask[:6] = False
    program = compile_program(mask, 4, ICE40, held=6)
    assert program.short == len(program) - 6
    return mask, program


def swapped(program, a, b):
    columns = program.columns.copy()
    columns[[a, b]] = columns[[b, a]]
    return replace(program, columns=columns)


def renamed(program, old, new):
    return replace(program, columns=np.where(program.columns == old, new, program.columns))


SPOILT = {
    "A: block 0 has 2 entries": lambda p: replace(p, starts=p.starts - 22 * (p.starts == 24)),
    "A: block 4 has 3 entries": lambda p: replace(p, short=99),
    "A: a short BACKWARD has 0 entries": lambda p: replace(p, short=0),
    "B: column 1 comes again 2 later, expected 3": lambda p: swapped(p, 25, 47),
    "C: column 23 has an entry behind": lambda p: replace(p, short=113),
    "C: column 3 is wanted": lambda p: replace(p, wanted=np.arange(24) >= 3),
    "C: column 6 is not wanted": lambda p: replace(p, wanted=np.arange(24) >= 7),
    "F: 5 blocks start at [96": lambda p: replace(p, starts=p.starts[::-1]),
    "F: 5 blocks start at [0, 24]": lambda p: replace(p, starts=p.starts[:2]),
    "F: a column is not one of": lambda p: renamed(p, 23, 24),
    "F: block 0 has column 9 twice": lambda p: renamed(p, 3, 9),
    "F: block 0 has no entry of column 3": lambda p: renamed(p, 3, BUBBLE),
}
"""Programs that were right, by what they break."""

OTHER = {
    "C: unit 22 is last in entry": lambda mask: (mask, replace(ICE40, late=-30)),
    "C: unit 8 has no entry": lambda mask: (mask & (np.arange(24) != 8), ICE40),
    "D: there are 120 entries": lambda mask: (mask, replace(ICE40, shortest=121)),
    "D: there are 12 words": lambda mask: (mask, replace(ICE40, ahead=13)),
    "F: W is not 24×24, or of the first 6 rows": lambda mask: (np.ones_like(mask), ICE40),
    "F: W is not 24×24": lambda mask: (mask[:, 1:], ICE40),
}
"""Networks, and rules, for which a program is not right."""


@pytest.mark.parametrize("complaint", [*SPOILT, *OTHER])
def test_a_breach_is_named(complaint):
    """Each is found in a program that is otherwise right."""
    mask, program = dense_and_held()
    program.check(mask, ICE40)
    if complaint.startswith("C: unit 8"):
        program = renamed(program, 8, BUBBLE)
    program = SPOILT.get(complaint, lambda p: p)(program)
    mask, rules = OTHER.get(complaint, lambda mask: (mask, ICE40))(mask)
    with pytest.raises(ValueError, match=re.escape(f"the program breaks rule {complaint}")):
        program.check(mask, rules)


def test_no_short_end_where_it_saves_nothing_or_has_no_room():
    """A short BACKWARD plays what a whole one does, and no word says otherwise."""
    mask, program = dense_and_held()
    rules = replace(ICE40, ahead=program.words + 1)
    whole = compile_program(mask, 4, rules, held=6)
    assert whole.short == len(whole) == len(program)
    assert not any(entry[5] for entry in decode(whole.encode(24), 24))


def test_rule_c_asks_for_a_column_again():
    """Where the only entry of a unit's column is long before its row."""
    i, j = np.indices((60, 60))
    mask = (j < 6) | (i == (j + 30) % 60)
    program = compile_program(mask, 1, ICE40)
    last = np.array([np.flatnonzero(program.columns == unit).max() for unit in range(60)])
    assert (last + ICE40.late >= program.starts).all()
    assert len(program) > mask.sum()


SIZES = {
    ("xor", 0, 1): (17, 13),
    ("xor", 0, 2): (13, 10),
    ("xor", 0, 4): (11, 7),
    ("xor", 3, 1): (14, 9),
    ("xor", 3, 2): (10, 6),
    ("xor", 3, 4): (7, 4),
    ("association", 0, 2): (109, 92),
    ("association", 0, 4): (85, 37),
    ("association", 0, 5): (72, 29),
    ("digits", 0, 1): (1585, 138),
    ("digits", 0, 4): (526, 87),
    ("digits", 0, 16): (224, 70),
    ("digits", 0, 32): (159, 66),
    ("digits", 65, 1): (1520, 72),
    ("digits", 65, 4): (398, 21),
    ("digits", 65, 8): (246, 13),
    ("digits", 65, 16): (160, 6),
}
"""Entries of a sweep, and words, as they were found by the model of the carousel."""


@pytest.mark.parametrize(("name", "held", "macs"), SIZES)
def test_sizes_of_the_examples(name, held, macs):
    connected = examples.find(name).problem().connected
    program = compile_program(connected, macs, ICE40, held=held)
    assert (len(program), program.words) == SIZES[name, held, macs]
