"""The devices that ``rbp synth`` knows."""

import re
from dataclasses import dataclass, replace

from rbp.checks import shown
from rbp.errors import InputError

__all__ = ["DEVICES", "Device", "block_rams", "device", "sprams"]


@dataclass(frozen=True)
class Grid:
    """Where multipliers and block RAMs are: in rows, in groups of four at the same columns."""

    columns: tuple[int, ...]
    dsp_rows: tuple[int, ...]
    bram_rows: tuple[int, ...]
    middle: int


@dataclass(frozen=True)
class Device:
    """One FPGA: what it has, and how the tools are told so.

    Parameters
    ----------
    family, soft_family : str
        Of :data:`rbp.golden.config.FAMILIES`, with multipliers of its own and with none.
    synthesis, soft : str
        yosys's command; the same when no hard multiplier is to be used.
    place : str
        Which nextpnr, with its arguments.
    frequency : int
        What the placer aims at, in MHz: a little more than can be reached.
    luts, brams, dsps, sprams : int
        LUT4s, with a register each; block RAMs; multipliers; single-ported RAMs.
    dsp_width : int
        Bits of a multiplier's operands.
    shapes : tuple of (int, int)
        Depth × width of a block RAM.
    bram_cost, lut_ram_cost : int
        yosys's, of a block RAM and of a 16 × 4 memory in LUTs (0: there are none); a bit in
        registers costs 1.
    grades : tuple of int
        Speed grades, the slowest first; none where there is only one.
    apart : str
        Pattern of the modules that are flattened only after synthesis. Else yosys merges registers
        that hold the same value, of lanes, of PEs or of what distributes y to them, into one with a
        long net.
    """

    name: str
    family: str
    soft_family: str
    synthesis: str
    soft: str
    place: str
    frequency: int
    luts: int
    brams: int
    dsps: int
    dsp_width: int
    shapes: tuple[tuple[int, int], ...]
    bram_cost: int
    lut_ram_cost: int = 0
    sprams: int = 0
    grades: tuple[int, ...] = ()
    apart: str = ""
    pins: str = ""
    """Constraints: a pin for the clock from which it reaches the clock network, which not every one
    does that nextpnr would choose."""
    grid: Grid | None = None
    """For :func:`rbp.fpga.floorplan.floorplan`."""
    planned: int | None = None
    """Multipliers beyond which there must be a floor plan, or nextpnr's router does not end."""
    cells: str = "logic_cells"
    """What ``synth.json`` calls the cells that LUTs and registers are packed into."""

    def grade(self, grade=None):
        """A speed grade, by default the slowest; None where the device has but one."""
        if grade is None:
            return self.grades[0] if self.grades else None
        if grade not in self.grades:
            known = f"one of {', '.join(map(str, self.grades))}" if self.grades else "none"
            raise InputError(f"grade of {self.name} must be {known}, not {grade!r}")
        return grade

    def is_soft(self, config):
        """Whether the multipliers are to be built of logic: the device's are too few or narrow."""
        formats = config.formats
        return (
            config.multipliers > self.dsps
            or max(formats.state.width, formats.weight.width) > self.dsp_width
        )


_UP5K = Device(
    name="up5k",
    family="ice40",
    soft_family="ice40hx",
    synthesis="synth_ice40 -device u -dsp",
    soft="synth_ice40 -device u",
    place="ice40 --up5k --package sg48",
    frequency=48,
    luts=5280,
    brams=30,
    dsps=8,
    dsp_width=16,
    shapes=((256, 16), (512, 8), (1024, 4), (2048, 2)),
    bram_cost=64,
    sprams=4,
)
_HX8K = replace(
    _UP5K,
    name="hx8k",
    family="ice40hx",
    synthesis="synth_ice40 -device hx",
    soft="synth_ice40 -device hx",
    place="ice40 --hx8k --package ct256",
    frequency=110,
    luts=7680,
    brams=32,
    dsps=0,
    sprams=0,
)
# The static placer, with the router's usual weights, ends with every design. The other placer draws
# a large one together; weights that count history are faster for some seeds, and never end for
# others.
_PLACE_ECP5 = "ecp5 --{} --package CABGA381 --router router2 --placer static"
# No wide LUTs: the pin of their multiplexers is reached by detours (16 multipliers: 117 MHz with,
# 121 without).
_ECP5_25K = Device(
    name="ecp5-25k",
    family="ecp5",
    soft_family="generic",
    synthesis="synth_ecp5 -nowidelut",
    soft="synth_ecp5 -nowidelut -nodsp",
    place=_PLACE_ECP5.format("25k"),
    frequency=150,
    luts=24288,
    brams=56,
    dsps=28,
    dsp_width=18,
    shapes=((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)),
    bram_cost=128,
    lut_ram_cost=4,
    grades=(6, 7, 8),
    apart=r"\S+\.(pe|y|lane)_\d+",
    pins='LOCATE COMP "clk" SITE "G2";\n',
    cells="trellis_comb",
)
_ECP5_45K = replace(
    _ECP5_25K,
    name="ecp5-45k",
    place=_PLACE_ECP5.format("45k"),
    luts=43848,
    brams=108,
    dsps=72,
    grid=Grid((*range(4, 32, 9), *range(42, 79, 9)), (22, 46), (10, 34, 58), 35),
    planned=40,
)
_ECP5_85K = replace(
    _ECP5_25K,
    name="ecp5-85k",
    place=_PLACE_ECP5.format("85k"),
    luts=83640,
    brams=208,
    dsps=156,
    grid=Grid((*range(4, 59, 9), *range(69, 115, 9)), (10, 34, 58), (22, 46, 70, 82), 47),
    planned=40,
)

DEVICES = {d.name: d for d in (_UP5K, _HX8K, _ECP5_25K, _ECP5_45K, _ECP5_85K)}


_BOARDS = {
    "up5k": "iCEBreaker",
    "hx8k": "iCE40HX8K-B-EVN",
    "ecp5-25k": "ULX3S 25F",
    "ecp5-45k": "ULX3S 45F",
    "ecp5-85k": "ULX3S 85F",
}


def device(name) -> Device:
    """A device by name."""
    if not isinstance(name, str) or name not in DEVICES:
        known = ", ".join(f"{name} ({board})" for name, board in _BOARDS.items())
        raise InputError(f"device must be one of {known}, not {shown(name)}")
    return DEVICES[name]


def block_rams(device, rtlil):
    """Block RAMs that a design will need at most, counted in its RTLIL.

    Instances count themselves; a memory becomes what is cheapest by yosys's costs. A bit that is
    the same in all words of a table, which yosys leaves out, is counted: one block a table at most.
    """
    instances = len(re.findall(r"^ +cell \\(?:SB_RAM40_4K\w*|DP16KD|PDPW16KD) ", rtlil, re.M))
    memories = re.findall(r"((?:^ +attribute .*\n)*)^ +memory width (\d+) size (\d+) ", rtlil, re.M)
    inferred = 0
    for attributes, width, depth in memories:
        width, depth = int(width), int(depth)
        blocks = min(-(-depth // d) * -(-width // w) for d, w in device.shapes)
        other = width * depth
        if device.lut_ram_cost:
            other = min(other, device.lut_ram_cost * -(-depth // 16) * -(-width // 4))
        if "ram_style" in attributes or blocks * device.bram_cost <= other:
            inferred += blocks
    return instances + inferred


def sprams(rtlil):
    """Single-ported RAMs of a design, which are instances."""
    return len(re.findall(r"^ +cell \\SB_SPRAM256KA ", rtlil, re.M))
