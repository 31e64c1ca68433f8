"""The problems that ship with the project, each with the flags with which it learns.

Learning: associative memories, free and layered networks, digits. Oscillation: weights with which
(1) does not settle, some at Δt = 1 only, some at every Δt. Every problem comes from a fixed seed.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass

from rbp.checks import choice
from rbp.paper import figure1
from rbp.paper.mnist import network as mnist
from rbp.paper.networks import (
    association,
    digit_classes,
    digit_memory,
    digits_data,
    free,
    memory,
    oscillating,
    parity,
    populations,
    products,
    products_memory,
    xor_of_products,
)
from rbp.problem import Problem

__all__ = ["EXAMPLES", "Example", "command", "find"]


@dataclass(frozen=True)
class Example:
    """A problem by name, and how it is to be trained.

    Parameters
    ----------
    name, description : str
        ``description`` is one line.
    problem : callable
        Makes the :class:`~rbp.problem.Problem`.
    flags : dict
        Keyword arguments of :func:`rbp.train`, ``updates`` among them; what is left out keeps its
        default.
    """

    name: str
    description: str
    problem: Callable[..., Problem]
    flags: dict
    test: Callable[..., dict] | None = None
    """Makes what :func:`rbp.score` reads, of patterns kept back."""
    options: tuple[str, ...] = ()
    """Keyword arguments that ``problem`` and ``test`` take."""


def find(name) -> Example:
    """The example of that name; raises :class:`~rbp.errors.InputError`."""
    return EXAMPLES[choice("example", name, tuple(EXAMPLES))]


def command(example, path, out="result.npz") -> str:
    """The command line that trains an example from a file."""
    flags = [part for k, v in example.flags.items() for part in ("--" + k.replace("_", "-"), v)]
    return shlex.join(map(str, ["rbp", "train", path, *flags, "--out", out]))


_SPIRAL = [[5.0, -6.0], [6.0, 5.0]]
_BIASED = [[4.5, -3.0, -1.5], [3.0, 4.5, -7.5], [0.0, 0.0, 0.0]]

EXAMPLES = {
    e.name: e
    for e in (
        Example(
            "figure1",
            "the paper's Figure 1: memory of 4 patterns, 10 visible and 5 hidden units",
            figure1.problem,
            {"updates": 300, "seed": figure1.SEED},
        ),
        Example(
            "association",
            "6 inputs and their outputs in a sparse recurrent network of 20 units",
            association,
            {"updates": 500},
        ),
        Example(
            "xor",
            "exclusive or in a feed-forward network, 2-3-1: ordinary backpropagation",
            lambda: parity(2, 3, spread=2, seed=3),
            {"updates": 500, "eta_shift": 1},
        ),
        Example(
            "parity",
            "parity of 4 bits in a feed-forward network, 4-8-1, with momentum",
            lambda: parity(4, 8, spread=1, seed=1),
            {"updates": 1200, "eta_shift": -1, "momentum_shift": 3},
        ),
        Example(
            "free",
            "4 patterns in a recurrent network of 12 units that starts with inhibition only",
            free,
            {"updates": 300, "eta_shift": -1, "dt_shift": 1},
        ),
        Example(
            "figure1-stochastic",
            "Figure 1, but one pattern drawn at random for each update (20)",
            figure1.problem,
            {"updates": 1200, "method": "stochastic", "seed": figure1.SEED},
        ),
        Example(
            "figure1-concurrent",
            "Figure 1, but x, y and the weights move together",
            figure1.problem,
            {"updates": 1200, "method": "concurrent", "eta_shift": -1, "seed": figure1.SEED},
        ),
        Example(
            "tanh-memory",
            "memory of 4 patterns, units of tanh, targets ±0.8",
            lambda: memory("tanh", 1),
            {"updates": 150, "eta_shift": -4},
        ),
        Example(
            "sin-memory",
            "memory of 4 patterns, units of sin, targets ±0.8",
            lambda: memory("sin", 8),
            {"updates": 150, "eta_shift": -5},
        ),
        Example(
            "populations",
            "units of logistic, tanh and sin in one recurrent network of 12",
            populations,
            {"updates": 300, "eta_shift": -4, "dt_shift": 1},
        ),
        Example(
            "second-order",
            "6 inputs and their outputs, 8 units that sum products of two; no hidden units",
            lambda: products(8, 3, 2, 6, spread=0.3, seed=3),
            {"updates": 300},
        ),
        Example(
            "third-order",
            "4 inputs and their outputs, 6 units that sum products of three",
            lambda: products(6, 2, 3, 4, spread=0.2, seed=4),
            {"updates": 200},
        ),
        Example(
            "mixed-orders",
            "6 inputs and their outputs, 8 units, products of up to two of logistic activities",
            lambda: products(8, 3, (0, 1, 2), 6, spread=0.3, seed=3, feature="logistic"),
            {"updates": 600},
        ),
        Example(
            "second-order-memory",
            "memory of 4 patterns, 8 visible and 2 hidden units, of second order",
            products_memory,
            {"updates": 150},
        ),
        Example(
            "second-order-xor",
            "exclusive or without hidden units, by products of two",
            xor_of_products,
            {"updates": 200, "eta_shift": 1},
        ),
        Example(
            "digits",
            "8×8 digits, 64-20-10, in batches of 16",
            digit_classes,
            {"updates": 800, "batch": 16, "slots": 32, "eta_shift": -2},
            digits_data,
        ),
        Example(
            "mnist",
            "MNIST's digits, 14×14, 196-30-10: 8,000 to learn, 2,000 kept back, one an update",
            mnist.problem,
            {"updates": 80000, "batch": 1, "eta_shift": -2},
            mnist.kept_back,
            ("size", "data"),
        ),
        Example(
            "digit-memory",
            "memory of 10 pictures of digits, recalled from the upper half",
            digit_memory,
            {"updates": 200, "eta_shift": -1},
        ),
        Example(
            "cycle",
            "one unit, w = -8: alternates at Δt = 1, settles at Δt = 1/2",
            lambda: oscillating([[-8.0]], [0.5]),
            {"updates": 100, "eta_shift": 1, "dt_shift": 1},
        ),
        Example(
            "cycle-input",
            "one unit, w = -6, I = -1/2: alternates at Δt = 1, settles at 0 at Δt = 1/2",
            lambda: oscillating([[-6.0]], [0.5], inputs=[[-0.5]]),
            {"updates": 20, "eta_shift": -2, "dt_shift": 1},
        ),
        Example(
            "cycle-symmetric",
            "two units, symmetric weights: alternate at Δt = 1, settle at Δt = 1/2",
            lambda: oscillating([[-5.0, -2.0], [-2.0, -5.0]], [0.5, 0.25]),
            {"updates": 20, "eta_shift": -2, "dt_shift": 1},
        ),
        Example(
            "spiral",
            "two units that oscillate at every Δt: nothing can be learned",
            lambda: oscillating(_SPIRAL, [0.5, 0.25], inputs=[[-0.5, -0.5]]),
            {"updates": 20, "dt_shift": 3},
        ),
        Example(
            "spiral-bias",
            "the same with a third unit as bias instead of inputs",
            lambda: oscillating(_BIASED, [0.75, 0.5, 0.5]),
            {"updates": 20, "dt_shift": 3},
        ),
        Example(
            "spiral-tanh",
            "two units of tanh that oscillate at every Δt",
            lambda: oscillating([[1.5, -2.0], [2.0, 1.5]], [0.5, 0.25], activation="tanh"),
            {"updates": 20, "dt_shift": 3},
        ),
    )
}
