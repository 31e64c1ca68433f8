"""The schedule counts as the core does: batches in turn, drawn patterns, random starts."""

import numpy as np
import pytest

from rbp.cosim import run
from rbp.golden.config import Config
from rbp.golden.structure import Structure
from rbp.golden.training import Learning
from rbp.hdl import relax_schedule
from rbp.hdl.schedule import Schedule
from tests.networks import associative, draw

CONFIGS = {
    "one unit, two lanes": Config(units=1, macs=1, lanes=2, slots=3),
    "one unit, two lanes, momentum": Config(units=1, macs=1, lanes=2, slots=3, momentum=True),
    "two lanes": Config(units=3, macs=2, lanes=2, slots=3, random_start=True),
    "three lanes": Config(units=4, macs=4, lanes=3, slots=2),
    "one lane": Config(units=5, macs=2, slots=6, random_start=True),
    "one lane, ecp5": Config(units=9, macs=2, slots=6, random_start=True, family="ecp5"),
}
LEARNING = (
    *({}, {"batch": 1}, {"batch": 2}, {"batch": 3}, {"batch": 1, "draw": 1}, {"start_seed": 1}),
    *({"batch": 1, "draw": 1, "start_seed": 1}, {"batch": 2, "start_seed": 1}),
)


def layered(config, patterns, learning):
    """Units in layers: those of the first are held, the last is a target; numbers may be nobody's
    in random starts."""
    n = config.units
    layer = np.arange(n) * 3 // n
    connected = layer[:, None] == layer[None, :] + 1
    connected[-1, 0] = True
    return draw(
        config,
        patterns,
        target=np.arange(n) == n - 1,
        clamp=np.arange(n) < min(2, n - 1),
        connected=connected,
        learning=learning,
    )


@pytest.mark.parametrize("network", ["associative", "layered"])
@pytest.mark.parametrize("name", CONFIGS)
def test_cycles(name, network):
    config = CONFIGS[name]
    for patterns in range(1, config.slots * config.lanes + 1):
        for flags in LEARNING:
            if flags.get("batch", 1) > patterns:
                continue
            if "start_seed" in flags and not config.random_start:
                continue
            learning = Learning(0, 1, friction=2 if config.momentum else None, **flags)
            if network == "layered":
                machine = layered(config, patterns, learning)
                assert config.units == 1 or machine.structure.first
            else:
                machine = associative(config, min(2, config.units), patterns, learning=learning)
            got = run.train(config, machine, 4)
            counted = Schedule(config, machine.structure).cycles(
                got.settle_steps, learning, patterns
            )
            assert got.cycles == counted, (patterns, flags)


@pytest.mark.parametrize("lanes", [1, 2, 3, 5])
def test_side_by_side(lanes):
    """Relaxations counted side by side end as those that are counted one at a time."""
    rng, counted = np.random.default_rng(lanes), 0
    for units, macs in ((2, 1), (5, 2), (9, 4), (20, 3)):
        config = Config(units=units, macs=macs, lanes=lanes, slots=4)
        connected = rng.random((units, units)) < 0.6
        flags = rng.random((2, units)) < 0.4
        schedule = Schedule(config, Structure.of(connected, *flags))
        for batch in range(1, 4 * lanes + 1):
            if not relax_schedule.regular(schedule, batch):
                continue
            steps = rng.integers(1, 8, (9, batch, 2))
            steps[..., 1] *= rng.integers(0, 2, (9, batch))
            held = (rng.integers(0, lanes) + np.arange(batch)) % lanes
            ready, free = rng.integers(0, 99, (2, 9))
            found = np.transpose(relax_schedule.relax(schedule, ready, free, held, steps))
            for row, *given, some in zip(found, ready, free, steps, strict=True):
                begun = map(int, given)
                assert tuple(row) == schedule.relaxed(0, *begun, held.tolist(), some)
                counted += 1
    assert counted > 50
