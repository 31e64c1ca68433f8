"""A core behind each serial line, under cocotb: Figure 1 is learned as golden learns it."""

import pickle
from copy import deepcopy

import numpy as np
import pytest

from rbp.cosim.build import bench
from rbp.hdl.bus.core import LINES
from rbp.machine import machine
from rbp.paper import figure1
from rbp.settings import Settings

UPDATES, DIVISOR = 20, 8


@pytest.mark.parametrize(("line", "seed"), [("uart", None), ("spi", None), ("spi", 1)])
def test_figure1(tmp_path, line, seed):
    assert line in LINES
    problem, settings = figure1.problem(), Settings(macs=5)
    config, golden = settings.config(problem), machine(problem, settings, "golden")
    job = {"line": line, "seed": seed, "config": config, "machine": golden, "updates": UPDATES}
    job["outcome"] = tmp_path / "outcome"
    (tmp_path / "job").write_bytes(pickle.dumps(job))
    run = bench(config, line, DIVISOR if line == "uart" else None)
    said = run(tmp_path, "tests.hdl.bus.line_bench", [f"+job={tmp_path / 'job'}"])
    assert job["outcome"].exists(), said
    seen = pickle.loads(job["outcome"].read_bytes())
    assert seen["config"] == config
    assert seen["nowhere"] == (0, False, True)
    golden = deepcopy(golden)
    energies = [golden.update().energy for _ in range(UPDATES)]
    got = seen["run"]
    assert got.energy == energies
    assert np.array_equal(got.weights, golden.weights)
    assert np.array_equal(got.states, golden.x)
    assert np.array_equal(got.errors, golden.y)
