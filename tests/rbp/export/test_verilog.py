"""``rbp verilog``: its files, their names, and what is refused."""

import os
import re
import subprocess
import sys
from importlib.metadata import version

import pytest
import yaml

from rbp.cli import main
from rbp.export import verilog
from rbp.export.generated import CHOICES, PLAIN, PORTS, Rate
from rbp.export.header import header
from rbp.fpga.machines import machine
from rbp.hdl.bus.core import BUSES, LINES
from tests.rbp.export.test_lint import CONFIGS, text_of
from tests.tools import TOOLS

FILES = ["net.core", "net.rdl", "net.v", "net_manual.md", "net_regs.h"]
RATES = {"uart": Rate("36", 3_000_000, 12)}
"""Of the buses that have one."""
WROTE = ("net.v", "net_manual.md", "net_regs.h", "net.core", "net.rdl")


def run(*argv):
    return main([str(a) for a in argv])


def files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_five_files(tmp_path, capsys):
    out = tmp_path / "net.v"
    assert run("verilog", "--units", 5, "--macs", 2, "--preset", "w8", "--out", out) == 0
    said, err = capsys.readouterr()
    assert (said, err) == (f"wrote {' '.join(str(tmp_path / name) for name in WROTE)}\n", "")
    assert sorted(files(tmp_path)) == FILES
    text = out.read_text()
    assert ": rbp verilog --units 5 --macs 2 --preset w8\n" in text
    assert text == verilog.text(machine(units=5, macs=2, preset="w8"))
    assert not re.search(r"MULT18X18D|DP16KD|SB_|ram_style", text)


@pytest.mark.parametrize("bus", CHOICES)
@pytest.mark.parametrize("name", CONFIGS)
def test_header_comment_names_ports(name, bus):
    """With their directions: an output that nothing drives would be an input."""
    text = text_of(CONFIGS[name], bus=bus, rate=RATES.get(bus))
    comment, module = text.split("\nmodule rbp_core(")
    declared = re.search(r"endmodule", module).start()
    ports = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+)\s*;", module[:declared], re.M)
    ports = {(port, way.removesuffix("put"), int(high or 0) + 1) for way, high, port in ports}
    said = re.findall(r"^//   (in|out) +(\w+) +(\d+)  ", comment, re.M)
    assert {(port, way, int(width)) for way, port, width in said} == ports


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("bus", BUSES)
def test_a_bus_is_accepted_without_a_message(tmp_path, bus, tool):
    path = tmp_path / "core.v"
    path.write_text(text_of(CONFIGS["one unit"], bus=bus, rate=RATES.get(bus)))
    assert TOOLS[tool](path, "rbp_core") == ""


@pytest.mark.parametrize("bus", CHOICES)
def test_the_files_of_a_bus(tmp_path, bus):
    out = tmp_path / "net.v"
    rate = ["--clock", "36", "--baud", 3_000_000] if bus in RATES else []
    assert run("verilog", "--units", 2, "--bus", bus, *rate, "--name", "net", "--out", out) == 0
    text, manual = out.read_text(), (tmp_path / "net_manual.md").read_text()
    for port, way, _ in PORTS if bus == PLAIN else ():
        assert f"| `{port}` | {way} |" in manual
    for other, shell in BUSES.items():
        names = shell.MEANINGS.keys() - {"clk", "rst"}
        assert all((f"| `{port}` |" in manual) == (other == bus) for port in names)
        assert (f" --bus {other} " in text) == (other == bus)
    assert (" --clock 36 --baud 3000000 " in text) == (bus in RATES)
    assert ("12 cycles\n" in manual) == (bus in RATES)
    assert ("CRC-16" in manual) == (bus in LINES)
    assert not re.search(r"^\?", manual, re.M)


def test_the_description_for_fusesoc(tmp_path):
    out = tmp_path / "net of mine.sv"
    assert run("verilog", "--units", 2, "--name", "net", "--out", out) == 0
    text = (tmp_path / "net of mine.core").read_text()
    assert text.startswith("CAPI=2:\n")
    assert yaml.safe_load(text) == {
        "CAPI=2": None,
        "name": f"rbp:core:net:{version('rbp')}",
        "description": "Learns recurrent networks of up to 2 units, 1 x 2 multipliers",
        "filesets": {"rtl": {"files": [out.name], "file_type": "systemVerilogSource"}},
        "targets": {"default": {"filesets": ["rtl"], "toplevel": "net"}},
    }


def test_soft_multipliers_are_said(tmp_path, capsys):
    argv = ["--units", 9, "--macs", 9, "--device", "up5k", "--out", tmp_path / "core.v"]
    assert run("verilog", *argv) == 0
    assert "all are built of logic" in capsys.readouterr().err


def test_a_large_core_is_said_to_take_long(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(verilog, "write", lambda *_: [])  # it does
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    for entries, said in ((50_000, False), (1_000_000, True)):
        argv = ["--units", 9, "--macs", 2, "--entries", entries, "--out", tmp_path / "core.v"]
        assert run("verilog", *argv) == 0
        err = capsys.readouterr().err
        assert ("writing a core of 2000000 weights, some 80 seconds\n" in err) == said == bool(err)


# names


def pair():
    """Two different cores."""
    return {"left": machine(units=2, slots=1), "right": machine(units=3, macs=2, slots=2)}


def test_two_headers_in_one_file(tmp_path):
    for name, config in pair().items():
        (tmp_path / f"{name}_regs.h").write_text(header(config, name))
    (tmp_path / "main.c").write_text(
        '#include <stdio.h>\n#include "left_regs.h"\n#include "right_regs.h"\n'
        "int main(void)\n{\n"
        '    printf("%d %d %d\\n", LEFT_UNITS, RIGHT_UNITS,\n'
        "        left_state(LEFT_REGION_X, 0, 1) != right_state(RIGHT_REGION_X, 0, 1));\n"
        "    return 0;\n}\n"
    )
    command = ["gcc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", "main", "main.c"]
    subprocess.run(command, cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert done.stdout == "2 3 1\n"


def test_name_is_everywhere(tmp_path):
    out = tmp_path / "net.v"
    assert run("verilog", "--units", 2, "--name", "my_net", "--out", out) == 0
    text = out.read_text()
    assert set(re.findall(r"^module \\?(\w+)", text, re.M)) == {"my_net"}
    assert ": rbp verilog --units 2 --macs 2 --name my_net\n" in text
    lines = (tmp_path / "net_regs.h").read_text().splitlines()
    names = [line.split()[1] for line in lines if line.startswith(("#define", "#ifndef"))]
    assert names
    assert all(name.startswith("MY_NET_") for name in names)
    assert "rbp_core" not in text + "".join(lines)


# what is refused

BAD = {
    "no units": (["--macs", 2], "units"),
    "units": (["--units", 1025], "units", "1 … 1024", "1025"),
    "macs": (["--units", 4, "--macs", 5], "macs", "1 … 4", "5"),
    "lanes": (["--units", 4, "--lanes", 0], "lanes", "0"),
    "slots": (["--units", 4, "--slots", 257], "slots", "1 … 256", "257"),
    "preset": (["--units", 4, "--preset", "w17"], "preset", "w17"),
    "activation": (["--units", 4, "--activation", "relu"], "activation", "relu"),
    "order": (["--units", 4, "--order", 4], "order", "1 … 3", "4"),
    "feature": (["--units", 4, "--feature", "cos"], "feature", "identity", "cos"),
    "device": (["--units", 4, "--device", "artix"], "device", "up5k", "artix"),
    "bus": (["--units", 4, "--bus", "apb"], "bus", "wishbone", "apb"),
    "no clock": (["--units", 4, "--bus", "uart"], "--clock MHZ"),
    "clock": (["--units", 4, "--bus", "uart", "--clock", "fast"], "clock", "MHz", "fast"),
    "clock of no line": (["--units", 4, "--bus", "spi", "--clock", "36"], "--clock", "spi"),
    "baud of no line": (["--units", 4, "--baud", 1_000_000], "--baud", "none"),
    "baud": (["--units", 4, "--bus", "uart", "--clock", "25", "--baud", 2_900_000], "4.4 %"),
    "grade": (["--units", 4, "--grade", 6], "--grade"),
    "name": (["--units", 4, "--name", "Net"], "name", "lower-case", "Net"),
    "name that is a word": (["--units", 4, "--name", "logic"], "name", "Verilog", "logic"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(tmp_path, capsys, case):
    argv, *fragments = BAD[case]
    (tmp_path / "core.h").write_bytes(b"precious")
    assert run("verilog", *argv, "--out", tmp_path / "core.v") == 2
    said, err = capsys.readouterr()
    assert said == ""
    assert len(err.splitlines()) == 1
    for fragment in fragments:
        assert fragment in err
    assert files(tmp_path) == {"core.h": b"precious"}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_ours_stays(tmp_path, capsys, name):
    (tmp_path / name).write_bytes(b"precious")
    argv = ["verilog", "--units", 2, "--out", tmp_path / "net.v"]
    assert run(*argv) == 2
    err = capsys.readouterr().err
    assert name in err
    assert "--force" in err
    assert files(tmp_path) == {name: b"precious"}
    assert run(*argv, "--force") == 0
    assert sorted(files(tmp_path)) == FILES
    assert b"precious" not in b"".join(files(tmp_path).values())


def test_our_own_files_are_replaced(tmp_path):
    for units in (2, 3):
        assert run("verilog", "--units", units, "--out", tmp_path / "net.v") == 0
    assert "#define RBP_CORE_UNITS 3\n" in (tmp_path / "net_regs.h").read_text()


def test_a_readme_stays(tmp_path):
    (tmp_path / "README.md").write_bytes(b"precious")
    assert run("verilog", "--units", 2, "--out", tmp_path / "README.v") == 0
    assert files(tmp_path)["README.md"] == b"precious"


def test_bad_output(tmp_path, capsys):
    (tmp_path / "map_manual.md").mkdir()
    for out, named in (
        (tmp_path / "none" / "core.v", "none"),
        (tmp_path / "core.h", "Verilog file"),
        (tmp_path / "core.md", "Verilog file"),
        (tmp_path / "map.v", "map_manual.md"),
        (tmp_path, "FILE.v"),
        ("/proc/core.v", "/proc"),
    ):
        assert run("verilog", "--units", 4, "--out", out) == 2
        assert named in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["map_manual.md"]
    assert os.listdir(tmp_path / "map_manual.md") == []
