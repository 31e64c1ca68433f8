"""The core under cocotb: every word of its memories equals golden's after each phase."""

import re

import pytest

from rbp.cosim.driver import Write
from rbp.cosim.run import Mismatch, lockstep
from rbp.golden.config import Config
from rbp.hdl.host.memory_map import AddressMap
from rbp.hdl.layouts import Region
from tests.networks import associative, example1

SHAPES = {
    "5 + 2 units, 3 patterns": (Config(units=7, macs=3, slots=3), lambda c: associative(c, 5, 3)),
    "17 + 6 units, 5 patterns": (
        Config(units=23, macs=5, slots=5),
        lambda c: associative(c, 17, 5),
    ),
    "1 unit, 1 pattern": (Config(units=1, macs=1, slots=1), lambda c: associative(c, 1, 1)),
    "Example 1": (Config(units=9, macs=4), lambda c: example1(c, 4)),
    "absent connections": (
        Config(units=9, macs=4),
        lambda c: associative(c, 5, 4, present=0.5),
    ),
    "two lanes": (Config(units=9, macs=4, lanes=2, slots=2), lambda c: associative(c, 5, 3)),
}


def words(config, patterns, updates):
    """What a full comparison counts: nine words a unit and pattern, W, and the reports."""
    each = 9 * patterns * config.units + config.units * config.terms
    return updates * (each + 1 + 2 * patterns) + config.units * config.terms


@pytest.mark.parametrize("name", SHAPES)
def test_every_word(name):
    config, network = SHAPES[name]
    machine = network(config)
    for stalls in (False, True):
        result = lockstep(config, machine, 6, stalls=stalls)
        assert result.words_compared == words(config, len(machine.targets), 6)


@pytest.mark.parametrize("seed", range(3))
def test_figure1_under_a_hesitating_host(seed):
    config = Config(units=15, macs=5)
    machine = associative(config, 10, 4, seed=seed)
    plain = lockstep(config, machine, 5)
    stalled = lockstep(config, machine, 5, stalls=True, seed=seed)
    assert plain.cycles == stalled.cycles
    assert (plain.weights == stalled.weights).all()


def test_a_word_that_differs_is_named():
    config = Config(units=9, macs=4)
    machine = associative(config, 5, 4, present=0.5)
    planted = Write(AddressMap(config).state(Region.TARGET, 2, 3), 77)
    golden = machine.targets[2, 3]
    expected = f"update 0, phase forward, pattern 2, target, unit 3: RTL has 77, golden {golden}"
    with pytest.raises(Mismatch, match=re.escape(expected)):
        lockstep(config, machine, 2, plant=[planted])


def test_a_weight_that_differs_is_named():
    config = Config(units=9, macs=4)
    machine = associative(config, 5, 4, present=0.5)
    machine.weights[8, 8] = 0
    planted = Write(AddressMap(config).weight(8, 8), 1)
    with pytest.raises(Mismatch, match="^update 0, "):
        lockstep(config, machine, 2, plant=[planted])
