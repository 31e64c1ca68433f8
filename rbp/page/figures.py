"""Figures of a page: E, the weights, states that settle, a picture. Each has a source to feed."""

import numpy as np
from bokeh.events import DoubleTap, Tap
from bokeh.models import BasicTicker, ColorBar, ColumnDataSource, LinearColorMapper
from bokeh.palettes import Category10, Greys256, RdBu11
from bokeh.plotting import figure

__all__ = ["Energy", "Picture", "Settling", "Weights"]

WIDTH, HEIGHT = 460, 320


class Energy:
    """E_total of each update: of the master, which learns, and of the slave, the same weights
    without clamps."""

    def __init__(self):
        self.source = ColumnDataSource({"update": [], "master": []})
        self.slave = ColumnDataSource({"update": [], "slave": []})
        self.figure = figure(
            width=WIDTH,
            height=HEIGHT,
            title="E falls",
            x_axis_label="update",
            y_axis_label="E_total",
            y_axis_type="log",
        )
        self.figure.line("update", "master", source=self.source, legend_label="master")
        self.figure.line(
            "update", "slave", source=self.slave, color="firebrick", legend_label="slave"
        )

    def add(self, first, energy):
        """E of the updates from ``first`` on."""
        updates = list(range(first, first + len(energy)))
        self.source.stream({"update": updates, "master": _positive(energy)})

    def add_slave(self, update, energy):
        """After so many updates."""
        self.slave.stream({"update": [update], "slave": _positive([energy])})


def _positive(energy):
    """For a logarithm."""
    return np.maximum(np.asarray(energy, float), 1e-9).tolist()


class Weights:
    """W as a picture, red below 0 and blue above; what points at it says where each weight is.

    ``visits``: of :func:`rbp.page.looks.visits`, or None.
    """

    def __init__(self, shape, visits=None):
        self.shape = shape
        rows, columns = np.indices(shape).reshape(2, -1)
        found = {"i": rows, "j": columns, "w": np.zeros(rows.size)}
        if visits is not None:
            found["entry"], found["macs"] = map(np.ravel, visits)
        self.source = ColumnDataSource(found)
        self.mapper = LinearColorMapper(palette=RdBu11[::-1], low=-1, high=1)
        said = [("from unit", "@j"), ("to unit", "@i"), ("weight", "@w")]
        if visits is not None:
            said += [("entry of the sweep", "@entry"), ("multiplier", "@macs")]
        self.figure = figure(
            width=WIDTH,
            height=HEIGHT,
            title="W: to each unit a row",
            x_axis_label="from",
            y_axis_label="to",
            y_range=(shape[0] - 0.5, -0.5),
            x_range=(-0.5, shape[1] - 0.5),
            tooltips=said,
        )
        color = {"field": "w", "transform": self.mapper}
        self.figure.rect("j", "i", 1, 1, source=self.source, fill_color=color, line_color=None)
        self.figure.add_layout(ColorBar(color_mapper=self.mapper, ticker=BasicTicker()), "right")

    def show(self, weights):
        """N×M float."""
        most = float(np.abs(weights).max()) or 1.0
        self.mapper.update(low=-most, high=most)
        self.source.patch({"w": [(slice(None), np.ravel(weights).tolist())]})


class Settling:
    """x of each unit, step by step."""

    def __init__(self, units):
        self.source = ColumnDataSource({"steps": [], "x": [], "color": [], "unit": []})
        self.units = units
        self.figure = figure(
            width=WIDTH,
            height=HEIGHT,
            title="states settle",
            x_axis_label="Euler step",
            y_axis_label="x",
            tooltips=[("unit", "@unit")],
        )
        self.figure.multi_line("steps", "x", source=self.source, color="color")

    def show(self, states):
        """Steps × N float."""
        steps = list(range(len(states)))
        self.source.data = {
            "steps": [steps] * self.units,
            "x": states.T.tolist(),
            "color": [Category10[10][k % 10] for k in range(self.units)],
            "unit": list(range(self.units)),
        }


class Picture:
    """A pattern on a grid of height × width; ``tapped(k)`` is called for a point that is tapped."""

    def __init__(self, name, height, width, tapped=None):
        y, x = np.indices((height, width)).reshape(2, -1)
        self.source = ColumnDataSource({"x": x, "y": y, "value": np.full(x.size, 0.5)})
        mapper = LinearColorMapper(palette=Greys256[::-1], low=0, high=1)
        self.figure = figure(
            name=name,
            title=name,
            width=220,
            height=240,
            tools="",
            toolbar_location=None,
            match_aspect=True,
            y_range=(height - 0.5, -0.5),
            x_range=(-0.5, width - 0.5),
        )
        self.figure.axis.visible = False
        self.figure.grid.visible = False
        color = {"field": "value", "transform": mapper}
        self.figure.rect("x", "y", 1, 1, source=self.source, fill_color=color, line_color="#cccccc")
        if tapped:

            def hit(event):
                x, y = round(event.x), round(event.y)
                if 0 <= x < width and 0 <= y < height:
                    tapped(y * width + x)

            for event in (Tap, DoubleTap):  # the second of two quick ones is but the latter
                self.figure.on_event(event, hit)

    def show(self, values):
        """Of 0 … 1, a value for each point."""
        self.source.patch({"value": [(slice(None), [float(v) for v in values])]})

    @property
    def values(self):
        """What is shown."""
        return np.array(self.source.data["value"], float)
