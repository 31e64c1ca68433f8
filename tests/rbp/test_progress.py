"""What a training says while it runs: a bar where that is asked for, and what goes wrong."""

import logging
import subprocess
import sys

import numpy as np
import pytest

import rbp
from rbp.engines.trends import Trends
from rbp.errors import InputError
from rbp.paper import figure1


@pytest.fixture
def said(caplog):
    """What the logger has been told, without the count of updates."""
    caplog.set_level(logging.INFO, "rbp")
    return lambda: [text.split(" (after")[0] for text in caplog.messages]


def test_noise_is_no_trend(said):
    rng, trends = np.random.default_rng(1), Trends(1)
    for _ in range(100):  # as patterns drawn singly have it
        trends.seen(rng.exponential(), 0.0, {"net"})
    assert said() == []


def test_each_trend_is_said_once(said):
    trends = Trends(1)
    for k in range(120):
        trends.seen(1.0 if k < 20 else k, 0.9, {"weight", "net"} if k > 30 else set())
    assert said() == [
        "most relaxations do not settle: dt_shift 2 may help",
        "E has doubled since the start: a smaller eta_shift may help",
        "weight has saturated: its format clamped a value",
    ]


OSCILLATES = rbp.Problem(weights=[[-8.0]], targets=[[0.25]], target_units=[True])


@pytest.mark.parametrize("engine", ["golden", "model", "float64"])
def test_a_training_says_so_while_it_runs(engine, said):
    """Before its end: the last call of ``progress`` has seen it. False lets it say nothing."""
    heard = []
    rbp.train(OSCILLATES, 2000, engine, lambda done, total: heard.append(said()))
    assert heard[18] == []
    assert heard[19][0] == "most relaxations do not settle: dt_shift 1 may help"
    before = said()
    rbp.train(OSCILLATES, 40, engine, False)
    assert said() == before


def test_without_handlers_python_shows_it():
    """On standard error, as it is."""
    program = "import rbp\nrbp.train(rbp.Problem([[-8.0]], [[0.25]], [True]), 40, 'golden')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith("most relaxations do not settle: dt_shift 1 may help (after 20 ")


@pytest.mark.parametrize("progress", [None, True, False])
def test_no_bit_depends_on_it(progress, capsys):
    """Here is no terminal, so True shows no bar."""
    problem = figure1.problem(1)
    result = rbp.train(problem, 30, "golden", progress)
    assert np.array_equal(result.weights_raw, rbp.train(problem, 30).weights_raw)
    states = rbp.recall(result, problem.start, "golden", progress)
    assert np.array_equal(states.states, rbp.recall(result, problem.start).states)
    assert capsys.readouterr() == ("", "")


def test_what_progress_may_be():
    for wrong in (1, "yes"):
        says = f"progress must be callable, True or False, not {wrong!r}"
        with pytest.raises(InputError, match=says):
            rbp.train(OSCILLATES, 1, progress=wrong)


GROWS = rbp.Problem(weights=[[7.0]], targets=[[1.9]], target_units=[True])


class Heard:
    """A progress that keeps after how many updates words had saturated."""

    def __init__(self):
        self.roles = []

    def __call__(self, done, total):
        pass

    def seen(self, energy, share, saturated):
        self.roles.append(set(saturated))


def test_nothing_saturates_before_it_does():
    """The model says it at the end of what it makes at once: late, but not too early."""
    heard = {engine: Heard() for engine in ("golden", "model")}
    for engine, progress in heard.items():
        flags = {"eta_shift": 1, "momentum_shift": 3}
        rbp.train(GROWS, 200, engine, progress, **flags)
    golden, model = (each.roles for each in heard.values())
    assert any(golden)
    assert not all(golden)
    assert golden[-1] == model[-1]
    assert all(late <= early for late, early in zip(model, golden, strict=True))
