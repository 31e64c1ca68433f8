"""Golden's machine, run by the compiled model."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import lru_cache
from operator import attrgetter, is_

import numpy as np

from rbp.cmodel.build import library
from rbp.golden.formats import ROLES
from rbp.golden.training import Machine

__all__ = ["MOST_BITS", "Ended", "Model", "Trained"]

MOST_BITS = 26
"""Of a format: tables hold a word for each word of the net input, and sums of two fit an int."""

CHUNK = 0.05
"""Seconds of a call of the library, behind which Python looks up."""

_FORMATS = "state error weight net slope velocity"
_NETWORK = """units columns patterns rows *row_units *places *numbers *held *clamp *target *input
*activation tables *g *g_slope order *products *f *f_slope dt_shift tolerance limit use_within fixed
shift seed batch draw keep friction start_seed threads"""
_STATE = "*weights *velocity *targets *inputs *start *x *y t unsettled skipped saturated"
_ARRAYS = ("weights", "velocity", "start", "x", "y")
"""What a model shares with its machine, and changes."""

_SHARED = (*_ARRAYS, "targets", "inputs")
_WATCHED = attrgetter(*_SHARED, "network", "settling", "learning", "structure")
"""What the library's model was made from: of others it is made anew."""


def _fields(names):
    kinds = {True: ctypes.c_void_p, False: ctypes.c_int64}
    return [(name.lstrip("*"), kinds[name.startswith("*")]) for name in names.split()]


class _Format(ctypes.Structure):
    _fields_ = _fields("width fraction")


class _Network(ctypes.Structure):
    _fields_ = [(name, _Format) for name in _FORMATS.split()] + _fields(_NETWORK)


class _State(ctypes.Structure):
    _fields_ = _fields(_STATE)


@dataclass
class Trained:
    """What is kept of each of U updates of B patterns."""

    energy: np.ndarray
    """U int: Σ J² over all, in units of ERROR squared."""
    steps: np.ndarray
    """U×B×2: Euler steps of x and of y."""
    unsettled: np.ndarray
    """U×B×2 bool: the limit was reached."""


@dataclass
class Ended:
    """Where A patterns ended, as :class:`rbp.golden.relaxation.Relaxed`; y is None in a recall."""

    x: np.ndarray
    y: np.ndarray | None
    steps: np.ndarray
    unsettled: np.ndarray
    skip: np.ndarray
    energy: int


@lru_cache(maxsize=32)
def _whole(*tables):
    """Results of tables at every word, from the least on, one after the other."""
    words = [table(np.arange(table.i.min, table.i.max + 1)) for table in tables]
    return np.concatenate(words).astype(np.int32)


class Model:
    """A :class:`rbp.golden.training.Machine` that learns in compiled software, bit for bit.

    The machine's arrays become the model's, which changes them in place: copy what has to stay.
    Between two calls golden may go on with the machine, and what it has may be replaced; but do
    not write into its arrays. Raises ValueError where the model cannot hold the machine, and
    :class:`rbp.cmodel.build.NoCompiler`. One thread at a time may call it; where there are
    ``threads`` they do not outlive a fork.

    Parameters
    ----------
    machine : Machine
    threads : int
        Among which the patterns of a batch, and the rows of W, are shared.
    lib : optional
        Of :func:`rbp.cmodel.build.library`.
    """

    def __init__(self, machine: Machine, threads: int = 1, *, lib=None):
        self.machine, self.threads = machine, threads
        self._lib, self._model = lib or library(), None
        self._attach()

    def __del__(self):
        if getattr(self, "_model", None):
            self._lib.rbp_destroy(self._model)
            self._model = None

    def __reduce__(self):
        raise TypeError("a model cannot be copied: copy its machine")

    def update(self) -> Trained:
        """Relax a batch, then update the weights."""
        self._prepare()
        self._run(1, 0.0)
        return Trained(*[log.copy() for log in self._first])

    def train(self, updates: int, stop=None) -> Trained:
        """So many updates; fewer where ``stop()``, called every 50 ms or so, becomes true.

        An interrupt ends it at the end of an update, too: the machine is what it has come to.
        """
        found = [Trained(*[log[:0] for log in self._logs])]
        for part in self.parts(updates):
            found.append(part)
            if stop and stop():
                break
        names = (field.name for field in fields(Trained))
        return Trained(*(np.concatenate([getattr(part, n) for part in found]) for n in names))

    def parts(self, updates: int) -> Iterator[Trained]:
        """So many updates, those of 50 ms or so at a time."""
        while updates:
            self._prepare()
            done = self._run(min(updates, self._room), CHUNK)
            updates -= done
            yield Trained(*[log[:done].copy() for log in self._logs])

    def _run(self, updates, seconds):
        try:
            return self._lib.rbp_train(self._model, self._at, updates, seconds, *self._logs_at)
        finally:  # an interrupt is raised as soon as the library has returned
            self._finish()

    def relax(self, *, errors: bool = True) -> Ended:
        """Relax the patterns of the next update, or for a recall all, with the present weights."""
        self._prepare()
        m = self.machine
        rows = m.patterns() if errors else np.arange(len(m.targets))
        shape = (len(rows), 1 + errors)
        energy, steps = np.zeros(1, np.int64), np.zeros(shape, np.int64)
        unsettled, skip = np.zeros(shape, bool), np.zeros(len(rows), bool)
        logs = [_pointer(log) for log in (energy, steps, unsettled, skip)]
        try:
            self._lib.rbp_relax(self._model, self._at, errors, *logs)
        finally:
            self._finish()
        y = m.y[rows] if errors else None
        return Ended(m.x[rows], y, steps, unsettled, skip, int(energy[0]))

    def _prepare(self):
        m = self.machine
        if not all(map(is_, _WATCHED(m), self._seen)):
            self._attach()
        state = self._state
        state.t, state.unsettled, state.skipped, state.saturated = m.t, m.unsettled, m.skipped, 0

    def _finish(self):
        m, state = self.machine, self._state
        m.t, m.unsettled, m.skipped = state.t, state.unsettled, state.skipped
        if state.saturated:
            m.saturated |= {role for k, role in enumerate(ROLES) if state.saturated >> k & 1}

    def _attach(self):
        """Make the library's model of what the machine is now."""
        m, kept = self.machine, []
        _check(m)
        for name in _ARRAYS:
            setattr(m, name, np.array(getattr(m, name), np.int64, order="C"))

        def array(values, kind):
            kept.append(np.ascontiguousarray(values, kind))
            return kept[-1].ctypes.data

        self._state = _State(**{name: array(getattr(m, name), np.int64) for name in _SHARED})
        network = _Network(**_formats(m), **_described(m, array), threads=self.threads)
        self.__del__()
        self._at = ctypes.addressof(self._state)
        self._model = self._lib.rbp_create(ctypes.addressof(network), self._at)
        if not self._model:
            raise MemoryError("no memory for the compiled model")
        self._arrays = kept
        self._seen = _WATCHED(m)
        batch = network.batch
        self._room = max(1, (1 << 15) // batch)
        self._logs = (
            np.zeros(self._room, np.int64),
            np.zeros((self._room, batch, 2), np.int64),
            np.zeros((self._room, batch, 2), bool),
        )
        self._logs_at = [_pointer(log) for log in self._logs]
        self._first = [log[:1] for log in self._logs]


def _pointer(array):
    return array.ctypes.data


def _formats(machine):
    formats = machine.network.formats
    found = {name: getattr(formats, name) for name in ROLES}
    return {name: _Format(f.width, f.fraction) if f else _Format(1, 0) for name, f in found.items()}


def _described(machine, array):
    """The other fields of the library's network."""
    network, learning, settling = machine.network, machine.learning, machine.settling
    structure, features = machine.structure, network.features
    formats = network.formats
    numbers = np.empty(machine.weights.shape[1], np.int64)
    numbered = np.flatnonzero(structure.columns >= 0)
    numbers[structure.columns[numbered]] = numbered
    fmt = formats.weight if learning.friction is None else formats.velocity
    factors = [features and features.f, features and features.slope]
    return {
        "units": len(structure.held),
        "columns": len(numbers),
        "patterns": len(machine.targets),
        "rows": len(structure.rows),
        "row_units": array(structure.rows, np.int64),
        "places": array(structure.places, np.int64),
        "numbers": array(numbers, np.int64),
        "held": array(structure.held, np.uint8),
        "clamp": array(network.clamp_units, np.uint8),
        "target": array(network.target_units, np.uint8),
        "input": array(network.input_units, np.uint8),
        "activation": array(network.activation, np.int64),
        "tables": len(network.tables.g),
        "g": array(_whole(*network.tables.g), np.int32),
        "g_slope": array(_whole(*network.tables.slope), np.int32),
        "order": features.order if features else 0,
        "products": array(features.index, np.int64) if features else None,
        "f": array(_whole(factors[0]), np.int32) if factors[0] else None,
        "f_slope": array(_whole(factors[1]), np.int32) if factors[1] else None,
        "dt_shift": min(settling.dt_shift, 30),  # no step is longer: as any greater one
        "tolerance": settling.tolerance,
        "limit": settling.limit,
        "use_within": settling.use_within,
        "fixed": settling.fixed,
        "shift": formats.update_shift(fmt) - learning.eta_shift,
        "seed": _seed(learning.seed),
        "batch": learning.batch or len(machine.targets),
        "draw": _seed(learning.draw),
        "keep": learning.keep,
        "friction": -1 if learning.friction is None else learning.friction,
        "start_seed": _seed(learning.start_seed),
    }


def _seed(seed):
    return -1 if seed is None else seed & 0xFFFFFFFF


def _check(machine):
    """Refuse what the library has no room for."""
    network, learning, settling = machine.network, machine.learning, machine.settling
    formats = network.formats
    for name in ROLES:
        f = getattr(formats, name)
        if f and not (1 <= f.width <= MOST_BITS and f.fraction >= 0):
            raise ValueError(f"format {name} must have 1 … {MOST_BITS} bits, not {f}")
    fmt = formats.weight if learning.friction is None else formats.velocity
    shift = formats.update_shift(fmt) - learning.eta_shift
    ranges = {
        "shift of an update": (shift, 0, 60),
        "dt_shift": (settling.dt_shift, 0, np.inf),
        "limit": (settling.limit, 1, 2**62),
    }
    if learning.friction is not None:
        ranges["friction"] = (learning.friction, 0, 30)
        bits = formats.velocity.fraction - formats.weight.fraction
        ranges["velocity's bits beyond the weight's"] = (bits, 0, 30)
    for name, (value, least, most) in ranges.items():
        if not least <= value <= most:
            raise ValueError(f"{name} must be {least} … {most}, not {value}")
    words = {"weights": formats.weight, "velocity": formats.velocity, "y": formats.error}
    words |= dict.fromkeys(("targets", "inputs", "start", "x"), formats.state)
    for name, f in words.items():
        array = getattr(machine, name)
        if f and array.size and not f.min <= array.min() <= array.max() <= f.max:
            raise ValueError(f"{name} has words that {f} does not hold")
