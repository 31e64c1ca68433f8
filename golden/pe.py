"""The three sweeps over the weight matrix: what the processing elements do.

Sums are exact and unrounded. Patterns lie along the leading axis where there is one.
"""

import numpy as np

from golden.formats import saturate

__all__ = ["backward", "forward", "update"]


def _exact_product(a, b):
    """Integer matrix product by way of float64, exact while every partial sum is below 2**53."""
    bound = np.abs(a).max(initial=0).astype(float) * np.abs(b).max(initial=0) * a.shape[-1]
    if bound >= 2.0**53:
        raise OverflowError(f"A sum may reach {bound:.3g}, beyond the exact range of float64")
    return (a.astype(np.float64) @ b.astype(np.float64)).astype(np.int64)


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
        ``formats.update_shift - log2(η)``.
    fmt : Format
        WEIGHT.

    A weight of 0 is no connection and stays 0; a weight whose update ends at 0 becomes 1.
    """
    if noise is None:
        r = 1 << (shift - 1)
    else:
        r = noise << (shift - 16) if shift >= 16 else noise >> (16 - shift)
    present = weights != 0
    moved = saturate(weights + ((np.outer(y, phi) + r) >> shift), fmt, flags, where=present)
    return np.where(present, np.where(moved == 0, 1, moved), 0)
