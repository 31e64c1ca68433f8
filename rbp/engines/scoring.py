"""``score``: how many answers of a classifier are right."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from rbp.checks import finite, numbers, plain
from rbp.engines.recalling import recall
from rbp.errors import InputError
from rbp.files import check_keys
from rbp.machine import check_mapping, check_type
from rbp.result import Result

__all__ = ["Score", "score"]


class Score(NamedTuple):
    """How many answers are right, and of how many."""

    right: int
    patterns: int

    @property
    def share(self) -> float:
        """0 … 1."""
        return self.right / self.patterns


def score(
    result: Result,
    data: Mapping[str, ArrayLike],
    engine: str = "model",
    progress: Callable[[int, int], Any] | bool | None = None,
    **options: Any,
) -> Score:
    """How many patterns a trained network answers right.

    The answer is the greatest of the target units, and right where that is the greatest target. Of
    a single target unit it is whether it is above the middle of the targets that it has learned.

    Parameters
    ----------
    result : Result
    data : mapping
        ``targets`` (C×N), and optionally ``inputs`` and ``initial_state`` (C×N, by default 0 and
        0.5): what ``rbp score`` reads from a file.
    engine, progress, **options
        As in :func:`recall`.

    Raises
    ------
    InputError
        Targets say no answer, or as :func:`recall`.
    """
    check_type("result", result, Result)
    check_mapping("data", data)
    check_keys(data, ("targets",), ("inputs", "initial_state"))
    n, units = result.problem.units, np.flatnonzero(result.problem.target_units)
    count, *others = plain("targets", data["targets"]).shape or (0,)
    if len(others) != 1 or count < 1:
        raise InputError(f"targets must have shape C×{n}, C ≥ 1, not {(count, *others)}")
    targets = numbers("targets", data["targets"], (count, n))
    finite("targets", targets, result.problem.target_units)
    targets, learned = targets[:, units], result.problem.targets[:, units]
    middle = (learned.min() + learned.max()) / 2
    if len(units) == 1 and learned.min() == learned.max():
        raise InputError(f"unit {units[0]} has learned one answer only, {middle:g}: expected two")
    equal = (targets == targets.max(axis=1, keepdims=True)).sum(axis=1) > 1
    if equal.any():
        k = int(equal.argmax())
        raise InputError(
            f"targets[{k}] has several greatest values: expected the right answer above all others "
            "(score is for classifiers; for a memory take rbp recall)"
        )
    cues = {"initial_state": np.full((count, n), 0.5)} | {
        name: data[name] for name in ("inputs", "initial_state") if name in data
    }
    values = recall(result, cues, engine, progress, **options).values[:, units]
    if len(units) == 1:
        return Score(int(((values > middle) == (targets > middle)).sum()), count)
    return Score(int((values.argmax(axis=1) == targets.argmax(axis=1)).sum()), count)
