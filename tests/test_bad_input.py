"""Whatever is wrong with the input: exit code 2, one line that names it, no file touched."""

import numpy as np
import pytest

import rbp
from rbp.cli import main


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
    "slots 1": (["--updates", "1", "--slots", "1"], "2 patterns does not fit", "slots", "1 × 1"),
    "slots 257": (["--updates", "1", "--slots", "257"], "slots", "1 … 256", "257"),
    "preset": (["--updates", "1", "--preset", "w32"], "preset", "w16, w18, w8", "w32"),
    "engine": (["--updates", "1", "--engine", "fpga"], "engine", "float64, golden, rtl", "fpga"),
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
    ),
    "start": (["--updates", "1", "--start", "first"], "start", "fixed, last, random", "first"),
    "start last over slots": (
        ["--updates", "1", "--batch", "1", "--slots", "1", "--start", "last"],
        "2 patterns do not fit",
        "1 × 1",
    ),
    "drawn over slots": (
        ["--updates", "1", "--method", "stochastic", "--slots", "1"],
        "2 patterns do not fit",
        "1 × 1",
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
    train(refused, changed(targets=np.full((257, 4), 0.5)), "slots", "256", "257")


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


@pytest.mark.parametrize(
    ("error", "call"),
    [
        (rbp.InputError, lambda p: rbp.train(p, 1, engine="fpga")),
        (rbp.InputError, lambda p: rbp.train(p, 0, engine="golden")),
        (rbp.InputError, lambda p: rbp.train(p, True + 0.5, engine="golden")),
        (rbp.InputError, lambda p: rbp.train(p, 1, engine="golden", macs=2.0)),
        (rbp.InputError, lambda p: rbp.train(p, 1, engine="golden", preset=16)),
        (TypeError, lambda p: rbp.train(p, 1, engine="golden", mac=2)),
        (rbp.InputError, lambda p: rbp.Problem([[0.1, 0.2], [0.3]], p.targets, p.target_units)),
    ],
)
def test_from_python(error, call):
    with pytest.raises(error) as raised:
        call(rbp.Problem(**good()))
    assert "\n" not in str(raised.value)
