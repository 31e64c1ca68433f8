"""The area of a shell alone, as yosys counts it for iCE40: a budget, and the table in the page."""

import json
import re
from pathlib import Path

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Value

from rbp.fpga import flow
from rbp.golden.config import FAMILIES
from rbp.hdl.bus.core import BUSES, shell

BUDGET = {"axi-lite": 150, "wishbone": 60, "uart": 360, "spi": 330}
PAGE = Path(__file__).parents[3] / "docs" / "integration.md"
WIDTH = 13
"""Bits of a word address, as of 15 units."""


def area(bus):
    """(LUT4s, flip-flops) of a shell; a UART's bits take 36 cycles."""
    part = shell(bus, WIDTH, FAMILIES["ice40"], 36)
    flat = part.signature.flatten(part)
    ports = {"_".join(map(str, path)): (Value.cast(port), None) for path, _, port in flat}
    text = rtlil.convert(part, name="top", ports=ports, emit_src=False)
    lines = [*flow.READ, "synth_ice40 -top top", f"tee -q -o {flow.STAT} stat -json"]
    folder = flow.yosys("shell", text, "\n".join(lines) + "\n")
    cells = json.loads((folder / flow.STAT).read_text())["design"]["num_cells_by_type"]
    flops = sum(count for cell, count in cells.items() if cell.startswith("SB_DFF"))
    return cells["SB_LUT4"], flops


@pytest.mark.parametrize("bus", BUSES)
def test_area(bus):
    luts, flops = area(bus)
    assert luts <= BUDGET[bus]
    row = rf"^\| `{bus}` \|.*\| {luts} \| {flops} \|$"
    assert re.search(row, PAGE.read_text(), re.M), f"{PAGE}: {bus} has {luts} LUT4s, {flops} FFs"
