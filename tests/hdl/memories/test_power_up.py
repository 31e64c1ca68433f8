"""Initial values do not matter: random registers and one cycle of reset, and the core is golden."""

import pytest
from amaranth.back import rtlil

from rbp.cosim import build, run
from rbp.cosim.simulator import Simulator
from rbp.fpga import flow
from rbp.golden.config import Config
from rbp.hdl.core import Core
from rbp.hdl.host.memory_map import AddressMap
from tests.networks import associative

CONFIG = Config(units=3, macs=2, slots=2, lanes=2)


@pytest.fixture(scope="module")
def library():
    """The core without any register's initial value; memories keep theirs."""
    core = Core(CONFIG)
    text = rtlil.convert(core, name="core", ports=core.ports(), emit_src=False)
    lines = [*flow.READ, "proc", "setattr -unset init w:*", "write_verilog -noattr core.v", ""]
    folder = flow.yosys("uninitialised", text, "\n".join(lines))
    return build.verilated([folder / "core.v"])


def outcome(core):
    result = run.train(CONFIG, associative(CONFIG, 2, 3), 2, core=core)
    return result.energy, result.weights.tolist(), result.states.tolist(), result.cycles


def test_one_reset_is_enough(library):
    machine = associative(CONFIG, 2, 3)
    energy = [machine.update().energy for _ in range(2)]
    outcomes = [outcome(Simulator(library, seed=seed)) for seed in range(1, 201)]
    assert outcomes == [outcomes[0]] * 200
    assert outcomes[0][:2] == (energy, machine.weights.tolist())


def test_a_reset_clears(library):
    """Counters, log and flags, without a word to CONTROL."""
    registers = AddressMap(CONFIG)
    names = ("STATUS", "LOG_COUNT", "UNSETTLED", "SKIPPED", "CYCLES", "CYCLES_HIGH")
    for seed in range(1, 51):
        core = Simulator(library, seed=seed)
        assert [core.read(registers.register(name)) for name in names] == [0] * len(names), seed


def test_without_reset_it_is_not(library):
    """The control: the registers are random indeed."""
    right = outcome(Simulator(library))
    wrong = 0
    for seed in range(1, 11):
        try:
            wrong += outcome(Simulator(library, seed=seed, reset=False)) != right
        except (TimeoutError, ValueError):  # it hangs, or reports nothing
            wrong += 1
    assert wrong > 5
