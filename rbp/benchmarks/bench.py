"""``rbp bench``: how well the core's multipliers are used, and how fast that is.

Settle steps are those of golden; cycles follow from them exactly (:mod:`rbp.hdl.schedule`, which
the tests hold to the Verilated core's counter), so the first table is reproducible to the last
digit. The others are measured (:mod:`rbp.benchmarks.speed`).
"""

import json

import numpy as np

from rbp.benchmarks import speed
from rbp.files import written
from rbp.golden.config import Config
from rbp.golden.training import Learning
from rbp.hdl.schedule import Schedule, utilisation
from rbp.machine import machine, structures
from rbp.paper import figure1
from rbp.paper.networks import OFF, ON, digit_classes, layered
from rbp.problem import Problem
from rbp.settings import Settings

__all__ = ["rows", "run"]


def _associations(units, patterns, seed=1):
    """A random association of ``units``, two thirds of them visible, weights within ±1."""
    rng = np.random.default_rng(seed)
    visible = np.arange(units) < units * 2 // 3
    return Problem(
        weights=rng.uniform(-1, 1, (units, units)),
        targets=np.where(visible, rng.choice([0.1, 0.9], (patterns, units)), 0),
        target_units=visible,
        clamp_units=visible,
    )


def _pictures(side, count=1600, seed=1):
    """A classifier of as many units as MNIST's pictures of side×side take: 30 hidden ones, 10
    outputs, and a bias. The pictures are random, a fifth of their points not black: MNIST's own
    were measured to cost the same, 3 + 3 steps."""
    rng = np.random.default_rng(seed)
    pictures = np.where(rng.random((count, side * side)) < 0.2, rng.random((count, side * side)), 0)
    targets = np.where(rng.integers(0, 10, (count, 1)) == np.arange(10), ON, OFF)
    return layered((side * side, 30, 10), pictures, targets, spread=4 / side, seed=seed)


def _steps(problem, updates):
    """Settle steps of golden, updates × A × 2."""
    trained = machine(problem, Settings(slots=problem.patterns), "golden")
    return np.stack([trained.update().steps for _ in range(updates)])


def _fixed(patterns, steps=20, updates=100):
    return np.full((updates, patterns, 2), steps)


def rows():
    """The table, a dict a row: name, settings, cycles an update, utilisation, what must be."""
    small, large = figure1.problem(), _associations(64, 16)
    fig1, many = _steps(small, 300), _steps(large, 20)
    one = fig1[:, :1]
    plan = [
        ("Figure 1, 20 + 20 steps", small, 5, 1, _fixed(4), 0.98),
        ("Figure 1, 20 + 20 steps", small, 15, 1, _fixed(4), 0.95),
        ("Figure 1, early exit", small, 5, 1, fig1, 0.95),
        ("Figure 1, early exit", small, 15, 1, fig1, 0.75),
        ("Figure 1, early exit", small, 5, 4, fig1, None),
        ("Figure 1, early exit", small, 15, 4, fig1, None),
        ("Figure 1, one pattern", small, 5, 1, one, None),
        ("Figure 1, one pattern", small, 15, 1, one, None),
        ("N = 64, 16 patterns, early exit", large, 16, 1, many, 0.99),
        ("N = 64, 16 patterns, early exit", large, 32, 4, many, 0.90),
        *(
            (
                f"N = {n}, 4 patterns, 20 + 20 steps",
                *(_associations(n, 4), 16, 1, _fixed(4, updates=20), None),
            )
            for n in (16, 32, 64, 128, 256)
        ),
    ]
    for name, problem, macs, lanes, steps, least in plan:
        units, structure = problem.units, structures(problem)[0]
        config = Config(units=units, macs=macs, lanes=lanes, slots=-(-steps.shape[1] // lanes))
        schedule = Schedule(config, structure)
        cycles = schedule.cycles(steps, Learning(), steps.shape[1])
        yield {
            "name": name,
            "units": units,
            "macs": macs,
            "lanes": lanes,
            "patterns": steps.shape[1],
            "updates": len(steps),
            "cycles_per_update": cycles / len(steps),
            "utilisation": utilisation(structure, macs * lanes, steps, cycles),
            "must_be": least,
            "turnaround": schedule.time.turnaround,
        }


def _exponent(pairs):
    """b of y = a·xᵇ, by least squares of the logarithms of pairs (x, y)."""
    return float(np.polyfit(*np.log(np.array(list(pairs))).T, 1)[0])


def _jobs():
    """What is timed on this machine."""
    batches = {"batch": 16, "slots": 16, "eta_shift": -2}
    yield speed.Job("Figure 1", figure1.problem(), 300)
    yield speed.Job("N = 64, 16 patterns", _associations(64, 16), 10)
    yield speed.Job("N = 256, 16 patterns", _associations(256, 16), 2)
    yield speed.Job("digits, 16 patterns", digit_classes(), 100, batches, (64, 20, 10))
    for side in (14, 28):
        name, layers = f"MNIST {side}×{side}, 16 patterns", (side * side, 30, 10)
        yield speed.Job(name, _pictures(side), 50, batches, layers)


def _cycles():
    """The first table, printed: its rows, and the exponent of cycles against N."""
    print(
        f"{'':34s} {'P':>3s} {'L':>2s} {'cycles/update':>14s} {'utilisation':>11s} {'at least':>8s}"
    )
    table = list(rows())
    for r in table:
        least = "" if r["must_be"] is None else f"{r['must_be']:.2f}"
        print(
            f"{r['name']:34s} {r['macs']:3d} {r['lanes']:2d} {r['cycles_per_update']:14.1f} "
            f"{r['utilisation']:11.4f} {least:>8s}"
        )
    picked = [r for r in table if r["name"].startswith("N = ") and "20 + 20" in r["name"]]
    exponent = _exponent((r["units"], r["cycles_per_update"]) for r in picked)
    print(f"cycles go with N^{exponent:.3f} at P = 16, 4 patterns, fixed steps")
    return table, exponent


def _cpu():
    """The second, printed: an update by all ways, each on one core, NumPy too."""
    from threadpoolctl import threadpool_limits  # scikit-learn brings it

    print(f"\n{'an update, early exit':26s} {'':28s} {'µs':>10s} {'/ model':>10s}")
    with threadpool_limits(1):
        for row in speed.cpu(_jobs()):
            yield row
            print(
                f"{row['name']:26s} {row['way']:28s} {row['us_per_update']:10.1f} "
                f"{row['times_model']:10.2f}",
                flush=True,
            )


def _growth():
    """The third, printed: its rows, and the exponent of the model's time against connections."""
    print(f"\n{'the model, 4 patterns, 20 + 20 steps':36s} {'connections':>12s} {'µs':>10s}")
    table = list(speed.growth(_associations(n, 4) for n in (10, 32, 100, 316)))
    for row in table:
        print(f"{'':36s} {row['connections']:12,d} {row['us_per_update']:10.1f}")
    exponent = _exponent((row["connections"], row["us_per_update"]) for row in table)
    print(f"the model's time goes with connections^{exponent:.2f}")
    return table, exponent


def _simulation():
    """The last, printed."""
    print(f"\n{'simulation of Figure 1, P = 5':36s} {'kilocycles/s':>12s} {'times C++':>10s}")
    for row in speed.simulation():
        yield row
        print(f"{row['way']:36s} {row['kilocycles_per_second']:12.0f} {row['times_cpp']:10.3f}")


def run(out):
    """Measure and print all tables, and write them as JSON."""
    table, exponent = _cycles()
    record = {"rows": table, "exponent": exponent, "cpu": list(_cpu())}
    record["growth"], record["growth_exponent"] = _growth()
    record["simulation"] = list(_simulation())
    with written(out) as file:
        file.write(json.dumps(record, indent=1).encode() + b"\n")
