"""Fixed-point formats by role, and the one way in which a number is narrowed.

A format ``sI.F`` is two's complement with I integer bits (the sign not counted) and F fractional
bits. Every array in ``golden`` is int64 and holds *raw* words: the value is ``raw * 2**-F``.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

__all__ = ["PRESETS", "ROLES", "Format", "Formats", "narrow", "round_half_up", "saturate"]


@dataclass(frozen=True)
class Format:
    """Signed fixed-point format of one role, ``1 + integer + fraction`` bits wide."""

    role: str
    integer: int
    fraction: int

    @cached_property
    def width(self):
        return 1 + self.integer + self.fraction

    @cached_property
    def min(self):
        return -(1 << (self.width - 1))

    @cached_property
    def max(self):
        return (1 << (self.width - 1)) - 1

    def to_raw(self, value):
        """Raw words nearest to float values (ties upwards); a value out of range is not clipped."""
        return np.floor(np.asarray(value, np.float64) * 2.0**self.fraction + 0.5).astype(np.int64)

    def to_float(self, raw):
        """Values of raw words, exact."""
        return np.asarray(raw, np.float64) * 2.0**-self.fraction

    def __str__(self):
        return f"s{self.integer}.{self.fraction}"


@dataclass(frozen=True)
class Formats:
    """The formats of a machine.

    ``state``: x, T, I, φ. ``error``: y, J, b. ``weight``: w. ``net``: u at the table's input.
    ``slope``: g'(u). ``velocity``: v, where momentum is built in; None where it cannot be.
    """

    state: Format
    error: Format
    weight: Format
    net: Format
    slope: Format
    velocity: Format | None

    def update_shift(self, learned):
        """Fractional bits of y·φ beyond those of w or v: the shift of an update at η = 1."""
        return self.error.fraction + self.state.fraction - learned.fraction

    def sums(self, terms):
        """A type that holds every sum of so many products of a weight: float64, which is quick,
        where it is exact, up to 2**53. Raises OverflowError where int64 does not hold them."""
        greatest = terms * self.weight.min * min(self.state.min, self.error.min)
        if greatest >= 2**63:
            raise OverflowError(f"a sum of {terms} products may reach {greatest:.3g}, beyond 2**63")
        return np.float64 if greatest <= 2**53 else np.int64


def _formats(state, error, weight, net, slope, velocity):
    return Formats(
        state=Format("state", *state),
        error=Format("error", *error),
        weight=Format("weight", *weight),
        net=Format("net", *net),
        slope=Format("slope", *slope),
        velocity=velocity and Format("velocity", *velocity),
    )


ROLES = ("state", "error", "weight", "net", "slope", "velocity")

_W16 = _formats((1, 14), (1, 14), (3, 12), (3, 12), (0, 15), (1, 14))
PRESETS = {
    "w16": _W16,
    "w18": _formats((1, 16), (1, 16), (3, 14), (3, 14), (0, 17), (1, 16)),
    "w8": _formats((1, 6), (0, 9), (3, 4), (3, 6), (0, 8), None),
}


def round_half_up(value, shift):
    """``value / 2**shift`` rounded half up; a negative shift is exact. An array of Python's
    integers, of any length, stays one."""
    value = np.asarray(value)
    if shift <= 0:
        return value << -shift
    return (value + (1 << (shift - 1))) >> shift


def saturate(value, fmt, flags=None, where=True):
    """Clamp to a format. Where anything was clamped, its role joins the set ``flags``.

    ``where`` masks the elements that count; the others are clamped without being flagged. What is
    in range is returned as it is.
    """
    value = np.asarray(value)
    if fmt.min <= value.min(initial=0) and value.max(initial=0) <= fmt.max:
        return value.astype(np.int64, copy=False)
    clamped = np.clip(value, fmt.min, fmt.max)
    if flags is not None and ((clamped != value) & where).any():
        flags.add(fmt.role)
    return np.asarray(clamped, np.int64)


def narrow(value, shift, fmt, flags=None, where=True):
    """The one narrowing of the machine: :func:`round_half_up`, then :func:`saturate`."""
    return saturate(round_half_up(value, shift), fmt, flags, where)
