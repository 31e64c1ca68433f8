"""MNIST's digits: what ships, how well it is learned, and that a core streams it bit for bit."""

import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rbp
from rbp.cli import info, main
from rbp.cosim import run
from rbp.errors import InputError
from rbp.fpga import machines, plan
from rbp.machine import machine
from rbp.paper import examples
from rbp.paper.mnist import network
from rbp.settings import Settings

FLAGS = {k: v for k, v in examples.find("mnist").flags.items() if k != "updates"}
FIELDS = ("weights_raw", "states", "errors", "energy", "settle_steps")


@pytest.fixture(scope="module")
def problem():
    return network.problem()


def first(problem, count):
    """The same network with the first pictures only."""
    return replace(problem, targets=problem.targets[:count], inputs=problem.inputs[:count])


def equal(one, other):
    for field in FIELDS:
        assert np.array_equal(getattr(one, field), getattr(other, field)), field
    assert (one.unsettled, one.skipped) == (other.unsettled, other.skipped)


# What ships


def test_the_file():
    """It is the one whose licence stands beside it, and no picture to learn is in the test."""
    path = Path(network.__file__).with_name("mnist10k.npz")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert digest == "9ddb8ba26a3392a5e0c2f67020977893a19192a71d35c1637283e4fa9301ece6"
    assert path.stat().st_size == 1_650_908
    assert "CC BY-SA 3.0" in path.with_name("LICENSE.md").read_text()
    (learned, labels), (kept, others) = network.digits()
    assert (learned.shape, kept.shape) == ((8000, 28, 28), (2000, 28, 28))
    assert (learned.dtype, labels.dtype) == (np.uint8, np.uint8)
    for part in (labels, others):
        assert np.bincount(part).min() > 0.08 * len(part)
    assert not {p.tobytes() for p in learned} & {p.tobytes() for p in kept}


@pytest.mark.parametrize(("size", "units", "connections"), [(14, 237, 6220), (28, 825, 23860)])
def test_network(size, units, connections):
    """Layers and a bias; an input shows the mean of its pixels, in training and in the test."""
    made, kept = network.problem(size), network.kept_back(size)
    assert (made.units, made.patterns) == (units, 8000)
    assert made.connected.sum() == connections == 30 * (size**2 + 1) + 10 * 31
    block = 28 // size
    for arrays, (pictures, labels) in zip((made.arrays(), kept), network.digits(), strict=True):
        inputs = arrays["inputs"]
        where = 1 + (5 * size + 6)  # row 5, column 6; the bias stands first
        pixels = pictures[:, 5 * block : 6 * block, 6 * block : 7 * block] / 255
        assert np.abs(inputs[:, where] + 0.5 - pixels.mean(axis=(1, 2))).max() < 1e-12
        assert not inputs[:, 0].any()
        assert not inputs[:, 1 + size**2 :].any()
        assert np.array_equal(arrays["targets"][:, -10:].argmax(axis=1), labels)


def test_it_fits_an_up5k(problem):
    """With four multipliers, weights in SPRAM; eight cannot be."""
    record = plan.plan(problem, device_name="up5k", lanes=1, **FLAGS)
    fitting = {core["macs"]: core for core in record["cores"] if core["fits"]}
    assert set(fitting) == {1, 2, 4}
    assert record["best"] == {"macs": 4, "lanes": 1}
    assert (fitting[4]["spram"], fitting[4]["cycles"]) == (True, 8898)


# How well it is learned


@pytest.mark.parametrize(
    ("flags", "right"), [({}, 1851), ({"updates": 15000, "batch": 16}, 1868)], ids=["one", "batch"]
)
def test_learning(problem, flags, right):
    """Ten times through 8,000 pictures, or 30 times in batches: of 2,000 others, so many answers
    are right."""
    result = rbp.train(problem, **examples.find("mnist").flags | flags)
    assert rbp.score(result, network.kept_back(), "model") == (right, 2000)
    assert result.skipped == result.unsettled == 0
    assert result.saturated["weight"] == result.saturated["state"] == 0


def test_learning_of_the_whole_pictures():
    result = rbp.train(network.problem(28), **examples.find("mnist").flags)
    assert rbp.score(result, network.kept_back(28), "model") == (1862, 2000)


def test_golden_learns_few(problem):
    """400 pictures, twice, by the model of integers in NumPy: the compiled model's bits."""
    golden, model = (rbp.train(first(problem, 400), 800, e, **FLAGS) for e in ("golden", "model"))
    equal(golden, model)
    assert rbp.score(model, network.kept_back(), "golden") == (1292, 2000)


# The Verilog


@pytest.mark.parametrize("count", [200, pytest.param(3000, marks=pytest.mark.slow)])
def test_streamed_through_one_slot(problem, count):
    """Each picture is loaded, learned and gone: the core that is for an UP5K, weights in SPRAM."""
    few, settings = first(problem, count), Settings(**FLAGS, slots=1, macs=4)
    model = rbp.train(few, count, "model", macs=4, slots=1, **FLAGS)
    core = machines.machine(like=model, family="ice40", spram=True)
    assert (core.slots, core.macs, core.refill) == (1, 4, False)
    done = run.train(core, machine(few, settings, "golden"), count)
    assert np.array_equal(done.weights, model.weights_raw)
    assert np.array_equal(done.states, model.states)
    assert np.array_equal(done.errors, model.errors)
    assert np.array_equal(done.settle_steps, model.settle_steps)
    assert done.cycles == rbp.cycles(model, core)


def test_streamed_while_it_learns(problem):
    """Two slots: the next picture is loaded beside the one that is learned, by ``rbp train``."""
    few, flags = first(problem, 200), {"macs": 4, "slots": 2, **FLAGS}
    equal(rbp.train(few, 200, "rtl", **flags), rbp.train(few, 200, "golden", **flags))


# Receptive fields


def test_fields(problem):
    """30 hidden units; a weight is where its pixel is."""
    fields, units = info.fields("problem", problem, "14x14")
    assert (fields.shape, units.tolist()) == ((30, 14, 14), list(range(197, 227)))
    assert fields[3, 5, 6] == problem.weights[200, 1 + 5 * 14 + 6]
    wide, _ = info.fields("problem", problem, "7x28")
    assert wide[3, 5, 6] == problem.weights[200, 1 + 5 * 28 + 6]


def test_fields_are_drawn(problem, tmp_path, capsys):
    path, picture = tmp_path / "p.npz", tmp_path / "w.png"
    first(problem, 2).save(path)
    assert main(["info", str(path), "--plot", str(picture), "--fields", "14x14"]) == 0
    assert capsys.readouterr().out.endswith(f"wrote {picture}\n")
    assert picture.read_bytes()[:4] == b"\x89PNG"


@pytest.mark.parametrize("size", ["14", "14x13", "0x196", "14x14x1", "-14x-14", ""])
def test_bad_fields(problem, size):
    with pytest.raises(InputError, match="HxW, with H·W = 196, the units with inputs, not"):
        info.fields("problem", problem, size)


def test_fields_of_what_has_none():
    with pytest.raises(InputError, match="expected a problem or a result, not test set"):
        info.fields("test set", network.kept_back(), "14x14")
    with pytest.raises(InputError, match="first order"):
        info.fields("problem", examples.find("second-order").problem(), "5x1")
    with pytest.raises(InputError, match="there is none"):
        info.fields("problem", examples.find("association").problem(), "2x2")


# The command


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("example xor --size 28 --out p.npz", "--size is not of example xor, but of mnist"),
        ("example digits --data . --out p.npz", "--data is not of example digits, but of mnist"),
        ("example mnist --size 20 --out p.npz", "size must be one of 14, 28, not 20"),
        ("example mnist --size x --out p.npz", "--size"),
        ("info p.npz --fields 14x14", "expected --plot FILE.png too"),
    ],
)
def test_bad_input(line, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(line.split()) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err
    assert not list(tmp_path.iterdir())
