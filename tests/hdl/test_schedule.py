"""The schedule counts as the core does: batches in turn, drawn patterns, random starts."""

import pytest

from rbp.cosim import run
from rbp.golden.config import Config
from rbp.golden.training import Learning
from rbp.hdl.schedule import Schedule
from tests.networks import associative

CONFIGS = {
    "one unit, two lanes": Config(units=1, macs=1, lanes=2, slots=3),
    "one unit, two lanes, momentum": Config(units=1, macs=1, lanes=2, slots=3, momentum=True),
    "two lanes": Config(units=3, macs=2, lanes=2, slots=3, random_start=True),
    "three lanes": Config(units=4, macs=4, lanes=3, slots=2),
    "one lane": Config(units=5, macs=2, slots=6, random_start=True),
}
LEARNING = (
    *({}, {"batch": 1}, {"batch": 2}, {"batch": 3}, {"batch": 1, "draw": 1}, {"start_seed": 1}),
    *({"batch": 1, "draw": 1, "start_seed": 1}, {"batch": 2, "start_seed": 1}),
)


@pytest.mark.parametrize("name", CONFIGS)
def test_cycles(name):
    config = CONFIGS[name]
    for patterns in range(1, config.slots * config.lanes + 1):
        for flags in LEARNING:
            if flags.get("batch", 1) > patterns:
                continue
            if "start_seed" in flags and not config.random_start:
                continue
            learning = Learning(0, 1, friction=2 if config.momentum else None, **flags)
            machine = associative(config, min(2, config.units), patterns, learning=learning)
            got = run.train(config, machine, 4)
            counted = Schedule(config).cycles(got.settle_steps, learning, patterns)
            assert got.cycles == counted, (patterns, flags)
