"""When relaxations of a higher order end: :mod:`rbp.hdl.fold_schedule`, in compiled software."""

import ctypes
from functools import cache

import numpy as np

from rbp.cmodel.build import FLAGS, FOLDER, compiled

__all__ = ["relaxations"]

FIELDS = """lanes whole brief reach sums finish ahead pipeline depth *behind units *terms places
*rows"""
"""Of the source's ``Times``; * begins a pointer's."""


class _Times(ctypes.Structure):
    _fields_ = [
        (name.lstrip("*"), ctypes.c_void_p if name.startswith("*") else ctypes.c_int64)
        for name in FIELDS.split()
    ]


@cache
def _library():
    lib = ctypes.CDLL(compiled([FOLDER / "folds.cpp"], FLAGS))
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    lib.rbp_folds.restype, lib.rbp_folds.argtypes = None, [pointer, number, number, *[pointer] * 6]
    return lib


def relaxations(times, ready, free, held, steps):
    """(cycles in which all lanes are idle, in which the deal is over), 2×K, of K relaxations.

    ``times`` has every field of FIELDS, numbers and arrays. ``ready`` and ``free`` (K) are cycles,
    ``held`` (K×B) the patterns, ``steps`` (K×B×2) at least one of each. Raises
    :class:`rbp.cmodel.build.NoCompiler`.
    """
    kept = {name: value for name, value in times.items() if not isinstance(value, int)}
    kept = {name: np.ascontiguousarray(value, np.int64) for name, value in kept.items()}
    given = _Times(**times | {name: array.ctypes.data for name, array in kept.items()})
    arrays = [np.ascontiguousarray(array, np.int64) for array in (ready, free, held, steps)]
    found = np.empty((2, len(steps)), np.int64)
    pointers = (array.ctypes.data for array in (*arrays, *found))
    _library().rbp_folds(ctypes.addressof(given), *held.shape, *pointers)
    return found
