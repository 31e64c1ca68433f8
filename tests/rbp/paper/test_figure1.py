"""The paper's experiment without the core: what is drawn, how it ends, what is written."""

import json

import numpy as np
import pytest

import rbp
from rbp.cli import main
from rbp.paper import figure1


def test_problem():
    problem = figure1.problem(7)
    assert (problem.units, problem.patterns) == (15, 4)
    assert problem.target_units.tolist() == [True] * 10 + [False] * 5
    assert (problem.clamp_units == problem.target_units).all()
    assert problem.connected.all()
    assert np.abs(problem.weights).max() <= 0.5
    assert np.isin(problem.targets[:, :10].round(12), (0.1, 0.9)).all()
    again = figure1.problem(7)
    assert np.array_equal(problem.weights, again.weights)
    assert np.array_equal(problem.targets, again.targets)
    assert not np.array_equal(problem.weights, figure1.problem(8).weights)


@pytest.fixture(scope="module")
def record():
    return figure1.run(engine="golden")


def test_master_falls_smoothly(record):
    e = np.array(record["e_master"])
    assert 2.9 < e[0] < 5.2
    assert (np.diff(e) < 0).all()
    assert e[50] < 0.052
    assert e[-1] < 0.001


def test_slave_follows_with_jumps(record):
    e = np.array(record["e_slave"])
    assert (np.abs(np.diff(e)) > 1).sum() >= 3
    assert np.abs(np.diff(e[100:])).max() < 0.01
    assert e[-1] < 0.01


def test_record_is_that_of_a_training(record):
    result = rbp.train(figure1.problem(), 300, engine="golden", seed=figure1.SEED)
    assert record["e_master"] == result.energy.tolist()
    assert record["settle_steps"] == result.settle_steps.tolist()
    assert record["settings"]["macs"] == 5
    assert record["settings"]["seed"] == figure1.SEED
    assert record["versions"]["numpy"] == np.__version__


def test_slave_is_a_recall_of_the_patterns():
    record = figure1.run(engine="golden", updates=6)
    before = rbp.train(figure1.problem(), 5, engine="golden", seed=figure1.SEED)
    problem = before.problem
    words = np.floor(problem.targets * 2**14 + 0.5)
    states = rbp.recall(
        before, np.where(problem.target_units, problem.targets, 0.5), engine="golden"
    )
    missed = (words - states.states)[:, problem.target_units] * 2.0**-14
    assert record["e_slave"][5] == (missed**2).sum() / 2


@pytest.mark.parametrize("engine", ["golden", "float64"])
def test_command(engine, tmp_path, capsys):
    folder = tmp_path / "made" / "figure1"
    argv = ["figure1", "--engine", engine, "--updates", "4", "--macs", "3", "--seed", "5"]
    assert main([*argv, "--out", str(folder)]) == 0
    out, err = capsys.readouterr()
    assert "E_master" in out
    assert err == ""
    assert sorted(p.name for p in folder.iterdir()) == ["figure1.json", "figure1.png"]
    assert (folder / "figure1.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((folder / "figure1.json").read_text())
    assert sorted(record) == [
        "cycles",
        "e_master",
        "e_slave",
        "mismatches",
        "settings",
        "settle_steps",
        "utilisation",
        "versions",
        "words_compared",
    ]
    assert len(record["e_master"]) == len(record["e_slave"]) == 4
    assert np.shape(record["settle_steps"]) == (4, 4, 2)
    assert record["settings"]["engine"] == engine
