"""What a host asks of a core, a word or some: whatever carries them.

A procedure is a generator that yields requests and is sent their answers, so that the same code
runs under ctypes, under cocotb, and over a board's link:

    Write(address, data) → None                 Read(address) → word
    Fetch(address, count) → list of words       Idle(cycles) → None

Each can be carried out twice, where a link has lost an answer; see
:mod:`rbp.hdl.host.memory_map`.
"""

from typing import NamedTuple

import numpy as np

from rbp.hdl.host.description import DESCRIPTION, Unknown, described
from rbp.hdl.host.memory_map import DESCRIBES, IDENTITY

__all__ = ["BadAnswer", "Fetch", "Idle", "Read", "Report", "Write", "describe"]


class Write(NamedTuple):
    """Write a 32-bit word."""

    address: int
    data: int


class Read(NamedTuple):
    """Read a 32-bit word."""

    address: int


class Fetch(NamedTuple):
    """Read words that follow one another."""

    address: int
    count: int


class Idle(NamedTuple):
    """Let cycles pass."""

    cycles: int


class Report(NamedTuple):
    """What the log says of one update, or of a recall."""

    energy: int
    """Σ J² before the update."""
    steps: np.ndarray
    """A×2: of x and of y."""
    unsettled: np.ndarray
    """A×2 bool."""


class BadAnswer(Exception):
    """A core, or the way to it, answers what no core says."""


def describe(own=()):
    """What a core says of itself: its Config.

    ``own`` names the functions of the user's own that it has, in order. Raises :class:`BadAnswer`
    where it is no core, or one of another version.
    """
    identity = yield Read(0)
    if identity != IDENTITY:
        if identity >> 8 == IDENTITY >> 8:
            version, known = identity & 0xFF, IDENTITY & 0xFF
            raise BadAnswer(f"the core's map is of version {version:c}, this program's {known:c}")
        raise BadAnswer(f"it answers {identity:#010x}, where a core says {IDENTITY:#010x}")
    words = yield Fetch(DESCRIBES, len(DESCRIPTION))
    try:
        return described(words, own)
    except Unknown as error:
        raise BadAnswer(str(error)) from error
