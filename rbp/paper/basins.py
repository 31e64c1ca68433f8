"""Why the slave of Figure 1 jumps: its basins before and after one update of the weights.

The paper says that the moving weights carry x(t0) across a boundary between two basins. That is one
of two ways: more often the attractor of a pattern is not there at all until, at one update, it is
born, and x(t0) lies in its basin at once. ``python -m rbp.paper.basins`` counts both over some
seeds and draws the greatest jump of the default seed and the greatest crossing of a boundary;
``--draw`` draws again from ``docs/pictures/basins.json``.
"""

import numpy as np

from rbp.machine import machine
from rbp.paper import figure1
from rbp.paper.analyse import cut, nearest, plane
from rbp.paper.dynamics import Network, fixed_points, stability, units_of
from rbp.paper.plots import draw_cut, key, new_figure, studies
from rbp.settings import Settings

__all__ = ["draw", "jumps", "run"]

SEEDS = (*range(1, 33), figure1.SEED)

WORDS = {"born": "an attractor is born", "crossed": "a boundary is crossed"}


def slaves(seed, engine="float64"):
    """The slave before each update of Figure 1 (1), without end, and the master's E then."""
    problem = figure1.problem(seed)
    master = machine(problem, Settings(seed=seed), engine)
    g = units_of(problem.activation)
    formats = None if engine == "float64" else master.network.formats
    while True:
        weights = master.weights if formats is None else formats.weight.to_float(master.weights)
        energy = master.update().energy / 2
        yield (
            Network(weights, np.zeros(problem.units), g),
            energy if formats is None else energy * 4.0**-formats.error.fraction,
        )


def starts(seed):
    """x(t0) of each pattern (28), all visible units known: A×N."""
    problem = figure1.problem(seed)
    return np.where(problem.clamp_units, problem.targets, problem.start)


def errors(seed, states):
    """½ Σ J² over the visible units of the slave, for each pattern."""
    problem = figure1.problem(seed)
    return ((problem.targets - states)[:, problem.target_units] ** 2).sum(axis=1) / 2


def jumps(seed, updates=300, engine="float64"):
    """E_master and E_slave by update, and every jump of a pattern to another attractor.

    A jump is a change of E of one pattern by more than 0.2 at one update, the first left out, which
    moves everything. The attractor was *born* where, with the weights before, a state put on it
    leaves for the attractor before, and otherwise a boundary was *crossed*.
    """
    begin, found, e_master, e_slave, before = starts(seed), [], [], [], None
    for count, (slave, energy) in zip(range(updates), slaves(seed, engine), strict=False):
        ends, settled = slave.settle(begin, 0)
        error = errors(seed, ends)
        e_master.append(float(energy))
        e_slave.append(float(error.sum()))
        if before:
            changed = (np.abs(error - before[2]) > 0.2) & settled & before[3] & (count > 1)
            for pattern in np.flatnonzero(changed):
                left = before[0].settle(ends[pattern][None], 0)[0][0]
                born = np.abs(left - before[1][pattern]).max() < np.abs(left - ends[pattern]).max()
                found.append(
                    {
                        "seed": seed,
                        "updates": count,
                        "pattern": int(pattern),
                        "kind": "born" if born else "crossed",
                        "change": float(error[pattern] - before[2][pattern]),
                    }
                )
        before = slave, ends, error, settled
    return e_master, e_slave, found


def case(jump, engine="float64", grid=121):
    """A jump with its two ``panels``: a plane of the slave's states before and after it.

    The plane goes through x(t0) of the pattern and through its attractors before and after. A fixed
    point that is the same but for a step of the weights has the same place in both lists.
    """
    run = slaves(jump["seed"], engine)
    *_, (before, _), (after, _) = (next(run) for _ in range(jump["updates"] + 1))
    begin = starts(jump["seed"])
    start = begin[jump["pattern"]]
    homes = [slave.settle(start[None], 0)[0][0] for slave in (before, after)]
    marks = np.stack([start, *homes])
    origin, directions = plane(marks)
    drawn = np.random.default_rng(1).uniform(0, 1, (300, before.units))
    points = [
        fixed_points(
            slave, np.concatenate([slave.settle(np.concatenate([begin, drawn]), 0)[0], drawn])
        )
        for slave in (before, after)
    ]
    panels = []
    for slave, found in zip((before, after), _side_by_side(*points), strict=True):
        record, ends, settled = cut(slave, origin, directions, marks, 0, grid)
        present = np.flatnonzero(~np.isnan(found[:, 0]))
        labels = nearest(found[present], ends, settled)
        record["labels"] = np.where(labels < 0, -1, present[labels]).reshape(grid, grid).tolist()
        record["paths"] = [((slave.path(start, 0) - origin) @ directions.T).round(4).tolist()]
        error = errors(jump["seed"], slave.settle(begin, 0)[0])
        points = [None if np.isnan(p[0]) else p for p in found]
        panels.append(
            {
                "e_slave": float(error.sum()),
                "fixed_points": [None if p is None else p.tolist() for p in points],
                "stable": [p is not None and stability(slave, p)["flow_stable"] for p in points],
                "cut": record,
            }
        )
    return jump | {"panels": panels}


def _side_by_side(before, after):
    """Both lists in one order; NaN where a point has no counterpart within 0.1."""
    pairs, free = [], list(range(len(after)))
    for point in before:
        distance = [np.abs(after[k] - point).max() for k in free]
        near = distance and min(distance) < 0.1
        pairs.append((point, after[free.pop(np.argmin(distance))] if near else point * np.nan))
    pairs += [(after[k] * np.nan, after[k]) for k in free]
    return np.array(pairs).swapaxes(0, 1)


def run() -> dict:
    """The record: traces of the default seed on golden, all ``jumps``, and two ``cases``."""
    found = [jump for seed in SEEDS for jump in jumps(seed)[2]]
    e_master, e_slave, of_default = jumps(figure1.SEED, engine="golden")

    def greatest(some):
        return max(some, key=lambda jump: abs(jump["change"]))

    crossed = greatest(jump for jump in found if jump["kind"] == "crossed")
    return {
        "seed": figure1.SEED,
        "e_master": e_master,
        "e_slave": e_slave,
        "seeds": SEEDS,
        "jumps": found,
        "cases": [case(greatest(of_default), "golden"), case(crossed)],
    }


def draw(record):
    """E_slave with the jump marked; below, a plane before and after a birth and a crossing."""
    figure = new_figure(10, 12)
    rows = len(record["cases"])
    grid = figure.add_gridspec(1 + rows, 2, height_ratios=[1, *[2.4] * rows])
    trace = figure.add_subplot(grid[0, :])
    trace.plot(record["e_slave"], color="tab:red", lw=1.2, label="slave")
    trace.plot(record["e_master"], color="black", lw=1.4, label="master")
    trace.axvline(record["cases"][0]["updates"] - 0.5, color="grey", ls="--", lw=1)
    trace.set(
        xlabel="number of updates", ylabel="$E_\\mathrm{total}$", xlim=(0, 120), ylim=(0, None)
    )
    trace.legend()
    kinds = [jump["kind"] for jump in record["jumps"]]
    trace.set_title(
        f"{len(kinds)} jumps in {len(record['seeds'])} runs of Figure 1: an attractor was born in "
        f"{kinds.count('born')}, a boundary crossed in {kinds.count('crossed')}",
        fontsize=11,
    )
    for row, jump in enumerate(record["cases"]):
        for column, panel in enumerate(jump["panels"]):
            axes = figure.add_subplot(grid[1 + row, column])
            points = panel["fixed_points"]
            missing = [np.nan] * len(next(p for p in points if p))
            draw_cut(axes, panel["cut"], [p or missing for p in points], panel["stable"])
            axes.set_title(
                f"{WORDS[jump['kind']]} (seed {jump['seed']}): after "
                f"{jump['updates'] - 1 + column} updates, E_slave = {panel['e_slave']:.2f}",
                fontsize=10,
            )
            axes.set(xlabel="in the plane", ylabel="in the plane")
    key(figure)
    return figure


if __name__ == "__main__":
    studies({"basins": (run, draw)}, __doc__.splitlines()[0])
