"""Random machines of all options together, and golden beside the compiled model."""

import copy
from functools import cache

import numpy as np

from rbp.cmodel.model import Model
from rbp.golden.features import Features, monomials
from rbp.golden.formats import PRESETS, Format, Formats
from rbp.golden.relaxation import Network, Settling
from rbp.golden.tables import feature_tables, tables_for
from rbp.golden.training import Learning, Machine

__all__ = ["FIELDS", "OWN", "by_golden", "by_model", "differences", "drawn", "network", "unlike"]

CALLS = (1, 2)
"""Updates of each call of the model."""

LOGS = ("energy", "steps", "unsettled")

FIELDS = ("weights", "velocity", "start", "x", "y", "t", "unsettled", "skipped", "saturated")


def _formats_of(**pairs):
    """Formats from (integer, fraction) of each role."""
    return Formats(**{role: pair and Format(role, *pair) for role, pair in pairs.items()})


OWN = {
    "small": _formats_of(
        state=(0, 4), error=(1, 5), weight=(2, 3), net=(2, 5), slope=(0, 4), velocity=(0, 5)
    ),
    "odd": _formats_of(
        state=(2, 9), error=(0, 12), weight=(4, 7), net=(2, 7), slope=(1, 9), velocity=(2, 10)
    ),
    "fine net": _formats_of(
        state=(1, 4), error=(1, 2), weight=(2, 2), net=(2, 9), slope=(0, 7), velocity=None
    ),
    "long": _formats_of(
        state=(1, 18), error=(2, 23), weight=(3, 22), net=(3, 14), slope=(0, 25), velocity=(1, 24)
    ),
}
ACTIVATIONS = [
    ("logistic",),
    ("tanh",),
    ("sin",),
    ("logistic", "tanh"),
    ("logistic", "tanh", "sin"),
]


@cache
def _formats(name):
    """(formats, the preset whose number of segments tables have)."""
    return (PRESETS[name], name) if name in PRESETS else (OWN[name], "w8")


def _words(rng, fmt, values):
    return np.clip(fmt.to_raw(values), fmt.min, fmt.max)


def network(
    name, n, *, activations=("logistic",), activation=None, feature=None, products=None, **flags
):
    """A network; flags are N bool, by default none."""
    formats, preset = _formats(name)
    features = None
    if products is not None:
        pair = feature_tables(preset, formats, feature) if feature else (None, None)
        features = Features(n, products, formats.state, *pair)
    none = np.zeros(n, bool)
    flags = {k: flags.get(k, none) for k in ("clamp_units", "target_units", "input_units")}
    tables = tables_for(preset, formats, activations)
    chosen = np.zeros(n, int) if activation is None else activation
    return Network(formats, tables, chosen, features=features, **flags)


def _products(rng, n):
    """A list of products, dense in some degrees or drawn."""
    if rng.random() < 0.5:
        degrees = [(0, 1), (1, 2), (2,), (0, 2), (3,), (0, 1, 2, 3)][rng.integers(6)]
        return monomials(n, degrees)
    longest = int(rng.integers(0, 4))
    sizes = rng.integers(0, longest + 1, int(rng.integers(1, 3 * n + 2)))
    return tuple(tuple(rng.integers(0, n, size).tolist()) for size in sizes)


def _present(rng, rows, columns):
    """Which connections there are."""
    kind = rng.integers(6)
    present = np.ones((rows, columns), bool)
    if kind == 1:
        present = rng.random((rows, columns)) < rng.choice([0.02, 0.1, 0.3, 0.6])
    elif kind == 2:
        present = np.tril(present, -1)
    elif kind == 3:
        present[rng.random(rows) < 0.5] = False
    elif kind == 4:
        present[:, rng.random(columns) < 0.7] = False
    elif kind == 5:
        np.fill_diagonal(present, False)
    return present


def _settling(rng, concurrent):
    fixed = bool(rng.random() < 0.2)
    limit = int(rng.choice([1, 3, 12] if fixed else [1, 2, 5, 20, 40]))
    if concurrent:
        fixed, limit = True, 1
    tolerance, within = int(rng.choice([0, 1, 2, 4, 30])), int(rng.choice([0, 4, 64, 32767]))
    return Settling(int(rng.integers(0, 4)), tolerance, limit, within, fixed)


def _learning(rng, patterns, method, momentum):
    seed = int(rng.integers(2**32)) if rng.random() < 0.5 else int(rng.integers(100))
    batch = {"all": None, "batch": int(rng.integers(1, patterns + 1))}.get(method, 1)
    start = rng.choice(["fixed", "last", "random"], p=[0.6, 0.2, 0.2])
    return Learning(
        eta_shift=int(rng.integers(-6, 2)),
        seed=None if rng.random() < 0.3 else seed,
        batch=batch,
        draw=seed if method == "draw" else None,
        keep=method == "concurrent" or start == "last",
        friction=int(rng.integers(0, 8)) if momentum else None,
        start_seed=seed if start == "random" and method != "concurrent" else None,
    )


def drawn(seed):
    """A machine."""
    rng = np.random.default_rng(seed)
    name = str(rng.choice([*PRESETS, *OWN], p=[0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.1]))
    formats, _ = _formats(name)
    f = formats
    products, n = None, int(rng.integers(1, 41))
    if rng.random() < 0.4:
        n = int(rng.integers(1, 9))
        products = _products(rng, n)
    patterns = int(rng.integers(1, 41)) if rng.random() < 0.3 else int(rng.integers(1, 9))
    activations = ACTIVATIONS[rng.integers(5)]

    def some(*shares):
        return rng.random(n) < rng.choice(shares)

    clamp, target = some(0, 0, 0.3, 0.7, 1.0), some(0.2, 0.5, 1.0)
    target[rng.integers(n)] = True
    columns = n if products is None else len(products)
    present = _present(rng, n, columns)
    spread = rng.choice([0.3, 0.8, 2, 7.9, 15])
    weights = _words(rng, f.weight, rng.uniform(-spread, spread, (n, columns)))
    if rng.random() < 0.1:
        weights[rng.random((n, columns)) < 0.2] = f.weight.max
    if rng.random() < 0.2:
        weights >>= rng.integers(0, f.weight.width, (n, columns))
    weights = np.where(present, np.where(weights == 0, 1, weights), 0)
    most, signed = rng.choice([0.3, 1.0, 1.99]), rng.random() < 0.5

    def words(where):
        values = rng.uniform(-most if signed else 0, most, (patterns, n))
        return np.where(where, _words(rng, f.state, values), 0)

    inputs = words(some(0, 0.3, 1.0))
    start = words(True) if rng.random() < 0.5 else np.full((patterns, n), f.state.to_raw(0.5))
    method = str(rng.choice(["all", "batch", "draw", "concurrent"]))
    learning = _learning(rng, patterns, method, f.velocity is not None and rng.random() < 0.35)
    net = network(
        name,
        n,
        activations=activations,
        activation=rng.integers(0, len(activations), n),
        feature=str(rng.choice(ACTIVATIONS[4])) if rng.random() < 0.4 else None,
        products=products,
        clamp_units=clamp,
        target_units=target,
        input_units=(inputs != 0).any(axis=0),
    )
    t = int(rng.choice([0, 0, 7])) * (learning.batch or patterns)
    targets = words(clamp | target)
    settling = _settling(rng, method == "concurrent")
    return Machine(net, weights, targets, inputs, start, settling, learning, t=t)


def _twin(machine):
    twin = copy.deepcopy(machine)
    twin.network, twin.structure = machine.network, machine.structure  # of which nothing changes
    return twin


def _state(machine):
    return {name: copy.copy(getattr(machine, name)) for name in FIELDS}


def by_golden(machine, calls=CALLS):
    """{name: what it is} after calls of so many updates each, and after a recall, by golden."""
    machine, seen = _twin(machine), []
    for updates in calls:
        relaxed = [machine.update() for _ in range(updates)]
        seen.append({f"{n} of each": np.stack([getattr(r, n) for r in relaxed]) for n in LOGS})
        seen[-1] |= _state(machine)
    return _joined(seen, machine.relax(errors=False), machine)


def by_model(machine, calls=CALLS, threads=1, lib=None):
    """The same by the model."""
    machine, seen = _twin(machine), []
    model = Model(machine, threads, lib=lib)
    for updates in calls:
        trained = model.train(updates)
        seen.append({f"{n} of each": getattr(trained, n) for n in LOGS} | _state(machine))
    return _joined(seen, model.relax(errors=False), machine)


def _joined(seen, recalled, machine):
    ends = {n: getattr(recalled, n) for n in ("x", "steps", "unsettled", "skip")}
    parts = {f"call {k}": part for k, part in enumerate(seen)}
    parts |= {"recall": ends, "after it": _state(machine)}
    return {f"{part}: {name}": word for part in parts for name, word in parts[part].items()}


def unlike(one, other):
    """Names of what differs."""
    assert one.keys() == other.keys()
    return [name for name in one if not np.array_equal(one[name], other[name])]


def differences(machine, calls=CALLS, threads=1):
    """Names of what the model makes otherwise than golden."""
    return unlike(by_golden(machine, calls), by_model(machine, calls, threads))
