"""The command as a process: signals, pipes, full disks, a terminal; what is kept of a training."""

import os
import pty
import signal
import subprocess
import sys
import termios
import time
import zipfile
from types import SimpleNamespace

import numpy as np
import pytest

import rbp
from rbp.cli import main, watch
from rbp.files import LARGEST
from rbp.paper import figure1
from rbp.progress import Progress

# a shell's background job ignores the signal, and so would what it starts
PROGRAM = (
    "import signal, sys; from rbp.cli import main; "
    "signal.signal(signal.SIGINT, signal.default_int_handler); "
    "print('ready', flush=True); sys.exit(main())"
)
KEPT = "weights_raw velocities states errors energy settle_steps".split()
ENDLESS = 10**7
QUICK = "import rbp.progress as p, sys; p.SOON = 100; from rbp.cli import main; sys.exit(main())"


@pytest.fixture
def problem(tmp_path):
    path = tmp_path / "problem.npz"
    figure1.problem(1).save(path)
    return path


def start(*argv, **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    job = subprocess.Popen([sys.executable, "-c", PROGRAM, *map(str, argv)], **options)
    assert job.stdout.readline() == "ready\n"
    return job


def ended(job, code):
    try:
        stdout, stderr = job.communicate(timeout=60)
    finally:
        job.kill()
    assert job.returncode == code, stderr
    assert "Traceback" not in stderr
    return stdout, stderr


def rbp_(*argv, **options):
    options = {"capture_output": True, "text": True} | options
    return subprocess.run([sys.executable, "-m", "rbp", *map(str, argv)], **options)


def equal(one, other):
    return [k for k in KEPT if not np.array_equal(getattr(one, k), getattr(other, k))]


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("engine", ["float64", "golden", "model", "rtl"])
def test_an_interrupt_saves_what_was_reached(problem, tmp_path, engine, which):
    """130 and one line; continued, the file is as if it had never been stopped."""
    out = tmp_path / "r.npz"
    rbp.train(rbp.Problem.load(problem), 1, engine, momentum_shift=2)  # the core is compiled
    flags = ["--momentum-shift", 2, "--checkpoint", 0]
    job = start("train", problem, "--updates", ENDLESS, "--engine", engine, "--out", out, *flags)
    time.sleep(3)
    job.send_signal(which)
    stdout, stderr = ended(job, 130)
    assert stdout == ""
    part = rbp.Result.load(out)
    assert f"rbp: interrupted after {part.updates} updates; wrote {out}" in stderr
    assert 0 < part.updates < ENDLESS
    whole = rbp.train(rbp.Problem.load(problem), part.updates + 5, engine, momentum_shift=2)
    assert not equal(rbp.train(part, 5), whole)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["problem.npz", "r.npz"]


@pytest.mark.parametrize("existing", [False, True])
def test_an_interrupt_before_anything_is_reached(tmp_path, existing):
    """One update of this takes long: 130, one line, no file written or changed."""
    rng, out = np.random.default_rng(1), tmp_path / "r.npz"
    rbp.Problem(
        weights=rng.uniform(-0.1, 0.1, (900, 900)),
        targets=rng.uniform(0.1, 0.9, (256, 900)),
        target_units=np.ones(900, bool),
    ).save(tmp_path / "problem.npz")
    if existing:
        out.write_bytes(b"precious")
    argv = ["train", tmp_path / "problem.npz", "--updates", 9, "--engine", "golden", "--out", out]
    job = start(*argv, "--fixed-steps", 9999)
    time.sleep(1.5)
    job.send_signal(signal.SIGINT)
    assert ended(job, 130) == ("", "rbp: interrupted, nothing was written\n")
    assert not existing or out.read_bytes() == b"precious"
    assert len(list(tmp_path.iterdir())) == 1 + existing


@pytest.mark.parametrize("engine", ["golden", "rtl"])
def test_a_killed_training_loses_a_checkpoint_at_most(problem, tmp_path, engine):
    out = tmp_path / "r.npz"
    rbp.train(rbp.Problem.load(problem), 1, engine)
    argv = ["train", problem, "--updates", ENDLESS, "--engine", engine, "--out", out]
    job = start(*argv, "--checkpoint", 1)
    for _ in range(300):
        time.sleep(0.1)
        if out.exists() and rbp.Result.load(out).updates > 200:
            break
    job.kill()
    job.communicate()
    part = rbp.Result.load(out)
    assert not equal(part, rbp.train(rbp.Problem.load(problem), part.updates, "golden"))


def test_nobody_reads_the_output():
    command = f"{sys.executable} -m rbp features --units 1024 --order 3 | head -n 2; echo"
    done = subprocess.run(
        ["bash", "-c", command + " ${PIPESTATUS[0]}"], capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "f0 f0 f0\nf0 f0 f1\n141\n"
    assert done.stderr == ""


def test_a_full_standard_output(problem, tmp_path):
    """The result is written all the same."""
    out = tmp_path / "r.npz"
    argv = ["train", problem, "--updates", 2, "--engine", "golden", "--out", out]
    with open("/dev/full", "w") as full:
        done = rbp_(*argv, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert (
        done.stderr
        == "rbp: cannot write standard output (files are written): No space left on device\n"
    )
    assert rbp.Result.load(out).updates == 2


def test_versions_and_help():
    assert rbp_("--version").stdout == "rbp 0.1.0\n"
    for argv in ((), ("help",), ("--help",)):
        done = rbp_(*argv)
        assert done.returncode == 0
        assert done.stdout.startswith("usage: rbp ")
    assert rbp_("help", "train").stdout == rbp_("train", "--help").stdout


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["trian"], "'trian' is no verb of rbp: did you mean train?"),
        (["xyzzy"], "'xyzzy' is no verb of rbp (see rbp help)"),
        (["help", "recal"], "'recal' is no verb of rbp: did you mean recall?"),
        (["train", "p", "--updatse", "5"], "rbp train has no --updatse: did you mean --updates?"),
        (["train", "p", "--eta-shif=5"], "rbp train has no --eta-shif: did you mean --eta-shift?"),
        (["synth", "--qqqq"], "rbp synth has no --qqqq (see rbp help)"),
    ],
)
def test_a_word_that_is_not_there(argv, says, capsys):
    assert main(argv) == 2
    assert capsys.readouterr().err == f"rbp: {says}\n"


def test_the_wrong_kind_of_file(problem, tmp_path, capsys):
    cues, out = tmp_path / "cues.npz", tmp_path / "out.npz"
    np.savez(cues, initial_state=np.full(15, 0.5))
    for argv, says in (
        (["recall", problem, "--cues", cues], f"{problem} holds a problem: expected a result"),
        (["recall", cues, "--cues", cues], f"{cues} holds cues: expected a result"),
        (["train", cues, "--updates", 1], f"{cues} holds cues: expected a problem or a result"),
    ):
        assert main([*map(str, argv), "--out", str(out)]) == 2
        assert capsys.readouterr().err == f"rbp: {says}\n"


def zipped(path, key, shape, dtype="<f8"):
    """An ``.npz`` whose array says that it is so large, and is not there."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file,
        file.open(f"{key}.npy", "w") as f,
    ):
        header = {"descr": dtype, "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(f, header)
        f.write(bytes(1000))


@pytest.mark.parametrize(
    ("key", "shape", "says"),
    [
        ("junk", (2**28,), "unknown key 'junk'"),
        ("weights", (2**15, 2**15), f"would take {2**33} bytes: expected at most {LARGEST}"),
        ("weights", (50, 50), "is not a readable .npz file"),
    ],
)
def test_headers_are_read_first(tmp_path, key, shape, says, capsys):
    path = tmp_path / "bomb.npz"
    zipped(path, key, shape)
    assert main(["info", str(path)]) == 2
    assert says in capsys.readouterr().err


def test_only_regular_files_are_read(tmp_path, capsys):
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path / "fifo", tmp_path, "/dev/zero"):
        assert main(["info", str(path)]) == 2
        assert capsys.readouterr().err == f"rbp: cannot read {path}: expected a regular file\n"


def test_info_and_score(problem, tmp_path, capsys):
    out, picture, test = (str(tmp_path / name) for name in ("r.npz", "e.png", "test.npz"))
    result = rbp.train(rbp.Problem.load(problem), 30, "golden")
    result.save(out)
    assert main(["info", out, "--plot", picture]) == 0
    said = capsys.readouterr().out
    assert f"{out}: a result\n" in said
    assert "  15 units, 4 patterns\n" in said
    assert f"  E {result.energy[0]:.6g} -> {result.energy[-1]:.6g}\n" in said
    with open(picture, "rb") as file:
        assert file.read(4) == b"\x89PNG"
    assert main(["info", str(problem), "--plot", picture]) == 0
    targets = result.problem.targets + 0.01 * np.arange(15)  # one is the greatest
    np.savez(test, targets=targets, initial_state=targets)
    capsys.readouterr()
    assert main(["score", out, "--data", test, "--engine", "golden"]) == 0
    states = rbp.recall(result, targets, "golden")
    right = (states.values[:, :10].argmax(axis=1) == targets[:, :10].argmax(axis=1)).sum()
    assert capsys.readouterr().out.startswith(f"{right} of 4 right")


def on_a_terminal(command, size=(0, 0)):
    """What a job, which goes well, shows there; ``size`` is (lines, columns), 0 what it does not
    say."""
    seen, terminal = b"", pty.openpty()
    termios.tcsetwinsize(terminal[1], size)
    job = subprocess.Popen(command, stdout=terminal[1], stderr=terminal[1])
    os.close(terminal[1])
    try:
        while chunk := os.read(terminal[0], 4096):
            seen += chunk
    except OSError:  # Linux says so at the end of a terminal
        pass
    os.close(terminal[0])
    assert job.wait() == 0
    return seen


def test_a_terminal_shows_progress(problem, tmp_path):
    """E, settled share, rate and time left; nothing of it where there is no terminal."""
    argv = ["train", problem, "--updates", 3000, "--engine", "golden", "--out", tmp_path / "r.npz"]
    assert rbp_(*argv).stderr == ""
    seen = on_a_terminal([sys.executable, "-m", "rbp", *map(str, argv)])
    for part in (b" 3000/3000 [", b", E 1.59e-06", b" left, ", b", settled 100%]", b"update/s"):
        assert part in seen


@pytest.mark.parametrize("size", [(0, 0), (0, 80), (24, 80)], ids=str)
def test_a_message_above_a_bar(size):
    """The bar is drawn again below it, and stays when the job ends."""
    program = (
        "import sys; from rbp.progress import Progress, SOON; from rbp.cli.watch import tell\n"
        "with Progress('job') as progress:\n"
        "    progress.begun -= SOON\n"
        "    progress(1, 4), tell('half way'), progress(4, 4)\n"
        "tell('end')\n"
    )
    seen = on_a_terminal([sys.executable, "-c", program], size)
    before, after = seen.removesuffix(b"end\r\n").split(b"half way\r\n")
    assert (b" 1/4 [" in before, b" 1/4 [" in after) == (True, True)
    assert before.rsplit(b"\r", 2)[1].strip() == b""  # cleared
    assert after.endswith(b"\r\n")
    assert b" 4/4 [" in after


def test_short_jobs_have_no_bar(problem, tmp_path):
    argv = ["train", problem, "--updates", 3, "--engine", "golden", "--out", tmp_path / "r.npz"]
    seen = on_a_terminal([sys.executable, "-c", QUICK, *map(str, argv)])
    assert seen.startswith(b"E ")


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_second_signal_ends_at_once(which):
    """The first, too, before an update was made; afterwards signals do what they did."""
    progress, saved, before = Progress("update"), [], signal.getsignal(which)
    with watch.Keeper(saved.append, 0, progress) as keeper:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(which)
        progress(1, 10)
        assert not keeper.pause()
        signal.raise_signal(which)
        assert keeper.pause()
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(which)
        assert keeper.reached(SimpleNamespace(updates=1))
    assert [result.updates for result in saved] == [1]
    assert signal.getsignal(which) == before


def test_completion(tmp_path):
    """As the shell asks for it."""
    environment = os.environ | {
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_SUPPRESS_SPACE": "1",
        "COMP_LINE": "rbp tra",
        "COMP_POINT": "7",
        "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "out"),
    }
    pytest.importorskip("argcomplete")
    command = [sys.executable, "-c", "import sys; from rbp.cli import main; sys.exit(main())"]
    subprocess.run(command, env=environment, capture_output=True, timeout=60)
    assert (tmp_path / "out").read_text().strip() == "train"


CLOSED = {"stdout": 1, "stderr": 2, "stdin": 0}


@pytest.mark.parametrize("closed", [("stdout",), ("stderr",), ("stdout", "stderr"), (*CLOSED,)])
@pytest.mark.parametrize("engine", ["golden", "rtl"])
def test_a_closed_stream(problem, tmp_path, closed, engine):
    """As the shell's ``>&-`` leaves it: the job is done, and no output goes into a file."""
    out = tmp_path / "r.npz"
    argv = f"train {problem} --updates 2 --engine {engine} --out {out}"
    redirect = " ".join(f"{CLOSED[name]}>&-" for name in closed)
    command = f"exec {sys.executable} -m rbp {argv} {redirect}"
    job = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert (job.returncode, job.stderr) == (0, "")
    assert rbp.Result.load(out).updates == 2


@pytest.mark.parametrize("argv", [["help"], ["help", "train"], ["--help"], ["train", "--help"]])
def test_help_on_a_full_disk(argv):
    with open("/dev/full", "w") as full:
        job = rbp_(*argv, stdout=full, stderr=subprocess.PIPE, capture_output=False)
    assert job.returncode == 1
    assert job.stderr.startswith("rbp: cannot write standard output")


@pytest.mark.parametrize("seconds", [0.02 * k for k in range(1, 16)])
def test_an_interrupt_while_it_starts(seconds):
    """No traceback, wherever it is; a process that has not begun dies of the signal."""
    program = "import signal; signal.signal(2, signal.default_int_handler); "
    program += "from rbp.__main__ import main; print(flush=True); main()"
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", program, "features", "--units", "1024", "--order", "3"]
    job = subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)
    job.stdout.readline()
    time.sleep(seconds)
    job.send_signal(signal.SIGINT)
    _, stderr = job.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert job.returncode in (0, 130, -signal.SIGINT)


def test_a_backend_that_is_not_there(problem, tmp_path):
    environment = os.environ | {"MPLBACKEND": "no such"}
    done = rbp_("info", problem, "--plot", tmp_path / "p.png", env=environment)
    assert (done.returncode, done.stderr) == (0, "")


class Broken:
    """A standard error that is full, or that nobody reads any more."""

    def __init__(self, error):
        self.error = error

    def isatty(self):
        return False

    def write(self, _):
        raise self.error

    flush = write


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), BrokenPipeError()])
def test_messages_that_nobody_reads(tmp_path, monkeypatch, error):
    """The job is done all the same, and the exit code says how."""
    problem = rbp.Problem(weights=[[-8.0]], targets=[[0.25]], target_units=[True])
    problem.save(tmp_path / "p.npz")
    monkeypatch.setattr(sys, "stderr", Broken(error))
    argv = ["train", tmp_path / "p.npz", "--updates", 40, "--engine", "golden"]
    assert main([*map(str, argv), "--out", str(tmp_path / "r.npz")]) == 0
    assert rbp.Result.load(tmp_path / "r.npz").skipped == 40
    assert main(["info", str(tmp_path / "missing.npz")]) == 2


def test_a_checkpoint_that_fails(tmp_path, capsys, monkeypatch):
    """It is told; the training goes on, and its end is kept."""
    kept, full = [], [True]

    def save(result):
        if full.pop() if full else False:
            raise OSError(28, "No space left on device", "r.npz")
        kept.append(result.updates)

    progress = Progress("update")
    with watch.Keeper(save, 1e-9, progress) as keeper:
        result = rbp.train(
            figure1.problem(), 9, "golden", pause=keeper.pause, reached=keeper.reached
        )
        keeper.keep(result)
    assert "no checkpoint: r.npz: No space left on device; the training goes on" in (
        capsys.readouterr().err
    )
    assert kept == list(range(2, 10))


def test_a_second_interrupt_while_it_saves(tmp_path):
    """Nothing that is written is denied."""
    keeper = watch.Keeper(lambda result: os.kill(os.getpid(), signal.SIGINT), 0, None)
    with keeper:
        keeper.keep(SimpleNamespace(updates=7))
    assert (keeper.kept, keeper.wanted) == (7, True)


@pytest.mark.parametrize("existing", [False, True])
def test_a_folder_of_a_failed_job(problem, tmp_path, existing):
    """It is not left behind; what was in it stays as it was, all of it."""
    out = tmp_path / "new" / "figure1"
    if existing:
        out.mkdir(parents=True)
        (out / "figure1.json").write_text("old")
    command = f"ulimit -f 10; exec {sys.executable} -m rbp figure1 --engine golden --updates 1"
    done = subprocess.run(["bash", "-c", f"{command} --out {out}"], capture_output=True, text=True)
    assert done.returncode == 1
    assert "File too large" in done.stderr
    assert "standard output" not in done.stderr
    assert out.exists() == out.parent.exists() == existing
    if existing:
        assert [p.name for p in out.iterdir()] == ["figure1.json"]
        assert (out / "figure1.json").read_text() == "old"


def test_an_interrupt_behind_the_work(tmp_path, capsys, monkeypatch):
    """What was written is said."""

    class Stuck:
        def write(self, _):
            raise KeyboardInterrupt

        def flush(self):
            pass

    monkeypatch.setattr(sys, "stdout", Stuck())
    out = tmp_path / "xor.npz"
    assert main(["example", "xor", "--out", str(out)]) == 130
    assert capsys.readouterr().err == f"rbp: interrupted, wrote {out}\n"
    assert rbp.Problem.load(out).units == 7


def test_ignored_signals_stay_ignored():
    """As a shell's background job has them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with watch.Keeper(lambda result: None, 0, Progress("update")) as keeper:
            signal.raise_signal(signal.SIGINT)
            assert not keeper.wanted
    finally:
        signal.signal(signal.SIGINT, before)
