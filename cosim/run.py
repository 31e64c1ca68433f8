"""Runs of the core under Verilator: the same call and the same arrays as the golden model's.

Placeholder signatures, replaced once the core exists.
"""

from dataclasses import dataclass, field

import numpy as np

__all__ = ["Mismatch", "Run", "lockstep", "recall", "train"]


class Mismatch(Exception):
    """The core and the golden model differ; the message names the first word."""


@dataclass
class Run:
    """What a run of any engine on integers gives back (raw words)."""

    weights: np.ndarray
    states: np.ndarray
    energy: list[int]
    """Σ J² at each update, before it."""
    settle_steps: np.ndarray
    """updates × A × 2 (training) or A (recall)."""
    unsettled: int
    skipped: int
    saturated: set = field(default_factory=set)
    cycles: int = 0
    utilisation: float = 0.0
    words_compared: int = 0
    settled: np.ndarray | None = None
    """Recall: A bool."""


def train(config, machine, updates, progress=None) -> Run:
    """Whole training on the core. ``progress(done, total)`` is called now and then."""
    raise NotImplementedError


def recall(config, machine, progress=None) -> Run:
    """Let x settle from ``machine.start``; no y, no update."""
    raise NotImplementedError


def lockstep(config, machine, updates, progress=None) -> Run:
    """As :func:`train`, every word compared with golden after each phase; raises Mismatch."""
    raise NotImplementedError
