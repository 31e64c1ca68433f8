"""Whatever registers and memories hold at power-up, one cycle of reset is enough."""

from functools import cache

from rbp.cosim import run
from rbp.golden.config import Config
from rbp.golden.training import Learning
from rbp.host.requests import BadAnswer
from tests.networks import associative
from tests.verify.probe import Probe, mutations, probed
from tests.verify.row import Found, Row, noticed

__all__ = [
    "CONFIGS",
    "ROW",
    "SMALL",
    "SMALL_MUTATIONS",
    "expected",
    "learned",
    "library",
    "network",
]

SMALL = Config(units=3, macs=2, slots=2, lanes=2)
SMALL_MUTATIONS = 60

CONFIGS = {
    "two lanes": SMALL,
    "momentum, random start, refill": Config(
        units=4, macs=2, slots=2, momentum=True, random_start=True, refill=True
    ),
    "second order, tanh": Config(units=3, macs=2, slots=2, order=2, products=6, feature="tanh"),
    "one port": Config(units=4, macs=2, slots=2, spram=True, family="ice40"),
    "ecp5, three activations": Config(
        units=4, macs=2, slots=2, family="ecp5", activations=("logistic", "tanh", "sin")
    ),
}
AT_ONCE, SEEDS = 50, 1000


def library(config):
    """Of the small core the one that is shared with the rows that break it."""
    return probed(
        config, mutations(config, SMALL_MUTATIONS) if config == SMALL else mutations(config, 1)
    )


@cache
def expected(config):
    machine = network(config)
    energy = [machine.update().energy for _ in range(2)]
    return energy, machine.weights.tolist(), machine.x.tolist()


def network(config):
    learning = Learning(
        0, 7, friction=2 if config.momentum else None, start_seed=7 if config.random_start else None
    )
    products = [(0,), (1,), (2,), (0, 1), (1, 1), (2, 0)] if config.higher else None
    return associative(
        config, 2, config.lanes * config.slots - 1, learning=learning, products=products
    )


def learned(config, core):
    """What a core learns, for :func:`expected`; None where it hangs or says what no core does."""
    try:
        result = run.train(config, network(config), 2, core=core)  # which is closed there
    except (TimeoutError, ValueError, BadAnswer):
        return None
    return result.energy, result.weights.tolist(), result.states.tolist()


def work(share):
    name, part = list(CONFIGS)[share % len(CONFIGS)], share // len(CONFIGS)
    config, found = CONFIGS[name], Found()
    path = library(config)
    for seed in range(1 + part * AT_ONCE, 1 + (part + 1) * AT_ONCE):
        if learned(config, Probe(path, seed=seed)) != expected(config):
            found.faults.append(f"{name}: seed {seed}")
    found.amounts.update({"seeds": AT_ONCE, f"of {name}": AT_ONCE})
    return found


def control():
    path, config = library(SMALL), SMALL
    cores = [Probe(path, seed=seed, reset=False, patience=10_000) for seed in range(1, 11)]
    wrong = sum(learned(config, core) != expected(config) for core in cores)
    return noticed(wrong > 5, f"no reset, {wrong} of 10 seeds differ")


ROW = Row(
    number=9,
    name="power-up",
    title="power-up",
    how=f"""{len(CONFIGS)} cores from which yosys removed every initial value of registers and
of memories, but those of tables, and of the column sums, whose upper half is never written and
holds the zeros of the configuration. Verilator fills them from a seed. One cycle of reset, a load,
two updates, all words read.""",
    aim=SEEDS * len(CONFIGS),
    unit="seeds",
    work=work,
    shares=SEEDS // AT_ONCE * len(CONFIGS),
    control=control,
)
