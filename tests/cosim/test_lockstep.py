"""The core under cocotb: every word of its memories equals golden's after each phase."""

import re

import numpy as np
import pytest

from rbp.cosim.run import Mismatch, lockstep
from rbp.golden.config import Config
from rbp.hdl.host.memory_map import AddressMap
from rbp.hdl.layouts import Region
from rbp.hdl.program import compiled
from rbp.host.requests import Write
from tests.networks import associative, draw, example1

LAYERS = np.arange(12)[:, None] // 3 == np.arange(12)[None, :] // 3 + 1
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
    "layers, of which one is held": (
        Config(units=16, macs=2, slots=3),
        lambda c: draw(
            c, 3, clamp=np.arange(12) < 2, target=np.arange(12) > 8, units=12, connected=LAYERS
        ),
    ),
    "layers, two lanes, ecp5": (
        Config(units=16, macs=4, lanes=2, slots=2, family="ecp5"),
        lambda c: draw(
            c, 3, clamp=np.arange(12) < 2, target=np.arange(12) > 8, units=12, connected=LAYERS
        ),
    ),
    "two lanes": (Config(units=9, macs=4, lanes=2, slots=2), lambda c: associative(c, 5, 3)),
}


def words(machine, updates):
    """What a full comparison counts: c of each unit and pattern, eight words more where it has a
    row; of W the rows that there are; and the reports."""
    patterns, rows = len(machine.targets), len(machine.structure.rows)
    units, columns = machine.weights.shape
    each = patterns * (units + 8 * rows) + rows * columns
    return updates * (each + 1 + 2 * patterns) + rows * columns


@pytest.mark.parametrize("name", SHAPES)
def test_every_word(name):
    config, network = SHAPES[name]
    machine = network(config)
    for stalls in (False, True):
        result = lockstep(config, machine, 6, stalls=stalls)
        assert result.words_compared == words(machine, 6)


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
    number = int(machine.structure.numbers[3])
    planted = Write(AddressMap(config).state(Region.TARGET, 2, number), 77)
    golden = machine.targets[2, 3]
    expected = f"update 0, phase forward, pattern 2, target, unit 3: RTL has 77, golden {golden}"
    with pytest.raises(Mismatch, match=re.escape(expected)):
        lockstep(config, machine, 2, plant=[planted])


def test_a_weight_that_differs_is_named():
    config = Config(units=9, macs=4)
    machine = associative(config, 5, 4, present=0.5)
    i, j = (int(k) for k in np.argwhere(machine.weights[5:] != 0)[3] + (5, 0))
    machine.weights[i, j] = 0
    planted = Write(address(config, machine, i, j), 1)
    with pytest.raises(Mismatch, match="^update 0, "):
        lockstep(config, machine, 2, plant=[planted])


def address(config, machine, i, j):
    """Of the weight from unit j to unit i."""
    structure = machine.structure
    program = compiled(config, structure)
    block, bank = divmod(int(structure.numbers[i]) - structure.first, config.macs)
    within = np.flatnonzero(program.columns == structure.numbers[j])
    entry = int(within[within >= program.starts[block]][0])
    return AddressMap(config).weight(bank, entry)


def test_a_weight_that_nothing_shows_is_named_by_its_units():
    """Which are not those of the machine, where some are held; its φ is 0."""
    config, unit = Config(units=16, macs=2, slots=3), np.arange(12)
    machine = draw(config, 2, clamp=unit < 3, target=unit > 8, units=12, connected=LAYERS)
    machine.targets[:, 1] = machine.start[:, 1] = machine.x[:, 1] = 0
    word = int(machine.weights[3, 1])
    planted = Write(address(config, machine, 3, 1), (word + 1) & 0xFFFFFFFF)
    expected = f"update 0, phase update, w, unit 3, 1: RTL has {word + 1}, golden {word}"
    with pytest.raises(Mismatch, match=f"^{expected}$"):
        lockstep(config, machine, 2, plant=[planted])
