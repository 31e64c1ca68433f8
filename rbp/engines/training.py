"""``train``: from a problem, or a result, to a result."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np

from rbp.checks import integer
from rbp.engines.board import HARDWARE, check_port
from rbp.engines.model import check_threads, runner
from rbp.engines.trends import Trends
from rbp.errors import CheckFailed, InputError
from rbp.golden.formats import PRESETS, ROLES
from rbp.machine import check_callable, machine, origin, rounded
from rbp.problem import Problem
from rbp.progress import bar, check_progress
from rbp.result import Result

__all__ = ["GREATEST_UPDATES", "advance", "result_of", "run_of", "train"]

GREATEST_UPDATES = 2**31 - 1
"""Of one call: what is kept of each would not fit in memory long before."""


def train(
    source: Problem | Result,
    updates: int,
    engine: str | None = None,
    progress: Callable[[int, int], Any] | bool | None = None,
    *,
    pause: Callable[[], bool] | None = None,
    reached: Callable[[Result], bool] | None = None,
    threads: int = 1,
    port: str | None = None,
    baud: int | None = None,
    **flags: Any,
) -> Result:
    """Train a problem, or continue a result as if it had never stopped.

    Parameters
    ----------
    source : Problem or Result
        A result keeps its settings and its engine; those given here override them.
    updates : int
        How many updates of the weights (19), at least 1.
    engine : str, optional
        ``model`` (default), ``golden``, ``rtl``, ``board`` or ``float64``. All but the last have
        the same bits.
        The model is compiled when it is first used; where there is no C++ compiler, golden runs,
        and a warning says so.
    progress : bool or callable, optional
        True shows a bar of tqdm, where there is a terminal or a notebook. A training that goes
        wrong says so while it runs, to the logger ``rbp``; False lets it say nothing.
        ``progress(done, total)`` is called after each update; before it, where it has that method,
        ``progress.seen(E, share of relaxations that reached the limit, roles that saturated)``. The
        model makes the updates of 50 ms or so before it calls for each of them.
    pause, reached : callable, optional
        Both or none. Where ``pause()`` is true after an update, which the model asks every 50 ms
        or so, ``reached(result)`` is called with what the training has come to, which can be saved
        and continued. Where that returns true the training ends there, and ``train`` returns the
        same.
    threads : int
        Of the model, among which the patterns of a batch are shared; no bit changes.
    port, baud : str, int, optional
        Of a board: its serial port, or ``sim:NAME`` for one that is simulated, and bits a second.
    **flags
        Those of :class:`rbp.Settings`.

    Returns
    -------
    rbp.Result
        Its engine is the one that ran.

    Raises
    ------
    InputError
        Before anything runs: the input is wrong.
    """
    if engine is None:
        engine = source.engine if isinstance(source, Result) else "model"
    problem, settings, earlier = origin(source, engine, **flags)
    updates = integer("updates", updates, 1, GREATEST_UPDATES)
    threads = check_threads(threads, engine)
    check_progress(progress)
    check_callable(pause=pause, reached=reached)
    if (pause is None) != (reached is None):
        raise InputError("pause and reached must be given both, or none of them")
    where = check_port(engine, port, baud)
    start = machine(problem, settings, engine, earlier)
    learner, engine = runner(start, engine, threads)
    unit = 1.0 if engine == "float64" else 2.0 ** -PRESETS[settings.preset].error.fraction
    trends: Any = None if progress is False else Trends(settings.dt_shift)

    def finished(run):
        result = result_of(problem, settings, engine, run)
        return result.following(earlier) if earlier else result

    with bar(progress, "update") as tell:
        told = [each.seen for each in (trends, tell) if hasattr(each, "seen")]
        half = unit * unit / 2

        def seen(energy, share, saturated):
            for hear in told:
                hear(float(energy) * half, share, saturated)

        watched = {
            "seen": seen if told else None,
            "pause": pause,
            "reached": reached and (lambda run: reached(finished(run))),
        }
        if engine in HARDWARE:
            core = settings.config(problem)
            run = HARDWARE[engine]("train", core, start, updates, tell, **where, **watched)
        else:
            run = advance(learner, engine, updates, tell, **watched)
    return finished(run)


def advance(learner, engine, updates, progress=None, seen=None, pause=None, reached=None):
    """Train what :func:`rbp.engines.model.runner` gives, in this program.

    A run, which :func:`result_of` makes a result of; its energies and steps are of these updates.
    """
    how = _in_parts if engine == "model" else _stepped
    return how(learner, updates, progress, seen, pause, reached)


def _stepped(start, updates, progress, seen, pause, reached):
    """Train in Python."""
    energy, steps = [], []
    for done in range(1, updates + 1):
        with np.errstate(over="ignore", invalid="ignore"):  # float64 may diverge
            relaxed = start.update()
        if not np.isfinite(start.weights).all():
            raise CheckFailed(
                f"float64 diverged at update {done}, a weight is no longer finite: try a smaller "
                "eta_shift"
            )
        energy.append(relaxed.energy)
        steps.append(relaxed.steps)
        if seen:
            seen(relaxed.energy, relaxed.unsettled.mean(), getattr(start, "saturated", set()))
        if progress:
            progress(done, updates)
        if pause and pause() and reached(run_of(start, energy, steps)):
            break
    return run_of(start, energy, steps)


def _in_parts(model, updates, progress, seen, pause, reached):
    """Train by the compiled model."""
    start, energy, steps, done = model.machine, [], [], 0
    saturated = set(start.saturated)
    for part in model.parts(updates):
        energy += part.energy.tolist()
        steps += list(part.steps)
        for k, share in enumerate(part.unsettled.mean(axis=(1, 2)), start=done):
            if k + 1 == len(energy):  # which update of the part it was is not known
                saturated = set(start.saturated)
            if seen:
                seen(energy[k], share, saturated)
            if progress:
                progress(k + 1, updates)
        done = len(energy)
        if pause and pause() and reached(run_of(start, energy, steps)):
            break
    return run_of(start, energy, steps)


def run_of(start, energy, steps):
    """The same fields as those of ``rbp.host.session.Run``."""
    return SimpleNamespace(
        weights=start.weights,
        velocity=start.velocity,
        states=start.x,
        errors=start.y,
        energy=energy,
        settle_steps=np.stack(steps),
        unsettled=start.unsettled,
        skipped=start.skipped,
        saturated=getattr(start, "saturated", set()),
        cycles=0,
        utilisation=0.0,
    )


def result_of(problem, settings, engine, run):
    """Both the words and their values, from whichever of them the engine has."""
    formats = PRESETS[settings.preset]
    saturated = set(run.saturated)
    if engine == "float64":
        weights, velocities, unit = run.weights, run.velocity, 1.0
        raw = rounded(weights, formats.weight, saturated)
        raw = np.where(problem.connected & (raw == 0), 1, raw)
        states = rounded(run.states, formats.state, saturated)
        errors = rounded(run.errors, formats.error, saturated)
    else:
        weights, unit = formats.weight.to_float(run.weights), 2.0**-formats.error.fraction
        raw, states, errors = run.weights, run.states, run.errors
        velocities = run.velocity * (2.0**-formats.velocity.fraction if formats.velocity else 0.0)
    return Result(
        weights=weights,
        weights_raw=raw,
        velocities=velocities,
        states=states,
        errors=errors,
        energy=np.array([float(e) for e in run.energy]) * unit * unit / 2,
        updates=len(run.energy),
        settle_steps=np.asarray(run.settle_steps),
        unsettled=run.unsettled,
        skipped=run.skipped,
        saturated={role: role in saturated for role in ROLES},
        cycles=run.cycles,
        utilisation=run.utilisation,
        problem=problem,
        settings=settings,
        engine=engine,
    )
