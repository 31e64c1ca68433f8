"""Master/slave after Lapedes and Farber: it relaxes ∂x/∂w, O(N³) products for the same update."""

import time

import numpy as np

from rbp.golden.relaxation import settle
from rbp.machine import machine
from rbp.paper.plots import new_figure
from rbp.problem import Problem
from rbp.settings import Settings

__all__ = ["draw_lapedes", "lapedes", "master_slave", "network", "outer_product"]


def master_slave(reference):
    """The update (19) by way of ∂x/∂w, and the products that it took.

    By (11), ∂x_k/∂w_rs = P_kr x_s, where P = L⁻¹ G settles by dP/dt = −P + G (W P + 1): N²
    equations of N products each, for each pattern. ``reference`` is a
    :class:`~rbp.golden.reference.Reference`.

    Returns
    -------
    step : N×N float
        Σ_α Σ_k J_k ∂x_k/∂w_rs; times η it is the update.
    products : int
        Multiplications.
    """
    n, dt = len(reference.weights), 2.0**-reference.settling.dt_shift
    relaxed = reference.relax(errors=False)
    products = int(relaxed.steps.sum()) * n * n
    step = np.zeros((n, n))
    for x, c, slope, target in zip(
        relaxed.x, relaxed.c, relaxed.slope, reference.targets, strict=True
    ):
        fed_back = np.where(reference.clamp_units, 0.0, reference.weights)
        p = np.zeros((1, n, n))

        def relax_p(rows, p=p, slope=slope, fed_back=fed_back):
            moved = dt * (slope[:, None] * (fed_back @ p[0] + np.eye(n)) - p[0])
            p[0] += moved
            return np.abs(moved).max(axis=(0, 1), keepdims=True)[0] / reference.unit

        steps, _, _ = settle(relax_p, 1, reference.settling)
        j = np.where(reference.target_units, target - x, 0.0)
        step += np.outer(j @ p[0], c)
        products += int(steps[0]) * n**3 + 2 * n * n
    return step, products


def outer_product(reference):
    """The same by (13) and (17): N² products a step."""
    n = len(reference.weights)
    relaxed = reference.relax()
    products = (int(relaxed.steps.sum()) + len(relaxed.x)) * n * n
    return relaxed.y.T @ relaxed.c, products


def network(units, seed):
    """Fully connected, a quarter inputs and a quarter targets, weights of ±2/√N: one pattern."""
    rng, unit = np.random.default_rng(seed), np.arange(units)
    spread = 2 / np.sqrt(units)
    return Problem(
        weights=rng.uniform(-spread, spread, (units, units)),
        targets=[np.where(unit >= units * 3 // 4, rng.uniform(0.1, 0.9, units), 0)],
        target_units=unit >= units * 3 // 4,
        inputs=[np.where(unit < units // 4, rng.uniform(-0.5, 0.5, units), 0)],
    )


def lapedes(sizes=(8, 16, 32, 64, 128, 256, 512), seeds=5, repeats=5) -> dict:
    """Products and seconds of one update, one pattern, by N: the median over networks."""
    record = {"units": list(sizes), "products": {}, "seconds": {}, "difference": 0.0}
    ways = {"outer product (13)": outer_product, "master/slave": master_slave}
    for units in sizes:
        counted, timed = {name: [] for name in ways}, {name: [] for name in ways}
        for seed in range(seeds):
            reference = machine(network(units, seed), Settings(), "float64")
            results = []
            for name, way in ways.items():
                lapses = []
                for _ in range(repeats):
                    begin = time.perf_counter()
                    step, products = way(reference)
                    lapses.append(time.perf_counter() - begin)
                results.append(step)
                counted[name].append(products)
                timed[name].append(min(lapses))
            off = np.abs(results[0] - results[1]).max() / np.abs(results[0]).max()
            record["difference"] = max(record["difference"], float(off))
        for name in ways:
            record["products"].setdefault(name, []).append(float(np.median(counted[name])))
            record["seconds"].setdefault(name, []).append(float(np.median(timed[name])))
    return record


def exponent(units, values):
    """Slope in a plot of logarithms, over the upper three sizes."""
    return np.polyfit(np.log(units[-3:]), np.log(values[-3:]), 1)[0]


def draw_lapedes(record):
    figure = new_figure(10, 4.4)
    units = record["units"]
    for axes, what, name in zip(
        figure.subplots(1, 2), ("products", "seconds"), ("multiplications", "seconds"), strict=True
    ):
        for (way, values), colour in zip(record[what].items(), ("black", "tab:red"), strict=True):
            label = f"{way}: ~ N$^{{{exponent(units, values):.1f}}}$"
            axes.loglog(units, values, "o-", color=colour, label=label)
        axes.set_xticks(units, map(str, units))
        axes.minorticks_off()
        axes.set(xlabel="units N", title=f"{name} of an update, one pattern")
        axes.grid(alpha=0.3)
        axes.legend()
    return figure
