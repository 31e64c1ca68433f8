"""Golden's machine, run by the compiled model."""

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np

from rbp.cmodel.build import library
from rbp.cmodel.fields import MOST_BITS, NETWORK, STATE, arrays, check, described
from rbp.golden.formats import ROLES
from rbp.golden.training import Machine

__all__ = ["MOST_BITS", "Ended", "Model", "Trained"]

CHUNK = 0.05
"""Seconds of a call of the library, behind which Python looks up."""

_ARRAYS = ("weights", "velocity", "start", "x", "y")
"""What a model shares with its machine, and changes."""


def _parts(m):
    """What the library's model of a machine is made from."""
    arrays = m.weights, m.velocity, m.targets, m.inputs, m.start, m.x, m.y
    return *arrays, m.network, m.settling, m.learning, m.structure


def _same(m, parts):
    """Whether they are still the same ones; written out, since an update has no time for a loop."""
    w, v, targets, inputs, start, x, y, network, settling, learning, structure = parts
    words = m.weights is w and m.velocity is v and m.start is start and m.x is x and m.y is y
    given = words and m.targets is targets and m.inputs is inputs and m.network is network
    how = given and m.settling is settling and m.learning is learning
    return how and m.structure is structure


def _fields(names):
    kinds = {True: ctypes.c_void_p, False: ctypes.c_int64}
    return [(name.lstrip("*"), kinds[name.startswith("*")]) for name in names.split()]


class _Format(ctypes.Structure):
    _fields_ = _fields("width fraction")


class _Network(ctypes.Structure):
    _fields_ = [(name, _Format) for name in ROLES] + _fields(NETWORK)


class _State(ctypes.Structure):
    _fields_ = _fields(STATE)


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
        self._one = self._lib["rbp_train"]  # without types of arguments: given as they are
        self._one.restype = ctypes.c_int64
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
        try:
            self._one(*self._once)
        finally:  # an interrupt is raised as soon as the library has returned
            self._finish()
        energy, steps, unsettled = self._first
        return Trained(energy.copy(), steps.copy(), unsettled.copy())

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
        finally:
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
        if not _same(m, self._seen):
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
        check(m)
        for name in _ARRAYS:
            setattr(m, name, np.array(getattr(m, name), np.int64, order="C"))

        def pointed(values):
            kept.extend(value for value in values.values() if isinstance(value, np.ndarray))
            return {
                name: _pointer(value) if isinstance(value, np.ndarray) else value
                for name, value in values.items()
            }

        self._state = _State(**pointed(arrays(m)))
        network = _Network(**pointed(described(m, self.threads)))
        self.__del__()
        self._at = ctypes.addressof(self._state)
        self._model = self._lib.rbp_create(ctypes.addressof(network), self._at)
        if not self._model:
            raise MemoryError("no memory for the compiled model")
        self._arrays = kept
        self._seen = _parts(m)
        batch = network.batch
        self._room = max(1, (1 << 15) // batch)
        self._logs = (
            np.zeros(self._room, np.int64),
            np.zeros((self._room, batch, 2), np.int64),
            np.zeros((self._room, batch, 2), bool),
        )
        self._logs_at = [_pointer(log) for log in self._logs]
        self._first = [log[:1] for log in self._logs]
        pointers = map(ctypes.c_void_p, (self._model, self._at, *self._logs_at))
        model, state, *logs = pointers
        self._once = model, state, ctypes.c_int64(1), ctypes.c_double(0), *logs


def _pointer(array):
    return array.ctypes.data
