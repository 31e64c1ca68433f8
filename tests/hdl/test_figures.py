"""What a network costs: cycles go with its connections, and a dense one pays nothing for that."""

import numpy as np
import pytest

from rbp.golden.config import Config
from rbp.golden.structure import Structure
from rbp.golden.training import Learning
from rbp.hdl.program import holding
from rbp.hdl.schedule import Schedule
from rbp.machine import machine
from rbp.paper import examples
from rbp.settings import Settings


def timetable(structure, macs, lanes, patterns):
    units = len(structure.order)
    slots = -(-patterns // lanes)
    config = Config(units=units, macs=min(macs, units), lanes=lanes, slots=slots)
    return Schedule(holding(config, structure), structure)


def an_update(structure, macs, lanes, steps):
    """Cycles of an update behind another, each of A×2 ``steps``."""
    schedule, learning = timetable(structure, macs, lanes, len(steps)), Learning(0, 1)
    one, two = (schedule.cycles([steps] * k, learning, len(steps)) for k in (1, 2))
    return two - one


def whole(connected):
    """No unit is clamped, one is a target, so that none is held that something feeds."""
    n = len(connected)
    return Structure.of(connected, np.zeros(n, bool), np.arange(n) == n - 1)


def grid(side, reach):
    at = np.stack(np.divmod(np.arange(side * side), side))
    return np.abs(at[:, :, None] - at[:, None, :]).max(axis=0) <= reach


def example(name):
    found = examples.find(name)
    flags = {k: v for k, v in found.flags.items() if k not in ("updates", "slots")}
    return machine(found.problem(), Settings(**flags), "golden")


@pytest.mark.parametrize(
    ("macs", "lanes", "most"), [(4, 1, 29_500), (32, 4, 2_100)], ids=["P = 4", "32 on 4 lanes"]
)
def test_digits(macs, lanes, most):
    """64-20-10; the machine before took 328,346 and 10,324 cycles."""
    learner = example("digits")
    steps = learner.update().steps
    assert an_update(learner.structure, macs, lanes, steps) <= most


def test_xor():
    """The machine before took 1,779."""
    learner = example("xor")
    steps = [learner.update().steps for _ in range(2)][-1]
    assert an_update(learner.structure, 1, 1, steps) <= 330


TWENTY = np.full((16, 2), 20)


def test_a_grid():
    """16×16 units and their neighbours; the machine before took 10.7 million."""
    assert an_update(whole(grid(16, 1)), 4, 1, TWENTY) <= 600_000


def test_a_sparse_network():
    """3 % of the connections of 256 units; the machine before took 2.69 million."""
    connected = np.random.default_rng(0).random((256, 256)) < 0.03
    assert an_update(whole(connected), 4, 4, TWENTY) <= 310_000


DENSE = {  # N, P, L, patterns: what the machine took that knew dense networks alone
    (15, 5, 1, 4): 7_406,
    (15, 15, 1, 4): 2_500,
}


@pytest.mark.parametrize("shape", DENSE)
def test_dense_networks_lose_nothing(shape):
    units, macs, lanes, patterns = shape
    steps = np.full((patterns, 2), 20)
    cycles = an_update(whole(np.ones((units, units), bool)), macs, lanes, steps)
    assert DENSE[shape] <= cycles <= 1.005 * DENSE[shape]


@pytest.mark.parametrize("macs", [1, 4, 16])
def test_a_dense_program_is_two_words_a_block(macs):
    program = timetable(whole(np.ones((64, 64), bool)), macs, 1, 1).program
    assert (len(program), program.words) == (64 * 64 // macs, 2 * 64 // macs)


CHAINS = {
    "bands": lambda n: np.abs(np.subtract.outer(np.arange(n), np.arange(n))) <= 2,
    "random": lambda n: np.random.default_rng(n).random((n, n)) < 8 / n,
    "layers": lambda n: np.subtract.outer(*[np.arange(n) * 4 // n] * 2) == 1,
}
"""Of networks of one kind."""


@pytest.mark.parametrize("kind", CHAINS)
def test_cycles_go_with_connections(kind):
    """At P = 1 they are proportional: an exponent of 1 from hundreds to ten thousands."""
    sizes, found = (32, 64, 128, 256, 512), []
    for n in sizes:
        connected = CHAINS[kind](n)
        steps = np.full((8, 2), 20)
        found.append((connected.sum(), an_update(whole(connected), 1, 1, steps)))
    connections, cycles = np.log(np.array(found, float)).T
    exponent, _ = np.polyfit(connections, cycles, 1)
    assert abs(exponent - 1) <= 0.05
