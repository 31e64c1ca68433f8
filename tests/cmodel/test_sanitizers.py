"""No access beyond memory, nothing undefined and no race, over random machines."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rbp.cmodel import build

SEEDS = 300
GCC = ["g++", "-O1", "-g", "-fno-sanitize-recover=all"]

PROGRAM = """
import sys
from rbp.cmodel.build import library
from tests.cmodel.drawn import by_model, drawn
lib, threads = library(sys.argv[1]), int(sys.argv[2])
for seed in range(int(sys.argv[3])):
    by_model(drawn(seed), threads=1 + seed % threads, lib=lib)
print("passed")
"""


@pytest.mark.parametrize(
    ("kinds", "runtime", "threads"),
    [("address,undefined", "libasan.so", 3), ("thread", "libtsan.so", 4)],
)
def test_sanitizer(kinds, runtime, threads, monkeypatch):
    """In a process of its own, since a sanitizer has to be there first."""
    monkeypatch.setenv("CXX", " ".join([*GCC, f"-fsanitize={kinds}"]))
    flags = [flag for flag in build.FLAGS if flag != "-O3"]
    try:
        path = build.compiled(build.SOURCES, flags)
        command = ["g++", f"-print-file-name={runtime}"]
        found = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (build.NoCompiler, FileNotFoundError) as error:
        pytest.skip(f"no g++ with sanitizers: {error}")
    if not Path(found).is_absolute():
        pytest.skip(f"no {runtime} on this machine")
    options = "exitcode=66:detect_leaks=0"
    environment = os.environ | {
        "LD_PRELOAD": found,
        "ASAN_OPTIONS": options,
        "TSAN_OPTIONS": options + ":report_signal_unsafe=0",
        "OPENBLAS_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, path, str(threads), str(SEEDS)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        env=environment,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout == "passed\n"
