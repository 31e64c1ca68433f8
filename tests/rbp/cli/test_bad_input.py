"""Whatever is wrong with the input: exit code 2, one line that names it, no file touched."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp.cli import main
from rbp.golden.formats import ROLES
from rbp.paper import examples


def good():
    """A small problem, by key."""
    rng = np.random.default_rng(5)
    return {
        "weights": rng.uniform(-0.5, 0.5, (4, 4)),
        "targets": np.array([[0.1, 0.9, 0, 0], [0.9, 0.1, 0, 0]]),
        "target_units": np.array([True, True, False, False]),
        "clamp_units": np.array([True, True, False, False]),
    }


def changed(**changes):
    """The good problem with some keys replaced, or left out where None."""
    return {k: v for k, v in (good() | changes).items() if v is not None}


def with_value(key, index, value, base=None):
    array = np.array(good()[key] if base is None else base, dtype=float)
    array[index] = value
    return changed(**{key: array})


def one_row_absent(i, j):
    connected = np.ones((4, 4), bool)
    connected[i] = False
    weights = np.where(connected, good()["weights"], 0)
    weights[i, j] = 0.25
    return changed(connected=connected, weights=weights)


def snapshot(folder):
    return {p: p.read_bytes() if p.is_file() else None for p in sorted(folder.rglob("*"))}


@pytest.fixture(params=["no output yet", "an output already"])
def refused(request, tmp_path, capsys):
    """``refused(argv, *fragments)``: run, and check how it is refused."""
    if request.param == "an output already":
        (tmp_path / "out.npz").write_bytes(b"precious")

    def run(argv, *fragments):
        before = snapshot(tmp_path)
        assert main([str(a) for a in argv]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert len(err.splitlines()) == 1
        assert err.startswith("rbp: ")
        assert "Traceback" not in err
        for fragment in fragments:
            assert fragment in err
        assert snapshot(tmp_path) == before

    run.folder = tmp_path
    run.out = tmp_path / "out.npz"
    return run


def train(refused, arrays, *fragments, flags=("--updates", 2)):
    path = refused.folder / "problem.npz"
    np.savez(path, **arrays)
    refused(["train", path, "--engine", "golden", *flags, "--out", refused.out], *fragments)


PROBLEMS = {
    "no weights": (changed(weights=None), "missing key 'weights'"),
    "no targets": (changed(targets=None), "missing key 'targets'"),
    "no target_units": (changed(target_units=None), "missing key 'target_units'"),
    "unknown key": (changed(target=np.zeros(4)), "unknown key 'target'", "target_units"),
    "weights not square": (changed(weights=np.zeros((4, 5))), "weights", "4×4", "4×5"),
    "weights a vector": (changed(weights=np.zeros(4)), "weights", "N×M", "(4,)"),
    "no units": (changed(weights=np.zeros((0, 0))), "weights", "at least one unit"),
    "targets a vector": (changed(targets=np.zeros(4)), "targets", "A×N"),
    "targets too narrow": (changed(targets=np.zeros((2, 3))), "targets", "2×4", "2×3"),
    "no patterns": (changed(targets=np.zeros((0, 4))), "targets", "at least one pattern"),
    "target_units too short": (changed(target_units=[True] * 3), "target_units", "shape 4", "3"),
    "indices": (changed(target_units=[0, 1]), "target_units", "shape 4, not 2", "not indices"),
    "clamp_units too long": (changed(clamp_units=[True] * 5), "clamp_units", "shape 4", "5"),
    "flags that are none": (changed(clamp_units=[0, 1, 2, 0]), "clamp_units", "bool"),
    "flags of floats": (changed(clamp_units=[0.0, 1.0, 0.5, 0]), "clamp_units", "bool", "float64"),
    "no target unit": (changed(target_units=[False] * 4), "target_units", "at least one"),
    "inputs too few": (changed(inputs=np.zeros((1, 4))), "inputs", "2×4", "1×4"),
    "initial_state": (changed(initial_state=np.zeros(3)), "initial_state", "4 or 2×4", "3"),
    "connected": (changed(connected=np.ones((2, 2), bool)), "connected", "4×4", "2×2"),
    "text for weights": (changed(weights=np.full((4, 4), "a")), "weights", "numbers"),
    "complex weights": (changed(weights=np.full((4, 4), 1j)), "weights", "numbers", "complex"),
    "weight nan": (with_value("weights", (2, 3), np.nan), "weights[2, 3]", "finite", "nan"),
    "weight inf": (with_value("weights", (0, 1), np.inf), "weights[0, 1]", "finite", "inf"),
    "target nan": (with_value("targets", (1, 0), np.nan), "targets[1, 0]", "finite", "nan"),
    "input inf": (
        with_value("inputs", (1, 2), -np.inf, np.zeros((2, 4))),
        "inputs[1, 2]",
        "finite",
        "-inf",
    ),
    "start nan": (
        with_value("initial_state", 3, np.nan, np.zeros(4)),
        "initial_state[3]",
        "finite",
        "nan",
    ),
    "weight too big": (with_value("weights", (1, 2), 8.0), "weights[1, 2] = 8", "-8 … 7.99975"),
    "weight too small": (with_value("weights", (3, 0), -8.5), "weights[3, 0] = -8.5", "s3.12"),
    "target too big": (with_value("targets", (0, 1), 2.0), "targets[0, 1] = 2", "-2 … 1.9999"),
    "input too big": (
        with_value("inputs", (0, 3), 1e300, np.zeros((2, 4))),
        "inputs[0, 3] = 1e+300",
        "-2 … 1.9999",
    ),
    "start too small": (
        with_value("initial_state", (1, 1), -2.1, np.zeros((2, 4))),
        "initial_state[1, 1] = -2.1",
        "-2 … 1.9999",
    ),
    "weight where none is": (one_row_absent(2, 1), "weights[2, 1]", "0", "0.25"),
    "unknown activation": (changed(activation=np.array("relu")), "activation", "logistic", "relu"),
    "activations too few": (changed(activation=np.array(["tanh"] * 3)), "activation", "4"),
    "order 0": (changed(order=np.array(0)), "order", "1 … 3", "0"),
    "order 4": (changed(order=np.array([1, 4])), "order", "0 … 3", "4"),
    "order of no int": (changed(order=np.array(1.5)), "order", "1 … 3", "1.5"),
    "second order": (changed(order=np.array(2)), "weights", "4×10", "not 4×4"),
    "mixed orders": (changed(order=np.array([0, 1, 2])), "weights", "4×15", "not 4×4"),
    "feature": (changed(feature=np.array("relu")), "feature", "identity", "relu"),
}


@pytest.mark.parametrize("case", PROBLEMS)
def test_problem(refused, case):
    arrays, *fragments = PROBLEMS[case]
    train(refused, arrays, *fragments)


FLAGS = {
    "updates 0": (["--updates", "0"], "updates", "1 …", "0"),
    "updates -3": (["--updates", "-3"], "updates", "1 …", "-3"),
    "updates 1.5": (["--updates", "1.5"], "--updates", "1.5"),
    "no updates": ([], "--updates"),
    "macs 0": (["--updates", "1", "--macs", "0"], "macs", "0"),
    "macs 5": (["--updates", "1", "--macs", "5"], "macs", "1 … 4", "5"),
    "lanes 9": (["--updates", "1", "--lanes", "9"], "lanes", "1 … 8", "9"),
    "slots 1": (["--updates", "1", "--slots", "1"], "1 × 1", "slots of at least 2"),
    "slots 257": (["--updates", "1", "--slots", "257"], "slots", "1 … 256", "257"),
    "preset": (["--updates", "1", "--preset", "w32"], "preset", "w16, w18, w8", "w32"),
    "engine": (
        ["--updates", "1", "--engine", "fpga"],
        "engine",
        "float64, golden, model, rtl",
        "fpga",
    ),
    "stochastic": (["--updates", "1", "--method", "stochastic", "--batch", "2"], "batch 1", "2"),
    "concurrent": (
        ["--updates", "1", "--method", "concurrent", "--start", "fixed"],
        "concurrent needs start last",
        "fixed",
    ),
    "concurrent limit": (
        ["--updates", "1", "--method", "concurrent", "--step-limit", "9"],
        "one step",
        "step_limit 9",
    ),
    "method": (["--updates", "1", "--method", "guess"], "method", "deterministic", "guess"),
    "batch": (["--updates", "1", "--batch", "3"], "batch", "1 … 2", "3"),
    "batch over slots": (
        ["--updates", "1", "--batch", "2", "--slots", "1"],
        "batch of 2 patterns does not fit",
        "1 × 1",
        "slots of at least 2, or a smaller batch",
    ),
    "start": (["--updates", "1", "--start", "first"], "start", "fixed, last, random", "first"),
    "start last over slots": (
        ["--updates", "1", "--batch", "1", "--slots", "1", "--start", "last"],
        "2 patterns do not fit",
        "1 × 1",
        "slots of at least 2",
    ),
    "drawn over slots": (
        ["--updates", "1", "--method", "stochastic", "--slots", "1"],
        "2 patterns do not fit",
        "1 × 1",
        "slots of at least 2",
    ),
    "momentum": (["--updates", "1", "--momentum-shift", "8"], "momentum_shift", "0 … 7", "8"),
    "momentum of w8": (
        ["--updates", "1", "--momentum-shift", "3", "--preset", "w8"],
        "w8 has no format for momentum",
    ),
    "eta high": (["--updates", "1", "--eta-shift", "2"], "eta_shift", "-6 … 1", "2"),
    "eta low": (["--updates", "1", "--eta-shift", "-7"], "eta_shift", "-6 … 1", "-7"),
    "dt high": (["--updates", "1", "--dt-shift", "4"], "dt_shift", "0 … 3", "4"),
    "dt low": (["--updates", "1", "--dt-shift", "-1"], "dt_shift", "0 … 3", "-1"),
    "rounding": (["--updates", "1", "--rounding", "down"], "rounding", "nearest", "down"),
    "tolerance": (["--updates", "1", "--tolerance", "-1"], "tolerance", "0 … 32767", "-1"),
    "step limit": (["--updates", "1", "--step-limit", "0"], "step_limit", "1 … 32767", "0"),
    "fixed steps": (["--updates", "1", "--fixed-steps", "40000"], "fixed_steps", "1 … 32767"),
    "both limits": (
        ["--updates", "1", "--fixed-steps", "4", "--step-limit", "9"],
        "step_limit 9",
        "fixed_steps 4",
    ),
    "seed": (["--updates", "1", "--seed", "4294967296"], "seed", "0 … 4294967295"),
    "unknown flag": (["--updates", "1", "--speed", "9"], "--speed"),
}


@pytest.mark.parametrize("case", FLAGS)
def test_flag(refused, case):
    flags, *fragments = FLAGS[case]
    train(refused, good(), *fragments, flags=flags)


def test_too_many_units(refused):
    n = 1025
    arrays = {"weights": np.zeros((n, n)), "targets": np.zeros((1, n))}
    arrays["target_units"] = np.ones(n, bool)
    train(refused, arrays, "units", "1024", "1025")


def test_too_many_patterns(refused):
    train(
        refused, changed(targets=np.full((257, 4), 0.5)), "a batch (--batch) of at most 256", "257"
    )


def test_range_is_that_of_the_preset(refused):
    arrays = changed(targets=np.full((2, 4), 1.999))
    train(refused, arrays, "s1.6", "1.98", flags=["--updates", "1", "--preset", "w8"])


def _truncated(path):
    np.savez(path, **good())
    path.write_bytes(path.read_bytes()[:-100])


def _pickled(path):
    np.savez(path, **(good() | {"inputs": np.array([{"a": 1}], dtype=object)}))


FILES = {
    "text": lambda path: path.write_text("weights: none\n"),
    "empty": lambda path: path.write_bytes(b""),
    "truncated": _truncated,
    "pickled": _pickled,
    "npy": lambda path: np.save(path.open("wb"), np.zeros((2, 2))),
    "bytes": lambda path: path.write_bytes(b"PK\3\4" + bytes(range(256))),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("verb", ["train", "recall", "cues"])
def test_not_a_readable_npz(refused, kind, verb):
    path = refused.folder / "input.npz"
    FILES[kind](path)
    if verb == "train":
        argv = ["train", path, "--updates", 2, "--engine", "golden"]
    elif verb == "recall":
        argv = ["recall", path, "--cues", path]
    else:
        rbp.train(rbp.Problem(**good()), 1, engine="golden").save(refused.folder / "result.npz")
        argv = ["recall", refused.folder / "result.npz", "--cues", path]
    refused([*argv, "--out", refused.out], str(path), "not a readable .npz")


def test_no_such_input(refused):
    path = refused.folder / "missing.npz"
    refused(["train", path, "--updates", 2, "--out", refused.out], str(path), "No such file")
    refused(["recall", path, "--cues", path, "--out", refused.out], str(path), "No such file")


def test_input_is_a_folder(refused):
    refused(["train", refused.folder, "--updates", 2, "--out", refused.out], "cannot read")


CUES = {
    "no start": ({"inputs": np.zeros((1, 4))}, "missing key 'initial_state'"),
    "unknown": ({"initial_state": np.zeros((1, 4)), "targets": np.zeros((1, 4))}, "'targets'"),
    "no cue": ({"initial_state": np.zeros((0, 4))}, "initial_state", "C ≥ 1"),
    "narrow": ({"initial_state": np.zeros((2, 3))}, "initial_state", "2×4", "2×3"),
    "scalar": ({"initial_state": np.array(0.5)}, "initial_state", "C×4"),
    "nan": ({"initial_state": np.full((1, 4), np.nan)}, "initial_state[0, 0]", "finite"),
    "range": ({"initial_state": np.full((1, 4), 3.0)}, "initial_state[0, 0] = 3", "1.9999"),
    "inputs": (
        {"initial_state": np.zeros((2, 4)), "inputs": np.zeros((1, 4))},
        "inputs",
        "2×4",
        "1×4",
    ),
    "inputs range": (
        {"initial_state": np.zeros((1, 4)), "inputs": np.full((1, 4), -4.0)},
        "inputs[0, 0] = -4",
        "-2 … 1.9999",
    ),
}


@pytest.mark.parametrize("case", CUES)
@pytest.mark.parametrize("engine", ["golden", "float64"])
def test_cues(refused, case, engine):
    cues, *fragments = CUES[case]
    result, path = refused.folder / "result.npz", refused.folder / "cues.npz"
    rbp.train(rbp.Problem(**good()), 1, engine=engine).save(result)
    np.savez(path, **cues)
    argv = ["recall", result, "--cues", path, "--engine", engine, "--out", refused.out]
    refused(argv, *fragments)


RESULTS = {
    "missing": ({"energy": None}, "missing key 'energy'"),
    "unknown": ({"weight": np.zeros(1)}, "unknown key 'weight'"),
    "shape": ({"settle_steps": np.zeros((1, 2, 3), int)}, "settle_steps", "(1, 2, 2)"),
    "words": ({"weights_raw": np.full((4, 4), 40000)}, "weights_raw[0, 0]", "32767", "40000"),
    "kind": ({"weights_raw": np.ones((4, 4))}, "weights_raw", "integers", "float64"),
    "zero": ({"weights_raw": np.zeros((4, 4), int)}, "weights_raw", "connected"),
    "nan": ({"weights": np.full((4, 4), np.nan)}, "weights[0, 0]", "finite"),
    "settings": ({"settings": np.array("{}")}, "settings"),
    "setting": ({"settings": np.array('{"default": [], "preset": "w9"}')}, "preset", "w9"),
    "engine": ({"engine": np.array("fpga")}, "engine", "fpga"),
    "updates": ({"updates": np.array(0)}, "updates", "at least 1"),
    "saturated": ({"saturated": np.zeros(5, bool)}, "saturated", "record"),
    "saturated text": (
        {"saturated": np.array(("no",) * 6, [(role, "U9") for role in ROLES])},
        "saturated",
        "record of bool",
    ),
    "saturated arrays": (
        {"saturated": np.zeros((), [(role, bool, (2,)) for role in ROLES])},
        "saturated",
        "record of bool",
    ),
    "nested settings": ({"settings": np.array("[" * 100_000)}, "settings", "of a result"),
    "negative steps": ({"settle_steps": np.full((1, 2, 2), -1)}, "settle_steps", "0 … inf", "-1"),
    "negative energy": ({"energy": np.array([-0.5])}, "energy", "0 … inf", "-0.5"),
    "utilisation": ({"utilisation": np.array(-1.0)}, "utilisation", "0 … 1", "-1"),
    "utilisation nan": ({"utilisation": np.array(np.nan)}, "utilisation", "finite", "nan"),
    "unsettled": ({"unsettled": np.array(2**63 - 1)}, "unsettled", "0 … 4", "9223372036854775807"),
    "skipped": ({"skipped": np.array(3)}, "skipped", "0 … 2", "3"),
    "cycles": ({"cycles": np.array(2**63 - 1)}, "cycles", "9223372036854775807"),
    "problem": ({"problem_targets": np.zeros((0, 4))}, "targets", "at least one pattern"),
}


@pytest.mark.parametrize("case", RESULTS)
def test_damaged_result(refused, case):
    changes, *fragments = RESULTS[case]
    path = refused.folder / "result.npz"
    rbp.train(rbp.Problem(**good()), 1, engine="golden").save(path)
    with np.load(path) as archive:
        arrays = dict(archive) | changes
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
    if case != "missing":  # without weights_raw's company it is still a result
        refused(["recall", path, "--cues", path, "--out", refused.out], str(path), *fragments)
    refused(["train", path, "--updates", 1, "--out", refused.out], str(path), *fragments)


def test_preset_of_a_result_stays(refused):
    path = refused.folder / "result.npz"
    rbp.train(rbp.Problem(**good()), 1, engine="golden").save(path)
    argv = ["train", path, "--updates", 1, "--preset", "w18", "--out", refused.out]
    refused(argv, "preset w18", "w16")


def test_preset_in_recall():
    """Its words are of the formats of the training."""
    result = rbp.train(rbp.Problem(**good()), 1, engine="golden")
    with pytest.raises(rbp.InputError, match="preset w18 is not that of the result: expected w16"):
        rbp.recall(result, np.zeros((1, 4)), engine="golden", preset="w18")


@pytest.fixture
def files(refused):
    """One of each kind of input."""
    folder = refused.folder
    problem = rbp.Problem(**good())
    problem.save(folder / "problem.npz")
    rbp.train(problem, 1, engine="golden").save(folder / "result.npz")
    np.savez(folder / "cues.npz", initial_state=np.zeros((1, 4)))
    (folder / "link.npz").symlink_to("problem.npz")
    (folder / "dangling.npz").symlink_to("new.npz")
    for name in ("core_regs.h", "rbp_core_problem.hex", "analyse.json"):
        problem.save(folder / name)
    return folder


OVERWRITES = {
    "train": "train problem.npz --updates 1 --engine golden --out problem.npz",
    "train, a link": "train problem.npz --updates 1 --engine golden --out link.npz",
    "recall, cues": "recall result.npz --cues cues.npz --out cues.npz",
    "recall, result": "recall result.npz --cues cues.npz --out result.npz",
    "info": "info result.npz --plot result.npz",
    "example": "example xor --out new.npz --test new.npz",
    "example, a link to what is not there": "example digits --out dangling.npz --test new.npz",
    "example, another spelling": "example xor --out new.npz --test ./new.npz",
    "verilog": "verilog --like core_regs.h --force --out core.v",
    "testbench": "testbench rbp_core_problem.hex --force --out .",
    "model": "model src/model.cpp --force --out .",
    "analyse": "analyse analyse.json --out .",
    "synth": "synth --device up5k --like problem.npz --out problem.npz",
}


@pytest.mark.parametrize("case", OVERWRITES)
def test_an_input_is_not_overwritten(refused, files, monkeypatch, case):
    monkeypatch.chdir(files)
    refused(OVERWRITES[case].split(), "cannot write", "expected another")


NAMES = {
    "empty": ("", "''", "name of a file"),
    "a folder to be": ("new/", "'new/'", "name of a file"),
    "a folder": ("folder", "it is a folder"),
    "a circle": ("circle", "circle"),
}


@pytest.mark.parametrize("case", NAMES)
@pytest.mark.parametrize(
    "verb",
    [
        "train problem.npz --updates 1 --engine golden --out",
        "recall result.npz --cues cues.npz --engine golden --out",
        "info result.npz --plot",
        "example digits --out xor.npz --test",
        "example xor --out",
        "synth --device up5k --units 3 --out",
        "bench --out",
    ],
)
def test_names_of_outputs(refused, files, monkeypatch, verb, case):
    monkeypatch.chdir(files)
    name, *fragments = NAMES[case]
    (files / "folder").mkdir()
    (files / "circle").symlink_to("circle")
    refused([*verb.split(), name], "cannot write", *fragments)


@pytest.mark.parametrize("name", ["", "new/", "folder.v", "circle.v", "core", "core.md", "core.h"])
def test_names_of_verilog(refused, monkeypatch, name):
    monkeypatch.chdir(refused.folder)
    (refused.folder / "folder.v").mkdir()
    (refused.folder / "circle.v").symlink_to("circle.v")
    argv = ["verilog", "--units", "3", "--out", name]
    refused(argv, "cannot write", name)
    refused([*argv, "--force"], "cannot write", name)


@pytest.mark.parametrize("name", ["clk", "rst", "phase", "bus_wait"])
def test_a_name_of_a_port(refused, name):
    out = refused.folder / "core.v"
    refused(["verilog", "--units", "3", "--name", name, "--out", out], "that of a port", name)


@pytest.mark.parametrize("verb", ["figure1", "testbench problem.npz", "analyse problem.npz"])
@pytest.mark.parametrize("name", ["circle", "circle/below", "problem.npz", ""])
def test_names_of_folders(refused, files, monkeypatch, verb, name):
    monkeypatch.chdir(files)
    (files / "circle").symlink_to("circle")
    refused([*verb.split(), "--out", name], "cannot write")


def test_a_link_to_a_folder_to_be(files, monkeypatch, capsys):
    monkeypatch.chdir(files)
    (files / "link").symlink_to("new")
    argv = ["testbench", "problem.npz", "--updates", "1", "--out", "link"]
    assert main(argv) == 0
    assert (files / "new" / "rbp_core.v").is_file()


def test_the_folder_is_gone(tmp_path, monkeypatch, capsys):
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert main(["example", "xor", "--out", "xor.npz"]) == 2
    assert "the folder in which rbp was started: No such file" in capsys.readouterr().err


def test_words_after_two_dashes(refused):
    refused(["train", "--updates", "1", "--out", refused.out, "--", "--missing"], "--missing")


def test_checkpoint(refused, files):
    argv = ["train", files / "problem.npz", "--updates", 1, "--engine", "golden"]
    for seconds in ("9" * 400, "-1"):
        refused([*argv, "--out", refused.out, "--checkpoint", seconds], "checkpoint", "0 … 10000")


ROWS = {
    "cues of no rows": ({"initial_state": np.zeros((0, 4))}, "initial_state", "C×N"),
    "cues of nothing": ({"initial_state": np.zeros((2, 0))}, "initial_state", "C×N"),
    "cues in three dimensions": ({"initial_state": np.zeros((1, 2, 4))}, "initial_state", "C×N"),
    "cues of text": ({"initial_state": np.full((1, 4), "a")}, "initial_state", "numbers"),
    "cues of complex": ({"initial_state": np.full((1, 4), 1j)}, "initial_state", "complex"),
    "cues of dates": ({"initial_state": np.zeros((1, 4), "M8[s]")}, "initial_state", "datetime"),
    "cues of records": ({"initial_state": np.zeros((1, 4), "i4,i4")}, "initial_state", "numbers"),
    "cues and more": ({"initial_state": np.zeros((1, 4)), "settled": np.ones(1)}, "'settled'"),
    "inputs": ({"initial_state": np.zeros((2, 4)), "inputs": np.zeros((1, 4))}, "2×4", "1×4"),
    "a scalar": ({"initial_state": np.array(0.5)}, "initial_state", "C×N"),
    "nan": ({"initial_state": np.full((1, 4), np.nan)}, "initial_state[0, 0]", "finite"),
    "long": ({"initial_state": np.full((1, 4), np.longdouble("1e4000"))}, "[0, 0]", "finite"),
    "states": (
        dict(states=np.zeros((2, 4)), values=np.zeros((2, 3)), settle_steps=[1, 1], settled=[1, 1]),
        "values",
        "2×4",
    ),
    "settled": (
        dict(states=np.zeros((2, 4)), values=np.zeros((2, 4)), settle_steps=[1, 1], settled=[1, 2]),
        "settled",
        "bool",
    ),
}


@pytest.mark.parametrize("case", ROWS)
@pytest.mark.parametrize("flags", [[], ["--plot"]])
def test_info_checks_rows(refused, case, flags):
    arrays, *fragments = ROWS[case]
    path = refused.folder / "rows.npz"
    np.savez(path, **arrays)
    plot = [*flags, refused.out.with_suffix(".png")] if flags else []
    refused(["info", path, *plot], str(path), *fragments)


SCORES = {
    "nan": (np.array([[0.9, np.nan, 0, 0]]), "targets[0, 1]", "finite", "nan"),
    "inf": (np.array([[np.inf, 0, 0, 0]]), "targets[0, 0]", "inf"),
    "no greatest": (
        np.array([[0.9, 0.1, 0, 0], [0.5, 0.5, 1, 0]]),
        "targets[1]",
        "several greatest",
    ),
}


@pytest.mark.parametrize("case", SCORES)
def test_score(refused, files, case):
    targets, *fragments = SCORES[case]
    np.savez(files / "test.npz", targets=targets)
    argv = ["score", files / "result.npz", "--data", files / "test.npz", "--engine", "golden"]
    refused(argv, *fragments)


EXAMPLES = {
    "a result": ("result.npz", "holds a result, not a problem: --force replaces it"),
    "a test set": ("test.npz", "holds a test set, not a problem: --force replaces it"),
    "a text": ("notes.npz", "was not made by rbp: --force replaces it"),
    "another archive": ("other.npz", "was not made by rbp: --force replaces it"),
}


@pytest.mark.parametrize("case", EXAMPLES)
def test_an_example_replaces_problems_only(files, case, capsys):
    name, says = EXAMPLES[case]
    np.savez(files / "test.npz", targets=np.eye(4))
    (files / "notes.npz").write_text("mine")
    np.savez(files / "other.npz", mine=1)
    path, before = files / name, (files / name).read_bytes()
    assert main(["example", "xor", "--out", str(path)]) == 2
    assert capsys.readouterr().err == f"rbp: {path} {says}\n"
    assert path.read_bytes() == before
    argv = ["example", "digits", "--out", str(files / "new.npz"), "--test", str(path)]
    if case != "a test set":
        assert main(argv) == 2
        assert not (files / "new.npz").exists()
    assert main([*argv, "--force"]) == 0
    assert main(argv) == 0  # a problem and a test set make room
    (files / "empty.npz").write_bytes(b"")
    assert main(["example", "xor", "--out", str(files / "empty.npz")]) == 0


BOOLS = {
    "updates must be an integer": lambda p: rbp.train(p, True),
    "macs must be an integer": lambda p: rbp.train(p, 1, macs=True),
    "eta_shift must be an integer": lambda p: rbp.train(p, 1, eta_shift=False),
    "threads must be an integer": lambda p: rbp.train(p, 1, threads=True),
    "order must be": lambda p: replace(p, order=True),
    "products.0. must be": lambda p: replace(p, order=None, products=[(True,)] * 4),
    "noise must be an integer": lambda p: replace(rbp.train(p, 1, "golden"), noise=True),
}


@pytest.mark.parametrize("message", BOOLS)
def test_a_bool_is_no_integer(message):
    with pytest.raises(rbp.InputError, match=f"{message}.*(True|False)"):
        BOOLS[message](rbp.Problem(**good()))


def test_score_of_arrays():
    """As the command, from Python."""
    result = rbp.train(rbp.Problem(**good()), 1, "golden")
    wrong = {
        "data must be a mapping": np.eye(4),
        "targets must have shape C×4, C ≥ 1, not": {"targets": np.zeros((0, 4))},
        "targets must be an array of numbers, not ragged": {"targets": [[1], [1, 2]]},
        "unknown": {"targets": np.eye(4), "target": 3},
        "missing": {"inputs": np.eye(4)},
    }
    for message, data in wrong.items():
        with pytest.raises(rbp.InputError, match=message):
            rbp.score(result, data)
    with pytest.raises(rbp.InputError, match="result must be a Result"):
        rbp.score(3, {"targets": np.eye(4)})


def test_score_of_one_answer(refused):
    """One target unit that has only ever learned 0.5."""
    one = {"target_units": [True, False, False, False], "clamp_units": [False] * 4}
    problem = rbp.Problem(**good() | one | {"targets": np.full((2, 4), 0.5)})
    result, test = refused.folder / "result.npz", refused.folder / "test.npz"
    rbp.train(problem, 1, engine="golden").save(result)
    np.savez(test, targets=np.array([[0.9, 0, 0, 0]]))
    argv = ["score", result, "--data", test, "--engine", "golden"]
    refused(argv, "unit 0", "0.5", "expected two")


@pytest.mark.parametrize("verb", ["train", "recall"])
@pytest.mark.parametrize("kind", ["no folder", "a folder", "below a file", "name too long"])
def test_output(refused, verb, kind):
    folder = refused.folder
    problem = rbp.Problem(**good())
    problem.save(folder / "problem.npz")
    rbp.train(problem, 1, engine="golden").save(folder / "result.npz")
    np.savez(folder / "cues.npz", initial_state=np.zeros((1, 4)))
    (folder / "folder").mkdir()
    out = {
        "no folder": folder / "nowhere" / "out.npz",
        "a folder": folder / "folder",
        "below a file": folder / "cues.npz" / "out.npz",
        "name too long": folder / ("x" * 300),
    }[kind]
    if verb == "train":
        argv = ["train", folder / "problem.npz", "--updates", 10**9]
    else:
        argv = ["recall", folder / "result.npz", "--cues", folder / "cues.npz"]
    refused([*argv, "--engine", "golden", "--out", out], "cannot write", str(out))


def test_output_folder_is_read_only(refused):
    # /proc refuses new files to everyone, root too.
    rbp.Problem(**good()).save(refused.folder / "problem.npz")
    argv = ["train", refused.folder / "problem.npz", "--updates", 10**9, "--engine", "golden"]
    refused([*argv, "--out", "/proc/out.npz"], "cannot write", "/proc/out.npz")


def test_output_folder_that_cannot_be_made(refused):
    rbp.Problem(**good()).save(refused.folder / "problem.npz")
    argv = ["testbench", refused.folder / "problem.npz", "--out", "/proc/x"]
    refused(argv, "cannot write /proc/x/rbp_core.v")


def test_output_is_a_device(refused):
    rbp.Problem(**good()).save(refused.folder / "problem.npz")
    argv = ["train", refused.folder / "problem.npz", "--updates", 10**9, "--engine", "golden"]
    refused([*argv, "--out", "/dev/null"], "cannot write", "regular file")


FIGURE1 = {
    "updates": (["--updates", "0"], "updates", "at least 1"),
    "macs": (["--macs", "16"], "macs", "1 … 15", "16"),
    "seed": (["--seed", "-1"], "seed", "-1"),
    "engine": (["--engine", "none"], "engine", "none"),
    "verb's flag": (["--lanes", "2"], "--lanes"),
}


@pytest.mark.parametrize("case", FIGURE1)
def test_figure1(refused, case):
    flags, *fragments = FIGURE1[case]
    folder = refused.folder / "figure1"
    refused(["figure1", "--engine", "golden", "--out", folder, *flags], *fragments)


def test_figure1_output(refused):
    file = refused.folder / "file"
    file.touch()
    refused(["figure1", "--updates", 10**9, "--out", file], "cannot write", "not a folder")
    refused(["figure1", "--updates", 10**9, "--out", file / "f"], "cannot write", "not a folder")
    refused(["figure1", "--updates", 10**9, "--out", "/proc/f"], "cannot write", "/proc")
    refused(["figure1", "--updates", 10**9, "--out", "x" * 300], "cannot write", "too long")


@pytest.mark.parametrize("argv", [["learn"], ["train"], ["recall", "x.npz"]])
def test_usage(refused, argv):
    refused(argv)


class Odd:
    """Whose every way to become something else fails."""

    def _fail(self, *_, **__):
        raise RuntimeError("no")

    __array__ = __index__ = __repr__ = _fail


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (rbp.InputError, lambda p: rbp.train(p, 1, engine="fpga")),
        (rbp.InputError, lambda p: rbp.train(p, 0, engine="golden")),
        (rbp.InputError, lambda p: rbp.train(p, True + 0.5, engine="golden")),
        (rbp.InputError, lambda p: rbp.train(p, 1, engine="golden", macs=2.0)),
        (rbp.InputError, lambda p: rbp.train(p, 1, engine="golden", preset=16)),
        (TypeError, lambda p: rbp.train(p, 1, engine="golden", mac=2)),
        (rbp.InputError, lambda p: rbp.train(p.arrays(), 1, engine="golden")),
        (rbp.InputError, lambda p: rbp.train(None, 1)),
        (rbp.InputError, lambda p: rbp.recall(p, p.targets, engine="golden")),
        (rbp.InputError, lambda p: rbp.recall(rbp.train(p, 1, "golden"), "cues.npz", "golden")),
        (rbp.InputError, lambda p: rbp.train(p, 1, "golden", pause=lambda: True)),
        (rbp.InputError, lambda p: rbp.train(p, 1, "golden", reached=lambda r: True)),
        (rbp.InputError, lambda p: p.save("a\0b.npz")),
        (rbp.InputError, lambda p: p.save("")),
        (rbp.InputError, lambda p: rbp.train(p, 10**5000, "golden")),
        (rbp.InputError, lambda p: rbp.train(p, 1, "golden", lanes=10**5000)),
        (rbp.InputError, lambda p: replace(p, order=10**5000)),
        (rbp.InputError, lambda p: replace(p, order=Odd())),
        (rbp.InputError, lambda p: rbp.train(p, Odd(), "golden")),
        (rbp.InputError, lambda p: rbp.train(p, 1, Odd())),
        (rbp.InputError, lambda p: rbp.train(p, 1, "golden", progress=3)),
        (rbp.InputError, lambda p: rbp.train(p, 1, "golden", pause=3, reached=3)),
        (TypeError, lambda p: rbp.recall(rbp.train(p, 1, "golden"), p.targets, "golden", eta=1)),
        (rbp.InputError, lambda p: replace(rbp.train(p, 1, "golden"), updates=-5)),
        (rbp.InputError, lambda p: replace(rbp.train(p, 1, "golden"), weights="a")),
        (rbp.InputError, lambda p: replace(rbp.train(p, 1, "golden"), saturated={})),
        (rbp.InputError, lambda p: replace(rbp.train(p, 1, "golden"), saturated=None)),
        (rbp.InputError, lambda p: replace(rbp.train(p, 1, "golden"), states=None)),
        (rbp.InputError, lambda p: replace(rbp.train(p, 1, "golden"), settle_steps=3)),
        (rbp.InputError, lambda p: replace(rbp.train(p, 1, "golden"), states=np.zeros((9, 9)))),
        (rbp.InputError, lambda p: replace(p, activation=(lambda x: 1 / 0, np.tanh))),
        (rbp.InputError, lambda p: rbp.Problem([[0.1, 0.2], [0.3]], p.targets, p.target_units)),
    ],
)
def test_from_python(error, call):
    with pytest.raises(error) as raised:
        call(rbp.Problem(**good()))
    assert "\n" not in str(raised.value)


def test_the_flag_that_was_meant():
    with pytest.raises(TypeError, match="no flag 'eta': did you mean eta_shift?"):
        rbp.train(rbp.Problem(**good()), 1, "golden", eta=1)
    with pytest.raises(TypeError, match="no flag 'quick': expected one of macs, lanes, slots, "):
        rbp.train(rbp.Problem(**good()), 1, "golden", quick=1)


def test_a_file_in_no_folder(tmp_path):
    """What cannot be written bears the name that was asked for."""
    with pytest.raises(FileNotFoundError) as raised:
        rbp.Problem(**good()).save(tmp_path / "no" / "p.npz")
    assert raised.value.filename == str(tmp_path / "no" / "p.npz")


def test_two_arrays_of_one_name(refused):
    path = refused.folder / "p.npz"
    np.savez(path, **good())
    with zipfile.ZipFile(path, "a") as archive, archive.open("weights", "w") as file:
        np.lib.format.write_array(file, np.zeros((4, 4)))
    refused(["info", path], "two arrays of one name")


def test_cues_that_are_none_are_named(refused, files):
    argv = ["recall", files / "result.npz", "--cues", files / "problem.npz", "--engine", "golden"]
    refused([*argv, "--out", refused.out], str(files / "problem.npz"), "unknown key")


def test_inputs_belong_in_the_cues():
    result = rbp.train(examples.find("cycle-input").problem(), 1, "golden")
    with pytest.raises(
        TypeError, match="inputs belong in the cues: {'initial_state': …, 'inputs': …}"
    ):
        rbp.recall(result, [[0.5]], engine="golden", inputs=[[0.1]])
