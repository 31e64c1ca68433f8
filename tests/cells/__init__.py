"""Models of cells: yosys's, and of ECP5's block RAM and multiplier, of which it has none; and
Verilog of such cells, read back from what place and route has made."""

from pathlib import Path

from rbp.cosim import build
from rbp.cosim.simulator import Simulator
from rbp.fpga import flow

CELLS = Path(__file__).parent
FLAGS = ("--no-timing", "--bbox-unsup", "-DNO_ICE40_DEFAULT_ASSIGNMENTS")


def library(verilog, family, wrapper="simulator"):
    """Path of Verilog with the models of its cells, as of :func:`rbp.cosim.build.verilated`."""
    share = flow.SHARE / ("ecp5" if family == "ecp5" else "ice40")
    models = [share / "cells_sim.v"]
    if family == "ecp5":
        # first, for yosys has an empty DP16KD
        models = [CELLS / "dp16kd.v", CELLS / "mult18x18d.v", *models]
    return build.verilated([verilog, *models], *FLAGS, f"-I{share}", wrapper=wrapper)


def with_cells(verilog, family):
    """A simulator of Verilog behind the core's port, with the models of its cells."""
    return Simulator(library(verilog, family))
