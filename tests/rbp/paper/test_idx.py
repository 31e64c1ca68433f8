"""MNIST's own files: read as they are; whatever is wrong with one is named in a line."""

import gzip
import struct

import numpy as np
import pytest

from rbp.cli import main
from rbp.errors import InputError
from rbp.paper.mnist import idx, network

COUNT = {"train": 30, "t10k": 12}


def packed(array):
    """The bytes of an IDX file."""
    return struct.pack(f">BBBB{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def given():
    """Pictures and labels by the name of their file, from those that ship."""
    (pictures, labels), _ = network.digits()
    found, first = {}, 0
    for part, count in COUNT.items():
        own = slice(first, first + count)
        found[f"{part}-images-idx3-ubyte"] = pictures[own]
        found[f"{part}-labels-idx1-ubyte"] = labels[own]
        first += count
    return found


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "data"
    made.mkdir()
    for name, array in given().items():
        (made / name).write_bytes(packed(array))
    return made


def compress(folder):
    for path in list(folder.iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()


@pytest.mark.parametrize("compressed", [False, True])
def test_read(folder, compressed):
    if compressed:
        compress(folder)
    wanted = given()
    for part in COUNT:
        pictures, labels = idx.read(folder, part)
        assert np.array_equal(pictures, wanted[f"{part}-images-idx3-ubyte"])
        assert np.array_equal(labels, wanted[f"{part}-labels-idx1-ubyte"])


def test_bytes_of_a_file_by_hand(tmp_path):
    """Two pictures, all black but for a pixel of the second one: row 1, column 2."""
    pixels = bytearray(2 * 784)
    pixels[784 + 28 + 2] = 200
    header = bytes.fromhex("00000803 00000002 0000001c 0000001c")
    (tmp_path / "train-images-idx3-ubyte").write_bytes(header + pixels)
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(bytes.fromhex("00000801 00000002 0709"))
    pictures, labels = idx.read(tmp_path, "train")
    assert labels.tolist() == [7, 9]
    assert np.argwhere(pictures).tolist() == [[1, 1, 2]]
    assert pictures[1, 1, 2] == 200


def test_command(folder, tmp_path):
    """Problem and test set are of the user's files, as they would be of those that ship."""
    out, test = tmp_path / "p.npz", tmp_path / "t.npz"
    argv = ["example", "mnist", "--data", folder, "--out", out, "--test", test]
    assert main([str(word) for word in argv]) == 0
    problem, whole = np.load(out), network.problem()
    for name in ("inputs", "targets"):
        assert np.array_equal(problem[name], getattr(whole, name)[:30])
    kept = np.load(test)
    assert np.array_equal(kept["inputs"], whole.inputs[30:42])
    assert np.array_equal(kept["targets"] == 1, whole.targets[30:42] == 0.9)


IMAGES, LABELS = "train-images-idx3-ubyte", "train-labels-idx1-ubyte"


def changed(name, change):
    """A fault: some other bytes in a file."""

    def make(folder):
        path = folder / name
        path.write_bytes(change(path.read_bytes()))

    return name, make


def of(name, array):
    return changed(name, lambda _: packed(array))


def removed(folder):
    (folder / IMAGES).unlink()


def cut_gzip(folder):
    compress(folder)
    path = folder / f"{IMAGES}.gz"
    path.write_bytes(path.read_bytes()[:-100])


def wrong_gzip(folder):
    compress(folder)
    path = folder / f"{IMAGES}.gz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)


def no_gzip(folder):
    (folder / IMAGES).rename(folder / f"{IMAGES}.gz")


SMALL = np.zeros((30, 20, 20), np.uint8)
FAULTS = {
    "missing": ((IMAGES, removed), f"must hold a file {IMAGES} or {IMAGES}.gz, and has neither"),
    "empty": (changed(IMAGES, lambda b: b""), "must begin as an IDX file of bytes in 3 dimensions"),
    "half a header": (changed(IMAGES, lambda b: b[:9]), "0x00000803 and a word for each"),
    "labels for pictures": (of(IMAGES, np.zeros(30, np.uint8)), "not with 0x000008010000001e"),
    "pictures for labels": (of(LABELS, SMALL), "in 1 dimension, 0x00000801"),
    "floats": (changed(IMAGES, lambda b: b"\0\0\x0d\x03" + b[4:]), "not with 0x00000d03"),
    "cut": (changed(IMAGES, lambda b: b[:-1]), "must hold 23520 bytes after its header, not 23519"),
    "too long": (changed(LABELS, lambda b: b + b"\0"), "must hold 30 bytes"),
    "huge": (changed(IMAGES, lambda b: b[:4] + b"\xff" * 12), "expected at most 2147483648"),
    "small": (of(IMAGES, SMALL), "has pictures of 20×20: expected 28×28"),
    "none": (of(LABELS, np.zeros(0, np.uint8)), "has 0 labels: expected one for each of the 30"),
    "fewer": (of(LABELS, np.zeros(29, np.uint8)), "has 29 labels"),
    "label": (of(LABELS, np.arange(30, dtype=np.uint8) % 11), "label 10 must be 0 … 9, not 10"),
    "cut gzip": ((IMAGES, cut_gzip), "is cut short"),
    "wrong gzip": ((IMAGES, wrong_gzip), "is not a readable gzip file"),
    "no gzip": ((IMAGES, no_gzip), "is not a readable gzip file"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_file_is_named(fault, folder, tmp_path, capsys):
    (name, make), fragment = FAULTS[fault]
    make(folder)
    out = tmp_path / "p.npz"
    assert main(["example", "mnist", "--data", str(folder), "--out", str(out)]) == 2
    said, err = capsys.readouterr()
    assert (said, len(err.splitlines())) == ("", 1)
    assert name in err
    assert fragment in err
    assert not out.exists()


def test_no_pictures_at_all(folder):
    for name, shape in ((IMAGES, (0, 28, 28)), (LABELS, (0,))):
        (folder / name).write_bytes(packed(np.zeros(shape, np.uint8)))
    with pytest.raises(InputError, match="has 0 labels: .*at least one"):
        idx.read(folder, "train")


@pytest.mark.parametrize("name", ["nowhere", "data/train-images-idx3-ubyte"])
def test_no_folder(folder, name, capsys, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert main(["example", "mnist", "--data", name, "--out", "p.npz"]) == 2
    assert capsys.readouterr().err == (
        f"rbp: there is no folder {name}: expected one with MNIST's IDX files\n"
    )
