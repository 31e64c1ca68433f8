"""What a job gives back: a trained network, which can be continued, and recalled states."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from rbp.checks import (
    Frozen,
    between,
    boolean,
    choice,
    finite,
    int64,
    integer,
    integers,
    numbers,
    raw_words,
    read_only,
    scalar,
    words,
)
from rbp.errors import InputError
from rbp.files import check_keys, read_npz, write_npz
from rbp.golden.formats import PRESETS, ROLES, saturate
from rbp.problem import Problem
from rbp.settings import Settings

__all__ = ["ENGINES", "NOISE", "WORDS", "Result", "States"]

ENGINES = ("float64", "golden", "model", "rtl", "board")
WORDS = ENGINES[1:]
"""The engines that have the same words, bit for bit."""

NOISE = 2
"""Which noise, and which places of it, this version rounds and draws with; at first it was 1."""

_PREFIX = "problem_"
_SATURATED = np.dtype([(role, bool) for role in ROLES])


@dataclass(frozen=True, eq=False)
class Result(Frozen):
    """A trained network, and what made it. Its arrays are read-only copies.

    The truth is ``weights_raw``, what an engine of integers goes on with; ``weights`` are checked
    against it. To change weights, take :meth:`with_weights`.

    Parameters
    ----------
    weights : N×M float
        The values of ``weights_raw``; with engine ``float64`` the unrounded ones.
    weights_raw : N×M int
        WEIGHT words.
    velocities : N×M float
        v of each weight, exact; 0 without momentum.
    states : A×N int
        STATE words of x at the end of each pattern's last relaxation.
    errors : A×N int
        ERROR words of y, the same.
    energy : updates float
        E_total = ½ Σ J² of the patterns of each update, before it.
    updates : int
        Updates so far, each of B rank-1 updates, B the patterns of a batch.
    settle_steps : updates×B×2 int
        Euler steps of x and of y.
    unsettled : int
        Relaxations that reached the limit.
    skipped : int
        Rank-1 updates left out for it.
    saturated : mapping
        Role of a format → whether a word of that role was ever clamped; read-only.
    cycles : int
        Clock cycles; 0 unless the engine is ``rtl``.
    utilisation : float
        Useful products / (P·L·cycles).
    problem, settings, engine
        What made it. Counts and cycles are of all updates, whatever engine or settings made them;
        ``settings`` and ``engine`` are the last ones.
    noise : int
        Which rule the last noise followed, see :data:`NOISE`; 1 in a file, or a pickle,
        that does not say.
    """

    weights: np.ndarray
    weights_raw: np.ndarray
    velocities: np.ndarray
    states: np.ndarray
    errors: np.ndarray
    energy: np.ndarray
    updates: int
    settle_steps: np.ndarray
    unsettled: int
    skipped: int
    saturated: Mapping
    cycles: int
    utilisation: float
    problem: Problem
    settings: Settings
    engine: str
    noise: int = NOISE

    def __post_init__(self):
        for field in fields(self):
            object.__setattr__(self, field.name, read_only(getattr(self, field.name)))
        self._check()

    def __setstate__(self, state):
        super().__setstate__({"noise": 1} | state)

    def __repr__(self):
        return (
            f"Result({self.updates} updates on {self.engine}, {self.problem!r}, "
            f"E {self.energy[0]:.6g} -> {self.energy[-1]:.6g})"
        )

    def _check(self):
        """Refuse what no training gives, as an edited file, or ``dataclasses.replace``, may."""
        problem, settings = self.problem, self.settings
        (a, n), terms = problem.targets.shape, problem.weights.shape
        batch, formats = settings.batch_of(problem), PRESETS[settings.preset]
        choice("engine", self.engine, ENGINES)
        object.__setattr__(self, "noise", integer("noise", self.noise, 1, NOISE))
        object.__setattr__(self, "updates", integer("updates", self.updates, 1))
        _flags(self.saturated)
        of_numbers = {"weights": terms, "velocities": terms, "utilisation": ()}
        for name, shape in (of_numbers | {"energy": (self.updates,)}).items():
            finite(name, numbers(name, getattr(self, name), shape))
        between("energy", self.energy, 0, np.inf)
        between("utilisation", np.asarray(self.utilisation), 0, 1)
        words("weights_raw", self.weights_raw, terms, formats.weight)
        if ((self.weights_raw != 0) != problem.connected).any():
            raise InputError("weights_raw must be 0 where nothing is connected, and only there")
        words("states", self.states, (a, n), formats.state)
        words("errors", self.errors, (a, n), formats.error)
        integers("settle_steps", self.settle_steps, (self.updates, batch, 2), 0)
        most = {"unsettled": self.settle_steps.size, "skipped": self.updates * batch}
        for name, high in (most | {"cycles": 2**62}).items():
            object.__setattr__(self, name, integer(name, getattr(self, name), 0, high))
        nearest = _words_of(self.weights, self.problem.connected, self.settings)
        wrong = nearest != self.weights_raw
        if self.engine != "float64":
            fmt = PRESETS[self.settings.preset].weight
            wrong = wrong | (self.weights != fmt.to_float(self.weights_raw))
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            raise InputError(
                f"weights[{i}, {j}] = {self.weights[i, j]:.9g} is not the value of "
                f"weights_raw[{i}, {j}] = {self.weights_raw[i, j]}: expected both changed, as "
                "Result.with_weights does"
            )

    def with_weights(self, weights: ArrayLike) -> "Result":
        """The same result with other weights, from which recall and training go on.

        ``weights`` is N×M float. A weight of 0 is no connection from now on, its velocity is 0, and
        ``problem.connected`` says so. To prune what is small::

            pruned = result.with_weights(np.where(abs(result.weights) < 0.1, 0, result.weights))
        """
        wanted = numbers("weights", weights, self.weights.shape)
        finite("weights", wanted)
        fmt = PRESETS[self.settings.preset].weight
        raw_words("weights", wanted, fmt)
        connected = wanted != 0
        problem = replace(
            self.problem,
            weights=np.where(connected, self.problem.weights, 0),
            connected=connected,
        )
        nearest = _words_of(wanted, connected, self.settings)
        return replace(
            self,
            weights=wanted if self.engine == "float64" else fmt.to_float(nearest),
            weights_raw=nearest,
            velocities=np.where(connected, self.velocities, 0),
            problem=problem,
        )

    def following(self, earlier: "Result") -> "Result":
        """This result as the continuation of an earlier one: the two as one whole."""
        cycles = self.cycles + earlier.cycles
        busy = self.cycles * self.utilisation + earlier.cycles * earlier.utilisation
        return replace(
            self,
            energy=np.concatenate([earlier.energy, self.energy]),
            updates=earlier.updates + self.updates,
            settle_steps=np.concatenate([earlier.settle_steps, self.settle_steps]),
            unsettled=earlier.unsettled + self.unsettled,
            skipped=earlier.skipped + self.skipped,
            saturated={role: earlier.saturated[role] or self.saturated[role] for role in ROLES},
            cycles=cycles,
            utilisation=busy / cycles if cycles else 0.0,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an ``.npz`` file, whole or not at all.

        ``saturated`` becomes a record of flags, ``settings`` a JSON string, and the problem's keys
        are prefixed with ``problem_``.
        """
        arrays = {f.name: getattr(self, f.name) for f in fields(self)}
        arrays["saturated"] = np.array(tuple(map(self.saturated.get, ROLES)), dtype=_SATURATED)
        arrays["settings"] = self.settings.to_json(self.problem)
        problem = arrays.pop("problem").arrays()
        write_npz(path, arrays | {_PREFIX + key: array for key, array in problem.items()})

    @staticmethod
    def describes(arrays: Mapping[str, Any]) -> bool:
        """Whether the keys are those of a result rather than of a problem."""
        return "weights_raw" in arrays

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Result":
        """Read an ``.npz`` file; a refusal names it."""
        arrays = read_npz(path)
        try:
            if not cls.describes(arrays):
                raise InputError("expected a result: it has no key 'weights_raw'")
            return cls.from_arrays(arrays)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> "Result":
        """From the keys that :meth:`save` writes; refuses what does not fit together."""
        given = {k.removeprefix(_PREFIX): v for k, v in arrays.items() if k.startswith(_PREFIX)}
        arrays = {k: v for k, v in arrays.items() if not k.startswith(_PREFIX)}
        check_keys(arrays, [f.name for f in fields(cls)[:-1] if f.name != "problem"], ("noise",))
        problem = Problem.from_arrays(given)
        settings = Settings.from_json(str(arrays["settings"]))
        return cls(
            weights=arrays["weights"],
            weights_raw=int64("weights_raw", arrays["weights_raw"]),
            velocities=arrays["velocities"],
            states=int64("states", arrays["states"]),
            errors=int64("errors", arrays["errors"]),
            energy=arrays["energy"],
            updates=scalar(arrays, "updates"),
            settle_steps=int64("settle_steps", arrays["settle_steps"]),
            unsettled=scalar(arrays, "unsettled"),
            skipped=scalar(arrays, "skipped"),
            saturated=_record(arrays["saturated"]),
            cycles=scalar(arrays, "cycles"),
            utilisation=float(numbers("utilisation", arrays["utilisation"], ())),
            problem=problem,
            settings=settings,
            engine=str(arrays["engine"]),
            noise=scalar({"noise": np.int64(1)} | arrays, "noise"),
        )


@dataclass(frozen=True, eq=False)
class States(Frozen):
    """Where the unclamped network came to rest, one row a cue.

    ``states`` are the STATE words of x (C×N int), ``values`` the same as floats, ``settle_steps``
    the Euler steps taken (C int), ``settled`` whether the limit was not reached (C bool).
    """

    states: np.ndarray
    values: np.ndarray
    settle_steps: np.ndarray
    settled: np.ndarray

    def __post_init__(self):
        for field in fields(self):
            object.__setattr__(self, field.name, read_only(getattr(self, field.name)))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an ``.npz`` file, whole or not at all."""
        write_npz(path, {f.name: getattr(self, f.name) for f in fields(self)})


def _words_of(weights, connected, settings):
    """The words of weights: nearest, clamped; 1 where a connection's rounds to 0."""
    fmt = PRESETS[settings.preset].weight
    words = saturate(fmt.to_raw(np.clip(weights, -1e3, 1e3)), fmt)
    return np.where(connected & (words == 0), 1, words)


def _flags(flags):
    """Refuse what is not a flag for each role."""
    if not isinstance(flags, Mapping) or set(flags) != set(ROLES):
        raise InputError(f"saturated must have a bool for each of {', '.join(ROLES)}")
    for role in ROLES:
        boolean(f"saturated of {role}", flags[role], ())


def _record(record):
    if record.shape != () or record.dtype != _SATURATED:
        raise InputError(f"saturated must be one record of bool, of {', '.join(ROLES)}")
    return {role: bool(record[role]) for role in ROLES}
