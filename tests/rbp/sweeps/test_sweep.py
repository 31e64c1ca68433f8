"""Sweeps: as by hand, bit for bit; nothing is lost where a worker dies, or the host."""

import hashlib
import os
import signal
import subprocess
import sys
import time

import numpy as np
import psutil
import pyarrow.parquet as pq
import pytest

import rbp
from rbp.cli import main
from rbp.errors import InputError
from rbp.paper import examples
from rbp.sweeps import jobs as running
from rbp.sweeps import plan, plot, rows, sweep

SIXTY = """
example = "association"
updates = 30
[grid]
eta_shift = [-3, -2, -1]
preset = ["w16", "w8"]
seed = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
"""


def written(tmp_path, text):
    path = tmp_path / "sweep.toml"
    path.write_text(text)
    return path


def by_hand(preset, eta_shift, seed):
    problem = examples.find("association").problem()
    result = rbp.train(problem, 30, eta_shift=eta_shift, preset=preset, seed=seed)
    return float(result.energy[-1]), result.weights_raw


def test_sixty_and_a_worker_that_dies(tmp_path):
    """Two workers, one of which is killed in the middle: each row is that of a training by hand."""
    wanted = plan.read(written(tmp_path, SIXTY))
    assert len(wanted) == 60
    killed = []

    def progress(done, total):
        if done >= 20 and not killed:
            children = psutil.Process().children(recursive=True)
            server = next(c for c in children if "multiprocessing.forkserver" in c.cmdline()[-1])
            worker = server.children()[0].pid
            os.kill(worker, signal.SIGKILL)
            killed.append(worker)

    found = sweep.run(wanted, tmp_path / "out", workers=2, progress=progress)
    assert killed
    assert len(found) == 60
    for row in found:
        energy, words = by_hand(row["preset"], row["eta_shift"], row["seed"])
        digest = hashlib.sha256(np.ascontiguousarray(words, "<i8").tobytes()).hexdigest()[:16]
        assert (row["error"], row["energy"], row["weights"]) == ("", energy, digest)
    table = pq.read_table(rows.collect(tmp_path / "out", found)).to_pylist()
    assert table == found
    plot.draw(found, "eta_shift", tmp_path / "eta.png")
    assert (tmp_path / "eta.png").stat().st_size > 10_000


def heard():
    """In a process that begins: a shell's background job ignores the signal."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_interrupted_and_resumed(tmp_path):
    """Ctrl-C, or a terminal that closes, ends it with one line and 130; the same command makes
    what is missing, no more."""
    path, out = written(tmp_path, SIXTY), tmp_path / "out"
    words = [sys.executable, "-m", "rbp", "sweep", str(path), "--out", str(out), "--workers", "1"]
    parts = out / rows.PARTS

    def interrupted(when, which=signal.SIGINT):
        """What is said, where all processes get the signal, as from a terminal."""
        process = subprocess.Popen(
            words, stderr=subprocess.PIPE, text=True, start_new_session=True, preexec_fn=heard
        )
        while not when(process):
            time.sleep(0.05)
            assert process.poll() is None
        os.killpg(process.pid, which)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        return said

    def begins(process):
        return len(psutil.Process(process.pid).children(recursive=True)) >= 3

    def has_five(process):
        return len(list(parts.glob("*.parquet"))) >= 5

    none = f"rbp: stopped: 0 of 60 are kept in {out}; rbp sweep goes on there\n"
    assert interrupted(begins) == none
    assert interrupted(begins, signal.SIGHUP) == none
    said = interrupted(has_five)
    kept = {p.name: p.stat().st_mtime_ns for p in parts.iterdir()}
    assert said == none.replace("0 of 60", f"{len(kept)} of 60")
    assert 5 <= len(kept) < 60
    assert main(words[3:]) == 0
    assert len(pq.read_table(out / rows.TABLE)) == 60
    assert all((parts / name).stat().st_mtime_ns == then for name, then in kept.items())


def test_two_at_once(recwarn):
    """Nothing is said of another sweep on this machine."""
    with sweep._client(1, None), sweep._client(1, None):
        assert not [w for w in recwarn if "already in use" in str(w.message)]


def test_failures_are_kept(tmp_path, capsys):
    """A job that cannot run is a row with its message; the others go on, and the exit code is 1."""
    path = written(tmp_path, 'example = "xor"\nupdates = 5\n[grid]\nbatch = [2, 40]\n')
    assert main(["sweep", str(path), "--out", str(tmp_path / "out")]) == 1
    assert "1 of 2 jobs failed, the first: InputError: batch must be" in capsys.readouterr().err
    good, bad = pq.read_table(tmp_path / "out" / rows.TABLE).to_pylist()
    assert (good["error"], good["batch"]) == ("", 2)
    assert bad["energy"] is None


def test_draws(tmp_path):
    """Each draw is combined with the grid; the same file draws the same."""
    text = (
        'example = "xor"\nupdates = 5\n[grid]\npreset = ["w8", "w16"]\n'
        "[draws]\ncount = 6\neta_shift = {low = -3, high = 1}\nseed = [1, 2, 3]\n"
    )
    found = plan.read(written(tmp_path, text))
    assert found == plan.read(written(tmp_path, text))
    assert 6 < len(found) <= 12  # a draw may come twice
    assert {dict(job.settings)["eta_shift"] for job in found} <= set(range(-3, 2))


def test_a_file_of_ones_own(tmp_path):
    """A problem's path counts from the sweep's file; engines are a setting like others."""
    examples.find("xor").problem().save(tmp_path / "p.npz")
    text = 'problem = "p.npz"\nupdates = 5\n[grid]\nengine = ["model", "golden"]\n'
    found = [running.run(job) for job in plan.read(written(tmp_path, text))]
    assert found[0]["weights"] == found[1]["weights"]
    assert found[0]["key"] != found[1]["key"]


WRONG = {
    "there is no setting eta:": 'example = "xor"\nupdates = 5\neta = 1',
    "expected one of problem": "updates = 5",
    "updates must be": 'example = "xor"',
    "grid.seed must be a list": 'example = "xor"\nupdates = 5\n[grid]\nseed = 3',
    "seed is given twice": 'example = "xor"\nupdates = 5\nseed = 1\n[grid]\nseed = [3]',
    "draws.draw_seed must be": 'example = "xor"\nupdates = 5\n[draws]\ncount = 3\nseed = [1]\n'
    'draw_seed = "a"',
    "draws.batch must be": 'example = "xor"\nupdates = 5\n[draws]\ncount = 3\nbatch = {low = 3}',
    "device must be one of": 'kind = "synth"\ndevice = "x"\nunits = 3',
    "kind synth takes no example": 'kind = "synth"\ndevice = "up5k"\nexample = "xor"',
    "example must be one of": 'example = "nor"\nupdates = 5',
    "eta_shift must be": 'example = "xor"\nupdates = 5\n[grid]\neta_shift = [9]',
    "Expected": "updates = ",
    "updates must be an integer, 1": 'example = "xor"\nupdates = 100000000000000000000',
    "updates must be an integer, 1 … 2147483647, not True": 'example = "xor"\nupdates = true',
    "units must be an integer, .* not True": 'kind = "synth"\ndevice = "up5k"\nunits = true',
    "draws.count must be": 'example = "xor"\nupdates = 5\n[draws]\nseed = [1]',
    "a setting that is drawn": 'example = "xor"\nupdates = 5\n[draws]\ncount = 3',
    "draws.batch.high must be": 'example = "xor"\nupdates = 5\n[draws]\ncount = 3\n'
    "batch = {low = 4, high = 1}",
    "none.npz": 'problem = "none.npz"\nupdates = 5',
    "macs must be": 'kind = "synth"\ndevice = "up5k"\nunits = 3\nmacs = 9',
}


@pytest.mark.parametrize("message", WRONG)
def test_bad_input(message, tmp_path):
    with pytest.raises(InputError, match=message):
        plan.read(written(tmp_path, WRONG[message]))


def test_bad_places(tmp_path, capsys):
    path = written(tmp_path, SIXTY)
    assert main(["sweep", str(path), "--out", str(path)]) == 2
    assert main(["sweep", str(tmp_path / "none"), "--out", str(tmp_path / "o")]) == 2
    assert main(["sweep", str(path), "--out", str(tmp_path / "o"), "--plot", "colour"]) == 2
    words = ["sweep", str(path), "--out", str(tmp_path / "o"), "--scheduler", "tcp://127.0.0.1:1"]
    assert main(words) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4
    assert "no scheduler at tcp://127.0.0.1:1" in said[3]
    assert not (tmp_path / "o").exists()
    (tmp_path / "a" / "seed.png").mkdir(parents=True)
    assert main(["sweep", str(path), "--out", str(tmp_path / "a"), "--plot", "seed"]) == 2
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / rows.PARTS).touch()
    assert main(["sweep", str(path), "--out", str(tmp_path / "b")]) == 2
    said = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[0] for line in said] == ["rbp"] * 2
    assert "seed.png: it is a folder" in said[0]
    assert "jobs is not a folder" in said[1]
    parts = tmp_path / "o" / rows.PARTS
    parts.mkdir(parents=True)
    for name in "xy":
        (parts / f"{name}.parquet").write_text("?")
    rows.keep(tmp_path / "o", {"key": "z", "error": "", "energy": 0.5})
    assert list(rows.done(tmp_path / "w")) == []
    whole = (parts / "z.parquet").read_bytes()
    (parts / "z.parquet").write_bytes(whole.replace(b"energy", b"enemy "))
    with pytest.raises(InputError, match="x.parquet, .*y.parquet, .*z.parquet are no rows of a"):
        rows.done(tmp_path / "o")
