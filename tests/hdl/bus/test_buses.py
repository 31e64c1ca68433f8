"""A core behind each bus, driven by other people's masters: it answers, and learns as golden."""

import pickle

import numpy as np
import pytest

from rbp.cosim.build import bench
from rbp.hdl.bus.core import BUSES, LINES
from rbp.hdl.host.memory_map import IDENTITY
from rbp.machine import machine
from rbp.paper import figure1
from rbp.settings import Settings

UPDATES = 20


def run(folder, bus, seed, updates):
    """(What the bench saw, the golden machine after as many updates, its energies)."""
    problem, settings = figure1.problem(), Settings(macs=5)
    config, golden = settings.config(problem), machine(problem, settings, "golden")
    job = {"bus": bus, "seed": seed, "config": config, "machine": golden, "updates": updates}
    job["outcome"] = folder / "outcome"
    (folder / "job").write_bytes(pickle.dumps(job))
    said = bench(config, bus)(folder, "tests.hdl.bus.bus_bench", [f"+job={folder / 'job'}"])
    assert (folder / "outcome").exists(), said
    energy = []
    for _ in range(updates):
        relaxed = golden.relax()
        golden.learn(relaxed)
        energy.append(relaxed.energy)
    return pickle.loads((folder / "outcome").read_bytes()), golden, energy


@pytest.mark.parametrize("seed", [None, 1])
@pytest.mark.parametrize("bus", [bus for bus in BUSES if bus not in LINES])
def test_figure1(tmp_path, bus, seed):
    seen, golden, energy = run(tmp_path, bus, seed, UPDATES)
    answers = seen["answers"]
    assert answers["identity"] == (IDENTITY, False)
    assert answers["written"] == (None, False)
    assert answers["part"]
    assert answers["nowhere"] == [True, True]
    assert answers["start"]
    assert answers["unfit"]
    assert answers["column"]
    assert answers["flag"] == 1
    assert not answers["cleared"]
    if bus == "axi-lite":
        assert seen["both"] == {True}
    else:
        assert not any(seen["given up"])
        assert seen["after"] == (IDENTITY, False)
    assert np.array_equal(seen["weights"], golden.weights)
    assert seen["energy"] == energy
    unsettled, skipped, _, saturated = seen["counters"]
    assert (unsettled, skipped) == (golden.unsettled, golden.skipped)
    assert saturated == golden.saturated
