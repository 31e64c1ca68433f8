"""The rule of the paper against its neighbours, in float64.

``python -m rbp.paper.compare [lapedes|hopfield|methods|orders]`` measures and draws into
``docs/pictures``; with ``--draw`` it draws again from the JSON file there.

lapedes
    Master/slave after Lapedes and Farber: relaxes ∂x/∂w, O(N³) products for the same update.
hopfield
    Hopfield's nonadaptive weights: how many patterns are recalled.
methods
    The deterministic method (19) against the stochastic one (20).
orders
    Memories of first order against such that sum products of two activities.
"""

from dataclasses import replace

import numpy as np

from rbp.machine import machine
from rbp.paper import figure1
from rbp.paper.lapedes import draw_lapedes, lapedes
from rbp.paper.memories import draw_hopfield, hopfield, orders
from rbp.paper.plots import new_figure, studies
from rbp.settings import Settings

__all__ = ["STUDIES", "methods", "traces"]


def energy(reference):
    """E_total (18) with the present weights."""
    return float(replace(reference, unsettled=0).relax().energy) / 2


def traces(problem, presentations, rng, eta_shift=0):
    """E_total after every A presentations, by the deterministic and by the stochastic method."""
    start = machine(problem, Settings(eta_shift=eta_shift), "float64")
    a = problem.patterns
    deterministic = replace(start)
    stochastic = replace(start)
    found = {"deterministic": [], "stochastic": []}
    for count in range(0, presentations + 1, a):
        found["deterministic"].append(energy(deterministic))
        found["stochastic"].append(energy(stochastic))
        if count < presentations:
            deterministic.update()
            for drawn in rng.integers(0, a, a):
                one = slice(drawn, drawn + 1)
                single = replace(
                    stochastic,
                    targets=start.targets[one],
                    inputs=start.inputs[one],
                    start=start.start[one],
                )
                single.update()
                stochastic.weights = single.weights
    return found


def methods(seeds=12, presentations=1200) -> dict:
    """Figure 1 by both methods, η = 1: E_total by the number of presentations of a pattern."""
    record = {"presentations": None, "deterministic": [], "stochastic": []}
    for seed in range(1, seeds + 1):
        problem = figure1.problem(seed)
        found = traces(problem, presentations, np.random.default_rng(seed))
        for method, values in found.items():
            record[method].append([round(e, 7) for e in values])
    record["presentations"] = list(range(0, presentations + 1, 4))
    return record


def draw_methods(record):
    figure = new_figure(7, 4.6)
    axes = figure.subplots()
    for method, colour in (("deterministic", "black"), ("stochastic", "tab:red")):
        low, middle, high = np.quantile(record[method], (0, 0.5, 1), axis=0)
        for edge in (low, high):
            axes.plot(record["presentations"], edge, ":", color=colour, lw=0.9)
        axes.plot(record["presentations"], middle, color=colour, label=method)
    axes.set_yscale("log")
    axes.set(xlabel="patterns presented", ylabel="$E_\\mathrm{total}$ of the master")
    axes.set_title(
        f"Figure 1, η = 1: median, least and greatest of {len(record['stochastic'])} seeds",
        fontsize=11,
    )
    axes.grid(alpha=0.3)
    axes.legend()
    return figure


STUDIES = {
    "lapedes": (lapedes, draw_lapedes),
    "hopfield": (hopfield, draw_hopfield),
    "methods": (methods, draw_methods),
    "orders": (orders, draw_hopfield),
}

if __name__ == "__main__":
    studies(STUDIES, __doc__.splitlines()[0])
