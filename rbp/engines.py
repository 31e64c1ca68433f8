"""One call for every engine: float64, golden and rtl take and return the same arrays."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rbp.checks import choice, finite, integer, numbers, plain, raw_words
from rbp.errors import CheckFailed, InputError
from rbp.extras import named
from rbp.files import check_keys
from rbp.golden.formats import PRESETS, ROLES, saturate
from rbp.golden.reference import Reference
from rbp.golden.training import Learning
from rbp.problem import Problem
from rbp.result import ENGINES, Result, States
from rbp.settings import Settings

__all__ = ["GREATEST_UPDATES", "machine", "on_core", "origin", "recall", "train", "unclamped"]

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
    flags
        Those of :class:`~rbp.settings.Settings`.

    Raises :class:`~rbp.errors.InputError` before anything runs.
    """
    problem, settings, earlier = origin(source, **flags)
    updates = integer("updates", updates, 1, GREATEST_UPDATES)
    if (pause is None) != (reached is None):
        raise InputError("pause and reached must be given both, or none of them")
    if engine is None:
        engine = earlier.engine if earlier else "rtl"
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


def origin(source, **flags):
    """(problem, settings, earlier result or None) of a problem, or of a result to continue.

    ``flags`` override the settings of a result; what must stay as it was is refused.
    """
    earlier = source if isinstance(source, Result) else None
    if earlier is None:
        _check_type("source", source, Problem, Result)
        problem, settings = source, Settings(**flags)
    else:
        problem, settings = earlier.problem, earlier.settings.overridden(**flags)
        _check_preset(settings, earlier)
        batch, before = settings.batch_of(problem), earlier.settings.batch_of(problem)
        if batch != before:
            raise InputError(f"batch {batch} is not that of the result: expected {before}")
    return problem, settings, earlier


def _check_type(name, value, *types):
    if not isinstance(value, types):
        expected = " or ".join(f"a {t.__name__}" for t in types)
        raise InputError(f"{name} must be {expected}, not of type {type(value).__name__}")


def _check_preset(settings, result):
    """Its words are read with the formats in which they were written."""
    if settings.preset != result.settings.preset:
        raise InputError(
            f"preset {settings.preset} is not that of the result: expected {result.settings.preset}"
        )


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
        ``initial_state``. More cues than the machine has slots are taken in turn.
    engine, progress, flags
        As in :func:`train`; limits of steps are those of recall unless given here.
    """
    _check_type("result", result, Result)
    settings = result.settings.for_recall().overridden(**flags)
    _check_preset(settings, result)
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
        states=_rounded(x, state, set()) if engine == "float64" else x,
        values=x if engine == "float64" else state.to_float(x),
        settle_steps=np.concatenate(steps),
        settled=np.concatenate(settled),
    )


def machine(problem, settings, engine, earlier=None):
    """What learns: ``rbp.golden.reference.Reference`` for float64, else
    ``rbp.golden.training.Machine``.

    It stands where ``earlier`` ended, or at the start. All that can be refused is refused here.
    """
    choice("engine", engine, ENGINES)
    raw = problem.to_raw(settings)
    # Noise and patterns go on where they stopped: t counts the rank-1 updates so far.
    t = earlier.updates * settings.batch_of(problem) if earlier else 0
    if engine == "float64":
        if earlier and settings.keep:
            raise InputError(
                "engine float64 cannot go on from the last states, which a result holds as words: "
                "expected start fixed, or golden or rtl"
            )
        return Reference(
            activation=problem.activation,
            clamp_units=problem.clamp_units,
            target_units=problem.target_units,
            weights=earlier.weights if earlier else problem.weights,
            connected=problem.connected,
            targets=np.where(problem.read_units, problem.targets, 0.0),
            inputs=problem.inputs,
            start=problem.start,
            settling=raw.settling,
            unit=2.0**-raw.network.formats.state.fraction,
            eta=2.0**settings.eta_shift,
            learning=raw.learning,
            t=t,
            velocity=earlier and earlier.velocities,
            products=problem.products,
        )
    if earlier:
        # without momentum there is none, and a preset may have no format for it
        fmt = raw.network.formats.velocity
        velocity = fmt and _rounded(earlier.velocities, fmt, raw.saturated)
        kept = {"x": earlier.states, "y": earlier.errors, "velocity": velocity}
        return replace(raw, weights=earlier.weights_raw, t=t, **kept)
    return raw


def unclamped(trained, start, inputs, settling):
    """The slave: a machine's network without clamps and targets, from other states (C×N)."""
    none = np.zeros(start.shape[1], bool)
    other = {
        "targets": np.zeros_like(start),
        "start": start,
        "inputs": inputs,
        "settling": settling,
        "learning": Learning(),
        "t": 0,
        "x": None,
        "y": None,
        "unsettled": 0,
    }
    flags = {"clamp_units": none, "target_units": none}
    if isinstance(trained, Reference):
        return replace(trained, **flags, **other)
    network = replace(trained.network, **flags, input_units=(inputs != 0).any(axis=0))
    return replace(trained, network=network, saturated=set(), **other)


def on_core(job, *arguments, **options):
    """A job of ``rbp.cosim.run`` on the Verilated core.

    Imported here, so that the other engines do not need the simulator.
    """
    with named():
        from rbp.cosim import run
        from rbp.cosim.driver import BadAnswer

    try:
        return getattr(run, job)(*arguments, **options)
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
        raw = _rounded(weights, formats.weight, saturated)
        raw = np.where(problem.connected & (raw == 0), 1, raw)
        states = _rounded(run.states, formats.state, saturated)
        errors = _rounded(run.errors, formats.error, saturated)
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


def _rounded(values, fmt, saturated):
    """The words nearest to floats, clamped."""
    return saturate(fmt.to_raw(np.clip(values, -1e3, 1e3)), fmt, saturated)


def _cues(cues, units, state, *, raw):
    """x(t0) and I of the cues, C×N, as words where ``raw``, else as floats."""
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
