"""The rule of the paper against its neighbours, in float64.

``python -m rbp.compare [lapedes|hopfield|methods|orders]`` measures and draws into
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

import time
from dataclasses import replace

import numpy as np

from rbp import examples, figure1
from rbp.engines import machine, recall, train
from rbp.errors import InputError
from rbp.golden.relaxation import settle
from rbp.plots import new_figure, studies
from rbp.problem import Problem
from rbp.settings import Settings

__all__ = [
    "STUDIES",
    "hebb",
    "hopfield",
    "lapedes",
    "master_slave",
    "methods",
    "orders",
    "pseudo_inverse",
]


# Lapedes and Farber


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


# Hopfield


def hebb(patterns):
    """W = Σ ξ ξᵀ / N without its diagonal, for patterns of ±1 (A×N)."""
    w = patterns.T @ patterns / patterns.shape[1]
    np.fill_diagonal(w, 0)
    return w


def pseudo_inverse(patterns):
    """The projection onto the patterns of ±1 (A×N), without its diagonal.

    The diagonal only holds units where they are. Without it far more is recalled where more than
    N/3 patterns are stored, and somewhat less below.
    """
    w = np.linalg.pinv(patterns) @ patterns
    np.fill_diagonal(w, 0)
    return w


def recall_signs(w, cues, rng, sweeps=50):
    """Hopfield's recall: units of ±1, one after another in random order, until none changes.

    A sum of 0 leaves a unit as it is.
    """
    s = cues.copy()
    for _ in range(sweeps):
        before = s.copy()
        for i in rng.permutation(len(w)):
            u = s @ w[i]
            s[:, i] = np.where(u == 0, s[:, i], np.sign(u))
        if (s == before).all():
            break
    return s


def memory(signs, rng):
    """The same patterns for the paper's rule: all units visible, ±1 as 0.9 and 0.1."""
    return examples.visible_memory(0.5 + 0.4 * signs, rng)


def recalled(signs, cues, rng):
    """Signs (A×N) to which each rule brings the cues (A×N of −1, 0 where unknown, 1).

    η = ¼ and 400 updates: with 20 pictures η = ½ is too large to descend, and at ⅛ and 800 E
    ends within a fifth of what it is at ¼ and 400.
    """
    trained = train(memory(signs, rng), 400, engine="float64", eta_shift=-2)
    values = recall(trained, 0.5 + 0.4 * cues, engine="float64").values
    return {
        "recurrent backpropagation": np.where(values > 0.5, 1, -1),
        "Hebb (Hopfield)": recall_signs(hebb(signs), cues, rng),
        "pseudo-inverse": recall_signs(pseudo_inverse(signs), cues, rng),
    }


def _scores(signs, cues, rng):
    """For each rule the share of patterns recalled exactly, and of wrong units."""
    return {
        rule: (float((s == signs).all(axis=1).mean()), float((s != signs).mean()))
        for rule, s in recalled(signs, cues, rng).items()
    }


def _digits(stored):
    """Pictures in black and white as ±1, and their upper halves as cues."""

    def draw(rng):
        seed = int(rng.integers(2**31))
        problem = examples.digit_memory(stored, seed)
        signs = np.where(problem.targets > 0.5, 1.0, -1.0)
        return signs, np.where(np.arange(64) < 32, signs, 0.0)

    return draw


def _random(units, stored):
    """Random patterns, and cues in which one unit in eight is turned over."""

    def draw(rng):
        signs = rng.choice([-1.0, 1.0], (stored, units))
        turned = rng.permuted(np.tile(np.arange(units) < units // 8, (stored, 1)), axis=1)
        return signs, np.where(turned, -signs, signs)

    return draw


TABLES = {
    "N = 16, random": {p: _random(16, p) for p in (1, 2, 3, 4, 5, 6, 8, 10, 12)},
    "N = 32, random": {p: _random(32, p) for p in (2, 4, 6, 8, 10, 12, 16, 20, 24)},
    "N = 64, digits": {p: _digits(p) for p in (3, 5, 8, 10, 15, 20)},
}
"""What is stored: by the number of patterns, how they and their cues are drawn."""


def hopfield(seeds=12) -> dict:
    """Recall against the number of patterns stored: random ones with N = 16 and 32, and digits."""
    record = {"seeds": seeds, "panels": []}
    for title, draws in TABLES.items():
        scores = {}
        try:
            for draw in draws.values():
                rngs = map(np.random.default_rng, range(seeds))
                runs = [_scores(*draw(rng), rng) for rng in rngs]
                for rule in runs[0]:
                    mean = np.mean([run[rule] for run in runs], axis=0)
                    scores.setdefault(rule, []).append(mean.tolist())
        except InputError as error:
            print(f"{title}: left out, {error}")
            continue
        record["panels"].append({"title": title, "stored": list(draws), "scores": scores})
    return record


ORDERS = {"first order": (1, -2), "second order": (2, -4), "first and second": ((1, 2), -4)}
"""Order and log2(η) of each memory: sums of more products want smaller steps."""


def orders(seeds=12) -> dict:
    """Recall against the number of random patterns stored, N = 16, by the order of the memory."""
    stored, scores = (2, 4, 6, 8, 12, 16, 20, 24, 32), {}
    for name, (order, eta_shift) in ORDERS.items():
        for patterns in stored:
            runs = []
            for seed in range(seeds):
                rng = np.random.default_rng(seed)
                signs, cues = _random(16, patterns)(rng)
                problem = examples.visible_memory(0.5 + 0.4 * signs, rng, order)
                trained = train(problem, 400, engine="float64", eta_shift=eta_shift)
                values = recall(trained, 0.5 + 0.4 * cues, engine="float64").values
                wrong = (values > 0.5) != (signs > 0)
                runs.append((1 - wrong.any(axis=1).mean(), wrong.mean()))
            scores.setdefault(name, []).append(np.mean(runs, axis=0).tolist())
    panel = {"title": "N = 16, random", "stored": stored, "scores": scores}
    return {"seeds": seeds, "panels": [panel]}


def draw_hopfield(record):
    panels = record["panels"]
    figure = new_figure(max(6, 4 * len(panels)), 6.4)
    grid = figure.subplots(2, len(panels), squeeze=False, sharey="row", sharex="col")
    for (above, below), panel in zip(grid.T, panels, strict=True):
        for (rule, scores), colour in zip(
            panel["scores"].items(), ("black", "tab:red", "tab:blue"), strict=True
        ):
            exact, wrong = 100 * np.array(scores).T
            above.plot(panel["stored"], exact, "o-", ms=4, color=colour, label=rule)
            below.plot(panel["stored"], wrong, "o-", ms=4, color=colour)
        above.set_title(panel["title"])
        below.set_xlabel("patterns stored")
        for axes in (above, below):
            axes.grid(alpha=0.3)
    grid[0, 0].set_ylabel("recalled exactly, %")
    grid[1, 0].set_ylabel("wrong units, %")
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


# Deterministic and stochastic


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
