"""Fixed points of a network, their stability (12), and their basins of attraction, in float64.

What is analysed is the free network (1), without clamps, as ``rbp recall`` lets it settle, once for
each input I among the patterns.
"""

from dataclasses import dataclass
from fractions import Fraction
from functools import partial

import numpy as np

from rbp.checks import integer, raw_words
from rbp.golden.formats import PRESETS
from rbp.golden.reference import Products, activate
from rbp.plots import draw_analysis, letter, save_record
from rbp.result import Result
from rbp.settings import Settings

__all__ = [
    "FILES",
    "Network",
    "cut",
    "fixed_points",
    "free_networks",
    "run",
    "save",
    "summary",
    "units_of",
]

FILES = ("analyse.json", "analyse.png")

DTS = tuple(Fraction(1, 2**k) for k in range(4))
"""Δt for which the Euler map is judged."""

SAME = 1e-6
"""Fixed points nearer than this are one: far above what Newton leaves, far below a STATE word."""

STARTS = 200
"""Random states from which fixed points are sought."""

INPUTS = 4
"""So many different inputs are analysed at most."""

GRID = 101
"""Points of a cut along each side."""


@dataclass(frozen=True)
class Network:
    """(1) or (21) for one I: W (N×M), I (N) and each unit's g; states are rows (K×N)."""

    weights: np.ndarray
    inputs: np.ndarray
    g: object
    """``g(u, derivative)`` → g or g', K×N."""
    products: Products | None = None
    """φ of a higher-order network."""

    @property
    def units(self):
        return len(self.weights)

    def sums(self, x):
        """u = W φ(x), K×N."""
        phi = x if self.products is None else self.products.phi(x)
        return phi @ self.weights.T

    def pull(self, x):
        """∂u/∂x, K×N×N: W, or W ∂φ/∂x (27)."""
        if self.products is None:
            return np.broadcast_to(self.weights, (len(x), *self.weights.shape))
        return self.weights @ self.products.jacobian(x)

    def image(self, x):
        """g(u) + I, which is x at a fixed point (10)."""
        return self.g(self.sums(x), 0) + self.inputs

    def slope(self, x):
        """g'(u)."""
        return self.g(self.sums(x), 1)

    def linear(self, x):
        """L (12), (27), K×N×N."""
        return np.eye(self.units) - self.slope(x)[:, :, None] * self.pull(x)

    def box(self):
        """Least and greatest values of g + I (N each): every fixed point lies between them."""
        far = np.linspace(-np.pi, np.pi, 5)[:, None] * np.ones(self.units)
        ends = self.g(np.concatenate([far, far * 1e2]), 0)
        return ends.min(axis=0) + self.inputs, ends.max(axis=0) + self.inputs

    def settle(self, x, dt_shift):
        """Euler steps (1) from K states until nothing moves, at most as many as in recall.

        Returns the last states (K×N) and whether they had settled (K bool).
        """
        x, settled = x.copy(), np.zeros(len(x), bool)
        rows = np.arange(len(x))
        for _ in range(512 << dt_shift):
            step = self.image(x[rows]) - x[rows]
            x[rows] += step * 2.0**-dt_shift
            done = np.abs(step).max(axis=1) <= SAME
            settled[rows[done]] = True
            rows = rows[~done]
            if not len(rows):
                break
        return x, settled

    def path(self, start, dt_shift, steps=512):
        """The states of an Euler run from one start (N): steps + 1 rows, fewer if it settles."""
        states = [start]
        for _ in range(steps):
            step = (self.image(states[-1][None]) - states[-1])[0]
            states.append(states[-1] + step * 2.0**-dt_shift)
            if np.abs(step).max() <= SAME:
                break
        return np.array(states)


def units_of(names):
    """``g(u, derivative)`` of units (K×N) with the activations of those names."""
    return partial(activate, names)


def free_networks(source, dt_shift=None):
    """``[(Network, patterns, starts)]``, one for each I of a problem or result, and Δt's shift.

    ``patterns`` are the indices of the patterns with that I, ``starts`` their x(t0) (28): the
    pattern at clamped units, the problem's initial state elsewhere.
    """
    earlier = source if isinstance(source, Result) else None
    problem = earlier.problem if earlier else source
    settings = earlier.settings if earlier else Settings()
    if dt_shift is None:
        dt_shift = settings.dt_shift
    formats = PRESETS[settings.preset]  # what no machine would hold is refused here too
    raw_words("weights", problem.weights, formats.weight)
    raw_words("inputs", problem.inputs, formats.state)
    raw_words("initial_state", problem.initial_state, formats.state)
    raw_words("targets", problem.targets, formats.state, problem.read_units)
    weights, g = earlier.weights if earlier else problem.weights, units_of(problem.activation)
    starts = np.where(problem.clamp_units, problem.targets, problem.start)
    found = []
    for inputs in np.unique(problem.inputs, axis=0):
        patterns = np.flatnonzero((problem.inputs == inputs).all(axis=1))
        network = Network(weights, inputs, g, problem.products)
        found.append((network, patterns, starts[patterns]))
    return sorted(found, key=lambda item: item[1][0]), dt_shift


def fixed_points(network, candidates):
    """Fixed points (10) that Newton's method reaches from the candidates (K×N), each once."""
    x = np.array(candidates, np.float64)
    # What rounding leaves of x - F(x): M terms in each sum, of size 2 at most, or 2³.
    rows = np.abs(network.weights).sum(axis=1).max() * (2 if network.products is None else 8)
    small = 4 * network.weights.shape[1] * np.finfo(float).eps * (1 + rows)
    for _ in range(60):
        residual, l = x - network.image(x), network.linear(x)
        try:
            step = np.linalg.solve(l, residual[:, :, None])
        except np.linalg.LinAlgError:  # L is singular at one of the states
            step = np.linalg.pinv(l) @ residual[:, :, None]
        x = x - np.clip(step[:, :, 0], -1, 1)
    x = x[np.abs(x - network.image(x)).max(axis=1) <= small]
    distinct = np.empty((0, network.units))
    for point in x:
        if not (np.abs(distinct - point).max(axis=1, initial=0) <= SAME).any():
            distinct = np.vstack([distinct, point])
    return distinct


def stability(network, point):
    """Eigenvalues of L for x and for y, and what they say of flow and Euler map at one point (N).

    (1) linearises to I − GW, (17) to I − GWᵀ. The flow is stable where all Re λ > 0, the map where
    all |1 − Δt λ| < 1.
    """
    gain, (pull,) = np.diag(network.slope(point[None])[0]), network.pull(point[None])
    l = np.eye(network.units) - gain @ pull
    of_x, of_y = (np.linalg.eigvals(np.eye(network.units) - gain @ w) for w in (pull, pull.T))
    return {
        "x": point.tolist(),
        "eigenvalues_x": _pairs(of_x),
        "eigenvalues_y": _pairs(of_y),
        "index": int(np.linalg.slogdet(l)[0]),
        "flow_stable": bool(of_x.real.min() > 0),
        "euler_stable": {str(dt): bool(np.abs(1 - float(dt) * of_x).max() < 1) for dt in DTS},
    }


def _pairs(eigenvalues):
    """[[real, imaginary]], in order."""
    ordered = np.sort_complex(eigenvalues)
    return np.stack([ordered.real, ordered.imag], axis=1).tolist()


def nearest(points, ends, settled):
    """Index of the fixed point (rows of ``points``) at which each end stands, −1 if unsettled."""
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
    """One network: what stands under ``networks`` in the record."""
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
    bounded; any other sum tells that some are missing. ``settles_at`` is the fixed point that each
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
