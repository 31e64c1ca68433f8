"""Pictures, each drawn from a record that a JSON file holds, so that it can be drawn again."""

import argparse
import io
import json
import os
import string
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from rbp.extras import named
from rbp.files import made_folder, write_all, written

__all__ = [
    "DOCS",
    "draw_analysis",
    "draw_cut",
    "fields_file",
    "figure_file",
    "key",
    "letter",
    "new_figure",
    "save_record",
    "studies",
]

DOCS = Path(__file__).resolve().parents[2] / "docs" / "pictures"

UNSETTLED = "#c8c8c8"


def new_figure(width, height):
    """A figure that needs no display."""
    os.environ.pop("MPLBACKEND", None)  # no backend is used, and an unknown one is an error
    with named():
        from matplotlib.figure import Figure  # takes a second to import

    return Figure(figsize=(width, height), layout="constrained")


@contextmanager
def figure_file(path, width=7, height=4.5, rows=1, columns=1):
    """Axes, or an array of them; what is drawn there is written to a picture, whole or not at all.

    ``width`` and ``height`` are in inches.
    """
    figure, picture = new_figure(width, height), io.BytesIO()
    yield figure.subplots(rows, columns, squeeze=rows * columns == 1)
    figure.savefig(picture, format="png", dpi=130)
    with written(path) as file:
        file.write(picture.getvalue())


def fields_file(path, fields, units):
    """Write receptive fields (K×H×W) as pictures with the number of the unit above each.

    Red is negative, blue positive; each has its own scale.
    """
    columns = min(len(fields), 10)
    rows = -(-len(fields) // columns)
    with figure_file(path, columns, 1.2 * rows, rows, columns) as axes:
        for ax in np.ravel(axes):
            ax.axis("off")
        for ax, field, unit in zip(np.ravel(axes), fields, units, strict=False):
            most = np.abs(field).max()
            ax.imshow(field, cmap="RdBu", vmin=-most, vmax=most)
            ax.set_title(str(unit), fontsize=7)


def save_record(record, figure, folder, stem, dpi=130):
    """Write ``stem.json`` and ``stem.png``, both or none; returns their paths."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=dpi)
    contents = {"json": json.dumps(record).encode() + b"\n", "png": picture.getvalue()}
    with made_folder(folder) as made:
        written = {made / f"{stem}.{ending}": content for ending, content in contents.items()}
        return write_all(written)


def studies(table, description, argv=None):
    """A command that runs or redraws studies: ``{name: (run, draw)}``, in ``docs/pictures``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("name", nargs="*", choices=[*table, []], help="by default all")
    parser.add_argument("--draw", action="store_true", help="draw again from the JSON file")
    parser.add_argument("--out", type=Path, default=DOCS, help="folder (default: docs/pictures)")
    arguments = parser.parse_args(argv)
    if not arguments.out.is_dir():
        parser.exit(2, f"rbp: there is no folder {arguments.out}: expected a checkout, or --out\n")
    for name in arguments.name or table:
        run, draw = table[name]
        if arguments.draw:
            record = json.loads((arguments.out / f"{name}.json").read_text())
        else:
            record = run()
        print("wrote", *save_record(record, draw(record), arguments.out, name))


def colour(k):
    """Of fixed point k."""
    from matplotlib import colormaps

    return colormaps["tab10"](k % 10)


def letter(k):
    """A name for fixed point k: A, B, …"""
    return string.ascii_uppercase[k] if k < 26 else str(k)


def draw_cut(axes, cut, points, stable):
    """The basins in a plane, the fixed points (K×N), the paths of the patterns.

    Stable points beside the plane are drawn hollow, where they are seen from above; unstable ones
    only where they lie in it.
    """
    from matplotlib.colors import to_rgb

    labels = np.array(cut["labels"])
    palette = np.array([to_rgb(UNSETTLED), *(colour(k)[:3] for k in range(len(points)))])
    palette[1:] = 0.55 + 0.45 * palette[1:]  # pale, so that what is drawn over it is seen
    (a0, b0), (a1, b1) = cut["low"], cut["high"]
    axes.imshow(
        palette[labels + 1], origin="lower", extent=(a0, a1, b0, b1), interpolation="nearest"
    )
    for path in cut.get("paths", ()):
        path = np.array(path)
        axes.plot(*path.T, color="black", lw=0.8, alpha=0.6)
        axes.plot(*path[0], "s", color="black", ms=4)
    origin, directions = np.array(cut["origin"]), np.array(cut["directions"])
    for k, point in enumerate(np.array(points)):
        at = directions @ (point - origin)
        inside = np.abs(origin + at @ directions - point).max() < 0.01
        if not ((at >= cut["low"]) & (at <= cut["high"])).all():
            continue
        if stable[k]:
            fill, edge = (colour(k), "black") if inside else ("none", colour(k))
            axes.plot(*at, "o", ms=9, mfc=fill, mec=edge)
            axes.annotate(letter(k), at, (5, 5), textcoords="offset points", fontsize=9)
        elif inside:
            axes.plot(*at, "X", ms=8, mfc="white", mec="black")
    axes.set(xlim=(a0, a1), ylim=(b0, b1), aspect="auto")


def key(figure):
    """What the marks of :func:`draw_cut` mean, below the panels."""
    from matplotlib.lines import Line2D

    marks = (
        ("o", {"mfc": "grey", "mec": "black"}, "stable fixed point"),
        ("X", {"mfc": "white", "mec": "black"}, "unstable"),
        ("o", {"mfc": "none", "mec": "grey"}, "stable, beside the plane"),
        ("s-", {"ms": 4, "lw": 0.8}, "x(t0) of a pattern, and its path"),
        ("s", {"color": UNSETTLED}, "does not settle"),
    )
    handles = []
    for mark, look, text in marks:
        look = {"color": "black", "ls": "-" if "-" in mark else ""} | look
        handles.append(Line2D([], [], marker=mark[0], label=text, **look))
    figure.legend(handles=handles, loc="outside lower center", ncols=5, fontsize=8)


def draw_analysis(record):
    """For each network its cut, and its eigenvalues with what each Δt allows them."""
    networks, k = record["networks"], record["dt_shift"]
    figure = new_figure(10, 0.6 + 4.4 * len(networks))
    rows = figure.subplots(len(networks), 2, squeeze=False)
    for (left, right), network in zip(rows, networks, strict=True):
        found = network["fixed_points"]
        draw_cut(left, network["cut"], [p["x"] for p in found], [p["flow_stable"] for p in found])
        names = ("$x_1$", "$x_2$") if record["units"] == 2 else ("in the plane",) * 2
        left.set(xlabel=names[0], ylabel=names[1])
        shown = ", ".join(map(str, network["patterns"][:6])) + " …" * (len(network["patterns"]) > 6)
        left.set_title(f"basins at Δt = {_dt(k)}, pattern {shown}", fontsize=10)
        _draw_eigenvalues(right, found)
    key(figure)
    return figure


def _dt(k):
    return "1" if k == 0 else f"1/{2**k}"


def _draw_eigenvalues(axes, found):
    angle = np.linspace(0, 2 * np.pi, 400)
    for k, style in enumerate(("-", "--", "-.", ":")):
        circle = 2**k * (1 + np.exp(1j * angle))
        axes.plot(circle.real, circle.imag, style, color="black", lw=0.8, label=f"Δt = {_dt(k)}")
    for k, point in enumerate(found):
        re, im = np.array(point["eigenvalues_x"]).T
        if point["flow_stable"]:
            label = letter(k) if k < 8 else None
            axes.plot(re, im, "o", color=colour(k), ms=6, alpha=0.8, label=label)
        else:
            axes.plot(re, im, "x", color="grey", ms=4, zorder=1)
    every = np.array([pair for p in found for pair in p["eigenvalues_x"]] or [[1, 0]])
    reach = max(1.3, *(np.abs(every - (1, 0)).max(axis=0) * 1.15))
    axes.set(xlim=(1 - reach, 1 + reach), ylim=(-reach, reach), aspect="equal")
    axes.axvline(0, color="black", lw=0.5)
    axes.set(xlabel="Re λ", ylabel="Im λ")
    axes.set_title("eigenvalues of L (12); circles: stable under Euler steps", fontsize=10)
    axes.legend(fontsize=8, loc="upper right")
