"""Learner: a problem that is trained a few updates at a time, on any engine."""

from dataclasses import asdict

import numpy as np

from rbp.engines import recall, train
from rbp.engines.board import HARDWARE
from rbp.engines.model import runner
from rbp.engines.training import advance, result_of, run_of
from rbp.golden.formats import PRESETS
from rbp.machine import machine, unclamped
from rbp.result import Result

__all__ = ["learner"]


def learner(problem, settings, engine, threads=1, **where):
    """A :class:`Software`, or a :class:`Hardware`, both with the same members.

    ``train(updates)`` returns E of each update, before it. ``states(start, inputs)`` is where the
    unclamped network comes to rest from x(t0) with I, all C×N float, with the weights of now.
    ``result()`` is the :class:`rbp.Result` of what has been trained so far.
    """
    if engine in HARDWARE:
        return Hardware(problem, settings, engine, **where)
    return Software(problem, settings, engine, threads)


class Software:
    """What learns stays between two calls, so that one of a few updates costs little."""

    def __init__(self, problem, settings, engine, threads):
        self.problem, self.settings, self.threads = problem, settings, threads
        self.machine = machine(problem, settings, engine)
        self.runner, self.engine = runner(self.machine, engine, threads)
        formats = PRESETS[settings.preset]
        self.unit = 1.0 if engine == "float64" else 2.0**-formats.error.fraction
        self.value = (lambda x: x) if engine == "float64" else formats.state.to_float
        self.energy, self.steps, self.resting = [], [], None

    def train(self, updates):
        run = advance(self.runner, self.engine, updates)
        self.energy += run.energy
        self.steps += list(run.settle_steps)
        return np.array([float(e) for e in run.energy]) * self.unit**2 / 2

    def states(self, start, inputs):
        formats = PRESETS[self.settings.preset]
        if self.engine != "float64":
            start, inputs = formats.state.to_raw(start), formats.state.to_raw(inputs)
        resting = unclamped(self.machine, start, inputs, self.settings.settling(recall=True))
        if self.resting is not None and self.engine != "float64":
            resting.structure = self.resting  # found once
        self.resting = getattr(resting, "structure", None)
        resting, _ = runner(resting, self.engine, self.threads)
        return self.value(resting.relax(errors=False).x)

    def result(self):
        run = run_of(self.machine, self.energy, self.steps)
        return result_of(self.problem, self.settings, self.engine, run)


class Hardware:
    """Each call is a training on the core, from where the one before ended."""

    def __init__(self, problem, settings, engine, **where):
        self.engine, self.where, self.source = engine, where, problem
        self.flags = asdict(settings)

    def train(self, updates):
        before = self.source.updates if isinstance(self.source, Result) else 0
        self.source = train(self.source, updates, self.engine, **self.where, **self.flags)
        return self.source.energy[before:]

    def states(self, start, inputs):
        cues = {"initial_state": start, "inputs": inputs}
        return recall(self.source, cues, self.engine, **self.where).values

    def result(self):
        return self.source
