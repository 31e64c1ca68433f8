"""Verilog of what was read back from an image or a routed netlist."""

__all__ = ["instance", "module", "table"]


def table(bits, inputs):
    """The expression of a truth table: ``bits[k]``, 0 or 1, where the inputs, the least significant
    first, make k."""
    if len({*bits}) == 1:
        return f"1'b{bits[0]}"
    *rest, top = inputs
    low, high = bits[: len(bits) // 2], bits[len(bits) // 2 :]
    if top in ("1'b0", "1'b1") or low == high:
        return table(high if top == "1'b1" else low, rest)
    if (set(low), set(high)) == ({0}, {1}):
        return top
    return f"({top} ? {table(high, rest)} : {table(low, rest)})"


def instance(kind, name, parameters, ports):
    """A cell, with the values and nets as Verilog has them."""
    given = ", ".join(f".{key}({value})" for key, value in parameters.items())
    joined = ", ".join(f".{key}({value})" for key, value in ports.items())
    return f"{kind} #({given}) {name} ({joined});"


def module(ports, wires, registers, lines):
    """A module ``core``.

    ``ports``: ``{name: "input" or "output"}``; ``registers``: ``{name: 0 or 1, its first value}``.
    """
    yield f"module core ({', '.join(f'{way} {name}' for name, way in ports.items())});"
    yield from (f"wire {name};" for name in wires if name not in registers)
    yield from (f"reg {name} = 1'b{value};" for name, value in registers.items())
    yield from lines
    yield "endmodule"
