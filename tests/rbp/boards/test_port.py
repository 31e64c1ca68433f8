"""Engine ``board``: a whole board, simulated, in this process and behind a terminal."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import rbp
from rbp.errors import CheckFailed, InputError
from rbp.estimators import RecurrentClassifier
from rbp.page.watch import Watch
from rbp.paper import figure1
from rbp.paper.networks import visible_memory

BOARD = "sim:icebreaker"
WORDS = ("weights_raw", "states", "errors", "energy", "settle_steps", "unsettled", "skipped")


def equal(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in WORDS)


@pytest.fixture(scope="module")
def problem():
    return figure1.problem()


def test_figure_1(problem):
    """Golden's words, over the serial line of a whole board."""
    golden = rbp.train(problem, 40, "golden")
    got = rbp.train(problem, 40, "board", port=BOARD)
    assert equal(got, golden)
    assert got.engine == "board"
    more = rbp.train(got, 5, port=BOARD, baud=3_000_000)
    assert equal(more, rbp.train(golden, 5))
    cues = {"initial_state": np.full((6, 15), 0.3)}
    states = rbp.recall(golden, cues, "board", port=BOARD)
    assert np.array_equal(states.states, rbp.recall(golden, cues, "golden").states)
    assert rbp.verify(golden, "board", 10, port=BOARD).engine == "board"


def test_figure_1_on_a_larger_board(problem):
    """The same network on ULX3S: a core for 256 units, and words of 18 bits."""
    golden = rbp.train(problem, 20, "golden", preset="w18")
    given = {"port": "sim:ulx3s-85f", "baud": 3_000_000, "preset": "w18"}
    assert equal(rbp.train(problem, 20, "board", **given), golden)
    assert not equal(rbp.train(problem, 20, "golden"), golden)


def test_a_recall_of_more_cues_than_the_board_holds(problem):
    """In rounds; what is told is how many are done."""
    golden, told = rbp.train(problem, 3, "golden"), []
    cues = np.random.default_rng(1).random((11, 15))
    states = rbp.recall(golden, cues, "board", lambda *done: told.append(done), port=BOARD)
    expected = rbp.recall(golden, cues, "golden")
    for name in ("states", "settle_steps", "settled"):
        assert np.array_equal(getattr(states, name), getattr(expected, name))
    assert told == [(4, 11), (8, 11), (11, 11)]


def test_an_estimator_on_a_board():
    """Of more rows than the board holds; the model's bits."""
    X = np.random.default_rng(0).normal(size=(10, 3))
    flags = {"hidden": 4, "batch": 4, "max_iter": 1, "eta_shift": -2, "random_state": 0}
    board = RecurrentClassifier(**flags, engine="board", port=BOARD).fit(X, X[:, 0] > 0)
    model = RecurrentClassifier(**flags).fit(X, X[:, 0] > 0)
    assert equal(board.result_, model.result_)
    assert np.array_equal(board.predict_proba(X), model.predict_proba(X))


def test_a_page_on_a_board():
    """It shows the same as with the model; what the board cannot do is said on it."""
    patterns = np.random.default_rng(0).choice([0.1, 0.9], (2, 9))
    problem = visible_memory(patterns, np.random.default_rng(0))
    where = {"port": BOARD, "baud": None}
    pages = [Watch(problem, "board", where=where), Watch(problem, "model")]
    for page in pages:
        page.learn()
        page.memory._tapped(3)
        page.memory._learn()
        page.tick()
        page.memory._recall()
    board, model = pages
    assert board.words.text == model.words.text.replace("engine model", "engine board")
    assert np.array_equal(board.memory.recalled.values, model.memory.recalled.values)
    board._tuned("eta_shift")("value", 0, -6)
    board.tick()
    assert "stopped: eta_shift of the board's core must be" in board.words.text
    assert not board.run.active


def test_methods_over_the_line(problem):
    for flags in (
        {"method": "stochastic"},
        {"method": "concurrent", "start": "last"},
        {"batch": 2, "rounding": "nearest", "eta_shift": -1},
        {"fixed_steps": 9},
    ):
        golden = rbp.train(problem, 6, "golden", **flags)
        assert equal(rbp.train(problem, 6, "board", port=BOARD, **flags), golden)


def refused(message, *arguments, **given):
    with pytest.raises(InputError, match=message):
        rbp.train(*arguments, **given)


def test_what_the_board_cannot_do(problem):
    """One line, before anything is written."""
    refused("the training needs preset w18: the board has w16", problem, 1, "board", port=BOARD,
            preset="w18")  # fmt: skip
    refused("the training needs momentum True: the board has False", problem, 1, "board",
            port=BOARD, momentum_shift=2)  # fmt: skip
    refused("the training draws x.t0.: the board's core cannot", problem, 1, "board", port=BOARD,
            start="random")  # fmt: skip
    refused("must be an integer, -2 … 1, not -3", problem, 1, "board", port=BOARD, eta_shift=-3)
    rng = np.random.default_rng(1)
    units = 16
    large = rbp.Problem(
        weights=rng.normal(size=(units, units)),
        targets=np.full((1, units), 0.5),
        target_units=np.ones(units, bool),
    )
    refused("the network has 16 units: the board has 15", large, 1, "board", port=BOARD)


def test_bad_ports(problem, tmp_path):
    refused("engine board needs a port", problem, 1, "board")
    refused("port is for engine board, not for model", problem, 1, "model", port=BOARD)
    refused("baud must be an integer, 9600 … 3000000, not 7", problem, 1, "board", port=BOARD,
            baud=7)  # fmt: skip
    refused("board must be .*icebreaker", problem, 1, "board", port="sim:nothing")
    refused("cannot open port /dev/nothing: No such file", problem, 1, "board",
            port="/dev/nothing")  # fmt: skip
    plain = tmp_path / "plain"
    plain.write_text("no port")
    refused(
        f"cannot open port {plain}: it is not a serial port", problem, 1, "board", port=str(plain)
    )


def command(*arguments):
    return [sys.executable, "-m", "rbp", *map(str, arguments)]


class Served:
    """``rbp board serve`` in a process of its own."""

    def __init__(self, link):
        self.link = link
        self.process = subprocess.Popen(
            command("board", "serve", "icebreaker", "--link", link, "--baud", 3_000_000),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said = self.process.stdout.readline()

    def end(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(20)


def test_behind_a_terminal(problem, tmp_path):
    """As a serial port, by pyserial. Its end in mid-work is said; served again, it learns anew."""
    link, golden = tmp_path / "board", rbp.train(problem, 30, "golden")
    board = Served(link)
    try:
        assert board.said == f"icebreaker is at {link}; Ctrl-C ends it\n"
        got = rbp.train(problem, 30, "board", port=str(link), baud=3_000_000)
        assert equal(got, golden)
        asked = []

        def progress(done, total):
            asked.append(done)
            if len(asked) == 3:
                board.end(signal.SIGKILL)

        with pytest.raises(CheckFailed, match=f"{link}"):
            rbp.train(problem, 100_000, "board", progress, port=str(link), baud=3_000_000)
        assert len(asked) >= 3
    finally:
        board.end(signal.SIGKILL)
    assert os.path.islink(link)  # which the next server replaces
    board = Served(link)
    try:
        assert equal(rbp.train(problem, 30, "board", port=str(link), baud=3_000_000), golden)
        assert board.end() == 130
        assert not os.path.lexists(link)
    finally:
        board.end(signal.SIGKILL)


def test_a_port_that_another_program_has(problem, tmp_path):
    link = tmp_path / "board"
    board = Served(link)
    try:
        import serial

        with serial.Serial(str(link), exclusive=True):
            refused("another program has it", problem, 1, "board", port=str(link))
    finally:
        board.end(signal.SIGKILL)


def test_nobody_answers(problem):
    """A terminal with nothing behind it."""
    master, slave = os.openpty()
    begun = time.monotonic()
    try:
        refused("does not answer", problem, 1, "board", port=os.ttyname(slave), baud=115_200)
    finally:
        os.close(master)
        os.close(slave)
    assert time.monotonic() - begun < 60
