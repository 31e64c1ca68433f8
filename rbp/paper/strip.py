"""Ten pictures of digits, stored in the core and recalled from their upper halves, as a strip.

``python -m rbp.paper.strip`` trains and recalls on the Verilated core and draws
``docs/pictures/recall.png``; with ``--draw`` it draws again from the JSON file there.
"""

import numpy as np

from rbp.engines import recall, train
from rbp.paper import examples, networks
from rbp.paper.plots import new_figure, studies

__all__ = ["draw_pictures", "pictures"]

STEPS = (1, 2, 4)
SIDE = 8


def pictures(engine="rtl", macs=16) -> dict:
    """What was stored, the cue, x after a few Euler steps, and where it comes to rest."""
    flags = dict(examples.find("digit-memory").flags)
    problem, updates = networks.digit_memory(), flags.pop("updates")
    cues = networks.half_digits(problem)
    trained = train(problem, updates, engine=engine, macs=macs, **flags)
    rows = {"stored": problem.targets, "cue": cues}
    for steps in STEPS:
        states = recall(trained, cues, engine=engine, fixed_steps=steps)
        rows[f"{steps} step" + "s" * (steps > 1)] = states.values
    rest = recall(trained, cues, engine=engine)
    rows["at rest"] = rest.values
    exact = ((rest.values > 0.5) == (problem.targets > 0.5)).all(axis=1)
    return {
        "engine": engine,
        "updates": updates,
        "exact": int(exact.sum()),
        "steps": rest.settle_steps.tolist(),
        "rows": {name: np.round(values, 3).tolist() for name, values in rows.items()},
    }


def draw_pictures(record):
    """A row a stage, a column a picture."""
    rows = record["rows"]
    count = len(rows["cue"])
    figure = new_figure(0.75 * count + 0.8, 0.8 * len(rows) + 0.5)
    grid = figure.subplots(len(rows), count, squeeze=False)
    for line, (name, values) in zip(grid, rows.items(), strict=True):
        for axes, picture in zip(line, np.array(values), strict=True):
            axes.imshow(picture.reshape(SIDE, SIDE), cmap="gray_r", vmin=0.1, vmax=0.9)
            axes.set(xticks=[], yticks=[])
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    figure.suptitle(
        f"{record['exact']} of {count} pictures recalled exactly from their upper half", fontsize=11
    )
    return figure


if __name__ == "__main__":
    studies({"recall": (pictures, draw_pictures)}, __doc__.splitlines()[0])
