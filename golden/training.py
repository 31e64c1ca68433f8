"""Training by the methods (19), (13) with (20), and side by side; recall (28)."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rbp.golden import pe
from rbp.golden.noise import noises, start_word, stream_start, xorshift
from rbp.golden.relaxation import Network, Relaxed, Settling, relax, replaced
from rbp.golden.structure import Structure

__all__ = ["Learning", "Machine"]


@dataclass(frozen=True)
class Learning:
    """How weights move: η = 2**eta_shift; ``seed`` of the rounding noise, None to round half up.

    An update takes ``batch`` patterns (None: all) in turn; or the one that chance draws (20), where
    ``draw`` is its seed, that of the noise if both are given. ``keep``: relaxations go on from the
    pattern's last x and y, instead of x(t0) and 0. Side by side is keep, one fixed step, batch 1.

    With ``start_seed`` each relaxation starts at random; all seeds given are the same.
    With ``friction`` k a batch moves velocities v, and these the weights, once a batch: w += v,
    v −= 2⁻ᵏ·v, which is a momentum of 1 − 2⁻ᵏ. It takes noise as a rank-1 update does.
    """

    eta_shift: int = 0
    seed: int | None = 1
    batch: int | None = None
    draw: int | None = None
    keep: bool = False
    friction: int | None = None
    start_seed: int | None = None

    def __post_init__(self):
        assert self.draw is None or self.batch == 1
        assert self.start_seed is None or not self.keep
        assert len({self.seed, self.draw, self.start_seed} - {None}) <= 1

    def patterns(self, total, t):
        """Which of ``total`` patterns the update takes whose first rank-1 update is t, in order;
        of an array of t, a row each.

        Drawn: ⌊A·z / 2¹⁶⌋, z the upper 16 bits of the state from which the noise of t comes.
        """
        if self.draw is not None:
            z = stream_start(start_word(self.draw, self.first_draw(total, t)))
            return np.asarray(total * (z >> 16) >> 16)[..., None]
        return (np.asarray(t)[..., None] + np.arange(self.batch or total)) % total

    def first_draw(self, total, t):
        """The first hash of the batch that begins with the rank-1 update t.

        A batch takes one for the start of each of its patterns, where that is random, one for each
        rank-1 update, and one for its momentum, in this order.
        """
        batch = self.batch or total
        random, momentum = self.start_seed is not None, self.friction is not None
        return t + t // batch * (batch * random + momentum)

    def start_words(self, total, places, t, fraction):
        """B×K words of x(t0) of the units in the rows ``places`` (K), in [0, 1): X^(row+1)(z) >>
        (32 − fraction), z of the pattern's hash."""
        first = self.first_draw(total, t)
        z = stream_start(start_word(self.start_seed, first + np.arange(self.batch or total)))
        drawn = []
        for _ in range(places[-1] + 1):
            z = xorshift(z)
            drawn.append(z >> (32 - fraction))
        return np.stack(drawn, axis=1)[:, places]


@dataclass
class Machine:
    """A network that learns: everything that persists between updates, in raw words.

    ``targets``, ``inputs``, ``start``, ``x`` and ``y`` are A×N; ``weights`` and ``velocity`` N×M
    are replaced by each update. By default x is ``start``, y and v are 0. ``start`` is x(t0), drawn
    anew where that is random.
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
    x: Any = None
    """Where each pattern's last relaxation ended."""
    y: Any = None
    velocity: Any = None
    structure: Any = None
    """:class:`rbp.golden.structure.Structure`; by default that of the weights and the flags."""

    def __post_init__(self):
        network, present = self.network, self.weights != 0
        if self.structure is None:
            products = network.features and network.features.products
            flags = network.clamp_units, network.target_units
            self.structure = Structure.of(present, *flags, products)
        if self.velocity is None:
            self.velocity = np.zeros_like(self.weights)
        self.velocity = np.where(present, self.velocity, 0)
        self.start = self._at_rest(self.start)
        self.x = self.start.copy() if self.x is None else self._at_rest(self.x)
        self.y = np.zeros_like(self.start) if self.y is None else self.y.copy()

    def _at_rest(self, x):
        """x with that of the held units."""
        network = self.network
        rest = np.where(network.clamp_units, self.targets, network.rest(self.inputs))
        return np.where(self.structure.held, rest, x)

    def patterns(self):
        """The patterns of the next update, in order."""
        return self.learning.patterns(len(self.targets), self.t)

    def relax(self, *, errors=True) -> Relaxed:
        """Relax the patterns of the next update, or for a recall all, with the present weights."""
        rows = self.patterns() if errors else np.arange(len(self.targets))
        keep = self.learning.keep and errors
        if errors and self.learning.start_seed is not None:
            fraction = self.network.formats.state.fraction
            self.start[np.ix_(rows, self.structure.rows)] = self.learning.start_words(
                len(self.start), self.structure.places, self.t, fraction
            )
        relaxed = relax(
            self.network,
            self.weights,
            self.targets[rows],
            self.inputs[rows],
            self.x[rows] if keep else self.start[rows],
            self.settling,
            self.saturated,
            held=self.structure.held,
            errors=errors,
            y=self.y[rows] if keep else None,
        )
        self.x[rows] = relaxed.x
        if errors:
            self.y[rows] = relaxed.y
        self.unsettled += int(relaxed.unsettled.sum())
        return relaxed

    def learn(self, relaxed: Relaxed):
        """One rank-1 update for each pattern, in order (13); then momentum, where there is any."""
        formats, friction = self.network.formats, self.learning.friction
        fmt = formats.weight if friction is None else formats.velocity
        shift = formats.update_shift(fmt) - self.learning.eta_shift
        draw = self.learning.first_draw(len(self.targets), self.t)
        if self.learning.start_seed is not None:
            draw += len(relaxed.x)
        rows = self.structure.rows
        weights, velocity = self.weights[rows], self.velocity[rows]
        connected = (weights != 0).any(axis=0)
        used = np.flatnonzero(~relaxed.skip)
        phis = self.network.phi(relaxed.c[used], self.saturated, connected)
        ys, words = relaxed.y[used][:, rows], self._noises(draw + used)
        for y, phi, r in zip(ys, phis, words, strict=True):
            rest = (y, phi, r, shift, fmt, self.saturated)
            if friction is None:
                weights = pe.update(weights, *rest)
            else:
                velocity = pe.accumulate(velocity, weights != 0, *rest)
        self.skipped += int(relaxed.skip.sum())
        self.t += len(relaxed.skip)
        if friction is not None:
            (r,) = self._noises(draw + np.array([len(relaxed.skip)]))
            weights, velocity = pe.apply(weights, velocity, r, friction, formats, self.saturated)
            self.velocity = replaced(self.velocity, rows, velocity)
        self.weights = replaced(self.weights, rows, weights)

    def _noises(self, draws):
        """R of each of ``draws``, of the rows that are not held; None to round half up."""
        if self.learning.seed is None:
            return [None] * len(draws)
        structure = self.structure
        return noises(self.learning.seed, draws, structure.places, structure.column_numbers)

    def update(self) -> Relaxed:
        """Relax a batch, then update the weights: with all patterns, one step of (19)."""
        relaxed = self.relax()
        self.learn(relaxed)
        return relaxed
