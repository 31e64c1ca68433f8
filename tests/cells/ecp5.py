"""nextpnr's netlist of an ECP5 after place and route, back to Verilog.

No tool makes Verilog of an ECP5's image. yosys's own models of these cells leave a carry undriven.
"""

import json
import re
from pathlib import Path

from tests.cells.text import instance, module, table

__all__ = ["Routed"]

FOLDER = Path(__file__).parent
MODELS = {"DP16KD": "dp16kd.v", "MULT18X18D": "mult18x18d.v"}
INVERTED = {"1'b0": "1'b1", "1'b1": "1'b0"}


def _model(kind):
    """(ports, parameters) of one of our models."""
    text = (FOLDER / MODELS[kind]).read_text()
    head, body = re.search(rf"^module {kind} \((.*?)\);(.*?)^endmodule", text, re.M | re.S).groups()
    return {*re.findall(r"[A-Z]+\d*", head)}, {*re.findall(r"(\w+) = ", body)}


class Routed:
    """What nextpnr has made of a design.

    Refuses, by an assertion, cells and modes that no design of ours has.

    Parameters
    ----------
    path : Path
        Of nextpnr's ``--write``.
    """

    def __init__(self, path):
        netlist = json.loads(Path(path).read_text())
        (top,) = netlist["modules"].values()
        self.ports = {name: port["direction"] for name, port in top["ports"].items()}
        pads = {port["bits"][0]: name for name, port in top["ports"].items()}
        self.cells, self.pads = top["cells"], pads
        self.nets, self.lines, self.registers, self.pll = {}, [], {}, {}

    def verilog(self):
        """Its text, of a module ``core``."""
        for number, cell in enumerate(self.cells.values()):
            read = getattr(self, f"_{cell['type'].lower()}")
            read(number, cell)
        return "\n".join(module(self.ports, self.nets, self.registers, self.lines)) + "\n"

    def flip(self, pattern, k):
        """Turn round entry k of the first LUT of that name: A + 2·B + 4·C + 8·D are k."""
        name = next(filter(re.compile(pattern).match, self.cells))
        bits = [*reversed(self.cells[name]["parameters"]["INITVAL"])]
        bits[k] = str(1 - int(bits[k]))
        self.cells[name]["parameters"]["INITVAL"] = "".join(reversed(bits))

    def _net(self, cell, pin, default):
        """Of a cell's pin; ``default`` where nothing is joined to it."""
        bits = cell["connections"].get(pin)
        if not bits:
            return default
        if bits[0] in self.pads:
            return self.pads[bits[0]]
        return self.nets.setdefault(f"n{bits[0]}", f"n{bits[0]}")

    def _pin(self, cell, pin, default):
        """The same of an input that may be turned round, or be a constant."""
        net, how = self._net(cell, pin, default), _parameter(cell, f"{pin}MUX", pin)
        if how in ("0", "1"):
            return f"1'b{how}"
        assert how in (pin, "INV")
        return INVERTED.get(net, f"~{net}") if how == "INV" else net

    def _out(self, cell, pin, expression):
        if net := self._net(cell, pin, None):
            self.lines.append(f"assign {net} = {expression};")

    def _trellis_comb(self, number, cell):
        """A LUT, alone, with a carry, or as a bit of a memory."""
        mode = _parameter(cell, "MODE", "LOGIC")
        if mode == "RAMW_BLOCK":
            return
        assert mode in ("LOGIC", "CCU2", "DPRAM")
        assert not any(cell["connections"].get(pin) for pin in ("OFX", "F1", "FXA", "FXB"))
        a, b, c, d = (self._net(cell, pin, "1'b1") for pin in "ABCD")
        text = _parameter(cell, "INITVAL", "0" * 16)
        bits = [int(bit) for bit in reversed(text)]
        if mode == "DPRAM":
            clock, write = self._pin(cell, "WCK", "1'b0"), self._pin(cell, "WRE", "1'b1")
            address = ", ".join(self._net(cell, f"WAD{k}", "1'b0") for k in (3, 2, 1, 0))
            ram, data = f"ram_{number}", self._net(cell, "WD", "1'b0")
            self.lines.append(f"reg [15:0] {ram} = 16'b{text};")
            write = f"if ({write}) {ram}[{{{address}}}] <= {data};"
            self.lines.append(f"always @(posedge {clock}) {write}")
            self._out(cell, "F", f"{ram}[{{{a}, {c}, {b}, {d}}}]")
            return
        lut = table(bits, (a, b, c, d))
        if mode == "LOGIC":
            self._out(cell, "F", lut)
            return
        propagate, carry = f"lut_{number}", self._net(cell, "FCI", "1'b0")
        generate = table(bits[:4], (a, b))
        self.lines.append(f"wire {propagate} = {lut};")
        if _parameter(cell, "CCU2_INJECT1", "YES") == "YES":
            self._out(cell, "F", propagate)
            self._out(cell, "FCO", f"{propagate} & {carry}")
        else:
            self._out(cell, "F", f"{propagate} ^ {carry}")
            self._out(cell, "FCO", f"{propagate} ? {carry} : {generate}")

    def _trellis_ff(self, number, cell):
        assert _parameter(cell, "SRMODE", "LSR_OVER_CE") == "LSR_OVER_CE"
        assert _parameter(cell, "LSRMODE", "LSR") == "LSR"
        clock, enable = self._pin(cell, "CLK", None), self._pin(cell, "CE", "1'b1")
        reset, out = self._pin(cell, "LSR", "1'b0"), self._net(cell, "Q", None)
        data = self._net(cell, "M" if _parameter(cell, "SD", "1") == "0" else "DI", "1'b1")
        value = int(_parameter(cell, "REGSET", "RESET") == "SET")
        self.registers[out] = value
        change = f"if ({reset}) {out} <= 1'b{value}; else if ({enable}) {out} <= {data};"
        self.lines.append(f"always @(posedge {clock}) {change}")

    def _trellis_ramw(self, number, cell):
        """The wires through which a memory of LUTs is written."""
        pairs = {"WADO3": "A0", "WADO2": "C0", "WADO1": "B0", "WADO0": "D0"}
        pairs |= {"WDO3": "B1", "WDO2": "D1", "WDO1": "A1", "WDO0": "C1"}
        for out, pin in pairs.items():
            self._out(cell, out, self._net(cell, pin, "1'b1"))

    def _trellis_io(self, number, cell):
        if cell["parameters"]["DIR"] == "INPUT":
            self._out(cell, "O", self._net(cell, "B", None))
        else:
            self._out(cell, "B", self._net(cell, "I", None))

    def _dcca(self, number, cell):
        self._out(cell, "CLKO", self._net(cell, "CLKI", None))

    def _ehxplll(self, number, cell):
        """A PLL passes its input on; :attr:`pll` has its dividers."""
        assert not self.pll
        names = ("CLKI_DIV", "CLKFB_DIV", "CLKOP_DIV", "CLKOP_CPHASE", "CLKOP_FPHASE")
        self.pll = {name: int(_parameter(cell, name, "0"), 2) for name in names}
        self._out(cell, "CLKOP", self._net(cell, "CLKI", None))
        self._out(cell, "LOCK", f"~{self._net(cell, 'RST', None)}")

    def _block(self, number, cell):
        """One of our models."""
        pins, parameters = _model(cell["type"])
        values = {n: _parameter(cell, n, "") for n in cell["parameters"] if n in parameters}
        values = {n: f"{len(v)}'b{v}" if {*v} <= {*"01"} else f'"{v}"' for n, v in values.items()}
        ways, ports = cell["port_directions"], {}
        for pin in sorted(pins):
            output = ways[pin] == "output"
            ports[pin] = self._net(cell, pin, "") if output else self._pin(cell, pin, "1'b1")
        self.lines.append(instance(cell["type"], f"block_{number}", values, ports))

    _dp16kd = _mult18x18d = _block


def _parameter(cell, name, default):
    """A blank follows a text that looks like a number."""
    return cell["parameters"].get(name, default).strip()
