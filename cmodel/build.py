"""Compiling C++ for this machine, once for each content."""

import ctypes
import os
import platform
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path

from rbp.cosim import tools
from rbp.cosim.cache import CACHE, Unusable, cached
from rbp.errors import CheckFailed, InputError

__all__ = ["FLAGS", "NoCompiler", "compiled", "library"]

FLAGS = (
    *("-std=c++17", "-O3", "-march=native"),
    "-fno-trapping-math",  # else g++ does not vectorise floor; no bit depends on it
    *("-fPIC", "-pthread"),
)
LIGHT = {"model.cpp": ("-O1",)}
"""More flags of the model's part that takes no time: it compiles in two thirds of the time."""
COMPILERS = ("c++", "g++", "clang++")
FOLDER = Path(__file__).parent
SOURCES = [
    *(FOLDER / "src" / name for name in ("model.cpp", "relaxation.cpp", "learning.cpp")),
    *(FOLDER / "rbp_model.h", *sorted(FOLDER.glob("src/*.hpp"))),
]


class NoCompiler(InputError):
    """There is no C++ compiler, or it fails, or there is no place for what it makes; one line that
    says which, and how."""


def _compiler():
    """(its command, its path, what it says of itself); CXX of the environment is asked first."""
    try:
        given = shlex.split(asked := os.environ.get("CXX", ""))
    except ValueError as error:
        raise NoCompiler(f"CXX must be a command, not {asked!r}: {error}") from error
    environment = tools.environment()
    for command in [given] if given else [[name] for name in COMPILERS]:
        path = shutil.which(command[0], path=environment["PATH"])
        if path:
            return command, path, _version(path)
    raise NoCompiler(
        f"no C++ compiler is installed, expected: {given[0] if given else ', '.join(COMPILERS)} "
        "on PATH; the environment variable CXX chooses another"
    )


@cache
def _version(path):
    try:
        command = [path, "--version"]
        done = subprocess.run(command, capture_output=True, text=True, env=tools.environment())
    except OSError as error:
        raise NoCompiler(f"cannot run the C++ compiler {path}: {error.strerror}") from error
    return done.stdout


@cache
def _cpu():
    """What -march=native depends on, since what is kept may travel to another machine."""
    telling = ("model name", "flags", "cpu family", "model\t", "Features", "CPU ")
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    kinds = sorted({line for line in lines if line.startswith(telling)})
    return platform.machine(), platform.processor(), kinds


def compiled(sources, flags=FLAGS, light=None):
    """Path of a shared library of C++ sources for this machine, named as the first of them.

    Those that are no headers are compiled at the same time; ``light``: more flags, by name.

    Raises :class:`NoCompiler`.
    """
    sources, light = [Path(source) for source in sources], light or {}
    command, path, version = _compiler()
    name = sources[0].stem

    def make(folder):
        for source in sources:
            shutil.copyfile(source, folder / source.name)
        compiler = [path, *command[1:], *flags]
        names = [source.name for source in sources if source.suffix == ".cpp"]
        tools.finish(
            *[tools.start([*compiler, *light.get(each, ()), "-c", each], folder) for each in names]
        )
        objects = [f"{Path(each).stem}.o" for each in names]
        tools.run([*compiler, "-shared", "-o", f"{name}.so", *objects], folder)
        if not (folder / f"{name}.so").exists():
            raise NoCompiler(f"the C++ compiler {path} writes no library")
        for each in objects:
            (folder / each).unlink()

    read = [(source.name, source.read_bytes()) for source in sources]
    content = (read, path, command, version, flags, light, _cpu())
    try:
        return cached(CACHE / "sim", name, content, make) / f"{name}.so"
    except CheckFailed as error:
        raise NoCompiler(f"the C++ compiler does not compile: {error}") from error
    except Unusable as error:
        raise NoCompiler(str(error)) from error


@cache
def library(path=None):
    """The model's functions; of ``rbp_model.h``, or of another library with the same."""
    path = path or compiled(SOURCES, light=LIGHT)
    try:
        lib = ctypes.CDLL(path)
    except OSError as error:
        raise NoCompiler(f"the compiled model cannot be loaded: {error}") from error
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    functions = {
        "create": (pointer, [pointer, pointer]),
        "destroy": (None, [pointer]),
        "train": (number, [pointer, pointer, number, ctypes.c_double, *[pointer] * 3]),
        "relax": (None, [pointer, pointer, ctypes.c_int, *[pointer] * 4]),
    }
    for name, (result, arguments) in functions.items():
        function = getattr(lib, f"rbp_{name}")
        function.restype, function.argtypes = result, arguments
    return lib
