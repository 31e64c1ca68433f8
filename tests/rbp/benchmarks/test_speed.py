"""The CPU programs beside which the core is measured do the same job; which cores those are."""

from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp.benchmarks import bench, speed
from rbp.fpga import baselines
from rbp.golden.training import Learning
from rbp.hdl.schedule import Schedule
from rbp.machine import machine, structures
from rbp.paper import examples, figure1
from rbp.settings import Settings


@pytest.mark.parametrize("problem", [figure1.problem(), examples.find("sin-memory").problem()])
def test_cpp_learns_what_the_reference_learns(problem):
    """In single precision; a relaxation may end a step earlier or later. Of other units than
    logistic ones it knows nothing, which this test sees."""
    reference = machine(problem, Settings(), "float64")
    sweeps = sum(int(reference.update().steps.sum()) for _ in range(5))
    weights, made = speed.rival()(problem, 5)
    same = np.allclose(weights, reference.weights, atol=2e-3)
    assert same == (set(problem.activation) == {"logistic"})
    if same:
        assert abs(made - sweeps) <= 0.02 * sweeps


@pytest.mark.parametrize(
    ("name", "layers", "flags"),
    [
        ("xor", (2, 3, 1), {"eta_shift": 1}),
        ("parity", (4, 8, 1), {"batch": 3, "eta_shift": -1}),
        ("digits", (64, 20, 10), {"batch": 16, "eta_shift": -2}),
    ],
)
def test_cpp_by_layers_learns_what_the_reference_learns(name, layers, flags):
    """Only connections that there are; each layer passed once, or until it has settled."""
    problem = examples.find(name).problem()
    settings = Settings(slots=min(problem.patterns, 16), **flags)
    reference = machine(problem, settings, "float64")
    sweeps = sum(int(reference.update().steps.sum()) for _ in range(6))
    once = speed.layered_rival()(problem, layers, 6, **flags)
    settled, made = speed.settling_rival()(problem, layers, 6, **flags)
    assert np.abs(reference.weights - problem.weights).max() > 0.05
    for weights in (once, settled):
        assert np.allclose(weights, reference.weights, atol=1e-3)
        assert ((weights != 0) == problem.connected).all()
    assert made == sweeps


def test_the_cores_that_are_compared():
    """The smallest measured one of each device that holds the network, and its exact cycles."""
    stored = {
        row.command: {"fits": row.units != 64, "fmax_mhz": {"median": 100.0}}
        for row in baselines.ROWS
    }
    structure, steps = structures(figure1.problem())[0], np.full((2, 4, 2), 5)
    found = speed._cores(structure, steps, stored)
    assert {row.device for row, _ in found} >= {"ecp5-85k", "up5k", "hx8k"}
    assert {row.units for row, _ in found} == {15}
    for row, cycles in found:
        config = replace(row.target.config, slots=-(-4 // row.lanes))
        assert cycles == Schedule(config, structure).cycles(steps, Learning(), 4)
    sparse = structures(examples.find("parity").problem())[0]  # some numbers are nobody's
    assert {row.units for row, _ in speed._cores(sparse, steps, stored)} == {32, 256}
    none = dict.fromkeys(stored, {"fits": False})
    assert speed._cores(structure, steps, none) == []


def test_rows_are_as_good_as_they_must_be():
    for row in bench.rows():
        assert row["utilisation"] >= (row["must_be"] or 0), row["name"]
        assert row["utilisation"] <= 1


def test_rows_of_simulation():
    rows = list(speed.simulation())
    assert [row["times_cpp"] == 1 for row in rows] == [True, False, False]
    assert all(row["kilocycles_per_second"] > 0 for row in rows)


def test_rows_of_growth():
    """Connections are counted where they are, and steps are as many as were asked for."""
    dense, sparse = figure1.problem(), examples.find("xor").problem()
    rows = list(speed.growth([dense, sparse]))
    assert [row["connections"] for row in rows] == [15 * 15, 3 * 3 + 1 * 4]
    assert rows[0]["us_per_update"] > rows[1]["us_per_update"] > 0
    assert bench._exponent((x, 3 * x**0.8) for x in (10, 100, 1000)) == pytest.approx(0.8)


def test_the_networks_of_mnist():
    """30 hidden units, 10 outputs and a bias, which learn in batches of 16 within 3 + 3 steps."""
    jobs = [job for job in bench._jobs() if job.name.startswith("MNIST")]
    assert [job.layers for job in jobs] == [(196, 30, 10), (784, 30, 10)]
    for job in jobs:
        pixels = job.layers[0]
        assert job.problem.units == 1 + pixels + 40
        assert job.problem.connected.sum() == 30 * (pixels + 1) + 10 * 31
        steps = rbp.train(job.problem, 2, **job.flags).settle_steps
        assert steps.shape == (2, 16, 2)
        assert (steps == 3).all()
