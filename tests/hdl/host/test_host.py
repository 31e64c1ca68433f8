"""A host in C, written from the generated manual and header alone, learns golden's weights."""

import subprocess
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from rbp import engines
from rbp.cosim.build import verilator_environment
from rbp.export import program, verilog
from rbp.fpga.machines import machine
from rbp.problem import Problem
from rbp.settings import Settings

HERE = Path(__file__).parent
UPDATES = 20

CASES = {
    "one lane": {},
    "two lanes, batches in turn, momentum": {
        "lanes": 2,
        "macs": 2,
        "batch": 3,
        "momentum_shift": 2,
        "eta_shift": -3,
        "seed": 0xDEADBEEF,
    },
}


def problem():
    """Six units, some of them clamped; all connected but to themselves, which is dense; weights
    that round to 0."""
    rng = np.random.default_rng(11)
    units, patterns = 6, 5
    connected = ~np.eye(units, dtype=bool)
    weights = rng.uniform(-0.6, 0.6, (units, units))
    weights[2] = 1e-5
    return Problem(
        weights=weights * connected,
        targets=rng.uniform(0.1, 0.9, (patterns, units)),
        target_units=np.arange(units) < 4,
        clamp_units=np.arange(units) < 3,
        inputs=rng.uniform(-0.3, 0.3, (patterns, units)),
        initial_state=rng.uniform(0.2, 0.8, (patterns, units)),
        connected=connected,
    )


def layered():
    """Layers, of which the first is held in training, but for one unit not in recall."""
    rng, number = np.random.default_rng(12), np.arange(20)
    connected = (number[:, None] // 5 == number // 5 + 1) & (rng.random((20, 20)) < 0.8)
    connected[1:5, 16] = True
    return Problem(
        weights=rng.uniform(-0.6, 0.6, (20, 20)) * connected,
        targets=rng.uniform(0.1, 0.9, (3, 20)),
        target_units=number >= 15,
        clamp_units=number < 5,
        inputs=rng.uniform(-0.3, 0.3, (3, 20)),
        initial_state=rng.uniform(0.2, 0.8, (3, 20)),
        connected=connected,
    )


def c_source(given, settings):
    """The problem in plain numbers, for the host."""

    def array(kind, name, values):
        body = ", ".join(map(repr, np.ravel(values).tolist())).replace("True", "1")
        shape = "".join(f"[{n}]" for n in np.shape(values))
        return f"static const {kind} {name}{shape} = {{{body.replace('False', '0')}}};"

    numbers = {
        "UNITS": f"{given.units}u",
        "PATTERNS": given.patterns,
        "UPDATES": UPDATES,
        "SEED": f"{settings.seed}u",
    }
    numbers |= {"BATCH": settings.batch_of(given), "ETA_SHIFT": f"({settings.eta_shift})"}
    if settings.momentum_shift is not None:
        numbers["FRICTION"] = f"{settings.momentum_shift}u"
    arrays = {"w": given.weights, "t": given.targets, "input": given.inputs, "start": given.start}
    flags = {
        "clamped": given.clamp_units,
        "target": given.target_units,
        "connected": given.connected,
    }
    return "\n".join(
        [
            *(f"#define {name} {value}" for name, value in numbers.items()),
            *(array("double", name, values) for name, values in arrays.items()),
            *(array("int", name, values) for name, values in flags.items()),
            "",
        ]
    )


def host(folder, given, settings, *, arrays=False):
    """What the host prints."""
    result = engines.train(given, 1, "golden", **asdict(settings))
    core = machine(like=result) if arrays else settings.config(given)
    verilog.write(core, folder / "net.v", name="net")
    (folder / "problem.h").write_text(c_source(given, settings))
    if arrays:
        for name in ("learning", "resting"):
            recall = name == "resting"
            found = program.arrays(core, given, recall=recall)
            program.write(core, found, folder / f"{name}.h", name=name, core="net", recall=recall)
    warn = ["-Wall", "-Wextra", "-pedantic", "-Werror", "-Wno-missing-braces"]
    command = [
        "gcc",
        "-std=c99",
        *warn,
        *["-DARRAYS"] * arrays,
        f"-I{folder}",
        "-c",
        HERE / "host.c",
        "-o",
        "host.o",
    ]
    subprocess.run(command, cwd=folder, check=True)
    environment = verilator_environment()
    # As in cosim/build.py: the package was never configured for its compiler.
    environment["MAKEFLAGS"] = " -- CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0"
    command = ["verilator", "--cc", "--exe", "--build", "-Wall", "net.v", HERE / "bus.cpp"]
    command += ["../host.o", "--top-module", "net"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([folder / "obj_dir" / "Vnet"], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    return np.array(done.stdout.split(), int)


def expected(given, flags):
    """What golden learns and recalls."""
    learned = engines.train(given, UPDATES, "golden", **flags)
    recalled = engines.recall(
        learned, {"initial_state": given.start, "inputs": given.inputs}, "golden"
    )
    return [*learned.weights_raw.T.ravel(), *recalled.states.ravel()]


@pytest.mark.parametrize("case", CASES)
def test_learns_and_recalls_as_golden(tmp_path, case):
    given, settings = problem(), Settings(**CASES[case])
    assert given.to_raw(settings).structure.order.tolist() == list(range(given.units))
    assert host(tmp_path, given, settings).tolist() == expected(given, CASES[case]) * 2


@pytest.mark.parametrize("case", CASES)
def test_a_sparse_network_with_held_units(tmp_path, case):
    given, settings = layered(), Settings(**CASES[case])
    found = host(tmp_path, given, settings, arrays=True)
    assert found.tolist() == expected(given, CASES[case]) * 2
