"""``verify``: a training again, on another engine, and every word compared."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any, NamedTuple

import numpy as np

from rbp.checks import choice, integer
from rbp.engines.training import train
from rbp.errors import CheckFailed, InputError
from rbp.golden.formats import ROLES
from rbp.machine import check_type
from rbp.result import NOISE, WORDS, Result

__all__ = ["Verified", "verify"]

OF_UPDATES = ("energy", "settle_steps")
AT_THE_END = ("weights_raw", "velocities", "states", "errors", "unsettled", "skipped", "saturated")


class Verified(NamedTuple):
    """What was compared, and equal."""

    engine: str
    """The engine that trained again; golden where the model could not be compiled."""
    counts: dict[str, int]
    """How many numbers of each kind."""


def verify(
    result: Result,
    engine: str = "rtl",
    updates: int | None = None,
    since: Result | None = None,
    progress: Callable[[int, int], Any] | bool | None = None,
    *,
    macs: int | None = None,
    lanes: int | None = None,
    slots: int | None = None,
    port: str | None = None,
    baud: int | None = None,
) -> Verified:
    """Train what made a result again on another engine, and compare word by word.

    Parameters
    ----------
    result : Result
        Of an engine of words: any but ``float64``.
    engine : str
        Which one trains again; not ``float64``.
    updates : int, optional
        Only the first so many. The words that the network has then are not in the result, so the
        engine of the result trains as far, too; what the result has of these updates, E and steps,
        is compared with both. By default all updates.
    since : Result, optional
        A point of the same training that was kept; updates count from there. By default the
        training begins with its problem.
    progress : bool or callable, optional
        As in :func:`rbp.train`, of the other engine.
    port, baud : str, int, optional
        As in :func:`rbp.train`, of the other engine.
    macs, lanes, slots : int, optional
        Of the machine, which change no bit; by default those of the result.

    Returns
    -------
    Verified
        All numbers were equal.

    Raises
    ------
    CheckFailed
        The first difference: what, where, and both numbers.
    InputError
        Before anything runs: the input is wrong.
    """
    check_type("result", result, Result)
    choice("engine", engine, WORDS)
    _check_words(result, engine)
    first = 0 if since is None else _point(result, since)
    last = result.updates if updates is None else first + updates
    integer("updates", last - first, 1, result.updates - first)
    settings = asdict(result.settings.sized(macs=macs, lanes=lanes, slots=slots))
    start = since or result.problem

    def trained(which, watched):
        where = {"port": port, "baud": baud} if which == engine else {}
        return train(start, last - first, which, watched, **where, **settings)

    got, rows = trained(engine, progress), slice(first, last)
    found = _compared(OF_UPDATES, got, result, rows, "the result")
    expected, against = result, "the result"
    if last < result.updates:
        expected = trained(result.engine, False)
        _compared(OF_UPDATES, expected, result, rows, against)
        against = expected.engine
    return Verified(got.engine, found | _compared(AT_THE_END, got, expected, ..., against))


def _check_words(result, engine):
    """Refuse what has no words, and what was rounded with another noise."""
    choice("the engine of the result", result.engine, WORDS)
    if result.noise != NOISE:
        raise InputError(
            f"the result was made with noise {result.noise}: this version has noise {NOISE}, so "
            "its bits are others"
        )


def _point(result, since):
    """The updates of a point of the same training; refuses one of another."""
    check_type("since", since, Result)
    first = since.updates
    if first >= result.updates:
        raise InputError(f"since has {first} updates, the result {result.updates}: expected fewer")
    same = all(
        np.array_equal(getattr(since, name), getattr(result, name)[:first]) for name in OF_UPDATES
    )
    if not same:
        raise InputError("since is no point of this training: its E or its steps are others")
    return first


def _compared(names, one, other, rows, against):
    """How many numbers of each name are equal: all, or CheckFailed."""
    counts = {}
    for name in names:
        pair = (np.asarray(_numbers(name, r))[rows] for r in (one, other))
        counts[name] = _equal(name, *pair, rows, one.engine, against)
    return counts


def _numbers(name, result):
    """An array, or a number, of a result; the flags of all roles."""
    if name == "saturated":
        return [result.saturated[role] for role in ROLES]
    return getattr(result, name)


def _equal(name, one, other, rows, engine, against):
    differ = np.argwhere(one != other)
    if len(differ):
        place, what, when = tuple(differ[0].tolist()), name, ""
        values = f"{engine} has {one[place]}, {against} {other[place]}"
        if name == "saturated":
            what, place = f"{name} of {ROLES[place[0]]}", ()
        elif name in OF_UPDATES:
            when, place = f" of update {rows.start + place[0] + 1}", place[1:]
        at = f"[{', '.join(map(str, place))}]" if place else ""
        raise CheckFailed(f"{what}{at}{when}: {values}; {len(differ)} of {one.size} differ")
    return one.size
