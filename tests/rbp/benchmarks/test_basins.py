"""``rbp basins``: counted anew from single recalls, equal on all engines of words."""

import json

import numpy as np
import pytest

import rbp
from rbp.benchmarks import basins
from rbp.cli import main
from rbp.cmodel import build
from rbp.paper import figure1
from rbp.paper.networks import visible_memory


@pytest.fixture(scope="module")
def result():
    """Five patterns in eight units, of which some stay."""
    rng = np.random.default_rng(2)
    return rbp.train(visible_memory(rng.choice([0.1, 0.9], (5, 8)), rng), 150)


def test_shares_are_those_of_single_recalls(result):
    """The cues are drawn again here, and each is recalled alone, by golden."""
    record, rng = basins.run(result, tries=5, seed=3), np.random.default_rng(3)
    targets = result.problem.targets
    rng.random((5, 8)), rng.uniform(0, 1, (5, 0))  # of no wrong unit
    assert record["wrong"] == list(range(9))
    homes = [rbp.recall(result, row, "golden").values[0] for row in targets]
    stays = [bool(abs(h - t).max() <= 0.1 * 0.8) for h, t in zip(homes, targets, strict=True)]
    assert record["stays"] == stays
    assert {True, False} == set(stays)
    for d in range(1, 9):
        units = rng.random((25, 8)).argsort(axis=1)[:, :d]
        states = rng.uniform(targets.min(), targets.max(), units.shape)
        for a in range(5):
            back = 0
            for k in range(5 * a, 5 * a + 5):
                cue = targets[a].copy()
                cue[units[k]] = states[k]
                found = rbp.recall(result, cue, "golden")
                near = abs(found.values[0] - homes[a]).max() <= 0.1 * np.ptp(targets)
                back += bool(near and found.settled[0])
            assert record["back"][a][d] == back / 5


@pytest.mark.parametrize("engine", ["golden", "rtl"])
def test_engines_agree(result, engine):
    record = basins.run(result, tries=2, engine=engine)
    assert record | {"engine": "model"} == basins.run(result, tries=2)


def test_the_command(tmp_path, capsys, result, monkeypatch):
    """Files and a line a pattern; without a compiler golden's, and one line says so."""
    path, out = tmp_path / "r.npz", tmp_path / "out"
    result.save(path)
    argv = ["basins", str(path), "--tries", "3", "--out", str(out)]
    assert main(argv) == 0
    said = capsys.readouterr()
    record = json.loads((out / "basins.json").read_text())
    assert record == basins.run(result, tries=3)
    assert said.out.splitlines()[:5] == list(basins.summary(record))
    assert said.out.count(" does not stay") == record["stays"].count(False)
    assert (out / "basins.png").read_bytes().startswith(b"\x89PNG")
    monkeypatch.setenv("CXX", "/nonexistent")
    build.library.cache_clear()
    assert main(argv) == 0
    build.library.cache_clear()
    again = capsys.readouterr()
    assert again.out == said.out
    assert again.err.count("\n") == 1
    assert "golden runs instead, with the same bits" in again.err


def test_bad_input(result):
    with pytest.raises(rbp.InputError, match="tries must be an integer, 1 … 10000, not 0"):
        basins.run(result, tries=0)
    problem = figure1.problem(1)
    unclamped = rbp.Problem(problem.weights, problem.targets, problem.target_units)
    with pytest.raises(rbp.InputError, match="basins are of memories"):
        basins.run(rbp.train(unclamped, 1))
