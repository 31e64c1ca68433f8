"""Tables of g and g': linear interpolation between knots.

Over the NET format's range, cut into ``2**k`` equal segments of width h, the function F is given by
knots ``F(u) - h² F''(u) / 16`` (which halves the error of a chord), rounded with two guard bits. A
word of the table holds a knot and the difference to the next:

    F(u) ≈ round((base << s) + difference · fraction) >> (s + 2),   s the bits of a segment

At every input the result is at most one ulp from the real function. A slope of
1, which SLOPE just cannot hold, becomes its greatest word; that is no saturation.

A function of the user's own is given by samples, which replace it in floating point as well; its
table is as good where its curvature is no greater than that of tanh.
"""

import hashlib
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from rbp.golden.formats import Format, Formats, round_half_up, saturate

__all__ = [
    "ACTIVATIONS",
    "GUARD",
    "SAMPLES",
    "Activation",
    "Table",
    "Tables",
    "activation",
    "feature_tables",
    "register",
    "tables_for",
]

GUARD = 2
SAMPLES = np.linspace(-8.0, 8.0, (1 << 14) + 1)
SAMPLES.flags.writeable = False
"""Where a function of the user's own is sampled."""


@dataclass(frozen=True)
class Activation:
    """A differentiable g: the function and its first three derivatives, float64 arrays."""

    name: str
    derivatives: tuple[Any, ...]
    smooth: bool = False
    """The logistic function's slope is at most 1/4, so fewer segments do."""

    def __call__(self, u):
        return self.derivatives[0](u)

    def slope(self, u):
        return self.derivatives[1](u)


def _logistic(u):
    return 1.0 / (1.0 + np.exp(-u))


def _of_logistic(polynomial, u):
    s = _logistic(u)
    return s * (1 - s) * np.polyval(polynomial, s)


def _of_tanh(polynomial, u):
    t = np.tanh(u)
    return (1 - t * t) * np.polyval(polynomial, t)


def _minus_sin(u):
    return -np.sin(u)


def _minus_cos(u):
    return -np.cos(u)


ACTIVATIONS = {
    a.name: a
    for a in (
        Activation(
            "logistic",
            (_logistic, *(partial(_of_logistic, p) for p in ((1,), (-2, 1), (6, -6, 1)))),
            smooth=True,
        ),
        Activation("tanh", (np.tanh, *(partial(_of_tanh, p) for p in ((1,), (-2, 0), (6, 0, -2))))),
        Activation("sin", (np.sin, np.cos, _minus_sin, _minus_cos)),
    )
}


_OWN: dict[str, Activation] = {}


def activation(name) -> Activation:
    """One of :data:`ACTIVATIONS`, or of the user's own; raises KeyError."""
    return ACTIVATIONS.get(name) or _OWN[name]


def _sampled(samples, u):
    return np.interp(u, SAMPLES, samples)


def _bend(samples, u):
    """The second derivative, by differences."""
    d = 2.0**-6
    u = np.clip(u, SAMPLES[0] + d, SAMPLES[-1] - d)
    return sum(k * _sampled(samples, u + s) for k, s in ((1, d), (-2, 0), (1, -d))) / d**2


def register(samples) -> str:
    """The name, made of its content, of a pair g, g' given at :data:`SAMPLES` (2×S float)."""
    samples = np.array(samples, np.float64, order="C")
    samples.flags.writeable = False
    name = f"table-{hashlib.sha256(samples).hexdigest()[:12]}"
    g, slope = samples
    functions = ((_sampled, g), (_sampled, slope), (_bend, g), (_bend, slope))
    _OWN[name] = Activation(name, tuple(partial(f, of) for f, of in functions))
    return name


@dataclass(frozen=True)
class Table:
    """One function on NET words.

    Parameters
    ----------
    function, curvature : callable
        F and F'', float64.
    segments : int
        Number of segments, a power of two.
    i, o : Format
        Formats of the argument and of the result.
    """

    function: Any
    curvature: Any
    segments: int
    i: Format
    o: Format

    @property
    def segment_bits(self):
        """Low bits of the argument, which move inside a segment."""
        return self.i.width - (self.segments - 1).bit_length()

    @cached_property
    def knots(self):
        step = 2.0 ** (self.i.integer + 1) / self.segments
        u = -(2.0**self.i.integer) + step * np.arange(self.segments + 1)
        value = self.function(u) - step * step * self.curvature(u) / 16
        knots = np.floor(value * 2.0 ** (self.o.fraction + GUARD) + 0.5).astype(np.int64)
        knots.flags.writeable = False
        return knots

    @property
    def base(self):
        return self.knots[:-1]

    @property
    def difference(self):
        return np.diff(self.knots)

    def __call__(self, u):
        """Results, in format ``o``, for raw words ``u`` in format ``i``."""
        return self._results[u]

    @cached_property
    def _results(self):
        """Those of all words: from 0 up, then the negative ones, which NumPy finds from the end."""
        offset = np.arange(1 << self.i.width)
        index, inside = offset >> self.segment_bits, offset & ((1 << self.segment_bits) - 1)
        value = (self.base[index] << self.segment_bits) + self.difference[index] * inside
        results = saturate(round_half_up(value, self.segment_bits + GUARD), self.o)
        return np.roll(results, self.i.min)


@dataclass(frozen=True)
class Tables:
    """g and g' of each activation built in, all with the same number of segments."""

    g: tuple[Table, ...]
    slope: tuple[Table, ...]


_SEGMENTS = {  # logistic g, g'; others g, g' (the least that stay within one unit)
    "w16": (256, 512, 1024, 2048),
    "w18": (1024, 1024, 2048, 4096),
    "w8": (16, 32, 64, 128),
}


def _segments(preset, functions):
    smooth = all(a.smooth for a in functions)
    return _SEGMENTS[preset][:2] if smooth else _SEGMENTS[preset][2:]


@cache
def tables_for(preset: str, formats: Formats, activations: tuple[str, ...]) -> Tables:
    """The tables of a machine: one pair for each name, with segments enough for the sharpest."""
    chosen = [activation(name) for name in activations]
    segments = _segments(preset, chosen)
    pairs = [_pair(a, segments, formats.net, (formats.state, formats.slope)) for a in chosen]
    g, slope = zip(*pairs, strict=True)
    return Tables(g, slope)


@cache
def feature_tables(preset: str, formats: Formats, name: str) -> tuple[Table, Table]:
    """f and f' of a higher-order network, from STATE to STATE; segments as wide as those of g."""
    segments = [n // 4 for n in _segments(preset, [activation(name)])]
    return _pair(activation(name), segments, formats.state, (formats.state, formats.state))


def _pair(function, segments, i, o):
    d = function.derivatives
    return Table(d[0], d[2], segments[0], i, o[0]), Table(d[1], d[3], segments[1], i, o[1])
