"""E of a sweep against any of its settings, with its spread over seeds."""

import numpy as np

from rbp.errors import InputError
from rbp.extras import named
from rbp.sweeps.plan import SETTINGS

__all__ = ["draw"]


def draw(table, setting, path, value=None):
    """Median and range of ``value`` (by default E, or Fmax of placements) at each value of
    ``setting``, a line for each combination of the other settings but seeds; an image."""
    with named():
        from matplotlib.figure import Figure
    rows = [row for row in table if not row["error"]]
    if not rows:
        raise InputError("no job of the sweep has ended well: expected one at least")
    value = value or ("fmax_mhz" if rows[0]["kind"] == "synth" else "energy")
    for name in (setting, value):
        if not any(row.get(name) is not None for row in rows):
            raise InputError(f"the sweep has no {name}: expected one of {', '.join(rows[0])}")
    lines = {}
    for row in rows:
        others = tuple((n, row[n]) for n in SETTINGS if n in row and n not in (setting, "seed"))
        lines.setdefault(others, {}).setdefault(row.get(setting), []).append(row[value])
    varied = {n for others in lines for n, v in others if len({dict(o).get(n) for o in lines}) > 1}
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for others, points in lines.items():
        places = sorted(points, key=lambda v: (v is None, isinstance(v, str), v))
        label = ", ".join(f"{n} {v}" for n, v in others if n in varied)
        middle = [np.median(points[p]) for p in places]
        at = places if all(isinstance(p, int | float) for p in places) else list(map(str, places))
        (line,) = axes.plot(at, middle, marker="o", label=label or None)
        ends = [[f(points[p]) for p in places] for f in (min, max)]
        axes.fill_between(at, *ends, color=line.get_color(), alpha=0.2)
    axes.set(xlabel=setting, ylabel="E of the last update" if value == "energy" else value)
    if value == "energy":
        axes.set_yscale("log")
    if varied:
        axes.legend(fontsize="small")
    figure.savefig(path, dpi=120)
