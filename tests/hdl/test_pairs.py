"""Every two options of machine and learning together: the core is golden, and takes its cycles.

The rows are a pairwise covering array, from a seed. What belongs to the machine is drawn first, so
that a few cores serve all.
"""

from copy import deepcopy
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import pytest

import rbp
from rbp.cosim import run
from rbp.golden.features import monomials
from rbp.hdl.program import holding
from rbp.machine import machine, unclamped
from tests.networks import on_schedule

ALL = ("logistic", "tanh", "sin")
OPTIONS = {
    # the machine
    "shape": [(3, 3), (5, 2), (4, 1), (1, 1)],  # N, P
    "lanes": [1, 2, 3],
    "places": ["all", "a batch", "two batches"],
    "family": ["generic", "ice40hx", "ecp5"],
    "preset": ["w16", "w18", "w8"],
    "order": [1, 2, (1, 2), 3, "list"],
    "feature": ["identity", "tanh"],
    "activations": ["logistic", "several"],
    "momentum": [None, 2],
    "start": ["fixed", "last", "random"],
    "spram": [False, True],
    "room": [False, True],  # as large as need be, or as rbp makes it
    # learning
    "method": ["deterministic", "stochastic", "concurrent"],
    "batch": [None, 1, 2],
    "patterns": [1, 3, 6],
    "rounding": ["stochastic", "nearest"],
    "dt_shift": [0, 2],
    "eta_shift": [-2, 0, 1],
    "steps": ["early exit", "fixed", "short"],
    "structure": ["dense", "random", "layered"],
    "clamped": [False, True],
    "inputs": [False, True],
}
NAMES = list(OPTIONS)


def allowed(row):
    """Whether such a row, or a part of one, is something that rbp does."""
    has = row.__contains__
    one_step = row.get("method") == "concurrent"
    refused = (
        (row.get("spram") and row.get("family") == "ecp5"),
        (row.get("momentum") and row.get("preset") == "w8"),
        (row.get("feature") == "tanh" and row.get("order") == 1),  # as slow to build as an order
        (row.get("order") == 3 and has("shape") and row["shape"][0] > 4),
        (one_step and row.get("start") not in (None, "last")),
        (one_step and row.get("steps") not in (None, "fixed")),
        (has("method") and row["method"] != "deterministic" and row.get("batch") == 2),
        (row.get("batch") == 2 and row.get("patterns") == 1),
        # what is loaded batch by batch is a deterministic method's, from fixed or random starts
        (
            row.get("places", "all") != "all"
            and row.get("method", "deterministic") != "deterministic"
        ),
        (row.get("places", "all") != "all" and row.get("start") == "last"),
        (row.get("places", "all") != "all" and "batch" in row and row["batch"] is None),
        (row.get("places", "all") != "all" and row.get("patterns", 6) != 6),
        # with three lanes of a place each for a batch, six patterns are more than the places
        (row.get("preset") == "w8" and row.get("dt_shift") == 2),
    )
    return not any(refused)


def pairs_of(row):
    """Its pairs of (option, value)."""
    return set(combinations([(o, row[o]) for o in NAMES if o in row], 2))


def possible(pair, rng):
    """A row that has this pair, drawn at random; None where there is none."""
    for _ in range(300):
        row = dict(pair)
        for option in rng.permutation([o for o in NAMES if o not in row]):
            values = [v for v in OPTIONS[option] if allowed(row | {option: v})]
            if not values:
                break
            row[option] = values[rng.integers(len(values))]
        else:
            return row
    return None


def rows(seed):
    """Rows that cover all pairs that may meet, each the best of some that have the next pair."""
    rng, found = np.random.default_rng(seed), []
    open_ = {
        ((one, a), (other, b))
        for one, other in combinations(NAMES, 2)
        for a, b in product(OPTIONS[one], OPTIONS[other])
        if allowed({one: a, other: b})
    }
    while open_:
        pair = min(open_, key=str)
        tries = [row for _ in range(30) if (row := possible(pair, rng))]
        if not tries:  # excluded by a third option
            open_.remove(pair)
            continue
        found.append(max(tries, key=lambda row: len(pairs_of(row) & open_)))
        open_ -= pairs_of(found[-1])
    return found


def name(row):
    return ", ".join(f"{k} {v}" for k, v in row.items())


def products_of(row, n, rng):
    """What the columns of W are: products, of units (j,) in first order; how rbp is told."""
    if row["order"] == "list":
        drawn = [tuple(rng.integers(0, n, rng.integers(0, 4)).tolist()) for _ in range(9)]
        products = tuple(dict.fromkeys(drawn))
        return products, {"products": products}
    degrees = row["order"] if isinstance(row["order"], tuple) else (row["order"],)
    return monomials(n, degrees), {"order": row["order"]}


def connections(row, products, n, rng):
    """N×M bool. Of layers, a unit is fed by products of the layer before, and of none above."""
    if row["structure"] != "layered":
        share = 0.6 if row["structure"] == "random" else 1
        return rng.random((n, len(products))) < share
    layer = np.arange(n) * 2 // n
    below = np.array([max((layer[k] for k in p), default=0) for p in products])
    return layer[:, None] == below[None, :] + 1


def problem(row, seed):
    rng, (n, _), a = np.random.default_rng(seed), row["shape"], row["patterns"]
    products, told = products_of(row, n, rng)
    connected = connections(row, products, n, rng)
    terms, unit = len(products), np.arange(n)
    return rbp.Problem(
        weights=np.where(connected, rng.uniform(-1.5, 1.5, (n, terms)), 0),
        connected=connected,
        targets=rng.uniform(0, 1, (a, n)),
        target_units=(unit % 3 != 2),
        clamp_units=(unit % 2 == 0) & row["clamped"] & (n > 1),
        inputs=rng.uniform(-0.4, 0.4, (a, n)) * row["inputs"],
        initial_state=rng.uniform(0.1, 0.9, (a, n)),
        activation=[ALL[k % 3] for k in unit] if row["activations"] == "several" else "logistic",
        feature=row["feature"],
        **told,
    )


def settings(row, seed):
    steps = {"early exit": {}, "fixed": {"fixed_steps": 3}, "short": {"step_limit": 4}}
    lanes, flags = row["lanes"], dict(steps[row["steps"]])
    if row["method"] == "concurrent":
        flags = {}
    batches = {"a batch": 1, "two batches": 2}.get(row["places"])
    if batches:
        flags["slots"] = -(-row["batch"] * batches // lanes)
    return rbp.Settings(
        macs=row["shape"][1],
        lanes=lanes,
        preset=row["preset"],
        momentum_shift=row["momentum"],
        start=None if row["method"] == "concurrent" else row["start"],
        method=row["method"],
        batch=row["batch"] if row["method"] == "deterministic" else None,
        rounding=row["rounding"],
        dt_shift=row["dt_shift"],
        eta_shift=row["eta_shift"],
        use_within=300,
        seed=seed,
        **flags,
    )


def core(row, given, asked):
    """(the core of a row, the machine that it trains); the core holds the recall, too."""
    start = machine(given, asked, "rtl")
    config = replace(asked.config(given), family=row["family"], spram=row["spram"], eta_shifts=None)
    resting = _at_rest(asked, given, config, deepcopy(start))
    return holding(config, start.structure, resting.structure, rounded=row["room"]), start


def check(row, seed, updates=3):
    """Train and recall: every word, count and flag as golden's; cycles as the schedule's, which it
    returns."""
    given, asked = problem(row, seed), settings(row, seed)
    config, start = core(row, given, asked)
    golden = deepcopy(start)
    relaxed = [golden.update() for _ in range(updates)]
    got = run.train(config, start, updates)
    expected = {
        "weights": golden.weights,
        "velocity": golden.velocity,
        "states": golden.x,
        "errors": golden.y,
        "energy": [r.energy for r in relaxed],
        "settle_steps": np.stack([r.steps for r in relaxed]),
        "unsettled": golden.unsettled,
        "skipped": golden.skipped,
        "saturated": golden.saturated,
    }
    for what, value in expected.items():
        found = getattr(got, what)
        same = found == value if isinstance(value, set) else np.array_equal(found, value)
        assert same, f"{what}: the core has {found}, golden {value}"
    on_schedule(got, config, start)
    _check_recall(config, _at_rest(asked, given, config, golden))
    return got.cycles


def _at_rest(asked, given, config, trained):
    """What recalls, from as many patterns as there are places."""
    places = config.lanes * config.slots
    cues = trained.start[:places]
    settling = asked.for_recall().settling(recall=True)
    return unclamped(trained, cues, trained.inputs[:places], replace(settling, limit=40))


def _check_recall(config, resting):
    got = run.recall(config, resting)
    relaxed = resting.relax(errors=False)
    assert np.array_equal(got.states, relaxed.x)
    assert np.array_equal(got.settle_steps, relaxed.steps[:, 0])
    assert np.array_equal(got.settled, ~relaxed.unsettled[:, 0])


ROWS = rows(1)


@pytest.mark.parametrize("k", range(len(ROWS)), ids=lambda k: name(ROWS[k]))
def test_pair(k):
    check(ROWS[k], seed=k + 1)


def test_all_pairs_are_there():
    """Of every two options, every two values that may meet, as rows drawn at random show."""
    covered = set().union(*map(pairs_of, ROWS))
    rng = np.random.default_rng(9)
    for _ in range(2000):
        row = possible({}, rng)
        assert allowed(row)
        assert pairs_of(row) <= covered


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 8))
def test_more_pairs(seed):
    """Other arrays, other networks."""
    for k, row in enumerate(rows(seed)):
        try:
            check(row, seed=1000 * seed + k, updates=4)
        except AssertionError as error:
            raise AssertionError(f"{name(row)}: {error}") from error


@pytest.mark.parametrize("lanes", [1, 2, 3])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_refill_beside_random_starts(lanes, batch):
    """Both write the state memory; of several lanes, by a register."""
    row = {o: values[0] for o, values in OPTIONS.items()}
    row |= {"lanes": lanes, "start": "random", "batch": batch, "places": "two batches"}
    row |= {"patterns": 6, "inputs": True, "clamped": True}
    for seed in range(4):
        check(row, seed=seed + 1, updates=7)
