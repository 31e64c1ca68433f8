"""The manual and the header of a core: they give the addresses that the hardware has."""

import re
import subprocess

import numpy as np
import pytest

from rbp.cosim.build import verilator_environment
from rbp.export import verilog
from rbp.export.header import header
from rbp.export.manual import manual
from rbp.fpga.machines import machine
from rbp.hdl.host.memory_map import ADDRESSED, STATE, AddressMap, Area
from rbp.hdl.layouts import Region
from rbp.problem import Problem
from tests.rbp.export.test_lint import CONFIGS
from tests.tools import simulate_icarus


@pytest.fixture(params=CONFIGS)
def config(request):
    return CONFIGS[request.param]


def addresses(config):
    """Samples: ``name or (function, arguments)`` and what the address map says."""
    amap = AddressMap(config)
    samples = {f"RBP_CORE_REG_{r.name}": amap.register(r.name) for r in ADDRESSED.values()}
    patterns, units = config.lanes * config.slots, config.units
    for region in STATE:
        for pattern in {0, patterns // 2, patterns - 1}:
            for unit in {0, units // 2, units - 1}:
                call = f"rbp_core_state(RBP_CORE_REGION_{region.name}, {pattern}, {unit})"
                samples[call] = amap.state(region, pattern, unit)
    for bank in range(config.macs):
        for entry in {0, config.entries // 3, config.entries - 1}:
            samples[f"rbp_core_weight({bank}, {entry})"] = amap.weight(bank, entry)
            if config.momentum:
                at = amap.weight(bank, entry, Area.VELOCITIES)
                samples[f"rbp_core_velocity({bank}, {entry})"] = at
    for n in {0, 1, config.log_depth - 1, 2 * config.log_depth - 1}:
        samples[f"rbp_core_log({n})"] = amap.log(n)
    for area in amap.tables:
        samples[f"RBP_CORE_AREA_{area.name}"] = amap.at(area, 0)
    return samples


@pytest.mark.parametrize("compiler", [["gcc", "-std=c99"], ["g++", "-std=c++11"]])
def test_c_header(tmp_path, config, compiler):
    expected = addresses(config)
    prints = "".join(f'    printf("%u\\n", (unsigned)({name}));\n' for name in expected)
    (tmp_path / "net_regs.h").write_text(header(config))
    source = tmp_path / ("main.c" if compiler[0] == "gcc" else "main.cpp")
    source.write_text(
        f'#include "net_regs.h"\n#include "net_regs.h"\n#include <stdio.h>\n'
        f"int main(void)\n{{\n{prints}    return 0;\n}}\n"
    )
    warn = ["-Wall", "-Wextra", "-pedantic", "-Werror"]
    subprocess.run([*compiler, *warn, "-o", "main", source], cwd=tmp_path, check=True)
    done = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True)
    assert dict(zip(expected, map(int, done.stdout.split()), strict=True)) == expected


def test_manual_gives_the_addresses(config):
    text, amap = manual(config), AddressMap(config)
    table = dict(re.findall(r"^\| (0x\w+) \| (\w+) \|", text, re.M))
    assert {name: int(at, 16) for at, name in table.items()} == {
        r.name: amap.register(r.name) for r in ADDRESSED.values()
    }
    state, weight, *velocity = (
        compile(found, "formula", "eval") for found in re.findall(r"^    (0x.*)$", text, re.M)
    )
    assert len(velocity) == config.momentum
    lanes = config.lanes
    assert (f"slot = a div {lanes} and lane = a mod {lanes}." in text) == (lanes > 1)
    for region in STATE:
        assert f"| {region.value} | {region.name} | 0x{amap.state(region, 0, 0):x} |" in text
        for a in range(lanes * config.slots):
            names = {"lane": a % lanes, "slot": a // lanes, "region": region.value, "i": 0}
            assert eval(state, names) == amap.state(region, a, 0)
    for formula, area in zip((weight, *velocity), (Area.WEIGHTS, Area.VELOCITIES), strict=False):
        for p, e in np.ndindex(config.macs, config.entries):
            assert eval(formula, {"p": p, "e": e}) == amap.weight(p, e, area)
    for area in amap.tables:
        assert f"0x{amap.at(area, 0):x}" in text


def test_nothing_is_left_to_fill_in(config):
    text = manual(config)
    assert not re.search(r"@\w+@|^\?|\{\w+\}", text, re.M)
    assert ("velocit" in text.lower()) == config.momentum


def test_steps_are_numbered(config):
    """Each procedure counts from 1, and its registers have their addresses."""
    text, amap = manual(config), AddressMap(config)
    for title in ("How to train", "How to recall"):
        part = re.search(rf"^## {title}\n(.*?)^## ", text, re.M | re.S)[1]
        numbers = list(map(int, re.findall(r"^(\d+)\. ", part, re.M)))
        assert numbers == list(range(1, len(numbers) + 1))
        for name, at in re.findall(r"(\w+)\s+\(0x(\w+)\)", part):
            if name in {r.name for r in STATE} - {"FLAGS"}:
                assert int(at, 16) == amap.state(Region[name], 0, 0)
            elif name != "FLAGS":
                assert int(at, 16) == amap.register(name)


def read_cycles(config):
    return int(re.search(r"shows a read \((\d+)\s+cycles\)", manual(config))[1])


def test_diagram(config):
    """Its read takes as many cycles as the text says; :func:`test_a_host_in_c` counts them."""
    rows = dict(re.findall(r"^    (bus_\w+) +(\S.*)$", manual(config), re.M))
    cycles = read_cycles(config)
    assert len(re.search(r"/-*", rows["bus_r_en"])[0]) == 6 * cycles
    assert rows["bus_r_data"].index("<") == 6 * cycles
    assert rows["bus_wait"].index("\\") == 6 * cycles


def test_an_activation_of_the_users_own(tmp_path):
    own = Problem(
        weights=[[0.1]],
        targets=[[0.5]],
        target_units=[True],
        activation=[(lambda u: np.tanh(2 * u) / 2, lambda u: 1 / np.cosh(np.clip(u, -9, 9)) ** 2)],
    )
    (tmp_path / "net_regs.h").write_text(header(machine(like=own)))
    command = ["gcc", "-Wall", "-Werror", "-fsyntax-only", "-x", "c", "net_regs.h"]
    subprocess.run(command, cwd=tmp_path, check=True)


def test_flags_and_activations():
    text = header(CONFIGS["w8"])
    fields = ("CLAMP", "TARGET", "INPUT", "MOVES", "ACTIVATION")
    for bit, field in enumerate(fields):
        assert f"#define RBP_CORE_FLAG_{field}_BIT {bit}u\n" in text
    assert "#define RBP_CORE_FLAG_ACTIVATION_BITS 2u\n" in text
    assert "#define RBP_CORE_ACTIVATION_SIN 2u\n" in text
    names = "| 4-5 | ACTIVATION | its function: 0 logistic, 1 tanh, 2 sin |"
    assert names in manual(CONFIGS["w8"])
    assert "ACTIVATION_SIN" not in header(CONFIGS["default"])


HOST = """
#include <cstdio>
#include "Vrbp_core.h"
#include "net_regs.h"

static Vrbp_core core;
static const uint32_t ROWS = (RBP_CORE_UNITS + RBP_CORE_MACS - 1) / RBP_CORE_MACS * RBP_CORE_MACS;

static void cycle() { core.clk = 0; core.eval(); core.clk = 1; core.eval(); }

static int taken;  // cycles of the last request

static uint32_t request(uint32_t address, uint32_t data, bool write)
{
    core.bus_addr = address, core.bus_w_data = data, core.bus_w_en = write, core.bus_r_en = !write;
    core.clk = 0;
    for (taken = 0; core.eval(), core.bus_wait; taken++) {
        if (taken == 1000) { std::puts("the core does not answer"); std::exit(1); }
        cycle();
        core.clk = 0;
    }
    uint32_t word = core.bus_r_data;
    taken++;
    cycle();
    core.bus_w_en = core.bus_r_en = 0;
    return word;
}

// Requests that the manual says something about: withdrawn ones, and both enables at once.
static bool unusual()
{
    uint32_t place = rbp_core_state(RBP_CORE_REGION_X, 0, 0);
    request(rbp_core_state(RBP_CORE_REGION_INPUT, 0, 0), 0, true);
    bool quick = taken == 2;  // cycles of a write, in the diagram
    request(place, 17, true);
    core.bus_addr = place, core.bus_w_data = 18, core.bus_w_en = 1;
    cycle();
    core.bus_w_en = 0;
    cycle();
    bool good = quick && request(place, 0, false) == 17;

    core.bus_addr = place, core.bus_w_data = 19, core.bus_w_en = core.bus_r_en = 1;
    core.clk = 0;
    for (core.eval(); core.bus_wait; core.eval()) cycle(), core.clk = 0;
    cycle();
    core.bus_w_en = core.bus_r_en = 0;
    cycle();
    good &= request(place, 0, false) == 19;

    request(RBP_CORE_REG_COLUMN, 0, true);
    while (request(RBP_CORE_REG_LOG_COUNT, 0, false) < ROWS) continue;
    core.bus_addr = RBP_CORE_REG_LOG_READ, core.bus_w_data = RBP_CORE_UNITS * ROWS + 1;
    core.bus_w_en = 1;
    cycle();
    core.bus_w_en = 0;
    cycle();
    return good && request(RBP_CORE_REG_LOG_COUNT, 0, false) == ROWS;
}

int main()
{
    core.rst = 1; cycle(); core.rst = 0;
    bool good = request(RBP_CORE_REG_IDENTITY, 0, false) == RBP_CORE_IDENTITY;
    good &= taken == READ_CYCLES;
    uint32_t shape = RBP_CORE_UNITS | RBP_CORE_MACS << 11 | RBP_CORE_LANES << 22;
    good &= request(RBP_CORE_REG_SHAPE, 0, false) == shape;
    good &= (request(RBP_CORE_REG_OPTIONS, 0, false) & 0x1FF) == RBP_CORE_SLOTS;
    good &= request(RBP_CORE_REG_KEY, 0, false) == RBP_CORE_KEY;
    for (uint32_t a = 0; a < RBP_CORE_LANES * RBP_CORE_SLOTS; a++)
        for (uint32_t i = 0; i < RBP_CORE_UNITS; i++)
            request(rbp_core_state(RBP_CORE_REGION_X, a, i), 1000 * a + i, true);
    for (uint32_t a = 0; a < RBP_CORE_LANES * RBP_CORE_SLOTS; a++)
        for (uint32_t i = 0; i < RBP_CORE_UNITS; i++)
            good &= request(rbp_core_state(RBP_CORE_REGION_X, a, i), 0, false) == 1000 * a + i;
    uint32_t words[RBP_CORE_WORDS], count = rbp_core_dense(RBP_CORE_UNITS, 0, words);
    request(RBP_CORE_REG_ROWS, 0, true);
    for (uint32_t k = 0; k < count; k++) request(RBP_CORE_AREA_PROGRAM + k, words[k], true);
    for (uint32_t i = 0; i < RBP_CORE_UNITS; i++)
        for (uint32_t j = 0; j < RBP_CORE_UNITS; j++)
        {
            uint32_t entry = rbp_core_dense_entry(RBP_CORE_UNITS, 0, i, j);
            request(rbp_core_weight(i % RBP_CORE_MACS, entry), 100 * i + j + 1, true);
        }
    for (uint32_t j = 0; j < RBP_CORE_UNITS; j++) {
        request(RBP_CORE_REG_COLUMN, j, true);
        for (int k = 0; request(RBP_CORE_REG_LOG_COUNT, 0, false) < ROWS; k++)
            if (k == 1000) { std::puts("no column"); return 1; }
        for (uint32_t i = 0; i < ROWS; i++) {
            uint32_t word = request(rbp_core_log(j * ROWS + i), 0, false);
            good &= i >= RBP_CORE_UNITS || word == 100 * i + j + 1;
        }
        request(RBP_CORE_REG_LOG_READ, (j + 1) * ROWS, true);
    }
    good &= unusual();
    std::puts(good ? "good" : "bad");
    return !good;
}
"""


def test_a_host_in_c(tmp_path):
    """The header's addresses, on the Verilog beside it."""
    config = machine(units=5, macs=2, lanes=2, slots=3)
    verilog.write(config, tmp_path / "net.v")
    (tmp_path / "host.cpp").write_text(HOST)
    environment = verilator_environment()
    # As in cosim/build.py: the package was never configured for its compiler.
    environment["MAKEFLAGS"] = " -- CFG_CXXFLAGS_PCH_I=-include OPT_FAST=-O0 OPT_SLOW=-O0"
    command = ["verilator", "--cc", "--exe", "--build", "-Wall", "net.v", "host.cpp"]
    command += [
        "-CFLAGS",
        f"-I{tmp_path} -DREAD_CYCLES={read_cycles(config)}",
        "--top-module",
        "rbp_core",
    ]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    host = subprocess.run([tmp_path / "obj_dir" / "Vrbp_core"], capture_output=True, text=True)
    assert (host.returncode, host.stdout) == (0, "good\n")


@pytest.mark.parametrize("delay", ["", "#1 "], ids=["at once", "late"])
def test_the_tasks_of_the_manual(tmp_path, config, delay):
    """As they stand there, they write and read every word of x(t0)."""
    verilog.write(config, tmp_path / "net.v", name="net")
    text, amap = (tmp_path / "net_manual.md").read_text(), AddressMap(config)
    tasks = "\n".join(re.findall(r"^ {6}task .*?endtask$", text, re.M | re.S))
    assert tasks.count("endtask") == 2
    places = [(a, i) for a in range(config.lanes * config.slots) for i in range(config.units)][:40]
    words = {amap.state(Region.X_START, a, i): 37 * a - 5 * i - 1 for a, i in places}
    writes = "".join(f"    write({at}, {word & 0xFFFFFFFF});\n" for at, word in words.items())
    reads = "".join(f'    read({at}, got); $display("%0d", $signed(got));\n' for at in words)
    ports = "bus_addr, bus_w_data, bus_w_en, bus_r_en, bus_r_data, bus_wait, phase"
    (tmp_path / "tb.v").write_text(
        f"module tb;\n  reg clk = 0, rst = 1, bus_w_en = 0, bus_r_en = 0;\n"
        f"  reg [{amap.width - 1}:0] bus_addr = 0;\n  reg [31:0] bus_w_data = 0, got;\n"
        "  wire [31:0] bus_r_data;\n  wire bus_wait;\n  wire [1:0] phase;\n"
        f"  net core(clk, rst, {ports});\n".replace(
            "(clk, rst, ", "(.clk(clk), .rst(rst), "
        ).replace(ports, ", ".join(f".{name}({name})" for name in ports.split(", ")))
        + f"  always #5 clk = {delay}~clk;\n{tasks}\n"
        f"  initial begin\n    @(negedge clk); @(negedge clk) rst = 0;\n{writes}{reads}"
        "    $finish;\n  end\nendmodule\n"
    )
    code, said = simulate_icarus(tmp_path, "-g2005", "tb.v", "net.v")
    assert (code, list(map(int, said.split()))) == (0, list(words.values()))


def test_g_of_zero():
    """The words that a host adds I to: those of the table."""
    config = machine(units=3, activation="logistic,tanh,sin")
    one = 1 << config.formats.state.fraction
    found = re.search(r"words of g\(0\):\s+(.*?)\. Weights", manual(config), re.S)[1]
    words = dict(pair.split(" ") for pair in found.split(", "))
    assert {name: int(word, 16) for name, word in words.items()} == {
        "logistic": one // 2,
        "tanh": 0,
        "sin": 0,
    }


def test_each_register_says_what_it_is(config):
    """In the header as in the manual, where it has bits too."""
    for text in (manual(config), header(config)):
        assert "see below" not in text
        assert "commands, one in a write; its bits are below" in text
        assert "what the core does, and what has happened since the last CLEAR;" in text
