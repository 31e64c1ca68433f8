"""Every two options of machine and learning together, as the core is tested for them."""

import pytest

from rbp.machine import machine
from tests.cmodel.drawn import differences
from tests.hdl.test_pairs import name, problem, rows, settings


@pytest.mark.parametrize("seed", range(1, 6))
def test_pairs(seed):
    for k, row in enumerate(rows(seed)):
        given = problem(row, 1000 * seed + k), settings(row, 1000 * seed + k)
        assert differences(machine(*given, "golden"), threads=1 + k % 2) == [], name(row)
