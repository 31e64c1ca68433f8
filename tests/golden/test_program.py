"""Programs: every connection once, every rule kept, and each rule's breach named."""

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
    yield "a grid", (abs(i // 6 - j // 6) <= 1) & (abs(i % 6 - j % 6) <= 1)
    for k, share in enumerate((0.02, 0.1, 0.3, 0.8)):
        mask = rng.random((n, n)) < share
        mask[rng.random(n) < 0.2] = False
        mask[:, rng.random(n) < 0.2] = False
        yield f"random {k}", mask


MASKS = dict(masks())
every = [
    pytest.mark.parametrize("name", MASKS),
    pytest.mark.parametrize("macs", [1, 2, 4, 5, 16]),
    pytest.mark.parametrize("rules", [ICE40, ECP5], ids=["ice40", "ecp5"]),
]


def on_all(test):
    for mark in every:
        test = mark(test)
    return test


@on_all
def test_every_connection_once(name, macs, rules):
    mask = MASKS[name]
    program = compile_program(mask, macs, rules)
    seen = np.zeros(mask.shape, int)
    for block in range(program.blocks):
        columns = program.columns[program.entries(block)]
        for column in columns[columns != BUBBLE]:
            seen[program.rows(block), column] += 1
    assert seen.max(initial=0) <= 1
    assert (seen[mask] == 1).all()


@on_all
def test_weights_go_into_the_banks_and_back(name, macs, rules):
    mask = MASKS[name]
    program = compile_program(mask, macs, rules)
    weights = np.where(mask, np.random.default_rng(2).integers(1, 9, mask.shape), 0)
    banks = program.pack(weights)
    assert banks.shape == (len(program), macs)
    assert (program.unpack(banks) == weights).all()
    assert (banks[program.columns == BUBBLE] == 0).all()


@pytest.mark.parametrize(("units", "macs"), [(15, 5), (15, 15), (64, 16), (256, 4)])
def test_dense_networks_lose_nothing(units, macs):
    """⌈N / P⌉·N entries, two words a block."""
    program = compile_program(np.ones((units, units), bool), macs, ICE40)
    blocks = -(-units // macs)
    assert len(program) == blocks * units
    assert program.words == 2 * blocks
    assert (program.columns == np.tile(np.arange(units), blocks)).all()


def test_runs_cover_the_entries():
    for mask in MASKS.values():
        program = compile_program(mask, 4, ICE40)
        runs = program.runs()
        assert [a for a, _ in runs] == list(np.cumsum([0, *(n for _, n in runs)])[:-1])
        for first, count in runs:
            assert (np.diff(program.columns[first : first + count]) == 1).all()


@pytest.mark.parametrize(("held", "macs"), [(6, 1), (6, 4), (1, 5)])
def test_held_units_have_no_rows(held, macs):
    mask = MASKS["layers"]
    program, all_rows = (compile_program(mask, macs, ICE40, held=h) for h in (held, 0))
    assert program.blocks == -(-(len(mask) - held) // macs)
    assert len(program) <= len(all_rows)
    weights = mask.astype(int)
    assert (program.unpack(program.pack(weights)) == weights).all()


def test_fewer_connections_fewer_entries():
    """At P = 1, an entry a connection, and what the rules ask for."""
    for name in ("random 1", "random 2", "random 3", "band"):
        mask = MASKS[name]
        program = compile_program(mask, 1, ICE40)
        assert mask.sum() <= len(program) <= mask.sum() + 2 * len(mask)


def test_held_units_that_are_fed():
    with pytest.raises(ValueError, match="held must be units without connections"):
        compile_program(MASKS["dense"], 4, ICE40, held=2)


def swapped(program, a, b):
    columns = program.columns.copy()
    columns[[a, b]] = columns[[b, a]]
    return replace(program, columns=columns)


BREACHES = {
    "A": lambda p: replace(p, starts=np.where(np.arange(p.blocks) == 1, 2, p.starts)),
    "B": lambda p: swapped(p, 1, 23),
    "D": None,
    "E": lambda p: replace(p, columns=np.append(p.columns, BUBBLE)),
    "F": lambda p: replace(p, starts=p.starts[::-1]),
}


def test_a_unit_without_an_entry():
    """Its y would never be computed."""
    mask = MASKS["layers"]
    program = compile_program(mask, 4, ICE40)
    without = replace(program, columns=np.where(program.columns == 23, BUBBLE, program.columns))
    with pytest.raises(ValueError, match="breaks rule C: unit 23 has no entry"):
        without.check(mask, ICE40)


@pytest.mark.parametrize("rule", [*BREACHES, "C", "a missing connection", "a column twice"])
def test_a_breach_is_named(rule):
    """Each is found in a program that is otherwise right."""
    mask, rules = MASKS["dense"], ICE40
    program = compile_program(mask, 4, rules)
    program.check(mask, rules)
    expected = rule if rule in "ABCDEF" else "F"
    if rule == "C":
        rules = replace(rules, late=-2 * len(program))
    elif rule == "D":
        rules = replace(rules, shortest=len(program) + 1)
    elif rule == "a missing connection":
        program = replace(program, columns=np.where(program.columns == 3, BUBBLE, program.columns))
    elif rule == "a column twice":
        program = replace(program, columns=np.where(program.columns == 3, 9, program.columns))
    else:
        program = BREACHES[rule](program)
    with pytest.raises(ValueError, match=f"breaks rule {expected}: "):
        program.check(mask, rules)


SIZES = {
    ("xor", 1): (17, 13),
    ("xor", 2): (13, 10),
    ("xor", 4): (11, 7),
    ("association", 2): (109, 92),
    ("association", 4): (85, 37),
    ("association", 5): (72, 29),
    ("digits", 1): (1585, 138),
    ("digits", 4): (526, 87),
    ("digits", 16): (224, 70),
    ("digits", 32): (159, 66),
}
"""Entries of a sweep, and words, as they were found by the model of the carousel."""


@pytest.mark.parametrize(("name", "macs"), SIZES)
def test_sizes_of_the_examples(name, macs):
    if name == "digits":
        pytest.importorskip("sklearn")
    program = compile_program(examples.find(name).problem().connected, macs, ICE40)
    assert (len(program), program.words) == SIZES[name, macs]
