"""What is kept is as it was made, or is made again."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rbp.cli import main
from rbp.cosim import cache
from rbp.cosim.cache import cached
from rbp.errors import CheckFailed, InputError

CHECKOUT = Path(__file__).parents[2]


def kept(root, made):
    """The text that is kept, and made by appending to ``made`` where it is not."""

    def make(folder):
        made.append(folder)
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("words")

    return cached(root, "job", "content", make) / "inner" / "file"


DAMAGES = {
    "empty": lambda path: path.write_text(""),
    "cut": lambda path: path.write_text("word"),
    "a bit": lambda path: path.write_text("wordr"),
    "gone": lambda path: path.unlink(),
    "one more": lambda path: path.with_name("other").touch(),
    "renamed": lambda path: path.rename(path.with_name("other")),
    "no sum": lambda path: (path.parent.parent / cache.SUM).unlink(),
    "sum": lambda path: (path.parent.parent / cache.SUM).write_bytes(b"\xff"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_is_made_again(tmp_path, damage):
    made = []
    DAMAGES[damage](kept(tmp_path, made))
    path = kept(tmp_path, made)
    assert path.read_text() == "words"
    assert kept(tmp_path, made) == path
    assert len(made) == 2
    assert [p.name for p in path.parent.iterdir()] == ["file"]


def test_a_damaged_core(tmp_path):
    """It was loaded, and took the process with it."""
    program = (
        "from rbp.cosim.build import library\nfrom rbp.fpga.machines import machine\n"
        "from rbp.cosim.simulator import Simulator\n"
        "path = library(machine(units=1, slots=1))\n"
        "Simulator(path).run(3)\nprint(path)"
    )
    (tmp_path / "tools").symlink_to(cache.CACHE / "tools")  # compiled once is enough

    def run():
        done = subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"RBP_CACHE": str(tmp_path)},
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stderr) == (0, "")
        return Path(done.stdout.strip())

    path = run()
    words = path.read_bytes()
    path.write_bytes(words[: len(words) // 2])
    assert run() == path
    assert len(path.read_bytes()) == len(words)


def half(root, name):
    folder = root / f"job-{name}.abcdefgh"
    folder.mkdir(parents=True)
    return folder


def test_half_made_are_removed(tmp_path):
    """But for those that somebody is at."""
    dead, alive = half(tmp_path, "dead"), half(tmp_path, "alive")
    with open(tmp_path / "job-alive.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept(tmp_path, [])
        assert not dead.exists()
        assert alive.exists()


def test_failed_is_not_kept_as_done(tmp_path):
    """Its folder is, by another name."""
    times = []

    def fail(folder):
        times.append(folder)
        (folder / "log").write_text("why")
        raise CheckFailed("a tool failed")

    for _ in range(2):
        with pytest.raises(CheckFailed, match="a tool failed; its folder is kept: ") as error:
            cached(tmp_path, "job", "content", fail)
        folder = Path(str(error.value).split("kept: ")[1])
        assert (folder / "log").read_text() == "why"
    assert len(times) == 2
    assert [p for p in tmp_path.iterdir() if p.is_dir()] == [folder]


def test_no_room(tmp_path):
    def fail(folder):
        raise OSError(28, "No space left on device")

    with pytest.raises(CheckFailed, match=f"{tmp_path}: No space left on device"):
        cached(tmp_path, "job", "content", fail)


def test_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="RBP_CACHE chooses another folder"):
        cached(tmp_path / "file" / "sim", "job", "content", None)


def test_shown_and_cleared(tmp_path, monkeypatch, capsys):
    root = tmp_path / "cache"
    monkeypatch.setattr(cache, "CACHE", root)
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{root}: 0.0 MB\n"
    kept(root / "sim", []).write_bytes(bytes(1_500_000))
    assert main(["cache"]) == 0
    assert capsys.readouterr().out == f"{root}: 1.5 MB\n"
    (root / "thesis").mkdir()
    (root / "thesis" / "text").write_bytes(bytes(2_000_000))
    (root / "notes").touch()
    assert main(["cache", "--clear"]) == 0
    assert capsys.readouterr().out == f"{root}: 0.0 MB\n"
    assert sorted(p.name for p in root.rglob("*")) == ["notes", "text", "thesis"]
