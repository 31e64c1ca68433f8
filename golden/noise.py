"""Noise for stochastic rounding: 16 bits R(t, i, j) for update t, row i, column j.

On 32 bits X: z ^= z<<13; z ^= z>>17; z ^= z<<5. A start z is hashed from seed and t; row 0 takes
the upper halves of X(z), X²(z), …; each next row passes F, a 16-bit mixing, so in hardware the
noise rides along the processing elements.
"""

import numpy as np

__all__ = ["GOLDEN_RATIO", "MASK", "mix", "noise", "start_word", "stream_start", "xorshift"]

GOLDEN_RATIO = 0x9E3779B9
MASK = 0xA51C
WORD = 0xFFFFFFFF


def xorshift(z):
    """X: one step of the 32-bit xorshift generator."""
    z ^= (z << 13) & WORD
    z ^= z >> 17
    return z ^ ((z << 5) & WORD)


def mix(v):
    """F: from the noise of one row to that of the next (16 bits)."""

    def rotl(v, n):
        return ((v << n) | (v >> (16 - n))) & 0xFFFF

    return rotl(v, 7) ^ rotl(v, 14) ^ (rotl(v, 9) & MASK)


def start_word(seed, t):
    """s of update t; the hardware's register holds that of the update last drawn."""
    return (seed + (t + 1) * GOLDEN_RATIO) & WORD


def stream_start(s):
    """z, the state from which row 0 is drawn."""
    z = s
    for _ in range(3):
        z = (xorshift(xorshift(z)) + s) & WORD
    return z or GOLDEN_RATIO


def noise(seed, t, rows, columns):
    """R(t, i, j) for all i and j: rows × columns, int64 in 0 … 65535."""
    z = stream_start(start_word(seed, t))
    first = np.empty(columns, np.int64)
    for j in range(columns):
        z = xorshift(z)
        first[j] = z >> 16
    result = np.empty((rows, columns), np.int64)
    for i in range(rows):
        result[i] = first
        first = mix(first)
    return result
