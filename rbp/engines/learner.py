"""Learner: a network that is trained a few updates at a time, on any engine."""

import numpy as np

from rbp.engines.board import HARDWARE, check_port
from rbp.engines.model import check_threads, runner
from rbp.engines.recalling import recall
from rbp.engines.training import advance, result_of, run_of, train
from rbp.errors import InputError
from rbp.golden.formats import PRESETS
from rbp.machine import machine, origin, unclamped
from rbp.result import Result

__all__ = ["learner"]


def learner(source, engine, threads=1, port=None, baud=None, **flags):
    """A :class:`Software`, or a :class:`Hardware`, both with the same members.

    The arguments are those of :func:`rbp.train`, and are checked here.
    ``train(updates)`` returns E of each update, before it. ``states(start, inputs)`` is where the
    unclamped network comes to rest from x(t0) with I, all C×N float, with the weights of now.
    ``trouble()`` is the roles that have saturated and the share of relaxations at the limit,
    ``result()`` the :class:`rbp.Result`: of what has been trained so far, of one update at least;
    before that the one that is continued.
    """
    threads, where = check_threads(threads, engine), check_port(engine, port, baud)
    if engine in HARDWARE:
        return Hardware(source, engine, where, **flags)
    return Software(source, engine, threads, **flags)


class Software:
    """What learns stays between two calls, so that one of a few updates costs little."""

    def __init__(self, source, engine, threads, **flags):
        self.threads = threads
        self.problem, self.settings, self.earlier = origin(source, engine, **flags)
        self.machine = machine(self.problem, self.settings, engine, self.earlier)
        self.runner, self.engine = runner(self.machine, engine, threads)
        formats = PRESETS[self.settings.preset]
        self.unit = 1.0 if engine == "float64" else 2.0**-formats.error.fraction
        self.state = None if engine == "float64" else formats.state
        self.energy, self.steps, self.structure = [], [], None

    def train(self, updates):
        run = advance(self.runner, self.engine, updates)
        self.energy += run.energy
        self.steps += list(run.settle_steps)
        return np.array([float(e) for e in run.energy]) * self.unit**2 / 2

    def states(self, start, inputs):
        if self.state:
            start, inputs = self.state.to_raw(start), self.state.to_raw(inputs)
        resting = unclamped(self.machine, start, inputs, self.settings.settling(recall=True))
        if self.state:  # the same network each time
            self.structure = self.structure or resting.structure
            resting.structure = self.structure
        resting, _ = runner(resting, self.engine, self.threads)
        x = resting.relax(errors=False).x
        return self.state.to_float(x) if self.state else x

    def trouble(self):
        relaxations = len(self.steps) * self.steps[0].size
        return getattr(self.machine, "saturated", set()), self.machine.unsettled / relaxations

    def result(self):
        if self.earlier and not self.energy:
            return self.earlier
        run = run_of(self.machine, self.energy, self.steps)
        found = result_of(self.problem, self.settings, self.engine, run)
        return found.following(self.earlier) if self.earlier else found


class Hardware:
    """Each call is a training on the core, from where the one before ended."""

    def __init__(self, source, engine, where, **flags):
        self.source, self.engine, self.where, self.flags = source, engine, where, flags
        problem, settings, earlier = origin(source, engine, **flags)
        machine(problem, settings, engine, earlier)  # what cannot be is refused here

    def train(self, updates):
        before = self.source.updates if isinstance(self.source, Result) else 0
        self.source = train(self.source, updates, self.engine, False, **self.where, **self.flags)
        return self.source.energy[before:]

    def states(self, start, inputs):
        if not isinstance(self.source, Result):
            raise InputError("nothing is learned yet: expected an update before a recall")
        cues = {"initial_state": start, "inputs": inputs}
        return recall(self.source, cues, self.engine, **self.where).values

    def trouble(self):
        saturated = {role for role, is_so in self.source.saturated.items() if is_so}
        return saturated, self.source.unsettled / self.source.settle_steps.size

    def result(self):
        return self.source
