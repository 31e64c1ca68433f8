"""Fixed points of a network, their stability (12), and their basins of attraction, in float64.

There is no engine to choose: Newton's method and eigenvalues need states that are not rounded.
What is analysed is the free network (1), without clamps, as ``rbp recall`` lets it settle, once for
each input I among the patterns.
"""

import numpy as np

from rbp.checks import integer
from rbp.paper.dynamics import DTS, fixed_points, free_networks, stability
from rbp.paper.plots import draw_analysis, letter, save_record
from rbp.settings import Settings

__all__ = [
    "FILES",
    "cut",
    "run",
    "save",
    "summary",
]

FILES = ("analyse.json", "analyse.png")

STARTS = 200
"""Random states from which fixed points are sought."""

INPUTS = 4
"""So many different inputs are analysed at most."""

GRID = 101
"""Points of a cut along each side."""


def nearest(points, ends, settled):
    """Index of the fixed point (rows of ``points``) at which each run ends, −1 if unsettled."""
    if not len(points):
        return np.full(len(ends), -1)
    distance = np.abs(ends[:, None, :] - points[None, :, :]).max(axis=2)
    return np.where(settled, distance.argmin(axis=1), -1)


def plane(points):
    """A plane through the first three points (K×N, K ≥ 1): origin (N) and 2 directions (2×N).

    Where they do not span one, the next points and then the axes make up for it. In one dimension
    the second direction is 0.
    """
    origin, n = points[0], points.shape[1]
    directions = []
    for v in [*(points[1:] - origin), *np.eye(n)]:
        length = np.linalg.norm(v)
        for d in directions:
            v = v - (v @ d) * d
        if len(directions) < 2 and np.linalg.norm(v) > 1e-3 * max(length, 1e-3):
            directions.append(v / np.linalg.norm(v))
    directions += [np.zeros(n)] * (2 - len(directions))
    if n == 2:
        origin, directions = np.zeros(2), np.eye(2)
    return origin, np.array(directions)


def cut(network, origin, directions, marks, dt_shift, grid=GRID):
    """Where the states of a plane settle: a rectangle about the marks (K×N).

    Returns the record of the cut, without labels, and the ends (grid²×N) with whether they settled.
    """
    seen = (marks - origin) @ directions.T
    low, high = seen.min(axis=0), seen.max(axis=0)
    margin = 0.3 * max((high - low).max(), 0.5)
    low, high = low - margin, high + margin
    if network.units <= 2:  # nothing else is to be seen
        low[: network.units] = network.box()[0] - origin - 0.05
        high[: network.units] = network.box()[1] - origin + 0.05
    a, b = (np.linspace(lo, hi, grid) for lo, hi in zip(low, high, strict=True))
    coordinates = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
    ends, settled = network.settle(origin + coordinates @ directions, dt_shift)
    record = {
        "origin": origin.tolist(),
        "directions": directions.tolist(),
        "low": low.tolist(),
        "high": high.tolist(),
        "grid": grid,
    }
    return record, ends, settled


def _analysed(network, patterns, starts, dt_shift, rng, tell):
    """One network: what is under ``networks`` in the record."""
    tell(f"fixed points of {network.units} units, from {STARTS} random states")
    low, high = network.box()
    drawn = rng.uniform(low, high, (STARTS, network.units))
    ends, settled = network.settle(drawn, dt_shift)
    homes, home_settled = network.settle(starts, dt_shift)
    points = fixed_points(network, np.concatenate([homes, ends, drawn]))

    # The plane goes through the attractors that most random states reach.
    share = np.bincount(nearest(points, ends, settled) + 1, minlength=len(points) + 1)[1:]
    points = points[np.argsort(-share, kind="stable")]
    reached = points[: max(1, np.count_nonzero(share))]
    origin, directions = plane(np.concatenate([reached, starts]))
    tell(f"basins on a plane of {GRID}×{GRID} states, a minute or more for 100 units")
    record, cut_ends, cut_settled = cut(
        network, origin, directions, np.concatenate([reached[:3], starts]), dt_shift
    )
    # An attractor that only states of the plane reach joins the others.
    known = np.concatenate([points, np.unique(cut_ends[cut_settled].round(3), axis=0)])
    points = fixed_points(network, known)
    labels = nearest(points, cut_ends, cut_settled)
    record["labels"] = labels.reshape(record["grid"], -1).tolist()
    label = nearest(points, ends, settled)
    paths = [network.path(start, dt_shift) for start in starts[:8]]
    record["paths"] = [((p - origin) @ directions.T).round(4).tolist() for p in paths]
    tell(f"stability of {len(points)} fixed points")
    found = [stability(network, p) for p in points]
    for k, point in enumerate(found):
        point["share"] = float((label == k).mean())
    return {
        "patterns": patterns.tolist(),
        "inputs": network.inputs.tolist(),
        "fixed_points": found,
        "index_sum": sum(p["index"] for p in found),
        "unsettled_share": float((~settled).mean()),
        "settles_at": nearest(points, homes, home_settled).tolist(),
        "cut": record,
    }


def run(source, *, dt_shift=None, seed=1, progress=None) -> dict:
    """Analyse a :class:`~rbp.problem.Problem` or a :class:`~rbp.result.Result`.

    Returns what ``analyse.json`` holds. ``networks`` has an entry for each I, of the first few:
    ``fixed_points`` with ``x``, the eigenvalues ``[re, im]`` of L for x and for y, stability of the
    flow and of the Euler map by Δt, the ``share`` of random states that settle there, and
    ``index``, the sign of det L. ``index_sum`` is 1 where all have been found, since g + I is
    bounded; any other sum means that some are missing. ``settles_at`` is the fixed point that each
    pattern's start reaches (−1: none). ``cut`` is a plane through the state space:
    ``labels[b][a]`` is the fixed point that is reached from there.

    Parameters
    ----------
    dt_shift : int, optional
        k of Δt = 2**-k with which states settle, 0 … 3; by default that of a result, else 0.
    seed : int
        Of the random states.
    progress : callable, optional
        Called with a line that says what is done next.
    """
    if dt_shift is not None:
        Settings(dt_shift=dt_shift)
    rng = np.random.default_rng(integer("seed", seed, 0))
    with np.errstate(over="ignore"):  # exp() where a logistic is 0 anyway
        networks, dt_shift = free_networks(source, dt_shift)
        analysed = []
        for k, (network, patterns, starts) in enumerate(networks[:INPUTS]):
            which = f"network {k + 1} of {len(networks[:INPUTS])}"

            def tell(text, which=which):
                if progress:
                    progress(f"{which}: {text}")

            analysed.append(_analysed(network, patterns, starts, dt_shift, rng, tell))
    return {
        "units": networks[0][0].units,
        "dt_shift": dt_shift,
        "seed": seed,
        "inputs": len(networks),
        "networks": analysed,
    }


def summary(record):
    """A few lines for the terminal."""
    if record["inputs"] > len(record["networks"]):
        yield f"the first {len(record['networks'])} of {record['inputs']} different inputs"
    dt = DTS[record["dt_shift"]]
    for network in record["networks"]:
        points, patterns = network["fixed_points"], network["patterns"]
        stable = sum(p["flow_stable"] for p in points)
        missing = "" if network["index_sum"] == 1 else "; by their index some are missing"
        of = "all patterns" if record["inputs"] == 1 else f"pattern {', '.join(map(str, patterns))}"
        yield f"{of}: fixed points found: {len(points)}, stable: {stable}{missing}"
        shown = [k for k, p in enumerate(points) if p["flow_stable"]] or range(len(points))
        for k in shown:
            p = points[k]
            maps = ", ".join(d for d, ok in p["euler_stable"].items() if ok) or "none"
            least = min(re for re, _ in p["eigenvalues_x"])
            yield (
                f"  {letter(k)}: least Re λ {least:.3f}, Euler stable at Δt = {maps}; "
                f"{p['share']:.0%} of random states settle there"
            )
        if network["unsettled_share"]:
            yield f"  {network['unsettled_share']:.0%} of random states do not settle at Δt = {dt}"


def save(record, folder):
    """Write :data:`FILES` into a folder, made if need be; returns their paths."""
    return save_record(record, draw_analysis(record), folder, "analyse")
