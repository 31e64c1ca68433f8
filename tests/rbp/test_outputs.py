"""Files that appear whole or not at all, and the front door's own."""

import os
import shutil
import stat
import subprocess
from pathlib import Path

import cocotb_tools.config as cocotb
import pytest

from rbp.cosim import build
from rbp.files import check_output, written
from rbp.fpga.machines import machine

CHECKOUT = Path(__file__).parents[2]


def write(path, content=b"new"):
    check_output(path)
    with written(path) as file:
        file.write(content)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "file"
    path.write_text("old")
    path.chmod(mode)
    write(path)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == mode


def test_through_a_link(tmp_path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "file").chmod(0o600)
    (tmp_path / "link").symlink_to("file")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_a_new_file_has_the_usual_mode(tmp_path):
    before = os.umask(0o027)
    try:
        write(tmp_path / "file")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.parametrize("letters", [245, 255])
def test_as_long_a_name_as_the_disk_takes(tmp_path, letters):
    write(tmp_path / ("x" * letters))
    assert [path.name for path in tmp_path.iterdir()] == ["x" * letters]


def test_a_bench_does_not_name_its_checkout(tmp_path, monkeypatch):
    """The cache outlives a checkout that is moved."""
    monkeypatch.setattr(build, "BUILD", tmp_path)
    build.bench(machine(units=1, slots=1))
    (core,) = tmp_path.glob("cocotb-*/core")
    assert bytes(cocotb.libs_dir) not in core.read_bytes()
    assert b"libcocotbvpi_verilator.so" in core.read_bytes()


def make(folder, *words):
    done = subprocess.run(["make", "-n", *words], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def checkout(tmp_path):
    """With a .venv that is as make has left it."""
    folder = tmp_path / "a folder ü"
    site = folder / ".venv" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(CHECKOUT / name, folder)
    (folder / ".venv" / ".installed").write_text(f"{folder.resolve()}\n")
    return folder


def test_make_leaves_a_good_venv(checkout):
    assert "installing" not in make(checkout, "lint")


def test_make_repairs_a_venv_that_moved(checkout):
    moved = checkout.rename(checkout.with_name("elsewhere"))
    assert "venv --clear" in make(moved, "lint")


def test_make_repairs_a_copy_of_the_package(checkout):
    """As ``pip install .`` puts it in the place of the link."""
    package = next(checkout.glob(".venv/lib/*/site-packages")) / "rbp"
    package.mkdir()
    (package / "__init__.py").touch()
    assert "venv --clear" in make(checkout, "lint")


def test_line_ends_are_ours_everywhere():
    """With CRLF neither a shell nor make runs what is checked out."""
    ask = ["git", "check-attr", "eol", ".ci/run", "Makefile", "rbp/machine.py", "docs/figure1.png"]
    try:
        done = subprocess.run(ask, cwd=CHECKOUT, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("git is not installed")
    if done.returncode:
        pytest.skip("this is no checkout of git")
    assert done.stdout.count("eol: lf") >= 3
