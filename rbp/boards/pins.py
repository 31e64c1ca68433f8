"""Where a board's signals are: from amaranth_boards to nextpnr's constraints."""

from dataclasses import dataclass, field, replace
from importlib import import_module

from rbp.fpga.devices import DEVICES

__all__ = ["Pin", "constraints", "fpga", "oscillator", "pins"]

_PARTS = {
    "iCE40UP5K": "--up5k",
    "iCE40HX8K": "--hx8k",
    "LFE5U-12F": "--12k",
    "LFE5U-25F": "--25k",
    "LFE5U-45F": "--45k",
    "LFE5U-85F": "--85k",
    "LFE5UM5G-45F": "--um5g-45k",
    "LFE5UM5G-85F": "--um5g-85k",
}
_PACKAGES = {
    "SG48": "sg48",
    "CT256": "ct256",
    "BG381": "CABGA381",
    "BG554": "CABGA554",
    "MG285": "CSFBGA285",
}
"""nextpnr's arguments, by the names that platforms have."""


@dataclass(frozen=True)
class Pin:
    """One pin: its place in the package, whether it is the inverse, its electric attributes."""

    site: str
    inverted: bool = False
    attributes: dict[str, str | int | bool] = field(default_factory=dict)


def _platform(board):
    module, name = board.platform
    return getattr(import_module(f"amaranth_boards.{module}"), name)()


def _pin(platform, text):
    """The pin of a board's name for it; see :class:`~rbp.boards.boards.Board`."""
    if ":" in text:
        attributes = {} if platform.device.startswith("iCE40") else {"IO_TYPE": "LVCMOS33"}
        return Pin(platform._conn_pins[text], attributes=attributes)
    name, number, *part = text.split()
    resource = platform.lookup(name, int(number))
    attributes = dict(resource.attrs)
    if part:
        resource = next(each for each in resource.ios if each.name == part[0])
        attributes |= resource.attrs
    (pins,) = resource.ios
    (site,) = pins.map_names(platform._conn_pins, resource)
    return Pin(site, pins.invert, attributes)


def pins(board):
    """``{port of the top: Pin}``."""
    platform = _platform(board)
    names = {"clk": board.oscillator, "rx": board.rx, "tx": board.tx} | board.lights
    found = {port: _pin(platform, text) for port, text in names.items()}
    # nobody drives a line without an adapter
    pull = "PULLUP" if platform.device.startswith("iCE40") else "PULLMODE"
    rx = found["rx"]
    value = 1 if pull == "PULLUP" else "UP"
    return found | {"rx": replace(rx, attributes=rx.attributes | {pull: value})}


def oscillator(board):
    """Its frequency in Hz."""
    name, number = board.oscillator.split()
    return round(_platform(board).lookup(name, int(number)).clock.frequency)


def constraints(board):
    """nextpnr's constraints: a file for iCE40 (.pcf), for ECP5 (.lpf)."""
    if DEVICES[board.device].place.startswith("ice40"):
        lines = (_set_io(port, pin) for port, pin in pins(board).items())
    else:
        lines = (_locate(port, pin) for port, pin in pins(board).items())
    return "".join(lines)


def _set_io(port, pin):
    pull = " -pullup yes" if pin.attributes.get("PULLUP") else ""
    return f"set_io{pull} {port} {pin.site}\n"


def _locate(port, pin):
    attributes = "".join(f" {name}={value}" for name, value in pin.attributes.items())
    return f'LOCATE COMP "{port}" SITE "{pin.site}";\nIOBUF PORT "{port}"{attributes};\n'


def fpga(board):
    """(Device, speed grade or None) of a board: a device with its part, package and pins."""
    platform, device = _platform(board), DEVICES[board.device]
    kind, _, _, _, *others = device.place.split()
    place = [kind, _PARTS[platform.device], "--package", _PACKAGES[platform.package], *others]
    grade = int(platform.speed) if device.grades else None
    return replace(device, place=" ".join(place), pins=constraints(board)), grade
