"""Memories: the rule of the paper beside Hopfield's, and beside itself with products."""

import numpy as np

from rbp.engines import recall, train
from rbp.errors import InputError
from rbp.paper.networks import digit_memory, visible_memory
from rbp.paper.plots import new_figure

__all__ = ["draw_hopfield", "hebb", "hopfield", "orders", "pseudo_inverse"]


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
    return visible_memory(0.5 + 0.4 * signs, rng)


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
        problem = digit_memory(stored, seed)
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
                problem = visible_memory(0.5 + 0.4 * signs, rng, order)
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
