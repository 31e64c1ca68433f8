"""The boards that ``rbp board`` knows."""

from dataclasses import dataclass, field, replace

from rbp.checks import shown
from rbp.errors import InputError

__all__ = ["BOARDS", "Board", "board"]


@dataclass(frozen=True, kw_only=True)
class Board:
    """One board.

    A pin is named as :mod:`amaranth_boards` names it: ``uart 0 rx`` is a resource, with its number
    and part; ``j_0:18`` is pin 18 of the connector j 0.

    Parameters
    ----------
    title : str
        What its makers call it.
    device : str
        Of :data:`rbp.fpga.devices.DEVICES`.
    platform : (str, str)
        Module of :mod:`amaranth_boards`, and the class in it.
    oscillator : str
        Pin of the clock.
    pad : bool
        Of an iCE40: whether that pin is the PLL's own.
    rx, tx : str
        Pins of the serial line, as the FPGA sees it.
    lights : dict
        Pins, by the names of :data:`rbp.hdl.boards.lights.LIGHTS`.
    core : dict
        Machine flags of the core that is built by default.
    clock : int
        Its frequency in Hz: 5 % below the median of what three seeds reach, or less.
    baud : int
        Bits a second on the serial line, by default.
    programmer : tuple of str
        The command that configures the board; ``{}`` is the file.
    package : str
        Where the programmer comes from.
    image : str
        Suffix of the file.
    """

    name: str
    title: str
    device: str
    platform: tuple[str, str]
    oscillator: str
    pad: bool = False
    rx: str = "uart 0 rx"
    tx: str = "uart 0 tx"
    lights: dict[str, str] = field(default_factory=dict)
    core: dict[str, int | str | bool]
    clock: int
    baud: int = 1_000_000
    programmer: tuple[str, ...]
    package: str
    image: str


_LOADER = "openfpgaloader of Debian, or of its makers"
_RGB = {"busy": "rgb_led 0 g", "learning": "rgb_led 0 b", "error": "rgb_led 0 r"}

_ICEBREAKER = Board(
    name="icebreaker",
    title="iCEBreaker",
    device="up5k",
    platform=("icebreaker", "ICEBreakerPlatform"),
    oscillator="clk12 0",
    pad=True,
    lights={"busy": "led_g 0", "error": "led_r 0"},
    core={"units": 15, "macs": 5},
    clock=30_000_000,
    programmer=("iceprog", "{}"),
    package="fpga-icestorm of Debian",
    image=".bin",
)
_ICESUGAR = replace(
    _ICEBREAKER,
    name="icesugar",
    title="iCESugar",
    platform=("icesugar", "ICESugarPlatform"),
    lights={"busy": "led_g 0", "learning": "led_b 0", "error": "led_r 0"},
    baud=115_200,  # its USB bridge is a small processor
    programmer=("icesprog", "{}"),
    package="its makers; or copy the file to the drive that the board shows",
)
# Its inner oscillator may be 10 % off, too much for a serial line: so that of 12 MHz, which a
# jumper of solder, OSC, joins to pin 20.
_UPDUINO = replace(
    _ICEBREAKER,
    name="upduino",
    title="UPduino 3.1",
    platform=("upduino_v3", "UpduinoV3Platform"),
    pad=False,
    rx="j_0:20",
    tx="j_0:19",
    lights=_RGB,
    baud=115_200,  # of any adapter
)
_HX8K = Board(
    name="hx8k",
    title="iCE40HX8K-B-EVN",
    device="hx8k",
    platform=("ice40_hx8k_b_evn", "ICE40HX8KBEVNPlatform"),
    oscillator="clk12 0",
    lights={"busy": "led 0", "learning": "led 1", "error": "led 2"},
    core={"units": 15, "macs": 2},
    clock=66_000_000,
    programmer=("iceprog", "{}"),
    package="fpga-icestorm of Debian",
    image=".bin",
)
_ULX3S_25F = Board(
    name="ulx3s-25f",
    title="ULX3S 25F",
    device="ecp5-25k",
    platform=("ulx3s", "ULX3S_25F_Platform"),
    oscillator="clk25 0",
    lights={"busy": "led 0", "learning": "led 1", "error": "led 2"},
    core={"units": 128, "macs": 16, "preset": "w18"},
    clock=80_000_000,
    programmer=("openFPGALoader", "-b", "ulx3s", "{}"),
    package=_LOADER,
    image=".bit",
)
_ULX3S = (
    replace(
        _ULX3S_25F,
        name="ulx3s-12f",
        title="ULX3S 12F",
        platform=("ulx3s", "ULX3S_12F_Platform"),
    ),
    _ULX3S_25F,
    replace(
        _ULX3S_25F,
        name="ulx3s-45f",
        title="ULX3S 45F",
        device="ecp5-45k",
        core=_ULX3S_25F.core | {"lanes": 2},
        platform=("ulx3s", "ULX3S_45F_Platform"),
    ),
    replace(
        _ULX3S_25F,
        name="ulx3s-85f",
        title="ULX3S 85F",
        device="ecp5-85k",
        core=_ULX3S_25F.core | {"units": 256},
        platform=("ulx3s", "ULX3S_85F_Platform"),
    ),
)
_ECPIX5_45 = replace(
    _ULX3S_25F,
    name="ecpix5-45",
    title="ECPIX-5 45F",
    device="ecp5-45k",
    core=_ULX3S_25F.core | {"lanes": 2},
    platform=("ecpix5", "ECPIX545Platform"),
    oscillator="clk100 0",
    lights=_RGB,
    programmer=("openFPGALoader", "-b", "ecpix5", "{}"),
)
_ECPIX5_85 = replace(
    _ECPIX5_45,
    name="ecpix5-85",
    title="ECPIX-5 85F",
    device="ecp5-85k",
    core=_ULX3S_25F.core | {"units": 256},
    platform=("ecpix5", "ECPIX585Platform"),
)
_ORANGECRAB = replace(
    _ULX3S_25F,
    name="orangecrab",
    title="OrangeCrab r0.2, 25F",
    platform=("orangecrab_r0_2", "OrangeCrabR0_2_25FPlatform"),
    oscillator="clk 0",
    rx="io_0:0",
    tx="io_0:1",
    lights=_RGB,
    baud=115_200,  # of any adapter
    clock=80_000_000,
    programmer=("dfu-util", "-d", "1209:5af0", "-a", "0", "-D", "{}"),
    package="dfu-util of Debian",
)

BOARDS = {
    b.name: b
    for b in (
        *(_ICEBREAKER, _ICESUGAR, _UPDUINO, _HX8K),
        *(*_ULX3S, _ECPIX5_45, _ECPIX5_85, _ORANGECRAB),
    )
}


def board(name) -> Board:
    """A board by name."""
    if not isinstance(name, str) or name not in BOARDS:
        raise InputError(f"board must be one of {', '.join(BOARDS)}, not {shown(name)}")
    return BOARDS[name]
