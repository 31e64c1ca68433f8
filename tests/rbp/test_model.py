"""Engine ``model``: golden's bits by default, golden itself where nothing can be compiled."""

import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

import rbp
from rbp.cmodel import build
from rbp.errors import InputError
from rbp.paper.networks import visible_memory


def problem(patterns=3):
    rng = np.random.default_rng(3)
    return visible_memory(rng.choice([0.1, 0.9], (patterns, 6)), rng)


def unlike(one, other):
    """Names of the fields in which two results differ, but for their engine."""
    names = {f.name for f in fields(rbp.Result)} - {"problem", "settings", "engine"}
    return {n for n in names if not np.array_equal(getattr(one, n), getattr(other, n))}


@pytest.mark.parametrize("threads", [1, 3])
def test_it_is_the_default_and_golden(threads):
    for flags in ({}, {"batch": 2, "momentum_shift": 1}, {"method": "concurrent"}):
        result = rbp.train(problem(), 20, threads=threads, **flags)
        golden = rbp.train(problem(), 20, engine="golden", **flags)
        assert result.engine == "model"
        assert unlike(result, golden) == set()
        assert unlike(rbp.train(result, 3), rbp.train(golden, 3)) == set()
        found, expected = (rbp.recall(result, problem().start, e) for e in ("model", "golden"))
        for name in ("states", "values", "settle_steps", "settled"):
            assert np.array_equal(getattr(found, name), getattr(expected, name))
        assert np.array_equal(rbp.recall(result, problem().start).states, expected.states)


def test_rounds_of_cues(monkeypatch):
    """More cues than a round has are taken in turn."""
    monkeypatch.setattr("rbp.engines.recalling.TOGETHER", 4)
    result, seen = rbp.train(problem(), 5), []
    cues = np.random.default_rng(0).random((10, 6))
    found = rbp.recall(result, cues, progress=lambda *done: seen.append(done))
    assert seen == [(4, 10), (8, 10), (10, 10)]
    assert np.array_equal(found.states, rbp.recall(result, cues, "golden").states)


class Watch:
    """Progress that keeps what it is told, and pauses at every chance until enough is kept."""

    def __init__(self, most):
        self.most, self.done, self.told, self.results = most, [], [], []

    def __call__(self, done, total):
        self.done.append(done)

    def seen(self, energy, share, saturated):
        self.told.append((energy, share, frozenset(saturated)))

    def pause(self):
        return True

    def reached(self, result):
        self.results.append(result)
        return len(self.results) == self.most


def test_progress_and_an_early_end(monkeypatch):
    """Told of each update; what a pause shows is golden's and stays; continued, nothing is lost."""
    monkeypatch.setattr("rbp.cmodel.model.CHUNK", 0.0)  # an update at a time
    watch, alone = Watch(4), Watch(1)
    part = rbp.train(problem(), 30, progress=watch, pause=watch.pause, reached=watch.reached)
    rbp.train(problem(), 4, "golden", alone)
    assert (watch.done, watch.told) == ([1, 2, 3, 4], alone.told)
    assert part.updates == 4
    for result in (*watch.results, part):
        assert unlike(result, rbp.train(problem(), result.updates, "golden")) == set()
    assert unlike(rbp.train(part, 26), rbp.train(problem(), 30, "golden")) == set()


def test_bad_threads():
    for wrong in (0, 257, 1.5, "two"):
        with pytest.raises(InputError, match=r"threads must be an integer, 1 … 256, not"):
            rbp.train(problem(), 1, threads=wrong)
    with pytest.raises(InputError, match="threads are for engine model, not for golden"):
        rbp.train(problem(), 1, engine="golden", threads=2)


@pytest.fixture
def fresh(monkeypatch):
    """The library is looked for anew, before and after."""
    build.library.cache_clear()
    yield
    build.library.cache_clear()


SCRIPTS = {
    "fails": "#!/bin/sh\necho no such luck >&2\nexit 3\n",
    "writes nothing": "#!/bin/sh\nexit 0\n",
}


@pytest.mark.parametrize("case", ["is not there", *SCRIPTS])
def test_golden_where_no_compiler_is(case, fresh, monkeypatch, tmp_path):
    compiler = tmp_path / "cc"
    if case in SCRIPTS:
        compiler.write_text(SCRIPTS[case])
        compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    said = {"fails": "does not compile", "writes nothing": "writes no library"}
    said = said.get(case, "no C.. compiler is installed") + ".*; golden runs instead, with the same"
    with pytest.warns(RuntimeWarning, match=said):
        result = rbp.train(problem(), 3)
    assert result.engine == "golden"
    with pytest.warns(RuntimeWarning, match="golden runs instead"):
        assert rbp.recall(result, problem().start, "model").settled.all()


def test_one_line_of_the_command(tmp_path):
    problem().save(tmp_path / "p.npz")
    rbp.train(problem(), 2).save(tmp_path / "made.npz")
    for argv, begin, end in (
        (["train", "p.npz", "--updates", "2", "--out", "r.npz"], "E ", "(golden); wrote r.npz\n"),
        (["verify", "made.npz", "--engine", "model"], "golden and model are equal in 2 E, ", "\n"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "rbp", *argv],
            env=os.environ | {"CXX": "no-such-compiler"},
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (0, 1)
        assert done.stdout.startswith(begin)
        assert done.stdout.endswith(end)
        assert done.stderr.startswith("rbp: no C++ compiler is installed, expected: no-such-")


@pytest.mark.parametrize("folder", ["/proc/none", "/dev/null"])
def test_a_cache_that_cannot_be(folder, fresh, monkeypatch):
    """As where the home folder is read-only."""
    monkeypatch.setattr(build, "CACHE", Path(folder))
    with pytest.warns(
        RuntimeWarning, match=f"cannot use the cache {folder}.*; golden runs instead"
    ):
        assert rbp.train(problem(), 3).engine == "golden"


def test_a_full_disk(fresh, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "/cache/model")

    monkeypatch.setattr(build, "cached", full)
    said = "cannot keep the compiled model: .*No space left on device.*; golden runs"
    with pytest.warns(RuntimeWarning, match=said):
        assert rbp.train(problem(), 3).engine == "golden"
