"""Other people's tools: each in a clean environment, and gone when we are.

No signal to us leaves one behind (:mod:`rbp.cosim.guard`). One that fails raises
:class:`ToolFailed`, one line with the end of what it said, and the command.
"""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path

from rbp.cosim.cache import CACHE, made_folder
from rbp.errors import CheckFailed, InputError

__all__ = ["ToolFailed", "environment", "finish", "python", "run", "start"]

GUARD = Path(__file__).parent / "guard.py"
LOG = "log"
"""Where a tool's output is kept, in its folder."""

# Of other tools: what a user has set for his own work with them is not meant for ours.
_FOREIGN = (
    *("AMARANTH_", "COCOTB_", "CFG_", "GPI_", "MAKE", "NEXTPNR", "PYGPI_", "PYTHON", "PYTEST_"),
    *("VERILATOR", "YOSYS", "YOWASP_"),
)
_FOREIGN_NAMES = {
    *("CPATH", "CPLUS_INCLUDE_PATH", "C_INCLUDE_PATH", "DEPENDENCIES_OUTPUT", "GCC_EXEC_PREFIX"),
    *("GUI", "LIBPYTHON_LOC", "MFLAGS", "MODULE", "PLUSARGS", "RANDOM_SEED", "SIM"),
    *("SUNPRO_DEPENDENCIES", "TESTCASE", "TOPLEVEL", "TOPLEVEL_LANG", "WAVES"),
}


class ToolFailed(CheckFailed):
    """A tool failed; the cache adds where its log is kept."""


def environment(**more):
    """The user's environment without what is meant for other tools."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(_FOREIGN) and name not in _FOREIGN_NAMES
    }
    given = {
        "PATH": kept.get("PATH") or os.defpath,
        "LC_ALL": "C.UTF-8",  # messages in one language, text in one encoding
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        # WebAssembly is compiled once: beside our own things, since HOME may not be writable
        "XDG_CACHE_HOME": str(CACHE / "tools"),
        "YOWASP_CACHE_DIR": str(CACHE / "tools" / "YoWASP"),
    }
    return kept | given | {name: str(value) for name, value in more.items()}


def python(package, function=None):
    """The command of a tool that is a Python package, by its interpreter: PATH is not asked."""
    if function is None:
        return [sys.executable, "-m", package]
    return [sys.executable, "-c", f"import {package}; {package}.{function}()"]


def _shown(command):
    """(the tool's name, its arguments) of a command, without what :func:`python` adds."""
    if command[0] != sys.executable:
        return Path(command[0]).name, command[1:]
    package = command[2].rpartition(";")[0].removeprefix("import ") or command[2]
    return package.replace("_", "-"), command[3:]


def start(command, folder, env=None):
    """Start a command in a folder, for :func:`finish`; its output goes to a file of its own."""
    # what a tool leaves when it is killed is removed with the folder
    command, env = list(map(str, command)), (env or environment()) | {"TMPDIR": str(folder)}
    program = command[0]
    if os.sep not in program and (program := shutil.which(program, path=env["PATH"])) is None:
        raise InputError(f"{command[0]} is not installed, expected: a program of that name on PATH")
    made_folder(CACHE / "tools")  # wasmtime does without, if it cannot be made, but says nothing
    ours, theirs = os.pipe()
    output = tempfile.TemporaryFile(dir=folder)
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        job = subprocess.Popen(
            [sys.executable, "-I", "-S", GUARD, str(ours), program, *command[1:]],
            cwd=folder,
            env=env,
            stdin=nothing,
            stdout=output,
            stderr=output,
            pass_fds=[ours],
            start_new_session=True,
        )
    except BaseException:
        os.close(theirs)
        raise
    finally:
        os.close(ours)
        os.close(nothing)
    job.command, job.folder, job.output, job.pipe = command, Path(folder), output, theirs
    return job


def finish(*jobs, check=True, watch=None):
    """Wait for jobs; returns what the last one said. At an error or an interrupt all end.

    ``watch`` is called each second meanwhile: what it raises is an error, too.
    """
    try:
        for job in jobs:
            while watch and job.poll() is None:
                watch()
                with suppress(subprocess.TimeoutExpired):
                    job.wait(1)
            job.wait()
            job.output.seek(0)
            said = job.output.read().decode(errors="replace")
            if check and job.returncode:
                raise _failed(job, said)
        return said
    finally:
        for job in jobs:
            os.close(job.pipe)  # the guard ends what still runs
            job.wait()
            job.output.close()


def run(command, folder, env=None, check=True, watch=None):
    """Run a command; returns (exit code, what it said). ``watch``: see :func:`finish`."""
    job = start(command, folder, env)
    said = finish(job, check=check, watch=watch)
    return job.returncode, said


def _failed(job, said):
    line = shlex.join(job.command)
    with _ignored():
        (job.folder / LOG).write_text(
            f"{line}\n{said}exit {job.returncode}\n", encoding="utf-8", errors="replace"
        )
    lines = [text.strip() for text in said.splitlines() if text.strip()]
    told = [text for text in lines if re.search(r"^[^(]*\berror\b", text, re.I)][:1]
    told = told or lines[-3:]
    killed = job.returncode - 128 if job.returncode > 128 else -job.returncode
    if killed > 0:
        told.append(f"killed by signal {killed}")
    name, arguments = _shown(job.command)
    command = shlex.join([name, *arguments])
    if not told:  # as on a full disk, on which its words lie, too
        free = shutil.disk_usage(job.folder).free // 1024
        told.append(f"exit {job.returncode}, without a word; {free:,} kB are free on its disk")
    why = " / ".join(told)
    shown = command if len(command) < 300 else f"{command[:300]} …"
    return ToolFailed(f"{name} failed: {why}; the command was {shown}")


@contextmanager
def _ignored():
    try:
        yield
    except OSError:  # the disk is full: then there is no log
        pass
