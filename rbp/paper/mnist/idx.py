"""MNIST's own files: four of them in a folder, as IDX, packed by gzip or not.

An IDX file is a word that says of what type and how many dimensions, a word for each dimension,
big-endian, then the numbers; here all of them bytes without sign.
"""

import gzip
import math
import os
import struct
import zlib
from pathlib import Path

import numpy as np

from rbp.errors import InputError
from rbp.files import LARGEST

__all__ = ["SIDE", "read"]

SIDE = 28
"""Of a picture, in pixels."""

BYTES = 0x08
"""The type, in the third byte of an IDX file."""


def read(folder, part):
    """Pictures (A×28×28 uint8, 0 black … 255 white) and labels (A uint8, 0 … 9) of a folder.

    ``part`` is ``train`` or ``t10k``, with which the names of its two files begin. Raises
    :class:`~rbp.errors.InputError`, which names the file.
    """
    of_pictures, pictures = _array(folder, f"{part}-images-idx3-ubyte", 3)
    of_labels, labels = _array(folder, f"{part}-labels-idx1-ubyte", 1)
    if pictures.shape[1:] != (SIDE, SIDE):
        found = "×".join(map(str, pictures.shape[1:]))
        raise InputError(f"{of_pictures} has pictures of {found}: expected {SIDE}×{SIDE}")
    if not 0 < len(labels) == len(pictures):
        raise InputError(
            f"{of_labels} has {len(labels)} labels: expected one for each of the {len(pictures)} "
            f"pictures of {of_pictures}, and at least one"
        )
    if labels.max() > 9:
        k = int((labels > 9).argmax())
        raise InputError(f"{of_labels}: label {k} must be 0 … 9, not {labels[k]}")
    return pictures, labels


def _array(folder, name, dimensions):
    """(path, array of bytes) of an IDX file."""
    path = _path(folder, name)
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            shape = _shape(path, file.read(4 + 4 * dimensions), dimensions)
            size = math.prod(shape)
            numbers = file.read(size + 1)  # one more, to see that there is none
    except EOFError as error:
        raise InputError(f"{path} is cut short: expected the whole of a gzip file") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise InputError(f"{path} is not a readable gzip file: {error}") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    if len(numbers) != size:
        found = "more" if len(numbers) > size else len(numbers)
        raise InputError(f"{path} must hold {size} bytes after its header, not {found}")
    return path, np.frombuffer(numbers, np.uint8).reshape(shape)


def _path(folder, name):
    """Of a file, packed or not."""
    folder = Path(folder)
    if not os.path.isdir(folder):  # which does not raise where a folder must not be entered
        raise InputError(f"there is no folder {folder}: expected one with MNIST's IDX files")
    for path in (folder / name, folder / f"{name}.gz"):
        if os.path.isfile(path):
            return path
    raise InputError(f"{folder} must hold a file {name} or {name}.gz, and has neither")


def _shape(path, header, dimensions):
    """The dimensions that a header says."""
    wanted = bytes([0, 0, BYTES, dimensions])
    if header[:4] != wanted or len(header) != 4 + 4 * dimensions:
        raise InputError(
            f"{path} must begin as an IDX file of bytes in {dimensions} "
            f"dimension{'s' * (dimensions > 1)}, 0x{wanted.hex()} and a word for each, "
            f"not with 0x{header.hex()}"
        )
    shape = struct.unpack(f">{dimensions}I", header[4:])
    if math.prod(shape) > LARGEST:
        raise InputError(f"{path} says {math.prod(shape)} bytes: expected at most {LARGEST}")
    return shape
