"""Noise of stochastic rounding: 16 bits R(t, i, j) of update t, row i, column j, in any order.

X, on 32 bits:  z ^= z<<13;  z ^= z>>17;  z ^= z<<5.
z of update t:  s = seed + (t+1)·9E3779B9;  z = s;  three times z = X(X(z)) + s;  9E3779B9 if 0.
F, on 12 bits:  F(v) = rotl(v, 2) ^ rotl(v, 9) ^ (rotl(v, 11) & 687).
H(z, j):        13 bits v, at first those of j, pass the layers L20 C17 L2 C0 L27. Indices of v are
                modulo 13, those of z modulo 32; all bits k of a layer change at once:
    L n         v_k = v_k ^ v_{k+4} ^ v_{k+10} ^ z_{k+n}
    C n         u_k = v_{6k};  v_k = u_k ^ (~u_{k+1} & u_{k+2}) ^ z_{k+n}

    R(t, i, j) = r << 4 | 8,  r = XOR of F^{i+k}(1) over the k < 12 with bit k of H(z, j) set

r has 12 bits; the 8 is half a unit of them, so that the mean is exactly one half. The powers of F
are a field of 4096 elements, in which f(F) = 0 and x stands for F: r is H(x)·xⁱ mod f. So row i+1
is F of row i, and row i of a column is one multiplication, whatever came before.

Range: j < 2**13; rows repeat after 4095. Weights, bits, pairs of weights, columns, rectangles and
updates are as of independent random words. Not so the rows of an update: a column of it is a
stretch of one sequence of 4095 words. Exact correlations of two rows at the same column:

    probability of a carry          1/2     1/8    0.1    0.05   (of the words)
    rows less than 64 apart        .0002   .0000   .030   .045    .0007
    less than 1024 apart           .0002   .143    .116   .071    .046 (898), .025 and .023 (three)

So the sum of the carries of a column, or of an update, of 15 rows has 0.92 … 1.05 of its variance,
and four rows one below the other are correlated by 0.012 where a carry has probability 0.1.
"""

import numpy as np

__all__ = [
    "BITS",
    "GOLDEN_RATIO",
    "HASH_BITS",
    "LAYERS",
    "MASK",
    "ORBIT",
    "POLYNOMIAL",
    "ROTATIONS",
    "column_hash",
    "mix",
    "noise",
    "noise_of",
    "noises",
    "start_word",
    "stream_start",
    "xorshift",
]

GOLDEN_RATIO = 0x9E3779B9
WORD = 0xFFFFFFFF
BITS = 12
"""Bits of r."""
ROTATIONS, MASK = (2, 9, 11), 0x687
"""F: three rotations to the left; of the last one only the bits of the mask."""
POLYNOMIAL = 0x1371
"""f, bit k for xᵏ."""
HASH_BITS = 13
LAYERS = (("L", 20), ("C", 17), ("L", 2), ("C", 0), ("L", 27))
"""H: kind of each layer, and the bit of z at which its key starts."""


def xorshift(z):
    """X: one step of the 32-bit xorshift generator."""
    z = z ^ ((z << 13) & WORD)
    z = z ^ (z >> 17)
    return z ^ ((z << 5) & WORD)


def mix(v):
    """F: from r of one row to that of the next (12 bits)."""

    def rotl(v, n):
        return ((v << n) | (v >> (BITS - n))) & ((1 << BITS) - 1)

    a, b, c = ROTATIONS
    return rotl(v, a) ^ rotl(v, b) ^ (rotl(v, c) & MASK)


def start_word(seed, t):
    """s of update t; the hardware's register holds that of the update last drawn."""
    return (seed + (t + 1) * GOLDEN_RATIO) & WORD  # int64 may overflow: its low bits are right


def stream_start(s):
    """z, the key of the columns' hash; of one s or of an array."""
    z = s
    for _ in range(3):
        z = (xorshift(xorshift(z)) + s) & WORD
    return z + (z == 0) * GOLDEN_RATIO


def _orbit():
    """F^m(1) of m = 0 … 4094: all words but 0."""
    words = [1]
    while len(words) < (1 << BITS) - 1:
        words.append(mix(words[-1]))
    return np.array(words)


ORBIT = _orbit()
_FOLLOWING = np.concatenate([ORBIT, ORBIT, np.zeros_like(ORBIT)]) << 4 | 8
_PLACES = np.append(2 * len(ORBIT), np.argsort(ORBIT))
"""Where R of each r is in _FOLLOWING; behind it are those of the rows below. 0 stays 0."""


def _bits(words, n):
    """Bits 0 … n−1 of the words, along the first axis; bool."""
    return words >> np.arange(n).reshape(-1, *[1] * words.ndim) & 1 != 0


def column_hash(z, columns):
    """H(z, j): 13 × … × columns, bool, for an array z of any shape and one of columns."""
    z = np.asarray(z)[..., None]
    columns = columns.reshape(*[1] * (z.ndim - 1), -1)
    z, v, k = _bits(z, 32), _bits(columns, HASH_BITS), np.arange(HASH_BITS)
    for kind, n in LAYERS:
        key = z[(k + n) % 32]
        if kind == "L":
            v = v ^ v[(k + 4) % HASH_BITS] ^ v[(k + 10) % HASH_BITS] ^ key
        else:
            a, b, c = (v[6 * (k + i) % HASH_BITS] for i in range(3))
            v = a ^ (~b & c) ^ key
    return v


def _first_row(z, columns):
    """r of row 0: … × columns, for arrays z and columns."""
    bits = np.moveaxis(column_hash(z, columns)[:BITS], 0, -1)
    return np.bitwise_xor.reduce(bits * ORBIT[:BITS], axis=-1)


def _below(first, rows):
    """R of an array of rows, from r of row 0: … × rows × columns, int64 in 0 … 65535."""
    return _FOLLOWING.take(_PLACES[first][..., None, :] + rows[:, None])


def noise_of(z, rows, columns):
    """r of all rows and columns: … × rows × columns, int64 in 0 … 4095, for an array z."""
    return _below(_first_row(z, np.arange(columns)), np.arange(rows)) >> 4


def noise(seed, t, rows, columns):
    """R(t, i, j) for all i and j: rows × columns, int64 in 0 … 65535."""
    (words,) = noises(seed, np.array([t]), np.arange(rows), np.arange(columns))
    return words


def noises(seed, updates, rows, columns):
    """R(t, i, j) of one of the updates after the other, for arrays of rows and columns."""
    for first in _first_row(stream_start(start_word(seed, updates)), columns):
        yield _below(first, rows)
