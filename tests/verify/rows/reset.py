"""A reset in each cycle of an update: what comes after it is as if nothing had been."""

from contextlib import nullcontext

from rbp.cosim import run
from rbp.host.driver import Driver
from tests.verify.probe import Probe
from tests.verify.row import Found, Row, noticed
from tests.verify.rows.power_up import CONFIGS, SMALL, expected, library, network

__all__ = ["ROW"]


def after(config, core):
    """What a core learns that is where it is."""
    got = run.train(config, network(config), 2, core=nullcontext(core))
    return got.energy, got.weights.tolist(), got.states.tolist()


def begun(config, core):
    """Loaded, and two updates are started."""
    driver = Driver(config)
    core.do(driver.load(network(config)))
    core.do(driver.start_training(2))
    return driver


def length(config, core):
    """Cycles of an update and of the next one's beginning."""
    driver, cycles = begun(config, core), 0
    while core.do(driver.busy()):
        core.run(10)
        cycles += 10
    return cycles // 2 + 20


def work(share, reset=True):
    name, config = list(CONFIGS.items())[share]
    found = Found()
    with Probe(library(config), seed=1) as core:
        cycles = length(config, core)
        for cycle in range(cycles):
            begun(config, core)
            core.run(cycle)
            if reset:
                core.reset()
                found.amounts["resets"] += 1
            elif core.do(Driver(config).read("STATUS")) & 3:
                found.faults.append(f"{name}: the core still runs, {cycle} cycles behind the start")
            if after(config, core) != expected(config):
                found.faults.append(f"{name}: a reset {cycle} cycles behind the start")
            if not reset:
                break
    found.amounts["cores"] = 1
    return found


def control():
    index = list(CONFIGS.values()).index(SMALL)
    return noticed(work(index, reset=False).faults, "no reset, and the run goes on")


ROW = Row(
    number=8,
    name="reset",
    title="reset",
    how="""The cores of the row below. A training is started, and one cycle of reset comes in
each cycle of the first update and in the first 20 of the second. Then a whole training: every
word.""",
    aim=len(CONFIGS),
    unit="cores",
    work=work,
    shares=len(CONFIGS),
    control=control,
    sample=(),
)
