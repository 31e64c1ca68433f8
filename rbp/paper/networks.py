"""Networks and patterns of the problems that ship with the project, each from a fixed seed."""

from pathlib import Path

import numpy as np

from rbp.checks import degrees
from rbp.golden.features import count, monomials
from rbp.problem import Problem

__all__ = [
    "association",
    "digit_classes",
    "digit_memory",
    "digits",
    "digits_data",
    "digits_test",
    "free",
    "half_digits",
    "layered",
    "memory",
    "oscillating",
    "parity",
    "populations",
    "products",
    "products_memory",
    "visible_memory",
    "xor_of_products",
]

OFF, ON = 0.1, 0.9


def _in_columns(units, columns, values):
    """A×N zeros, but for some columns."""
    array = np.zeros((len(values), units))
    array[:, columns] = values
    return array


def _binary(rng, shape, off=OFF, on=ON):
    return np.where(rng.integers(0, 2, shape), on, off)


def association(seed=1):
    """20 units, of which four have inputs and three others targets; a connection in three."""
    rng, n, patterns = np.random.default_rng(seed), 20, 6
    connected = rng.random((n, n)) < 0.3
    unit = np.arange(n)
    return Problem(
        weights=np.where(connected, rng.uniform(-1, 1, (n, n)), 0),
        connected=connected,
        targets=_in_columns(n, slice(17, 20), _binary(rng, (patterns, 3))),
        target_units=unit >= 17,
        inputs=_in_columns(n, slice(0, 4), _binary(rng, (patterns, 4), -0.5, 0.5)),
    )


def layered(sizes, inputs, targets, *, spread, seed) -> Problem:
    """A feed-forward network of layers, of logistic units, and a unit as bias.

    ``inputs`` (A×first layer) are what the first layer shall show: nothing feeds such a unit, so
    it is held at g(0) + I = 0.5 + I (:mod:`rbp.golden.structure`) and takes no time. So is the
    bias, at 0.5, which feeds every layer but the first. ``targets`` are A×last layer. In the order
    bias, layers, the weights are strictly lower-triangular.
    """
    rng, n = np.random.default_rng(seed), 1 + sum(sizes)
    layer = np.concatenate([[-1], np.repeat(np.arange(len(sizes)), sizes)])
    connected = (layer[:, None] > 0) & (
        (layer[:, None] == layer[None, :] + 1) | (layer[None, :] == -1)
    )
    last = layer == len(sizes) - 1
    return Problem(
        weights=np.where(connected, rng.uniform(-spread, spread, (n, n)), 0),
        connected=connected,
        targets=_in_columns(n, last, targets),
        target_units=last,
        inputs=_in_columns(n, layer == 0, np.asarray(inputs) - 0.5),
    )


def parity(bits, hidden, *, spread, seed):
    """Whether an odd number of ``bits`` inputs is 1, all 2**bits patterns."""
    inputs = (np.arange(2**bits)[:, None] >> np.arange(bits)) & 1
    targets = np.where(inputs.sum(axis=1, keepdims=True) % 2, ON, OFF)
    return layered((bits, hidden, 1), inputs, targets, spread=spread, seed=seed)


def free(seed=6):
    """12 units, inhibition only at the start, fully connected; four inputs, three targets."""
    rng, n, patterns = np.random.default_rng(seed), 12, 4
    return Problem(
        weights=rng.uniform(-1, 0, (n, n)),
        targets=_in_columns(n, slice(9, 12), rng.uniform(0.2, 0.8, (patterns, 3))),
        target_units=np.arange(n) >= 9,
        inputs=_in_columns(n, slice(0, 4), rng.uniform(-0.5, 0.5, (patterns, 4))),
    )


def memory(activation, seed):
    """A memory of 10 visible and 5 hidden units; targets of ±0.8 at visible units."""
    rng, n, visible = np.random.default_rng(seed), 15, np.arange(15) < 10
    return Problem(
        weights=rng.uniform(-0.25, 0.25, (n, n)),
        targets=_in_columns(n, visible, _binary(rng, (4, 10), -0.8, 0.8)),
        target_units=visible,
        clamp_units=visible,
        activation=activation,
    )


def populations(seed=4):
    """Four units each of logistic, tanh and sin; an input and a target in each."""
    rng, n, patterns = np.random.default_rng(seed), 12, 4
    unit = np.arange(n)
    return Problem(
        weights=rng.uniform(-0.5, 0.5, (n, n)),
        targets=_in_columns(n, unit % 4 == 3, rng.uniform(0.2, 0.8, (patterns, 3))),
        target_units=unit % 4 == 3,
        inputs=_in_columns(n, unit % 4 == 0, rng.uniform(-0.5, 0.5, (patterns, 3))),
        activation=np.repeat(["logistic", "tanh", "sin"], 4),
    )


def products(units, targets, order, patterns, *, spread, seed, feature="identity"):
    """Random inputs at the first units, binary targets at the last ones; no hidden units."""
    rng, last = np.random.default_rng(seed), np.arange(units) >= units - targets
    return Problem(
        weights=rng.uniform(-spread, spread, (units, count(units, degrees(order)))),
        targets=_in_columns(units, last, _binary(rng, (patterns, targets))),
        target_units=last,
        inputs=_in_columns(units, ~last, rng.uniform(-0.5, 0.5, (patterns, units - targets))),
        order=order,
        feature=feature,
    )


def products_memory(seed=3):
    """A memory (30) of second order: 8 visible units, 2 hidden ones."""
    rng, visible = np.random.default_rng(seed), np.arange(10) < 8
    return Problem(
        weights=rng.uniform(-0.3, 0.3, (10, count(10, (2,)))),
        targets=_in_columns(10, visible, _binary(rng, (4, 8))),
        target_units=visible,
        clamp_units=visible,
        order=2,
    )


def xor_of_products(seed=1):
    """Exclusive or without hidden units: two units at ±1 and one that sums their products."""
    bits = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    output = np.arange(3) == 2
    products = monomials(3, (2,))
    connected = np.zeros((3, len(products)), bool)
    connected[2] = [2 not in product for product in products]
    rng = np.random.default_rng(seed)
    return Problem(
        weights=np.where(connected, rng.uniform(-0.5, 0.5, connected.shape), 0),
        connected=connected,
        targets=_in_columns(3, output, np.where(bits[:, :1] != bits[:, 1:], ON, OFF)),
        target_units=output,
        inputs=_in_columns(3, ~output, bits - 0.5),
        order=2,
    )


def oscillating(weights, start, target=0.25, **others):
    """Given weights; the first unit has a target, so that there is something to learn."""
    weights = np.array(weights)
    n = len(weights)
    return Problem(
        weights=weights,
        connected=weights != 0,
        targets=_in_columns(n, [0], [[target]]),
        target_units=np.arange(n) == 0,
        initial_state=start,
        **others,
    )


def digits():
    """UCI's 8×8 digits, shuffled: pictures (1797×64, 0 … 1) and labels (1797).

    They are scikit-learn's ``load_digits``. In their own order the last ones are from other writers
    than the first.
    """
    with np.load(Path(__file__).with_name("digits") / "digits.npz", allow_pickle=False) as file:
        pictures, labels = file["pictures"], file["labels"].astype(int)
    order = np.random.default_rng(1).permutation(len(labels))
    return pictures[order] / 16.0, labels[order]


TRAINING = 1437
"""Digits that are learned, the first four fifths; the others are the test."""


def digit_classes(seed=1):
    """Tell which digit a picture shows: 64 inputs, 20 hidden units, 10 outputs, a bias."""
    pictures, labels = digits()
    targets = np.where(labels[:TRAINING, None] == np.arange(10), ON, OFF)
    return layered((64, 20, 10), pictures[:TRAINING], targets, spread=0.5, seed=seed)


def digits_test():
    """The pictures kept back, as cues for a network trained on ``digits``, and their labels.

    The answer to a cue is the greatest of the last ten units.
    """
    pictures, labels = digits()
    inputs = _in_columns(95, slice(1, 65), pictures[TRAINING:] - 0.5)
    return {"initial_state": np.full(inputs.shape, 0.5), "inputs": inputs}, labels[TRAINING:]


def digits_data():
    """The same with targets."""
    cues, labels = digits_test()
    return cues | {"targets": _in_columns(95, slice(85, 95), np.eye(10)[labels])}


def visible_memory(targets, rng, order=1) -> Problem:
    """A memory (30) of which all units are visible, from small weights; targets are A×N."""
    n = targets.shape[1]
    visible = np.ones(n, bool)
    return Problem(
        weights=rng.uniform(-0.1, 0.1, (n, count(n, degrees(order)))),
        targets=targets,
        target_units=visible,
        clamp_units=visible,
        order=order,
    )


def digit_memory(patterns=10, seed=1) -> Problem:
    """A memory of pictures in black and white, one digit after the other; 64 visible units."""
    pictures, labels = digits()
    rng = np.random.default_rng(seed)
    chosen = np.array([rng.choice(np.flatnonzero(labels == k % 10)) for k in range(patterns)])
    return visible_memory(np.where(pictures[chosen] >= 0.5, ON, OFF), rng)


def half_digits(problem) -> np.ndarray:
    """Cues (28) for :func:`digit_memory`: the upper half of each picture, 0.5 below."""
    return np.where(np.arange(64) < 32, problem.targets, 0.5)
