"""``rbp basins``: from how many wrong units a memory comes back, in the bits of any engine."""

import numpy as np

from rbp import engines
from rbp.checks import integer
from rbp.errors import InputError
from rbp.machine import check_type
from rbp.paper.plots import new_figure, save_record
from rbp.progress import bar, check_progress
from rbp.result import Result

__all__ = ["FILES", "run", "save", "summary"]

FILES = ("basins.json", "basins.png")

NEAR = 0.1
"""How far a unit may end from where it should, as a share of the range of the patterns."""

MOST = 16
"""So many numbers of wrong units are tried at most, besides 0."""

USUALLY = 0.9
"""Share of the cues that come back, where a pattern is said to come back."""


def run(result, *, engine="model", tries=100, seed=1, progress=None, **where) -> dict:
    """Recall each pattern from states of which some visible units are wrong.

    A pattern's *home* is where the free network settles from the pattern itself (28). Then of its
    clamped units some are drawn, and get states drawn between the least and the greatest target;
    hidden units begin as in training. Returns what ``basins.json`` holds: ``wrong``, the numbers of
    wrong units that were tried, D; ``back``, A×D, the share of cues that settle at the pattern's
    home, where no target unit is farther from it than :data:`NEAR`; ``stays``, A bool: the home is
    the pattern. With all units wrong, ``back`` is the volume of the basin. The cues are the same on
    every engine. Raises :class:`~rbp.errors.InputError`.

    Parameters
    ----------
    result : Result
    engine, progress, port, baud
        As in :func:`rbp.recall`; progress is told of each number of wrong units.
    tries : int
        Cues for each pattern and number of wrong units.
    seed : int
        Of the wrong units and their states.
    """
    check_type("result", result, Result)
    check_progress(progress)
    tries, seed = integer("tries", tries, 1, 10_000), integer("seed", seed, 0)
    problem = result.problem
    visible = np.flatnonzero(problem.clamp_units)
    if not len(visible):
        raise InputError("basins are of memories: expected clamp_units, as the patterns are cues")
    least, most = problem.targets[:, visible].min(), problem.targets[:, visible].max()
    homes = np.where(problem.clamp_units, problem.targets, problem.start)
    wrong = np.unique(np.linspace(0, len(visible), min(MOST, len(visible)) + 1).round().astype(int))
    read, near = problem.target_units, NEAR * (most - least or 1.0)
    rng, rows = np.random.default_rng(seed), np.arange(problem.patterns)
    ends, back = None, []
    with bar(progress, "count") as tell:
        for done, count in enumerate(wrong, start=1):
            pattern = np.repeat(rows, tries if count else 1)
            start = homes[pattern]
            units = visible[rng.random((len(start), len(visible))).argsort(axis=1)[:, :count]]
            np.put_along_axis(start, units, rng.uniform(least, most, units.shape), axis=1)
            cues = {"initial_state": start, "inputs": problem.inputs[pattern]}
            states = engines.recall(result, cues, engine, **where)
            found = states.values[:, read]
            ends = found if ends is None else ends
            right = states.settled & (abs(found - ends[pattern]).max(axis=1) <= near)
            back.append(right.reshape(len(rows), -1).mean(axis=1))
            if tell:
                tell(done, len(wrong))
    away = abs(ends - problem.targets[:, read]).max(axis=1)
    return {
        "engine": engine,
        "tries": tries,
        "seed": seed,
        "visible": len(visible),
        "wrong": wrong.tolist(),
        "back": np.array(back).T.tolist(),
        "stays": ((back[0] == 1) & (away <= near)).tolist(),
    }


def summary(record):
    """A few lines for the terminal."""
    for k, (back, stays) in enumerate(zip(record["back"], record["stays"], strict=True)):
        if not stays:
            yield f"pattern {k} does not stay: the network leaves it"
            continue
        good = [w for w, share in zip(record["wrong"], back, strict=True) if share >= USUALLY]
        yield (
            f"pattern {k} stays; with {max(good)} of {record['visible']} units wrong it comes back "
            f"from {USUALLY:.0%} of the cues or more, with all wrong from {back[-1]:.0%}"
        )


def save(record, folder):
    """Write :data:`FILES` into a folder, made if need be; returns their paths."""
    figure = new_figure(6, 4)
    axes = figure.subplots()
    for k, back in enumerate(record["back"]):
        axes.plot(record["wrong"], back, marker="o", label=f"pattern {k}" if k < 10 else None)
    axes.set(xlabel="wrong units", ylabel="share of cues that come back", ylim=(-0.05, 1.05))
    axes.legend(fontsize="small")
    return save_record(record, figure, folder, "basins")
