"""The command line: what is said, what is written, and an interrupt."""

import numpy as np
import pytest

import rbp
import rbp.cosim.run
from rbp.cli import main
from rbp.paper import figure1


@pytest.fixture
def problem(tmp_path):
    path = tmp_path / "problem.npz"
    figure1.problem(1).save(path)
    return path


def run(*argv):
    return main([str(a) for a in argv])


def test_train_continue_recall(problem, tmp_path, capsys):
    part, whole, cues = tmp_path / "part.npz", tmp_path / "whole", tmp_path / "cues.npz"
    flags = ["--engine", "golden", "--macs", 3, "--seed", 2]
    assert run("train", problem, "--updates", 4, *flags, "--out", part) == 0
    # In place, without flags: settings and engine are those in the file.
    assert run("train", part, "--updates", 5, "--out", part) == 0
    assert run("train", problem, "--updates", 9, *flags, "--out", whole) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert [line.split(" in ")[1] for line in out.splitlines()] == [
        f"4 updates (golden); wrote {part}",
        f"9 updates (golden); wrote {part}",
        f"9 updates (golden); wrote {whole}",
    ]
    with np.load(part) as a, np.load(whole) as b:
        assert sorted(a) == sorted(b)
        assert all(np.array_equal(a[key], b[key]) for key in a)

    np.savez(cues, initial_state=np.full((6, 15), 0.5))
    argv = ["recall", whole, "--cues", cues, "--engine", "golden", "--out", tmp_path / "states.npz"]
    assert run(*argv) == 0
    assert "6 of 6 cues settled (golden)" in capsys.readouterr().out
    with np.load(tmp_path / "states.npz") as arrays:
        assert arrays["states"].shape == (6, 15)


def test_flags_override_those_of_a_result(problem, tmp_path):
    path = tmp_path / "result.npz"
    first = ["--engine", "golden", "--step-limit", 30, "--seed", 3]
    assert run("train", problem, "--updates", 2, *first, "--out", path) == 0
    second = ["--engine", "float64", "--fixed-steps", 9, "--eta-shift", -2]
    assert run("train", path, "--updates", 3, *second, "--out", path) == 0
    result = rbp.Result.load(path)
    settings = result.settings
    assert (settings.seed, settings.eta_shift, settings.fixed_steps) == (3, -2, 9)
    assert settings.step_limit is None
    assert result.engine == "float64"
    assert (result.settle_steps[2:] == 9).all()


def test_remarks(tmp_path, capsys):
    """Skips and saturation are told always, and what to do about skips."""
    rbp.Problem(weights=[[-8.0]], targets=[[0.25]], target_units=[True]).save(tmp_path / "p.npz")
    argv = ["train", tmp_path / "p.npz", "--updates", 3, "--engine", "golden"]
    assert run(*argv, "--out", tmp_path / "r.npz") == 0
    err = capsys.readouterr().err
    assert err == (
        "rbp: 6 of 6 relaxations reached the limit, 3 of 3 pattern updates were skipped; "
        "try --dt-shift 1\n"
        "rbp: saturated at least once: error\n"
    )
    high = rbp.Problem(weights=[[0.1]], targets=[[0.5]], target_units=[True], inputs=[[1.9]])
    high.save(tmp_path / "p.npz")
    assert run(*argv, "--out", tmp_path / "r.npz") == 0
    assert capsys.readouterr().err == "rbp: saturated at least once: state\n"


def test_failed_check(problem, tmp_path, capsys, monkeypatch):
    def mismatch(*arguments, **options):
        raise rbp.cosim.run.Mismatch("update 3, pattern 1, x[4]: core 17, golden 18")

    monkeypatch.setattr(rbp.cosim.run, "train", mismatch)
    train = ["train", problem, "--updates", 5]
    assert run(*train, "--engine", "rtl", "--out", tmp_path / "r.npz") == 1
    assert capsys.readouterr().err == "rbp: update 3, pattern 1, x[4]: core 17, golden 18\n"
    assert not (tmp_path / "r.npz").exists()


def test_full_disk(problem, tmp_path, capsys, monkeypatch):
    """A file that cannot be completed leaves the old one, and nothing beside it."""
    out = tmp_path / "r.npz"
    out.write_bytes(b"precious")

    def full(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    argv = ["train", problem, "--updates", 1, "--engine", "golden", "--out", out]
    assert run(*argv) == 1
    assert "No space left" in capsys.readouterr().err
    assert out.read_bytes() == b"precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["problem.npz", "r.npz"]


@pytest.mark.parametrize("verb", ["figure1", "train", "recall"])
def test_help_has_an_example(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        run(verb, "--help")
    assert stop.value.code == 0
    assert f"example: rbp {verb}" in capsys.readouterr().out


def test_energies_of_batches(problem, tmp_path, capsys):
    """Of the first and the last update, which are of other patterns: that is said."""
    argv = ["train", problem, "--updates", 3, "--engine", "golden", "--out", tmp_path / "r.npz"]
    assert run(*argv, "--batch", 3) == 0
    assert " (each of 3 of 4 patterns) in 3 updates (golden)" in capsys.readouterr().out
    assert run("info", tmp_path / "r.npz") == 0
    assert "(each of 3 of 4 patterns)\n" in capsys.readouterr().out


def test_features(tmp_path, capsys):
    """Of a dense network, and of a problem, by order or by its products."""
    path, weights = tmp_path / "p.npz", np.zeros((3, 4))
    others = {"targets": np.zeros((1, 3)), "target_units": [True, False, False]}
    rbp.Problem(weights=weights, products=[(1, 0), (), (2, 2, 0), (1,)], **others).save(path)
    assert run("features", path) == 0
    assert capsys.readouterr().out.splitlines() == ["f1 f0", "1", "f2 f2 f0", "f1"]
    rbp.Problem(weights=weights, order=(0, 1), **others).save(path)
    for arguments in ([path], ["--units", 3, "--order", "0,1"]):
        assert run("features", *arguments) == 0
        assert capsys.readouterr().out.splitlines() == ["1", "f0", "f1", "f2"]
    rbp.Problem(weights=weights[:, :3], **others).save(path)
    assert run("features", path) == 0
    assert capsys.readouterr().out.splitlines() == ["f0", "f1", "f2"]
    for arguments in ([], [path, "--units", 3], [path, "--order", 2]):
        assert run("features", *arguments) == 2
