"""The manual of a core's port."""

from rbp.generated import NAME, parameters, title
from rbp.hdl.memory_map import REGISTERS, AddressMap, Area
from rbp.hdl.state import Region, flags_layout
from rbp.header import ACCESS

__all__ = ["manual"]

_FLAGS = {
    "clamp": "T, not x, feeds the sums while learning",
    "target": "J = T - x, elsewhere 0",
    "input": "I is added, elsewhere 0",
    "activation": "{names}",
}


def manual(config, name=NAME, made=""):
    """The memory map for people."""
    amap = AddressMap(config)
    names = ", ".join(f"{k} {activation}" for k, activation in enumerate(config.activations))
    fields = {field: (place.offset, place.width) for field, place in flags_layout(config)}
    lines = [
        f"# {title(config)}",
        "",
        f"{made}",
        "",
        f"Addresses count 32-bit words and have {amap.width} bits.",
        "",
        "| parameter | value |",
        "|---|---|",
        *(f"| {key} | {value} |" for key, value in parameters(config).items()),
        "",
        "## Registers",
        "",
        "| address | name | access | meaning |",
        "|---|---|---|---|",
        *(
            f"| 0x{amap.register(r.name):02x} | {r.name} | {ACCESS[r.access]} | "
            f"{r.doc.replace('|', chr(92) + '|')} |"
            for r in REGISTERS
        ),
        "",
        "While a run is under way, writes but to CONTROL are refused, and noted in STATUS.",
        "",
        "## State",
        "",
        f"Word of pattern a and unit i, in a region: `{_state_formula(amap)}`.",
        f"Pattern a is slot a div {config.lanes} of lane a mod {config.lanes}.",
        "A word is sign-extended.",
        "",
        "| region | name | pattern 0, unit 0 |",
        "|---|---|---|",
        *(f"| {r.value} | {r.name} | 0x{amap.state(r, 0, 0):x} |" for r in Region),
        "",
        "A unit's FLAGS, the same for all patterns, in slot 0 of every lane:",
        "",
        "| bits | name | meaning |",
        "|---|---|---|",
        *(
            f"| {_bits(*place)} | {field} | {_FLAGS[field].format(names=names)} |"
            for field, place in fields.items()
        ),
        "",
        "## Weights",
        "",
        f"w[i][j], written only: `{_weight_formula(amap)}`.",
        "A column j is read by writing j to COLUMN: it comes through the log.",
        "",
    ]
    return "\n".join(lines)


def _bits(first, width):
    return str(first) if width == 1 else f"{first}-{first + width - 1}"


def _state_formula(amap):
    region = amap.slot_bits + amap.unit_bits
    lane = amap.region_bits + region
    return (
        f"0x{Area.STATE.value << amap.offset_bits:x} + (lane << {lane}) + (region << {region}) + "
        f"(slot << {amap.unit_bits}) + i"
    )


def _weight_formula(amap):
    macs, terms = amap.config.macs, amap.config.terms
    return (
        f"0x{Area.WEIGHTS.value << amap.offset_bits:x} + ((i mod {macs}) << {amap.word_bits}) + "
        f"(i div {macs}) * {terms} + j"
    )
