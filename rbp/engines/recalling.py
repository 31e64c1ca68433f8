"""``recall``: the unclamped network settles (28)."""

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rbp.checks import finite, numbers, plain, raw_words, shown
from rbp.engines.board import HARDWARE, check_port
from rbp.engines.model import check_threads, runner
from rbp.errors import InputError
from rbp.files import check_keys
from rbp.machine import (
    check_flags,
    check_preset,
    check_type,
    machine,
    rounded,
    unclamped,
)
from rbp.progress import bar, check_progress
from rbp.result import Result, States

__all__ = ["recall"]

TOGETHER = 1024
"""Cues that the model takes in one round."""


def recall(
    result: Result,
    cues: Mapping[str, ArrayLike] | ArrayLike,
    engine: str = "model",
    progress: Callable[[int, int], Any] | bool | None = None,
    *,
    threads: int = 1,
    port: str | None = None,
    baud: int | None = None,
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
    engine, threads, port, baud
        As in :func:`train`.
    progress : bool or callable, optional
        ``progress(done, total)`` is called after each round of cues; True shows a bar.
    **flags
        Those of :class:`rbp.Settings`; limits of steps are those of recall unless given here.

    Returns
    -------
    rbp.States
    """
    if "inputs" in flags:
        raise TypeError("inputs belong in the cues: {'initial_state': …, 'inputs': …}")
    check_flags(flags)
    check_type("result", result, Result)
    check_progress(progress)
    threads = check_threads(threads, engine)
    settings = result.settings.for_recall().overridden(**flags)
    check_preset(settings, result)
    config, settling = settings.config(result.problem), settings.settling(recall=True)
    state = config.formats.state
    where = check_port(engine, port, baud)
    trained = machine(result.problem, settings, engine, result)
    start, inputs = _cues(cues, result.problem.units, state, raw=engine != "float64")

    found: list[np.ndarray] = []
    steps, settled = [], []
    rounds = {"model": TOGETHER, "board": len(start)}  # a board says how many it holds
    together = rounds.get(engine, config.slots * config.lanes)
    with bar(progress, "cue") as tell:
        told = [tell] if engine == "board" else []
        for first in range(0, len(start), together):
            rows = slice(first, first + together)
            resting = unclamped(trained, start[rows], inputs[rows], settling)
            if engine in HARDWARE:
                run = HARDWARE[engine]("recall", config, resting, *told, **where)
                found.append(run.states)
                steps.append(run.settle_steps)
                settled.append(run.settled)
            else:
                resting, engine = runner(resting, engine, threads)
                with np.errstate(over="ignore"):  # exp() in float64, where a logistic is 0 anyway
                    relaxed = resting.relax(errors=False)
                found.append(relaxed.x)
                steps.append(relaxed.steps[:, 0])
                settled.append(~relaxed.unsettled[:, 0])
            if tell and engine != "board":
                tell(min(rows.stop, len(start)), len(start))
    x = np.concatenate(found)
    return States(
        states=rounded(x, state, set()) if engine == "float64" else x,
        values=x if engine == "float64" else state.to_float(x),
        settle_steps=np.concatenate(steps),
        settled=np.concatenate(settled),
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
