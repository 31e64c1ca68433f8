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
from rbp.paper.networks import digit_classes
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


def _exponent(table):
    """Of cycles against N, at fixed P and steps."""
    picked = [
        (r["units"], r["cycles_per_update"])
        for r in table
        if r["name"].startswith("N = ") and "20 + 20" in r["name"]
    ]
    return float(np.polyfit(*np.log(np.array(picked)).T, 1)[0])


def _print(table, exponent):
    print(
        f"{'':34s} {'P':>3s} {'L':>2s} {'cycles/update':>14s} {'utilisation':>11s} {'at least':>8s}"
    )
    for r in table:
        least = "" if r["must_be"] is None else f"{r['must_be']:.2f}"
        print(
            f"{r['name']:34s} {r['macs']:3d} {r['lanes']:2d} {r['cycles_per_update']:14.1f} "
            f"{r['utilisation']:11.4f} {least:>8s}"
        )
    print(f"cycles go with N^{exponent:.3f} at P = 16, 4 patterns, fixed steps")


def run(out):
    """Measure and print all tables, and write them as JSON."""
    table = list(rows())
    exponent = _exponent(table)
    _print(table, exponent)
    digits = {"batch": 16, "slots": 16, "eta_shift": -2}
    jobs = (
        speed.Job("Figure 1", figure1.problem(), 300),
        speed.Job("N = 64, 16 patterns", _associations(64, 16), 10),
        speed.Job("N = 256, 16 patterns", _associations(256, 16), 2),
        speed.Job("digits, 16 patterns", digit_classes(), 100, digits, (64, 20, 10)),
    )
    print(f"\n{'an update, early exit':24s} {'':28s} {'µs':>10s} {'/ model':>10s}")
    cpu = []
    for row in speed.cpu(jobs):
        cpu.append(row)
        print(
            f"{row['name']:24s} {row['way']:28s} {row['us_per_update']:10.1f} "
            f"{row['times_model']:10.2f}",
            flush=True,
        )
    print(f"\n{'simulation of Figure 1, P = 5':36s} {'kilocycles/s':>12s} {'times C++':>10s}")
    simulation = []
    for row in speed.simulation():
        simulation.append(row)
        print(f"{row['way']:36s} {row['kilocycles_per_second']:12.0f} {row['times_cpp']:10.3f}")
    record = {"rows": table, "exponent": exponent, "cpu": cpu, "simulation": simulation}
    with written(out) as file:
        file.write(json.dumps(record, indent=1).encode() + b"\n")
