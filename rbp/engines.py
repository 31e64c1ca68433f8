"""One call for every engine: float64, golden and rtl take and return the same arrays."""

import os
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rbp.checks import finite, integer, numbers, plain, raw_words, shown
from rbp.errors import CheckFailed, InputError
from rbp.extras import named
from rbp.files import check_keys
from rbp.golden.formats import PRESETS, ROLES
from rbp.machine import (
    check_callable,
    check_flags,
    check_preset,
    check_type,
    machine,
    origin,
    rounded,
    unclamped,
)
from rbp.problem import Problem
from rbp.result import Result, States

__all__ = ["GREATEST_UPDATES", "on_core", "recall", "train"]

GREATEST_UPDATES = 2**31 - 1
"""Of one call: what is kept of each would not fit in memory long before."""


def train(
    source: Problem | Result,
    updates: int,
    engine: str | None = None,
    progress: Callable[[int, int], Any] | None = None,
    *,
    pause: Callable[[], bool] | None = None,
    reached: Callable[[Result], bool] | None = None,
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
        ``rtl`` (default), ``golden`` or ``float64``.
    progress : callable, optional
        ``progress(done, total)`` is called after each update; before it, where it has that method,
        ``progress.seen(E, share of relaxations that reached the limit, roles that saturated)``.
    pause, reached : callable, optional
        Both or none. Where ``pause()`` is true after an update, ``reached(result)`` is called with
        what the training has come to, which can be saved and continued. Where that returns true the
        training ends there, and ``train`` returns the same.
    **flags
        Those of :class:`rbp.Settings`.

    Returns
    -------
    rbp.Result

    Raises
    ------
    InputError
        Before anything runs: the input is wrong.
    """
    if engine is None:
        engine = source.engine if isinstance(source, Result) else "rtl"
    problem, settings, earlier = origin(source, engine, **flags)
    updates = integer("updates", updates, 1, GREATEST_UPDATES)
    check_callable(progress=progress, pause=pause, reached=reached)
    if (pause is None) != (reached is None):
        raise InputError("pause and reached must be given both, or none of them")
    start = machine(problem, settings, engine, earlier)
    unit = 1.0 if engine == "float64" else 2.0 ** -PRESETS[settings.preset].error.fraction
    seen = getattr(progress, "seen", None)

    def finished(run):
        result = _result(problem, settings, engine, run)
        return result.following(earlier) if earlier else result

    watched = {
        "seen": seen and (lambda energy, *rest: seen(float(energy) * unit * unit / 2, *rest)),
        "pause": pause,
        "reached": reached and (lambda run: reached(finished(run))),
    }
    if engine == "rtl":
        run = on_core("train", settings.config(problem), start, updates, progress, **watched)
    else:
        run = _stepped(start, updates, progress, **watched)
    return finished(run)


def recall(
    result: Result,
    cues: Mapping[str, ArrayLike] | ArrayLike,
    engine: str = "rtl",
    progress: Callable[[int, int], Any] | None = None,
    **flags: Any,
) -> States:
    """Let the trained, unclamped network settle from given states (28).

    Parameters
    ----------
    result : Result
    cues : mapping or array
        ``initial_state``, C×N (or N, one cue), and optionally ``inputs``, C×N, else 0. An array is
        ``initial_state``. A unit that nothing feeds is at g(0) + I from the start. More cues than
        the machine has slots are taken in turn.
    engine : str
        As in :func:`train`.
    progress : callable, optional
        ``progress(done, total)`` is called after each round of cues.
    **flags
        Those of :class:`rbp.Settings`; limits of steps are those of recall unless given here.

    Returns
    -------
    rbp.States
    """
    check_flags(flags)
    check_type("result", result, Result)
    check_callable(progress=progress)
    settings = result.settings.for_recall().overridden(**flags)
    check_preset(settings, result)
    config, settling = settings.config(result.problem), settings.settling(recall=True)
    state = config.formats.state
    trained = machine(result.problem, settings, engine, result)
    start, inputs = _cues(cues, result.problem.units, state, raw=engine != "float64")

    found: list[np.ndarray] = []
    steps, settled = [], []
    for first in range(0, len(start), config.slots * config.lanes):
        rows = slice(first, first + config.slots * config.lanes)
        resting = unclamped(trained, start[rows], inputs[rows], settling)
        if engine == "rtl":
            run = on_core("recall", config, resting)
            found.append(run.states)
            steps.append(run.settle_steps)
            settled.append(run.settled)
        else:
            with np.errstate(over="ignore"):  # exp() in float64, where a logistic is 0 anyway
                relaxed = resting.relax(errors=False)
            found.append(relaxed.x)
            steps.append(relaxed.steps[:, 0])
            settled.append(~relaxed.unsettled[:, 0])
        if progress:
            progress(min(rows.stop, len(start)), len(start))
    x = np.concatenate(found)
    return States(
        states=rounded(x, state, set()) if engine == "float64" else x,
        values=x if engine == "float64" else state.to_float(x),
        settle_steps=np.concatenate(steps),
        settled=np.concatenate(settled),
    )


def on_core(job, config, machine, *arguments, **options):
    """A job of ``rbp.cosim.run`` on a Verilated core, of ``config`` but with room.

    Imported here, so that the other engines do not need the simulator.
    """
    with named():
        from rbp.cosim import run
        from rbp.cosim.driver import BadAnswer
        from rbp.hdl.program import holding

    try:
        core = holding(config, machine.structure, rounded=True)
    except ValueError as error:
        raise InputError(f"no core holds the network: {error}") from error
    try:
        return getattr(run, job)(core, machine, *arguments, **options)
    except (run.Mismatch, BadAnswer) as error:
        raise CheckFailed(str(error)) from error


def _stepped(start, updates, progress, seen, pause, reached):
    """Train in Python; the same fields as those of ``rbp.cosim.run.Run``."""
    energy, steps = [], []

    def run():
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
        if pause and pause() and reached(run()):
            break
    return run()


def _result(problem, settings, engine, run):
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


def _cues(cues, units, state, *, raw):
    """x(t0) and I of the cues, C×N, as words where ``raw``, else as floats."""
    if isinstance(cues, str | os.PathLike):
        raise InputError(f"cues must be arrays, not the name of a file, {shown(cues)}")
    if not isinstance(cues, Mapping):
        cues = {"initial_state": cues}
    check_keys(cues, ("initial_state",), ("inputs",))
    shape = plain("initial_state", cues["initial_state"]).shape
    if len(shape) not in (1, 2) or shape[0] < 1:
        raise InputError(f"initial_state must have shape C×{units}, C ≥ 1, not {shape}")
    count = shape[0] if len(shape) == 2 else 1
    start = numbers("initial_state", cues["initial_state"], (units,), (count, units))
    inputs = numbers("inputs", cues.get("inputs", np.zeros((count, units))), (count, units))
    pair = []
    for name, values in (("initial_state", start), ("inputs", inputs)):
        finite(name, values)
        words = raw_words(name, values, state)
        pair.append(np.atleast_2d(words if raw else values))
    return pair
