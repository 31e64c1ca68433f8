"""Other people's tools: started clean, named where they fail, gone when we are."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import rbp
from rbp.cosim import cache, tools
from rbp.errors import CheckFailed, InputError

CHECKOUT = Path(__file__).parents[2]
RBP = [sys.executable, "-c", "import sys; from rbp.cli import main; sys.exit(main())"]


@pytest.fixture
def user(tmp_path):
    """``user(words, env)``: what a user's command gives; his cache is empty, his path is odd."""
    home = tmp_path / 'a "folder", é $x; ü'
    (home / "cache").mkdir(parents=True)
    (home / "cache" / "tools").symlink_to(cache.CACHE / "tools")  # compiled once is enough
    problem = rbp.Problem(weights=[[0.5]], targets=[[0.5]], target_units=[True])
    problem.save(home / "p.npz")

    def run(line, *, without=(), limit=None, **more):
        env = os.environ | {"RBP_CACHE": str(home / "cache"), "PYTHONPATH": str(CHECKOUT)} | more
        for name in without:
            env.pop(name, None)
        limited = limit and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        command = [*RBP, *line.split()]
        done = subprocess.run(
            command, cwd=home, env=env, capture_output=True, text=True, preexec_fn=limited
        )
        assert "Traceback" not in done.stderr
        return done

    run.home = home
    return run


def one_line(done, code):
    assert done.returncode == code
    assert done.stderr.startswith("rbp: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


TRAIN = "train p.npz --updates 2 --engine rtl --out r.npz"

HOSTILE = {
    "VERILATOR_ROOT": "/nowhere",
    "MAKEFLAGS": "-n",
    "COCOTB_TEST_FILTER": "nothing",
    "COCOTB_TOPLEVEL": "other",
    "COCOTB_TRUST_INERTIAL_WRITES": "0",
    "GPI_USERS": "/nowhere",
    "AMARANTH_USE_YOSYS": "system",
    "YOSYS": "/nowhere",
    "YOWASP_MOUNT": "/nowhere=/nowhere",
    "CPLUS_INCLUDE_PATH": "/nowhere",
    "PYTHONIOENCODING": "ascii",
    "PYTHONOPTIMIZE": "2",
    "WAVES": "1",
    "LANG": "C",
    "LC_ALL": "C",
}


def test_odd_paths_and_foreign_variables(user):
    """Everything is built anew, and the bench is run."""
    done = user("figure1 --updates 1 --macs 15 --out f", without=["PATH"], **HOSTILE)
    assert done.returncode == 0, done.stderr
    assert "0 mismatches" in done.stdout
    assert user(TRAIN, **HOSTILE).returncode == 0
    assert {path.name for path in (user.home / "f").iterdir()} == {"figure1.json", "figure1.png"}


def test_the_environment(monkeypatch):
    for name, value in HOSTILE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KEPT", "as it was")
    monkeypatch.delenv("PATH")
    env = tools.environment(MORE=1)
    assert (env["KEPT"], env["MORE"], env["PATH"]) == ("as it was", "1", os.defpath)
    assert {name for name in HOSTILE if name in env} == {"LANG", "LC_ALL"}
    assert env["LC_ALL"] == "C.UTF-8"


def test_without_a_compiler(user):
    line = one_line(user(TRAIN, PATH=str(user.home)), 2)
    assert "g++ is not installed" in line
    assert not (user.home / "r.npz").exists()


@pytest.mark.parametrize("limit", [200, 4_000, 200_000])
def test_full_disk(user, limit):
    """At every stage of a build."""
    one_line(user(TRAIN, limit=limit), 1)
    assert not (user.home / "r.npz").exists()
    folders = [path.name for path in (user.home / "cache").glob("s*/*") if path.is_dir()]
    assert not [name for name in folders if "." in name]


def test_no_home(user):
    line = one_line(user(TRAIN, without=["RBP_CACHE", "XDG_CACHE_HOME"], HOME="/proc/none"), 2)
    assert "/proc/none/.cache/rbp" in line
    assert "RBP_CACHE chooses another folder" in line
    assert user("verilog --units 1 --out v.v", HOME="/proc/none").returncode == 0


def test_help_without_greek(user):
    done = user("train --help", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "? = 2^K" in done.stdout


# tools that fail


def test_a_failure_is_named(tmp_path):
    command = ["sh", "-c", "echo one; echo the Error is here >&2; echo two; exit 3", "a b"]
    with pytest.raises(CheckFailed) as error:
        tools.run(command, tmp_path)
    assert str(error.value).startswith("sh failed: the Error is here; the command was sh -c 'echo")
    log = (tmp_path / tools.LOG).read_text()
    assert log.endswith("one\nthe Error is here\ntwo\nexit 3\n")
    assert log.startswith("sh -c ")


def test_the_last_lines_of_a_failure(tmp_path):
    command = ["sh", "-c", "seq 9; printf '\\377\\n'; kill -SEGV $$"]
    with pytest.raises(CheckFailed, match="^sh failed: 8 / 9 / \ufffd / killed by signal 11; "):
        tools.run(command, tmp_path)


def test_not_there(tmp_path):
    with pytest.raises(InputError, match="^no-such-tool is not installed"):
        tools.run(["no-such-tool"], tmp_path)


def test_who_watches_may_end_it(tmp_path):
    """A watch that raises: the job is gone, and what was raised is what is seen."""

    def watch():
        if (tmp_path / "begun").exists():
            raise CheckFailed("seen enough")

    with pytest.raises(CheckFailed, match="^seen enough$"):
        tools.run(["sh", "-c", "touch begun; sleep 99 & sleep 99"], tmp_path, watch=watch)
    until(lambda: not alive(tmp_path), 10)
    assert tools.run([sys.executable, "-c", "print(7)"], tmp_path, watch=lambda: None) == (0, "7\n")


def test_one_failure_ends_the_others(tmp_path):
    begun = time.monotonic()
    jobs = [tools.start(["sh", "-c", line], tmp_path) for line in ("exit 1", "sleep 99 & sleep 99")]
    with pytest.raises(CheckFailed):
        tools.finish(*jobs)
    assert time.monotonic() - begun < 30
    until(lambda: not alive(tmp_path), 10)


# nothing is left behind


def alive(folder):
    """Processes that work in a folder, but for zombies."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            where, state = os.readlink(path / "cwd"), (path / "stat").read_text()
        except OSError:
            continue
        if where.startswith(str(folder)) and state.rpartition(")")[2].split()[0] != "Z":
            found.append(path.name)
    return found


@contextmanager
def none_left(folder, job):
    """After its body the job ends, and soon nothing works in the folder; if not, it is killed."""
    try:
        yield
        job.wait(60)
        until(lambda: not alive(folder), 10)
    finally:
        for number in (job.pid, *map(int, alive(folder))):
            with suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)


def until(condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


SIGNALS = [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL]


@pytest.mark.parametrize("number", SIGNALS)
def test_no_signal_leaves_a_process(tmp_path, number):
    """Nor what a tool has started itself."""
    program = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # which nohup, say, ignores
        "from rbp.cosim import tools\n"
        f"tools.run(['sh', '-c', 'sleep 999 & sleep 999'], {str(tmp_path)!r})"
    )
    job = subprocess.Popen([sys.executable, "-c", program], cwd=CHECKOUT, stderr=subprocess.DEVNULL)
    with none_left(tmp_path, job):
        until(lambda: len(alive(tmp_path)) == 4)  # the guard, the shell, two sleeps
        job.send_signal(number)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_simulator_is_left(tmp_path, number):
    (tmp_path / "tmp").mkdir()
    job = subprocess.Popen(
        [*RBP, "figure1", "--updates", "100000", "--out", str(tmp_path / "f")],
        cwd=CHECKOUT,
        env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        stderr=subprocess.DEVNULL,
    )
    with none_left(tmp_path, job):
        until(lambda: alive(tmp_path), 300)
        job.send_signal(number)
