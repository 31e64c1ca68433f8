"""``rbp verilog``: a core as one Verilog file, its memory map as Markdown and as a C header.

The Verilog passes ``verilator --lint-only -Wall`` as it is: what yosys's writer always does is
switched off in it, everything else stays on.
"""

import os
import re
from contextlib import ExitStack
from importlib.metadata import version
from pathlib import Path

from amaranth.back import verilog

from rbp.devices import flags
from rbp.errors import InputError
from rbp.files import check_output, written
from rbp.golden.formats import ROLES
from rbp.hdl.core import Core
from rbp.hdl.memory_map import IDENTITY, REGISTERS, AddressMap, Area
from rbp.hdl.state import Region, flags_layout

__all__ = ["LINT_OFF", "check_outputs", "header", "markdown", "text", "write"]

LINT_OFF = {
    "CASEINCOMPLETE": "casez with the default before it",
    "DECLFILENAME": "many modules in one file",
    "PROCASSINIT": "registers with initial values",
    "UNUSEDSIGNAL": "fields of structures, named for waveforms",
    "WIDTHEXPAND": "operands narrower than their sum",
    "WIDTHTRUNC": "sums wrapping as registers do",
}

_ACCESS = {"ro": "read", "wo": "write", "rw": "read, write"}

_FLAGS = {
    "clamp": "T, not x, feeds the sums while learning",
    "target": "J = T - x, elsewhere 0",
    "input": "I is added, elsewhere 0",
    "activation": "{names}",
}

_PORTS = (
    ("clk", "in", "clock, rising edge"),
    ("rst", "in", "reset, synchronous, active high"),
    ("bus_addr", "in", "address of a 32-bit word, see the memory map"),
    ("bus_w_data", "in", "word to write"),
    ("bus_w_en", "in", "write; held while bus_wait is high"),
    ("bus_r_en", "in", "read; held while bus_wait is high"),
    ("bus_r_data", "out", "word read, in the first cycle without bus_wait"),
    ("bus_wait", "out", "the request is not done yet"),
    ("phase", "out", "what the core is doing; 0: idle"),
)


def _parameters(config):
    formats = ", ".join(f"{role} {fmt}" for role, fmt in _formats(config).items())
    return {
        "units": config.units,
        "macs": config.macs,
        "lanes": config.lanes,
        "slots": config.slots,
        "preset": f"{config.preset} ({formats})",
        "activation": ", ".join(config.activations),
        "log2 eta": f"{config.eta_shifts[0]} ... {config.eta_shifts[1]}",
        "order": ", ".join(map(str, config.degrees)),
        "feature": config.feature,
        "momentum": "yes" if config.momentum else "no",
        "refill": "yes" if config.refill else "no",
        "random start": "yes" if config.random_start else "no",
        "weight memory": "one port" if config.spram else "two ports",
        "log words": config.log_depth,
        "primitives": config.family,
    }


def _formats(config):
    formats = {role: getattr(config.formats, role) for role in ROLES}
    return {role: fmt for role, fmt in formats.items() if fmt}


def _title(config):
    return (
        f"Core of rbp {version('rbp')}: a recurrent network of {config.units} units that learns, "
        f"{config.lanes} x {config.macs} multipliers"
    )


def _flags(config):
    """Fields of a unit's FLAGS word: first bit and width, by name."""
    return {name: (field.offset, field.width) for name, field in flags_layout(config)}


def text(config, platform=None):
    """The Verilog. ``platform`` is a device's name where its primitives are to be instances."""
    command = f"rbp verilog {flags(config)}" + (f" --device {platform}" if platform else "")
    core = Core(config)
    ports = core.ports()
    body = verilog.convert(
        core,
        name="core",
        platform=platform,
        ports=ports,
        emit_src=False,
        strip_internal_attrs=True,
    )
    # An always @* that reads nothing never runs in an event-driven simulator.
    body = re.sub(r"always @\*\n(\s+\S+ = \d+'[bhd][0-9a-fA-F_]+;)", r"initial\n\1", body)
    widths = {"clk": 1, "rst": 1} | {name: len(value) for name, (value, _) in ports.items()}
    lines = [_title(config), command, "", "Parameters"]
    lines += [f"  {name:12s} {value}" for name, value in _parameters(config).items()]
    lines += ["", "Ports of module core"]
    lines += [f"  {way:3s} {name:10s} {widths[name]:2d}  {doc}" for name, way, doc in _PORTS]
    comment = "\n".join(f"// {line}".rstrip() for line in lines)
    off = "\n".join(f"// verilator lint_off {rule}" for rule in LINT_OFF)
    return f"{comment}\n\n// verilator lint_save\n{off}\n\n{body}\n// verilator lint_restore\n"


def markdown(config):
    """The memory map for people."""
    amap = AddressMap(config)
    names = ", ".join(f"{k} {name}" for k, name in enumerate(config.activations))
    lines = [
        f"# {_title(config)}",
        "",
        f"Addresses count 32-bit words and have {amap.width} bits. Made by `rbp verilog`.",
        "",
        "| parameter | value |",
        "|---|---|",
        *(f"| {name} | {value} |" for name, value in _parameters(config).items()),
        "",
        "## Registers",
        "",
        "| address | name | access | meaning |",
        "|---|---|---|---|",
        *(
            f"| 0x{amap.register(r.name):02x} | {r.name} | {_ACCESS[r.access]} | "
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
            f"| {_bits(*place)} | {name} | {_FLAGS[name].format(names=names)} |"
            for name, place in _flags(config).items()
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


def header(config):
    """The memory map for C and C++, without a library."""
    amap = AddressMap(config)
    slot, region = amap.unit_bits, amap.unit_bits + amap.slot_bits
    lane, state = region + amap.region_bits, Area.STATE.value << amap.offset_bits
    bank, weights = amap.word_bits, Area.WEIGHTS.value << amap.offset_bits
    defines = [
        *((name, getattr(config, name.lower())) for name in ("UNITS", "MACS", "LANES", "SLOTS")),
        ("TERMS", config.terms),
        ("ADDRESS_BITS", amap.width),
        ("IDENTITY", f"0x{IDENTITY:08x}u"),
        ("ETA_LEAST", f"({config.eta_shifts[0]})"),
        *((f"{role.upper()}_FRACTION", fmt.fraction) for role, fmt in _formats(config).items()),
    ]
    lines = [
        f"/* {_title(config)}. Made by `rbp verilog`.",
        " * Addresses count 32-bit words. A value is its word times 2^-FRACTION of its role. */",
        "#ifndef RBP_CORE_H",
        "#define RBP_CORE_H",
        "",
        "#include <stdint.h>",
        "",
        *(f"#define RBP_{name} {value}" for name, value in defines),
        "",
        "/* registers */",
        *(
            f"#define RBP_REG_{r.name} 0x{amap.register(r.name):02x}u"
            f" /* {_ACCESS[r.access]}: {r.doc} */"
            for r in REGISTERS
        ),
        "",
        "/* regions of the state */",
        *(f"#define RBP_REGION_{r.name} {r.value}u" for r in Region),
        "",
        "/* fields of a unit's FLAGS: first bit */",
        *(f"#define RBP_FLAG_{name.upper()} {bit}u" for name, (bit, _) in _flags(config).items()),
        *(f"#define RBP_ACTIVATION_{a.upper()} {k}u" for k, a in enumerate(config.activations)),
        "",
        "/* address of a pattern's word in a region */",
        "static inline uint32_t rbp_state(uint32_t region, uint32_t pattern, uint32_t unit)",
        "{",
        f"    uint32_t lane = pattern % {config.lanes}u, slot = pattern / {config.lanes}u;",
        f"    uint32_t place = (lane << {lane}) | (region << {region}) | (slot << {slot});",
        f"    return 0x{state:x}u | place | unit;",
        "}",
        "",
        "/* address of w[i][j], written only */",
        "static inline uint32_t rbp_weight(uint32_t i, uint32_t j)",
        "{",
        f"    uint32_t word = i / {config.macs}u * {config.terms}u + j;",
        f"    return 0x{weights:x}u | ((i % {config.macs}u) << {bank}) | word;",
        "}",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _paths(out):
    path = Path(out)
    if path.suffix in (".md", ".h"):
        raise InputError(f"out must be a Verilog file, not {out}: the memory map gets that name")
    return path, path.with_suffix(".md"), path.with_suffix(".h")


def check_outputs(out):
    """Refuse, before a long job, what could not be written at its end: three files."""
    for path in _paths(out):
        check_output(path)


def write(config, out, platform=None):
    """Write the three files, each whole; returns their paths."""
    paths = _paths(out)
    contents = (text(config, platform), markdown(config), header(config))
    with ExitStack() as files:  # all are complete before the first takes its name
        for path, content in zip(paths, contents, strict=True):
            files.enter_context(written(path)).write(content.encode())
    return [os.fspath(path) for path in paths]
