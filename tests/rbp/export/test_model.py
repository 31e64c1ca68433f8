"""``rbp model``: what it writes builds without a warning, and comes to golden's words."""

import re
import shutil
import subprocess

import numpy as np
import pytest

from rbp.cli import main
from rbp.cmodel.build import FOLDER
from rbp.golden.formats import PRESETS
from rbp.machine import machine, origin
from rbp.problem import Problem
from tests.rbp.export.test_testbench import mixed, problem

STRICT = ["-std=c++17", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-I."]
SOURCES = [
    "main.cpp",
    "problem.cpp",
    *(f"src/{name}.cpp" for name in ("model", "relaxation", "learning")),
]
COMPILERS = [
    pytest.param(name, marks=pytest.mark.skipif(not shutil.which(name), reason="not installed"))
    for name in ("g++", "clang++")
]


def dense():
    """An association: all connected, no hidden unit."""
    rng = np.random.default_rng(3)
    return Problem(
        weights=rng.uniform(-0.3, 0.3, (6, 6)),
        targets=rng.uniform(0.1, 0.9, (4, 6)),
        target_units=np.ones(6, bool),
        clamp_units=np.arange(6) < 3,
    )


def layers():
    """A sparse network like that of the digits: its first layer is clamped, and held."""
    rng, number = np.random.default_rng(4), np.arange(30)
    layer = np.searchsorted([16, 26], number, side="right")
    connected = (layer[:, None] == layer + 1) & (rng.random((30, 30)) < 0.7)
    return Problem(
        weights=rng.uniform(-0.4, 0.4, (30, 30)) * connected,
        targets=rng.uniform(0.1, 0.9, (5, 30)),
        target_units=layer == 2,
        clamp_units=layer == 0,
        connected=connected,
    )


MOMENTUM = ["--method", "stochastic", "--momentum-shift", "3", "--preset", "w18"]
CASES = {
    "dense": (dense, []),
    "layers": (layers, ["--batch", "2"]),
    "products of mixed degree": (mixed, ["--eta-shift", "-3"]),
    "momentum": (problem, [*MOMENTUM, "--start", "random"]),
    "unsettled": (problem, ["--step-limit", "2", "--tolerance", "0", "--preset", "w8"]),
}


def written(folder, case="dense", *more):
    """The files of a case, in a folder."""
    of, flags = CASES[case]
    of().save(folder / "problem.npz")
    argv = ["model", folder / "problem.npz", "--out", folder / "out", "--updates", "4"]
    assert main([str(a) for a in (*argv, *flags, *more)]) == 0
    return folder / "out"


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in done.stdout + done.stderr
    return done.stdout


def built(folder, compiler="g++", *flags):
    """What the folder's program prints."""
    run([compiler, *STRICT, *flags, *SOURCES, "-o", "train"], folder)
    return run(["./train"], folder)


def golden(case):
    """(E, steps, weights) of golden, of the case's problem as it was."""
    of, words = CASES[case]
    names = [word.removeprefix("--").replace("-", "_") for word in words[::2]]
    flags = {
        name: int(value) if re.fullmatch(r"-?\d+", value) else value
        for name, value in zip(names, words[1::2], strict=True)
    }
    made, settings, _ = origin(of(), **flags)
    found = machine(made, settings, "golden")
    logs = [found.update() for _ in range(4)]
    return [log.energy for log in logs], [log.steps.ravel().tolist() for log in logs], found


def read(text, pattern):
    """The integers of each line behind a pattern."""
    lines = re.findall(f"^{pattern} (.*)$", text, re.M)
    return [[int(word.rstrip("!")) for word in line.split()] for line in lines]


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("case", CASES)
def test_golden_words(tmp_path, case, compiler):
    folder = written(tmp_path, case)
    said = built(folder, compiler)
    energy, steps, after = golden(case)
    assert read(said, r"update \d+ E \d+ steps") == steps
    assert [int(e) for e in re.findall(r"^update \d+ E (\d+)", said, re.M)] == energy
    assert read(said, r"w\[\d+\]") == after.weights.tolist()
    assert read(said, r"v\[\d+\]") == (after.velocity.tolist() if case == "momentum" else [])
    assert said == (folder / "expected.txt").read_text()
    assert ("!" in said) == bool(after.unsettled)


@pytest.mark.parametrize("flags", [["-O3", "-march=native"], ["-O2"]], ids=" ".join)
def test_no_warning_however_it_is_optimised(tmp_path, flags):
    folder = written(tmp_path, "layers")
    assert built(folder, "g++", *flags) == (folder / "expected.txt").read_text()


def test_a_wrong_word_is_seen(tmp_path):
    folder = written(tmp_path)
    path = folder / "problem.cpp"
    text = path.read_text()
    planted = re.sub(r"(int64_t weights\[36\] = \{\s*)(-?\d+)", r"\g<1>1\2", text, count=1)
    planted = planted.replace("{\n    1-", "{\n    -1")
    assert planted != text
    path.write_text(planted)
    expected = (folder / "expected.txt").read_text().splitlines()
    said = built(folder).splitlines()
    assert len(said) == len(expected)
    assert said[1] != expected[1]
    assert said[-6:] != expected[-6:]


@pytest.mark.skipif(not shutil.which("cmake"), reason="cmake is not installed")
def test_elsewhere_with_cmake(tmp_path):
    """The folder is enough, wherever it is; the page's commands run, and ctest."""
    place = tmp_path / "a place ü"
    shutil.copytree(written(tmp_path, "products of mixed degree"), place)
    shutil.rmtree(tmp_path / "out")
    page = (place / "README.md").read_text()
    commands = re.search(r"(?:^    .*\n)+", page, re.M)[0].splitlines()
    assert len(commands) == 3
    for command in commands:
        said = run(["sh", "-c", command.strip()], place)
    assert said == ""
    assert "100% tests passed" in run(["ctest"], place / "build")
    path = place / "expected.txt"
    path.write_text(path.read_text().replace(" E ", " E 1", 1))
    done = subprocess.run(["ctest"], cwd=place / "build", capture_output=True)
    assert done.returncode != 0


def test_the_page_in_a_c_and_a_cpp_bench(tmp_path):
    """Its block of code compiles; the headers are C's, too."""
    folder = written(tmp_path, "layers")
    page = (folder / "README.md").read_text()
    assert not re.search("@[A-Z]+@", page)
    assert f"state {PRESETS['w16'].state}" in page
    code = re.findall(r"(?:^    .*\n)+", page, re.M)[-1].replace(" * @", "")
    code = re.sub(r"problem_state.weights\[i \* 30", "problem_state.weights[0", code)
    (folder / "bench.c").write_text(f'#include "problem.h"\nint main(void) {{\n{code}return 0;\n}}')
    strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-c", "bench.c"]
    run(["gcc", "-std=c99", *strict], folder)
    run(["g++", "-std=c++17", *strict], folder)


def test_a_result_goes_on(tmp_path):
    """Updates of a result begin where it ended; t too, from which the noise is drawn."""
    problem().save(tmp_path / "problem.npz")
    trained, argv = tmp_path / "trained.npz", ["--updates", "3", "--engine", "golden"]
    argv = ["train", tmp_path / "problem.npz", *argv, "--out", trained, *MOMENTUM]
    assert main(list(map(str, argv))) == 0
    assert main(["model", str(trained), "--out", str(tmp_path / "out"), "--updates", "2"]) == 0
    said = built(tmp_path / "out")
    assert said == (tmp_path / "out" / "expected.txt").read_text()
    assert re.search(r"^    3,  // t$", (tmp_path / "out" / "problem.cpp").read_text(), re.M)


def test_all_of_the_model_is_delivered(tmp_path):
    folder = written(tmp_path)
    for path in [FOLDER / "rbp_model.h", *FOLDER.glob("src/*")]:
        mark, _, text = (folder / path.relative_to(FOLDER)).read_text().partition("\n")
        assert "Made by rbp " in mark
        assert text == path.read_text()


def test_what_is_refused(tmp_path, capsys):
    problem().save(tmp_path / "problem.npz")
    (tmp_path / "bad.npz").write_text("bad")
    (tmp_path / "file").write_text("")
    good, out = tmp_path / "problem.npz", tmp_path / "out"
    for source, folder, more, fragments in (
        (good, out, ["--updates", "0"], ["updates", "0"]),
        (good, out, ["--method", "fast"], ["method", "fast"]),
        (good, out, ["--preset", "w9"], ["preset", "w9"]),
        (tmp_path / "bad.npz", out, [], ["bad.npz"]),
        (tmp_path / "none.npz", out, [], ["none.npz"]),
        (good, tmp_path / "file", [], ["file", "not a folder"]),
    ):
        assert main(["model", str(source), "--out", str(folder), *more]) == 2
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        for fragment in fragments:
            assert fragment in err
    assert not out.exists()


@pytest.mark.parametrize("name", ["main.cpp", "README.md", "src/model.cpp"])
def test_a_file_that_is_not_ours_stays(tmp_path, capsys, name):
    problem().save(tmp_path / "problem.npz")
    argv = ["model", str(tmp_path / "problem.npz"), "--out", str(tmp_path / "out")]
    path = tmp_path / "out" / name
    path.parent.mkdir(parents=True)
    path.write_text("precious")
    assert main(argv) == 2
    assert f"{name} was not made by rbp" in capsys.readouterr().err
    assert path.read_text() == "precious"
    assert sum(each.is_file() for each in (tmp_path / "out").rglob("*")) == 1
    assert main([*argv, "--force"]) == 0
    assert main(argv) == 0
