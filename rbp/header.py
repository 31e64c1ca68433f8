"""The C header of a core: addresses and bits, without a library."""

from rbp.generated import NAME, formats, title
from rbp.hdl.memory_map import IDENTITY, REGISTERS, AddressMap, Area
from rbp.hdl.state import Region, flags_layout

__all__ = ["ACCESS", "header"]

ACCESS = {"ro": "read", "wo": "write", "rw": "read, write"}


def header(config, name=NAME, made=""):
    """The memory map for C and C++. Macros begin with ``name`` in capitals, functions with it."""
    amap, macro = AddressMap(config), name.upper()
    slot, region = amap.unit_bits, amap.unit_bits + amap.slot_bits
    lane, state = region + amap.region_bits, Area.STATE.value << amap.offset_bits
    bank, weights = amap.word_bits, Area.WEIGHTS.value << amap.offset_bits
    flags = {field: place.offset for field, place in flags_layout(config)}
    defines = [
        *((key, getattr(config, key.lower())) for key in ("UNITS", "MACS", "LANES", "SLOTS")),
        ("TERMS", config.terms),
        ("ADDRESS_BITS", amap.width),
        ("IDENTITY", f"0x{IDENTITY:08x}u"),
        ("ETA_LEAST", f"({config.eta_shifts[0]})"),
        *((f"{role.upper()}_FRACTION", fmt.fraction) for role, fmt in formats(config).items()),
    ]
    lines = [
        f"/* {title(config)}",
        f" * {made}",
        " * Addresses count 32-bit words. A value is its word times 2^-FRACTION of its role. */",
        f"#ifndef {macro}_REGS_H",
        f"#define {macro}_REGS_H",
        "",
        "#include <stdint.h>",
        "",
        *(f"#define {macro}_{key} {value}" for key, value in defines),
        "",
        "/* registers */",
        *(
            f"#define {macro}_REG_{r.name} 0x{amap.register(r.name):02x}u"
            f" /* {ACCESS[r.access]}: {r.doc} */"
            for r in REGISTERS
        ),
        "",
        "/* regions of the state */",
        *(f"#define {macro}_REGION_{r.name} {r.value}u" for r in Region),
        "",
        "/* fields of a unit's FLAGS: first bit */",
        *(f"#define {macro}_FLAG_{field.upper()} {bit}u" for field, bit in flags.items()),
        *(f"#define {macro}_ACTIVATION_{a.upper()} {k}u" for k, a in enumerate(config.activations)),
        "",
        "/* address of a pattern's word in a region */",
        f"static inline uint32_t {name}_state(uint32_t region, uint32_t pattern, uint32_t unit)",
        "{",
        f"    uint32_t lane = pattern % {config.lanes}u, slot = pattern / {config.lanes}u;",
        f"    uint32_t place = (lane << {lane}) | (region << {region}) | (slot << {slot});",
        f"    return 0x{state:x}u | place | unit;",
        "}",
        "",
        "/* address of w[i][j], written only */",
        f"static inline uint32_t {name}_weight(uint32_t i, uint32_t j)",
        "{",
        f"    uint32_t word = i / {config.macs}u * {config.terms}u + j;",
        f"    return 0x{weights:x}u | ((i % {config.macs}u) << {bank}) | word;",
        "}",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)
