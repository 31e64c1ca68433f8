"""``rbp watch``: a page on this machine that shows a network while it learns."""

from dataclasses import replace
from functools import wraps
from html import escape

import numpy as np
from bokeh.application import Application
from bokeh.application.handlers.function import FunctionHandler
from bokeh.layouts import column, row
from bokeh.models import Button, Div, Select, Slider, Toggle
from bokeh.server.server import Server

from rbp.checks import integer
from rbp.engines.learner import learner
from rbp.errors import InputError
from rbp.machine import origin
from rbp.page import figures, looks

__all__ = ["HOST", "Watch", "grid_of", "server"]

HOST = "127.0.0.1"
TICK = 250
"""Milliseconds between two looks."""
LOW, HIGH, BETWEEN = 0.1, 0.9, 0.5


def grid_of(problem, grid=None):
    """(height, width) of the pictures of a memory, whose visible units are the first; None where
    it is none. ``grid`` says it, else it is a square."""
    visible = problem.clamp_units & problem.target_units
    count = int(visible.sum())
    if grid is None:
        side = int(count**0.5)
        is_square = count >= 9 and side * side == count and visible[:count].all()
        return (side, side) if is_square else None
    if not 0 < count == grid[0] * grid[1] or not visible[:count].all():
        raise InputError(
            f"grid must have a point for each visible unit, {count}, not {grid[0]}×{grid[1]}"
        )
    return grid


class Watch:
    """One page: what is seen, and what its buttons do.

    Parameters
    ----------
    source, engine, flags
        As in :func:`rbp.train`.
    each : int
        Updates between two looks.
    where : dict, optional
        ``port`` and ``baud`` of a board.
    grid : (int, int), optional
        Of pictures, see :func:`grid_of`.
    """

    def __init__(self, source, engine, each=5, grid=None, where=None, **flags):
        self.problem, settings, earlier = origin(source, engine, **flags)
        self.engine, self.flags, self.each = engine, flags, integer("each", each, 1)
        self.grid = grid_of(self.problem, grid)
        self.where = where or {}
        self.job = learner(source, engine, **self.where, **flags)
        self.done = earlier.updates if earlier else 0
        self.energy, self.settling = figures.Energy(), figures.Settling(self.problem.units)
        visits = looks.visits(self.problem, settings) if engine == "rtl" else None
        self.weights = figures.Weights(self.problem.weights.shape, visits)
        self.weights.show(earlier.weights if earlier else self.problem.weights)
        self._controls(settings)
        self.memory = _Memory(self) if self.grid else None

    def _controls(self, settings):
        self.run = Toggle(label="Start", name="run", width=90)
        self.once = Button(label="Step", name="step", width=90)
        self.eta = Slider(title="log2 of η", start=-6, end=1, value=settings.eta_shift)
        self.dt = Slider(title="k of Δt = 2^-k", start=0, end=3, value=settings.dt_shift)
        self.pattern = Select(title="pattern that settles", options=self._patterns(), value="0")
        self.words = Div(text="", name="words")
        self.once.on_click(self.saying(self.learn))
        self.run.on_change("active", self._toggled)
        for name, slider in (("eta_shift", self.eta), ("dt_shift", self.dt)):
            slider.on_change("value_throttled", self.saying(self._tuned(name)))
        self.pattern.on_change("value", self.saying(lambda attr, old, new: self.look()))

    def saying(self, action):
        """The same action; what goes wrong is said on the page, which stays."""

        @wraps(action)  # what Bokeh looks at
        def done(*of):
            try:
                action(*of)
            except Exception as error:  # noqa: BLE001
                self.run.active = False
                self.words.text = f"stopped: {escape(str(error), quote=False)}"

        return done

    def _patterns(self):
        return [str(k) for k in range(self.problem.patterns)]

    def _toggled(self, attr, old, new):
        self.run.label = "Pause" if new else "Start"

    def _tuned(self, name):
        """Go on with another η, or Δt, from where it is."""

        def changed(attr, old, new):
            flags = self.flags | {name: int(new)}
            source = self.job.result() if self.done else self.problem
            self.job = learner(source, self.engine, **self.where, **flags)
            self.flags = flags

        return changed

    def learn(self):
        """Some updates, then look."""
        energy = self.job.train(self.each)
        self.energy.add(self.done + 1, energy)
        self.done += self.each
        self.look()

    def look(self):
        """Show what the network is now."""
        if not self.done:
            return
        result, problem = self.job.result(), self.problem
        self.energy.add_slave(self.done, looks.slave_energy(self.job, problem))
        self.weights.show(result.weights)
        start = np.where(problem.read_units, problem.targets, problem.start)
        k = int(self.pattern.value)
        self.settling.show(looks.states_settling(result, start[k], problem.inputs[k]))
        settled = 1 - result.unsettled / result.settle_steps.size
        self.words.text = (
            f"{self.done:,} updates, E {result.energy[-1]:.4g}, settled {settled:.1%}, "
            f"engine {result.engine}"
        )

    def tick(self):
        """Called now and then."""
        if self.run.active:
            self.saying(self.learn)()

    def relearn(self, problem):
        """Go on with other patterns, and the weights of now."""
        weights = self.job.result().weights if self.done else self.problem.weights
        problem = replace(problem, weights=np.where(problem.connected, weights, 0))
        self.job, self.done = learner(problem, self.engine, **self.where, **self.flags), 0
        self.problem = problem
        for source in (self.energy.source, self.energy.slave):
            source.data = {name: [] for name in source.data}
        self.pattern.options = self._patterns()

    def layout(self):
        """All of it."""
        controls = column(self.run, self.once, self.eta, self.dt, self.pattern, self.words)
        parts = [
            row(self.energy.figure, self.weights.figure),
            row(self.settling.figure, controls),
        ]
        return column(*([self.memory.layout()] if self.memory else []), *parts)


class _Memory:
    """Draw a pattern, learn it, erase half, recall it."""

    def __init__(self, watch):
        self.watch, (height, width) = watch, watch.grid
        self.count = height * width
        self.drawn = figures.Picture("draw", height, width, watch.saying(self._tapped))
        self.recalled = figures.Picture("recalled", height, width)
        self.drawn.show(np.zeros(self.count))
        buttons = {
            "learn it": self._learn,
            "erase half": self._erase,
            "recall": self._recall,
            "clear": lambda: self.drawn.show(np.zeros(self.count)),
        }
        self.buttons = []
        for name, action in buttons.items():
            button = Button(label=name, name=name, width=90)
            button.on_click(watch.saying(action))
            self.buttons.append(button)

    def layout(self):
        return row(self.drawn.figure, column(*self.buttons), self.recalled.figure)

    def _tapped(self, k):
        values = self.drawn.values
        values[k] = 0.0 if values[k] > 0.5 else 1.0
        self.drawn.show(values)

    def _learn(self):
        """One pattern more; learn until it is known, or the page is told to pause."""
        problem, values = self.watch.problem, self.drawn.values
        pattern = np.where(np.arange(problem.units) < self.count, BETWEEN, 0.0)
        pattern[: self.count] = LOW + (HIGH - LOW) * (values > 0.5)
        more = {"targets": np.vstack([problem.targets, pattern])}
        more["inputs"] = np.vstack([problem.inputs, np.zeros(problem.units)])
        more["initial_state"] = np.full(more["targets"].shape, BETWEEN)
        self.watch.relearn(replace(problem, **more))
        self.watch.run.active = True

    def _erase(self):
        values = self.drawn.values
        values[self.count // 2 :] = 0.5
        self.drawn.show(values)

    def _recall(self):
        start = np.full((1, self.watch.problem.units), BETWEEN)
        start[0, : self.count] = LOW + (HIGH - LOW) * self.drawn.values
        rest = self.watch.job.states(start, np.zeros(start.shape))
        self.recalled.show((rest[0, : self.count] - LOW) / (HIGH - LOW))


def server(make, port=0):
    """A Bokeh server of this machine only, each of whose pages is what ``make()`` gives."""

    def opened(document):
        page = make()
        document.title = "rbp watch"
        document.add_root(page.layout())
        document.add_periodic_callback(page.tick, TICK)

    try:
        return Server({"/": Application(FunctionHandler(opened))}, address=HOST, port=port)
    except OSError as error:
        raise InputError(f"cannot listen on port {port}: {error.strerror}") from error
