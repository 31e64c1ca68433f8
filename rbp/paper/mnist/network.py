"""A network that tells which digit a picture shows, and the pictures kept back as its test."""

from pathlib import Path

import numpy as np

from rbp.errors import InputError
from rbp.paper.mnist import idx
from rbp.paper.networks import OFF, ON, layered
from rbp.problem import Problem

__all__ = ["SIZES", "digits", "kept_back", "problem"]

SIZES = (14, 28)
"""Sides of a picture as the network sees it: means of 2×2 pixels, or the pixels."""

HIDDEN, CLASSES = 30, 10
TRAINING = 8000
"""Of the digits that ship, which are in random order; the last 2,000 are kept back."""


def digits(folder=None):
    """Pictures (A×28×28 uint8) and labels (A uint8), those to learn and those kept back.

    Without ``folder``, the first 8,000 and the last 2,000 of those that ship; else its files
    ``train-…`` and ``t10k-…``. Raises :class:`~rbp.errors.InputError`.
    """
    if folder is not None:
        return idx.read(folder, "train"), idx.read(folder, "t10k")
    with np.load(Path(__file__).with_name("mnist10k.npz"), allow_pickle=False) as file:
        pictures, labels = file["pictures"], file["labels"]
    parts = slice(TRAINING), slice(TRAINING, None)
    return tuple((pictures[part], labels[part]) for part in parts)


def problem(size=14, data=None) -> Problem:
    """size²-30-10 logistic units in layers, and a bias; ``data`` is the folder of :func:`digits`.

    Inputs show grey, 0 … 1; the target of the output of the right class is 0.9, of others 0.1.
    Start weights are uniform within ±0.5, of seed 1. Raises :class:`~rbp.errors.InputError`.
    """
    (pictures, labels), _ = digits(data)
    targets = np.where(labels[:, None] == np.arange(CLASSES), ON, OFF)
    sizes = (size * size, HIDDEN, CLASSES)
    return layered(sizes, _grey(pictures, size), targets, spread=0.5, seed=1)


def kept_back(size=14, data=None) -> dict:
    """What ``rbp score`` reads of the pictures kept back: ``inputs`` and ``targets``, C×N."""
    _, (pictures, labels) = digits(data)
    grey = _grey(pictures, size)
    inputs = np.zeros((len(labels), 1 + size * size + HIDDEN + CLASSES))
    inputs[:, 1 : 1 + size * size] = grey - 0.5
    targets = np.zeros(inputs.shape)
    targets[:, -CLASSES:] = np.eye(CLASSES)[labels]
    return {"inputs": inputs, "targets": targets}


def _grey(pictures, size):
    """A×size² in 0 … 1: means of blocks of pixels."""
    if size not in SIZES:
        raise InputError(f"size must be one of {', '.join(map(str, SIZES))}, not {size}")
    block = idx.SIDE // size
    blocks = pictures.reshape(len(pictures), size, block, size, block)
    return blocks.mean(axis=(2, 4)).reshape(len(pictures), -1) / 255
