"""Instances of a vendor's cells in Verilog: each of their pins is said."""

import re

__all__ = ["tied"]


def _bus(*names, width):
    return tuple(f"{name}{k}" for name in names for k in range(width))


INPUTS = {
    "DP16KD": _bus("DIA", "DIB", width=18) + _bus("ADA", "ADB", width=14),
    "MULT18X18D": (
        *_bus("A", "B", "C", "SRIA", "SRIB", width=18),
        *_bus("CLK", "CE", "RST", width=4),
    ),
}
OUTPUTS = {
    "DP16KD": _bus("DOA", "DOB", width=18),
    "MULT18X18D": (
        *_bus("SROA", "SROB", "ROA", "ROB", "ROC", width=18),
        *_bus("P", width=36),
        "SIGNEDP",
    ),
}
"""Pins that a core may leave open."""

_INSTANCE = re.compile(rf"^  ({'|'.join(INPUTS)}) #\(.*?^  \) \S+ \(\n(.*?)\n  \);$", re.M | re.S)


def tied(text, name):
    """The same Verilog with the open pins of cells named.

    An input gets nothing, since nextpnr cannot bring a 0 to each; but in Icarus, which warns
    of inputs without a value, 0. ``name`` is the core's.
    """
    macro = f"{name.upper()}_OPEN"

    def close(found):
        cell, ports = found.groups()
        given = set(re.findall(r"\.(\w+)\(", ports))
        ends = [f"{pin}(`{macro})" for pin in INPUTS[cell] if pin not in given]
        ends += [f"{pin}()" for pin in OUTPUTS[cell] if pin not in given]
        return found[0].removesuffix("\n  );") + "".join(f",\n    .{e}" for e in ends) + "\n  );"

    closed = _INSTANCE.sub(close, text)
    if f"`{macro}" not in closed:
        return closed
    return f"`ifdef __ICARUS__\n`define {macro} 1'b0\n`else\n`define {macro}\n`endif\n\n{closed}"
