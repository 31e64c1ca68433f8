"""The CPU program beside which the core is measured does the same job."""

import numpy as np
import pytest

from rbp.benchmarks import speed
from rbp.machine import machine
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


def test_rows_of_simulation():
    rows = list(speed.simulation())
    assert [row["times_cpp"] == 1 for row in rows] == [True, False, False]
    assert all(row["kilocycles_per_second"] > 0 for row in rows)
