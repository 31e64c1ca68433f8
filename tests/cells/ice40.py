"""An image of an iCE40, back to Verilog, by the tables of Debian's package fpga-icestorm.

That package writes Verilog too, but without multipliers and single-ported RAMs.
"""

import re
import sys
import warnings
from pathlib import Path

import pytest

from tests.cells.text import instance, module, table

__all__ = ["PLL", "Image", "tables"]

FOLDER = Path("/usr/share/fpga-icestorm/python")
PLL = {"DIVR": 4, "DIVF": 7, "DIVQ": 3, "FILTER_RANGE": 3, "FEEDBACK_PATH": 3}
"""Parameters, with their bits."""
PAD, CORE = 2, 3
"""Types of a PLL: its input is a pin, or a net."""
SIMPLE_INPUT, SIMPLE_OUTPUT = "000001", "011001"
"""PIN_TYPE of a pin."""


def tables():
    """Module ``icebox``; skips the test where it is not installed."""
    if not FOLDER.exists():
        pytest.skip("fpga-icestorm is not installed on this machine")
    sys.path.insert(0, str(FOLDER))
    try:
        with warnings.catch_warnings(action="ignore"):
            import icebox
    finally:
        sys.path.remove(str(FOLDER))
    return icebox


def _position(text):
    """(row, column) of a bit's name in the tables."""
    return tuple(map(int, re.fullmatch(r"B(\d+)\[(\d+)\]", text).groups()))


class Image:
    """What an image makes of an iCE40.

    Refuses, by an assertion, what no image of ours has: negative clock edges, other pins than plain
    inputs and outputs.

    Parameters
    ----------
    path : Path
        The image as text, by ``iceunpack``.
    package : str
        ``sg48`` …
    pins : dict
        ``{port: place}``, ``clk`` among them; the others are inputs if they are ``rx``.
    """

    def __init__(self, path, package, pins):
        self.icebox = tables()
        self.tiles = self.icebox.iceconfig()
        self.tiles.read_file(str(path))
        sites = {name: cell for name, *cell in self.tiles.pinloc_db(package)}
        self.pins = {port: sites[place] for port, place in pins.items()}
        extra = [self.tiles.lookup_extra_bit(bit) for bit in self.tiles.extra_bits]
        assert all(kind == "padin_glb_netwk" for kind, _ in extra)
        pads = [self.tiles.padin_pio_db()[int(k)] for _, k in extra]
        segments = [(x, y, f"padin_{z}") for x, y, z in pads]
        groups = sorted(self.tiles.group_segments(extra_segments=segments))
        self.nets = {segment: f"n{k}" for k, group in enumerate(groups) for segment in group}
        self.lines, self.registers, self.pll = [], {}, {}

    def net(self, x, y, name, default=None):
        """Of a segment; of one that is not joined, ``default``, or a new one."""
        if default is None:
            return self.nets.setdefault((x, y, name), f"n{len(self.nets)}_")
        return self.nets.get((x, y, name), default)

    def bit(self, x, y, kind, name):
        """(row, column) of the tile's bit of that name."""
        ((where,),) = (entry[0] for entry in self.tiles.tile_db(x, y) if entry[1:] == [kind, name])
        return _position(where)

    def value(self, x, y, kind, name):
        row, column = self.bit(x, y, kind, name)
        return int(self.tiles.tile(x, y)[row][column])

    def flip(self, x, y, kind, name):
        """Turn one bit round."""
        row, column = self.bit(x, y, kind, name)
        line = self.tiles.tile(x, y)[row]
        flipped = str(1 - int(line[column]))
        self.tiles.tile(x, y)[row] = line[:column] + flipped + line[column + 1 :]

    def verilog(self):
        """Its text, of a module ``core``."""
        for read in (self._plls, self._pins, self._logic, self._rams, self._macs, self._sprams):
            read()
        ports = {p: "input" if p in ("clk", "rx") else "output" for p in self.pins}
        wires = dict.fromkeys(self.nets.values())
        return "\n".join(module(ports, wires, self.registers, self.lines)) + "\n"

    def _assign(self, net, expression):
        self.lines.append(f"assign {net} = {expression};")

    def _plls(self):
        """A PLL passes its input on; :attr:`pll` has its parameters."""
        for name in self.tiles.pll_list():
            place = self.icebox.pllinfo_db[name]
            if kind := self._number(place, "PLLTYPE", 3):
                assert kind in (PAD, CORE)
                assert not self.pll
                self.pll = {what: self._number(place, what, count) for what, count in PLL.items()}
                self.pll["pad"] = kind == PAD
                x, y, z = place["PLLOUT_A"]
                source = "clk" if kind == PAD else self.net(*place["REFERENCECLK"])
                self._assign(self.net(x, y, f"padin_{z}"), source)
                reset, bypass = (self.net(*place[w], "1'b0") for w in ("RESETB", "BYPASS"))
                self._assign(self.net(*place["LOCK"]), f"{reset} & ~{bypass}")

    def _number(self, place, what, count):
        """A parameter of a PLL. The tables say once for all sides where its bits are."""
        where = {e[2]: _position(e[0][0]) for e in self.icebox.iotile_l_db if e[1] == "PLL"}
        number = 0
        for k in range(count):
            x, y, name = place[f"{what}_{k}"]
            row, column = where[name]
            number |= int(self.tiles.tile(x, y)[row][column]) << k
        return number

    def _pins(self):
        for port, (x, y, z) in self.pins.items():
            if port == "clk" and self.pll.get("pad"):
                continue
            places = (f"PINTYPE_{k}" for k in reversed(range(6)))
            kind = "".join(str(self.value(x, y, f"IOB_{z}", place)) for place in places)
            if port in ("clk", "rx"):
                assert kind == SIMPLE_INPUT
                self._assign(self.net(x, y, f"io_{z}/D_IN_0"), port)
            else:
                assert kind == SIMPLE_OUTPUT
                self._assign(port, self.net(x, y, f"io_{z}/D_OUT_0"))

    def _logic(self):
        """LUTs, each with a register and a carry."""
        found = {(x, y, re.match(r"lutff_(\d)/", name)) for x, y, name in self.nets}
        cells = {(x, y, int(match[1])) for x, y, match in found if match}
        for x, y, k in sorted(cells):
            if (tile := self.tiles.logic_tiles.get((x, y))) is not None:
                self._cell(x, y, k, tile)

    def _cell(self, x, y, k, tile):
        bits = [int(b) for b in self.icebox.get_lutff_lut_bits(tile, k)]
        carry, register, first, asynchronous = self.icebox.get_lutff_seq_bits(tile, k)
        inputs = [self.net(x, y, f"lutff_{k}/in_{i}", "1'b0") for i in range(4)]
        lut, out = self.net(x, y, f"lutff_{k}/lout"), self.net(x, y, f"lutff_{k}/out")
        self._assign(lut, table(bits, inputs))
        if carry == "1":
            a, b, c = *inputs[1:3], self._carry(x, y, k, tile)
            self._assign(self.net(x, y, f"lutff_{k}/cout"), f"({a} & {b}) | (({a} | {b}) & {c})")
        if register == "0":
            self._assign(out, lut)
            return
        assert self.icebox.get_negclk_bit(tile) == "0"
        enable = self.net(x, y, "lutff_global/cen", "1'b1")
        clock, reset = (self.net(x, y, f"lutff_global/{n}", "1'b0") for n in ("clk", "s_r"))
        self.registers[out] = 0
        set_or_reset = f"if ({reset}) {out} <= 1'b{first}; else if ({enable}) {out} <= {lut};"
        if asynchronous == "1":
            self.lines.append(f"always @(posedge {clock}, posedge {reset}) {set_or_reset}")
        else:
            value = f"{reset} ? 1'b{first} : {lut}"
            self.lines.append(f"always @(posedge {clock}) if ({enable}) {out} <= {value};")

    def _carry(self, x, y, k, tile):
        """The net of a cell's carry input."""
        if k:
            return self.net(x, y, f"lutff_{k - 1}/cout", "1'b0")
        if self.icebox.get_carry_cascade_bit(tile) == "0":
            return f"1'b{self.icebox.get_carry_bit(tile)}"
        return self.net(x, y, "carry_in_mux")

    def rams(self):
        """(x, y) of block RAMs in use."""
        tiles = sorted(self.tiles.ramb_tiles)
        return [at for at in tiles if self.value(*at, "RamConfig", "PowerUp")]

    def _rams(self):
        for x, y in self.rams():

            def wire(name, default, x=x, y=y):
                low = self.net(x, y, f"ram/{name}", default or "")
                return self.net(x, y + 1, f"ram/{name}", low or None)

            def vector(name, width, default="1'b0", wire=wire):
                wires = (wire(f"{name}_{k}", default) for k in reversed(range(width)))
                return f"{{{', '.join(wires)}}}"

            for tile in (self.tiles.tile(x, y), self.tiles.tile(x, y + 1)):
                assert self.icebox.get_negclk_bit(tile) == "0"
            mode = [self.value(x, y + 1, "RamConfig", f"CBIT_{k}") for k in range(4)]
            parameters = {"WRITE_MODE": mode[0] + 2 * mode[1], "READ_MODE": mode[2] + 2 * mode[3]}
            for k, row in enumerate(self.tiles.ram_data.get((x, y), [])):
                parameters[f"INIT_{k:X}"] = f"256'h{row}"
            ports = {n: vector(n, 11) for n in ("WADDR", "RADDR")}
            ports |= {n: vector(n, 16) for n in ("MASK", "WDATA")}
            ports["RDATA"] = vector("RDATA", 16, None)
            ports |= {n: wire(n, "1'b0") for n in ("WE", "WCLK", "RE", "RCLK")}
            ports |= {n: wire(n, "1'b1") for n in ("WCLKE", "RCLKE")}
            self.lines.append(instance("SB_RAM40_4K", f"ram_{x}_{y}", parameters, ports))

    def _grouped(self, places, default):
        """``{port: net or nets}`` of places, named ``A_0``, ``A_1`` …, ``CE``."""
        words, ports = {}, {}
        for name, place in places.items():
            word, _, k = name.partition("_")
            if k.isdigit():
                words.setdefault(word, {})[int(k)] = self.net(*place, default(word))
            else:
                ports[name] = self.net(*place, default(name))
        for word, nets in words.items():
            ports[word] = f"{{{', '.join(nets[k] for k in sorted(nets, reverse=True))}}}"
        return ports

    def macs(self):
        """(x, y) of multipliers in use."""
        places = ((at, self.tiles.get_dsp_nets_db(*at)) for at in sorted(self.tiles.dsp_tiles[0]))
        return [at for at, nets in places if any(nets[f"O_{k}"] in self.nets for k in range(32))]

    def _macs(self):
        for x, y in self.macs():
            places = self.tiles.get_dsp_config_db(x, y)
            found = {k: self.value(*at, "IpConfig", name) for k, (*at, name) in places.items()}
            parameters = {}
            for name, value in found.items():
                word, _, k = name.rpartition("_")
                if f"{word}_0" in found and f"{word}_1" in found and k in "01":
                    parameters[word] = parameters.get(word, 0) + (value << int(k))
                else:
                    parameters[name] = value
            parameters = {n: f"{2 - (f'{n}_1' not in found)}'d{v}" for n, v in parameters.items()}
            nets = self.tiles.get_dsp_nets_db(x, y)
            other = {"O": None, "CO": None, "CE": "1'b1"}
            ports = self._grouped(nets, lambda name, other=other: other.get(name, "1'b0"))
            ports |= dict.fromkeys(("ACCUMCI", "SIGNEXTIN"), "1'b0")
            self.lines.append(instance("SB_MAC16", f"mac_{x}_{y}", parameters, ports))

    def _sprams(self):
        for at, places in self.icebox.spram_db.get(self.tiles.device, {}).items():
            *tile, name = places["SPRAM_EN"]
            if self.value(*tile, "IpConfig", name):
                nets = {n: p for n, p in places.items() if n != "SPRAM_EN"}
                ports = self._grouped(nets, lambda name: None if name == "DATAOUT" else "1'b0")
                name = f"spram_{'_'.join(map(str, at))}"
                self.lines.append(instance("SB_SPRAM256KA", name, {}, ports))
