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
"""Pins that a core may leave open. To nextpnr an open input and a 0 are alike; simulators warn."""

_INSTANCE = re.compile(rf"^  ({'|'.join(INPUTS)}) #\(.*?^  \) \S+ \(\n(.*?)\n  \);$", re.M | re.S)


def tied(text):
    """The same Verilog with 0 at each open input, and open outputs named."""

    def close(found):
        cell, ports = found.groups()
        given = set(re.findall(r"\.(\w+)\(", ports))
        ends = [f"{pin}(1'h0)" for pin in INPUTS[cell] if pin not in given]
        ends += [f"{pin}()" for pin in OUTPUTS[cell] if pin not in given]
        return found[0].removesuffix("\n  );") + "".join(f",\n    .{e}" for e in ends) + "\n  );"

    return _INSTANCE.sub(close, text)
