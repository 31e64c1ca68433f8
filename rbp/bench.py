"""``make bench``: how well the core's multipliers are used, and how many cycles an update takes.

Settle steps are those of golden; cycles follow from them exactly (:mod:`hdl.schedule`, which the
tests hold to the Verilated core's counter), so every figure here is reproducible to the last digit.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from golden.config import Config
from hdl.schedule import Schedule, utilisation
from rbp import figure1
from rbp.engines import machine
from rbp.files import written
from rbp.problem import Problem
from rbp.settings import Settings

__all__ = ["main", "rows"]


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
    fig1 = _steps(figure1.problem(), 300)
    large = _steps(_associations(64, 16), 20)
    one = fig1[:, :1]
    plan = [
        ("Figure 1, 20 + 20 steps", 15, 5, 1, _fixed(4), 0.98),
        ("Figure 1, 20 + 20 steps", 15, 15, 1, _fixed(4), 0.95),
        ("Figure 1, early exit", 15, 5, 1, fig1, 0.95),
        ("Figure 1, early exit", 15, 15, 1, fig1, 0.75),
        ("Figure 1, early exit", 15, 5, 4, fig1, None),
        ("Figure 1, early exit", 15, 15, 4, fig1, None),
        ("Figure 1, one pattern", 15, 5, 1, one, None),
        ("Figure 1, one pattern", 15, 15, 1, one, None),
        ("N = 64, 16 patterns, early exit", 64, 16, 1, large, 0.99),
        ("N = 64, 16 patterns, early exit", 64, 32, 4, large, 0.90),
        *(
            (f"N = {n}, 4 patterns, 20 + 20 steps", n, 16, 1, _fixed(4, updates=20), None)
            for n in (16, 32, 64, 128, 256)
        ),
    ]
    for name, units, macs, lanes, steps, least in plan:
        config = Config(units=units, macs=macs, lanes=lanes, slots=-(-steps.shape[1] // lanes))
        schedule = Schedule(config)
        cycles = schedule.cycles(steps)
        yield {
            "name": name,
            "units": units,
            "macs": macs,
            "lanes": lanes,
            "patterns": steps.shape[1],
            "updates": len(steps),
            "cycles_per_update": cycles / len(steps),
            "utilisation": utilisation(config, steps, cycles),
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


def main(argv=None):
    parser = argparse.ArgumentParser(prog="python -m rbp.bench", description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("build/bench.json"))
    out = parser.parse_args(argv).out
    table = list(rows())
    exponent = _exponent(table)
    _print(table, exponent)
    out.parent.mkdir(parents=True, exist_ok=True)
    with written(out) as file:
        file.write(json.dumps({"rows": table, "exponent": exponent}, indent=1).encode())


if __name__ == "__main__":
    main()
