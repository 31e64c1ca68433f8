"""Random problems on random machines: the Verilog has golden's bits."""

from copy import deepcopy
from dataclasses import replace
from functools import cache

import numpy as np

from rbp.cmodel.model import Model
from rbp.cosim import run
from rbp.hdl.program import compiled
from rbp.machine import machine
from tests.hdl.test_pairs import NAMES, ROWS, check, core, name, pairs_of, problem, settings
from tests.verify.row import Found, Row, noticed

__all__ = ["ROW"]

ROUNDS = 4
"""Shares of a row of the array: first golden in every word, then longer trainings by the model."""

CYCLES = 2_000_000
"""Of a longer training, some."""


@cache
def first(k):
    """(the core of row k, the machine of its problem), as in the pairwise test."""
    return core(ROWS[k], problem(ROWS[k], k + 1), settings(ROWS[k], k + 1))


def another(k, seed):
    """A machine with other words, and another structure where the core holds it."""
    (config, known), row = first(k), ROWS[k]
    given = problem(row, seed)
    new = machine(given, settings(row, seed), "rtl")
    try:
        if row["order"] != "list":
            compiled(config, new.structure)
            return new
    except ValueError:
        pass
    rng = np.random.default_rng(seed)
    old, f = deepcopy(known), config.formats
    drawn = f.weight.to_raw(rng.uniform(-1.5, 1.5, old.weights.shape))
    old.weights = np.where(old.weights != 0, np.where(drawn == 0, 1, drawn), 0)
    if old.learning.draw is None and old.learning.start_seed is None:  # which have the same seed
        old.learning = replace(old.learning, seed=old.learning.seed and seed)
    return old


def longer(k, seed, plant=0):
    """A longer training against the model: every word that is read, every count and flag."""
    config, _ = first(k)
    start = another(k, seed)
    expected, learned = deepcopy(start), Found()
    sizes = start.weights.size * len(start.patterns()) // (config.macs * config.lanes) + 200
    updates = int(np.clip(CYCLES // (40 * sizes), 3, 400))
    if len(start.targets) > config.lanes * config.slots:
        updates = min(updates, 40)  # each is loaded by itself
    got = run.train(config, start, updates)
    trained = Model(expected).train(updates)
    got.weights.flat[0] += plant
    pairs = {
        "weights": (got.weights, expected.weights),
        "velocity": (got.velocity, expected.velocity),
        "x": (got.states, expected.x),
        "y": (got.errors, expected.y),
        "energy": (got.energy, [int(e) for e in trained.energy]),
        "steps": (got.settle_steps, trained.steps),
        "unsettled": (got.unsettled, expected.unsettled),
        "skipped": (got.skipped, expected.skipped),
    }
    for what, (one, other) in pairs.items():
        learned.amounts["words"] += int(np.size(one))
        if not np.array_equal(one, other):
            learned.faults.append(f"row {k}, seed {seed}: {what} of {name(ROWS[k])}")
    if got.saturated != expected.saturated:
        learned.faults.append(f"row {k}, seed {seed}: flags of {name(ROWS[k])}")
    learned.amounts.update({"problems": 1, "updates": updates, "cycles": got.cycles})
    return learned


def work(share):
    turn, part = divmod(share, ROUNDS * len(ROWS))
    k, step = divmod(part, ROUNDS)
    if turn or step:
        return longer(k, 10_000 + share)
    found = Found()
    try:
        cycles = check(ROWS[k], seed=k + 1)
        found.amounts.update(
            {"cycles": cycles, "problems": 1, "rows of the array": 1, "updates": 3}
        )
    except AssertionError as error:
        found.faults.append(f"{name(ROWS[k])}: {error}")
    return found


def control():
    return noticed(longer(0, 1, plant=1).faults, "a bit of a weight that was read")


PAIRS = len(set().union(*map(pairs_of, ROWS)))

ROW = Row(
    number=1,
    name="bits",
    title="bit-exactness",
    how=f"""A pairwise covering array of {len(NAMES)} options of machine and learning:
{len(ROWS)} rows with {PAIRS:,} pairs of values. Of each row a problem under Verilator against
golden, in every word, count and flag, with the cycles of the schedule, and a recall; then
longer trainings on the same core, other weights, patterns and structures, against the compiled
model, which `tests/cmodel` holds to golden.""",
    aim=1_000_000_000,
    unit="cycles",
    work=work,
    control=control,
    sample=(0, 1),
    of=("cmodel", "cosim", "golden", "hdl"),
)
