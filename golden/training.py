"""Training by the deterministic method (19), and recall (28)."""

from dataclasses import dataclass, field

import numpy as np

from golden import pe
from golden.noise import noise
from golden.relaxation import Network, Relaxed, Settling, relax

__all__ = ["Learning", "Machine"]


@dataclass(frozen=True)
class Learning:
    """How weights move: η = 2**eta_shift; ``seed`` of the rounding noise, None to round half up."""

    eta_shift: int = 0
    seed: int | None = 1


@dataclass
class Machine:
    """A network that learns: everything that persists between updates, in raw words.

    ``targets``, ``inputs`` and ``start`` are A×N; ``weights`` N×M is replaced by each update.
    """

    network: Network
    weights: np.ndarray
    targets: np.ndarray
    inputs: np.ndarray
    start: np.ndarray
    settling: Settling
    learning: Learning = field(default_factory=Learning)
    t: int = 0
    """Rank-1 updates so far: each pattern counts, a skipped one too."""
    unsettled: int = 0
    """Relaxations that reached the limit."""
    skipped: int = 0
    """Rank-1 updates left out."""
    saturated: set = field(default_factory=set)

    def relax(self, *, errors=True) -> Relaxed:
        """Relax every pattern with the present weights."""
        relaxed = relax(
            self.network,
            self.weights,
            self.targets,
            self.inputs,
            self.start,
            self.settling,
            self.saturated,
            errors=errors,
        )
        self.unsettled += int(relaxed.unsettled.sum())
        return relaxed

    def learn(self, relaxed: Relaxed):
        """One rank-1 update for each pattern, in order (13)."""
        f = self.network.formats
        shift = f.update_shift - self.learning.eta_shift
        for pattern in range(len(relaxed.x)):
            if relaxed.skip[pattern]:
                self.skipped += 1
            else:
                seed = self.learning.seed
                r = None if seed is None else noise(seed, self.t, *self.weights.shape)
                self.weights = pe.update(
                    self.weights,
                    relaxed.y[pattern],
                    relaxed.c[pattern],
                    r,
                    shift,
                    f.weight,
                    self.saturated,
                )
            self.t += 1

    def update(self) -> Relaxed:
        """Relax all patterns, then update the weights: one step of (19)."""
        relaxed = self.relax()
        self.learn(relaxed)
        return relaxed
