"""What comes out of synthesis learns: gates and block RAMs, by models of them, are golden."""

import pytest

from rbp.cosim import run
from rbp.fpga import flow
from rbp.fpga.devices import DEVICES
from rbp.golden.config import Config
from tests.cells import with_cells
from tests.networks import associative, on_schedule

CASES = {
    "hx8k": Config(units=3, macs=1, slots=2, preset="w8", family="ice40hx"),
    "ecp5-25k": Config(units=3, macs=1, slots=2, preset="w8", family="ecp5"),
    "up5k": Config(units=5, macs=2, slots=2, family="ice40"),
    "up5k, spram": Config(units=3, macs=1, slots=2, preset="w8", family="ice40", spram=True),
    "ecp5-25k, two lanes": Config(units=4, macs=2, slots=1, lanes=2, preset="w18", family="ecp5"),
}
SLOW = ("up5k", "ecp5-25k, two lanes")


def netlist(name):
    """(configuration, path of its gates)."""
    config = CASES[name]
    return config, flow.gates(config, DEVICES[name.split(",")[0]])


@pytest.mark.parametrize(
    "name", [pytest.param(c, marks=[pytest.mark.slow] * (c in SLOW)) for c in CASES]
)
def test_gates_learn_with_goldens_bits(name):
    config, gates = netlist(name)
    assert ("SB_SPRAM256KA " in gates.read_text()) == config.spram
    machine = associative(config, config.units - 1, 2)
    result = run.train(config, machine, 5, core=with_cells(gates, config.family))
    relaxed = [machine.update() for _ in range(5)]
    assert result.energy == [r.energy for r in relaxed]
    assert (result.weights == machine.weights).all()
    assert (result.states == relaxed[-1].x).all()
    on_schedule(result, config, machine, 0)


def test_a_wrong_gate_is_seen(tmp_path):
    """The check can fail: the LUTs named after a processing element are turned round."""
    config, gates = netlist("hx8k")
    text = gates.read_text().splitlines()
    luts = [k for k, line in enumerate(text) if ".LUT_INIT(16'h" in line]
    luts = [k for k in luts if any("lane_0.column.pe_0" in line for line in text[k : k + 8])]
    assert luts
    for k in luts:
        value = int(text[k].split("16'h")[1][:4], 16)
        text[k] = text[k].replace(f"16'h{value:04x}", f"16'h{value ^ 0xFFFF:04x}")
    wrong = tmp_path / "gates.v"
    wrong.write_text("\n".join(text))
    machine = associative(config, 2, 2)
    try:
        result = run.train(config, machine, 5, core=with_cells(wrong, config.family))
    except TimeoutError:
        return
    energy = [machine.update().energy for _ in range(5)]
    assert result.energy != energy or (result.weights != machine.weights).any()
