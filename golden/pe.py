"""The sweeps over the weight matrix: what the processing elements do, and momentum behind them.

Sums are exact and unrounded. Patterns lie along the leading axis where there is one.
"""

import numpy as np

from rbp.golden.formats import saturate

__all__ = ["accumulate", "apply", "backward", "forward", "update"]


def _exact_product(a, b):
    """Product of words in the type of ``b``, which holds every sum: see
    :meth:`rbp.golden.formats.Formats.sums`."""
    return (a.astype(b.dtype, copy=False) @ b).astype(np.int64, copy=False)


def forward(weights, phi):
    """W φ (1): N sums, with fraction WEIGHT + STATE, from M operands for each pattern."""
    return _exact_product(phi, weights.T)


def backward(weights, y):
    """Wᵀ y (17): M sums, with fraction WEIGHT + ERROR, from N errors for each pattern."""
    return _exact_product(y, weights)


def update(weights, y, phi, noise, shift, fmt, flags=None):
    """W += η y φᵀ (13) for one pattern: w ← sat(w + ((y·φ + r) >> shift)).

    Parameters
    ----------
    noise : N×M int in 0 … 65535, or None
        For stochastic rounding; None rounds half up.
    shift : int
        ``formats.update_shift(fmt) - log2(η)``.
    fmt : Format
        WEIGHT.

    A weight of 0 is no connection and stays 0; a weight whose update ends at 0 becomes 1.
    """
    step = (y[:, None] * phi + _rounding(noise, shift)) >> shift
    return _moved(weights, step, fmt, flags)


def accumulate(velocity, present, y, phi, noise, shift, fmt, flags=None):
    """v ← sat(v + ((y·φ + r) >> shift)): what an update does where there is momentum.

    As :func:`update`, with VELOCITY for ``fmt``, and N×M bool ``present``: what is no connection
    has velocity 0. Elsewhere 0 is a velocity like any other.
    """
    step = (y[:, None] * phi + _rounding(noise, shift)) >> shift
    return saturate(velocity + step, fmt, flags, where=present) * present


def apply(weights, velocity, noise, friction, formats, flags=None):
    """w ← sat(w + round(v)), v ← v − ((v + r) >> friction), both of the v before; returns both.

    ``noise`` rounds both, as in :func:`update`; rules of 0 as there.
    """
    narrower = formats.velocity.fraction - formats.weight.fraction
    step = (velocity + _rounding(noise, narrower)) >> narrower
    lost = (velocity + _rounding(noise, friction)) >> friction
    return _moved(weights, step, formats.weight, flags), velocity - lost


def _rounding(noise, shift):
    """r, to add before ``shift`` bits are dropped: noise, or half where there is none."""
    if noise is None:
        return (1 << shift) >> 1
    return noise << (shift - 16) if shift >= 16 else noise >> (16 - shift)


def _moved(weights, step, fmt, flags):
    present = weights != 0
    moved = saturate(weights + step, fmt, flags, where=present)
    moved[moved == 0] = 1
    return moved * present
