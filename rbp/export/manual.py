"""The manual of a core's port, which is all that a user of the Verilog needs.

Its prose is ``manual.md``: ``@NAME@`` is filled in, and a line that begins with ``?momentum`` or
``?!momentum`` is for cores with it, or without.
"""

import re
from importlib.resources import files

import numpy as np

from rbp.export.generated import CHOICES, NAME, PLAIN, formats, parameters, ports, title, top
from rbp.export.words import flag_fields, of_program, table
from rbp.hdl.bus.core import LINES
from rbp.hdl.bus.frames import RING, SYNC
from rbp.hdl.host.description import DESCRIPTION, description
from rbp.hdl.host.memory_map import (
    DESCRIBES,
    LOG_FIELDS,
    REGISTERS,
    STATE,
    AddressMap,
    Area,
)
from rbp.hdl.timing import Timing

__all__ = ["ACCESS", "manual", "meaning", "state_formula", "weight_formula"]

ACCESS = {"ro": "read", "wo": "write", "rw": "read, write"}

_ROLES = {
    "state": "x, x(t0), c, T, I",
    "error": "y",
    "weight": "w",
    "net": "u, inside only",
    "slope": "g'(u), inside only",
    "velocity": "v",
}


def manual(config, name=NAME, made="", bus=PLAIN, rate=None):
    """The manual of a core, which may stand behind a bus, in Markdown."""
    amap, of = AddressMap(config), formats(config)
    values = {
        "NAME": name,
        "HEADER": f"{name}_regs.h",
        "TITLE": title(config),
        "MADE": made,
        "PARAMETERS": table(parameters(config).items()),
        "PORTS": table((f"`{port}`", *more) for port, *more in ports(top(config, bus, rate))),
        "BAUD": rate and rate.baud,
        "DIVISOR": rate and rate.divisor,
        "MEGAHERTZ": rate and rate.megahertz,
        "RING": RING,
        "ADDRESSES": f"{SYNC - 1:x}",
        "DIAGRAM": _diagram(Timing(config).answer),
        "READ": Timing(config).answer,
        "ADDRESS_BITS": amap.width,
        "FORMATS": table(_format(role, fmt) for role, fmt in of.items()),
        "REGISTERS": table(
            (f"0x{amap.register(r.name):02x}", r.name, ACCESS[r.access], meaning(r))
            for r in REGISTERS
        ),
        "FIELDS": _tables(config, REGISTERS),
        "DESCRIBES": f"{DESCRIBES:02x}",
        "DESCRIPTION": table(
            (
                f"0x{amap.register(r.name):02x}",
                r.name,
                ACCESS[r.access],
                meaning(r),
                f"0x{word:08x}",
            )
            for r, word in zip(DESCRIPTION, description(config), strict=True)
        ),
        "DESCRIPTION_FIELDS": _tables(config, DESCRIPTION),
        "ETA_ABOVE": -config.eta_shifts[0],
        "ETA_MOST": config.eta_shifts[1] - config.eta_shifts[0],
        "TOLERANCE": "2" if config.preset == "w8" else "4 >> k, but at least 1",
        "STATE": state_formula(amap),
        "PLACE": _place(config),
        "PATTERN_4": f"0x{(4 // config.lanes) << 16 | 4 % config.lanes:x}",
        "OR_VELOCITY": " or velocity" if config.momentum else "",
        "MOMENTUM_FLAG": ", `--momentum-shift`: FRICTION" if config.momentum else "",
        "EACH_LANE": f"each lane, 0 ... {config.lanes - 1}," if config.lanes > 1 else "the lane",
        "NOT_IN_RECALL": "KEEP, DRAW and RANDOM" if config.random_start else "KEEP and DRAW",
        "TOP_ADDRESS": amap.width - 1,
        "AT_ZERO": _at_zero(config),
        "PHI_IS": "phi[m] is product m of the c" if config.higher else "phi[m] is c of unit m",
        "B_IS": (
            "the sum of y[i] * w[i][m] over i, times the derivative of phi[m], over m"
            if config.higher
            else "b[j] is the sum of w[i][j] * y[i] over i"
        ),
        "PLACES": config.lanes * config.slots,
        "REGIONS": table(
            (r.value, r.name, f"0x{amap.state(r, 0, 0):x}", ACCESS[access], doc)
            for r, (access, doc) in STATE.items()
        ),
        "FLAGS": table((f.bits, f.name.upper(), f.doc) for f in flag_fields(config)),
        "WEIGHT": weight_formula(amap),
        "VELOCITY": weight_formula(amap, Area.VELOCITIES),
        "UNITS": config.units,
        **of_program(config),
        "COLUMN": "j, or 0x10000 + j for its velocities," if config.momentum else "j",
        **{f"{r.name}_AT": f"{amap.register(r.name):02x}" for r in REGISTERS},
        **{f"{r.name}_AT": f"{amap.state(r, 0, 0):x}" for r in STATE},
        **{f"{a.name}_AT": f"{amap.at(a, 0):x}" for a in Area},
        "LOG_DEPTH": config.log_depth,
        "LOG_TURN": 2 * config.log_depth,
        "LOG_HALF": config.log_depth // 2,
        "LOG_ROOM": config.log_depth - 3,
        "LOG_FIELDS": "\n".join(f"   bits {f.bits}: {f.doc}" for f in LOG_FIELDS),
        "ERROR_SQUARED": 2 * of["error"].fraction,
        "HALF": f"{1 << (of['state'].fraction - 1):x}",
        "DRAWS": _draws(config),
    }
    return re.sub(r"@(\w+)@", lambda found: str(values[found[1]]), _chosen(config, bus))


def meaning(register):
    """Of a register."""
    return register.doc + "; its bits are below" * bool(register.fields)


def _chosen(config, bus):
    """The lines for this core and its bus."""
    has = {name: getattr(config, name) for name in ("higher", "momentum", "refill")}
    has["random"] = config.random_start
    has |= {choice.replace("-", "_"): choice == bus for choice in CHOICES}
    has["line"] = bus in LINES
    lines = []
    for line in (files("rbp.export") / "manual.md").read_text().splitlines():
        found = re.fullmatch(r"\?(!?)(\w+) ?(.*)", line)
        if not found:
            lines.append(line)
        elif has[found[2]] != bool(found[1]):
            lines.append(found[3])
    return "\n".join(lines) + "\n"


def _format(role, fmt):
    span = f"{fmt.to_float(fmt.min):g} ... {fmt.to_float(fmt.max):.9g}"
    return role, _ROLES[role], fmt.width, fmt.fraction, span


def _diagram(read):
    """A read of so many cycles, and the shortest write, six characters a cycle."""
    reading = [0] + [1] * read + [0] * 3
    writing = [0] * (read + 1) + [1, 1, 0]
    waiting = [0] + [1] * (read - 1) + [0, 1, 0, 0]

    def wave(levels):
        drawn = ""
        for before, level in zip([0, *levels], levels, strict=False):
            edge = {(0, 1): "/", (1, 0): "\\", (0, 0): "_", (1, 1): "-"}[before, level]
            drawn += edge + ("-" if level else "_") * 5
        return drawn

    words = ["......"] * (read + 4)
    words[read] = "<word>"
    rows = {
        "cycle": "".join(f"  {k:<4d}" for k in range(read + 4)),
        "clk": "/--\\__" * (read + 4),
        "bus_r_en": wave(reading),
        "bus_w_en": wave(writing),
        "bus_wait": wave(waiting),
        "bus_r_data": "".join(words),
    }
    return "\n".join(f"    {name:12s}{row}".rstrip() for name, row in rows.items())


def _tables(config, registers):
    """A table of fields for each of the registers that have some."""
    found = []
    for register in registers:
        if built := register.built(config):
            rows = table((f.bits, f.name, f.doc) for f in built)
            found.append(f"{register.name}:\n\n| bits | name | meaning |\n|---|---|---|\n{rows}")
    return "\n\n".join(found)


def _place(config):
    """Where pattern a is."""
    if config.lanes == 1:
        return "slot = a and lane = 0"
    return f"slot = a div {config.lanes} and lane = a mod {config.lanes}"


def _at_zero(config):
    """The word of g(0) of each function."""
    mask = (1 << config.formats.state.width) - 1
    words = [int(g(np.zeros(1, int))[0]) & mask for g in config.tables.g]
    return ", ".join(f"{name} 0x{w:x}" for name, w in zip(config.activations, words, strict=True))


def _draws(config):
    extra = ["one for each where x(t0) is drawn"] * config.random_start
    extra += ["one at its end for the velocities"] * config.momentum
    return "".join(f", and {text}" for text in extra)


def state_formula(amap):
    """Address of a word of the state, as arithmetic."""
    region = amap.slot_bits + amap.unit_bits
    lane = amap.region_bits + region
    return (
        f"0x{Area.STATE.value << amap.offset_bits:x} + (lane << {lane}) + (region << {region}) + "
        f"(slot << {amap.unit_bits}) + i"
    )


def weight_formula(amap, area=Area.WEIGHTS):
    """Address of the word of bank p in entry e, or of its velocity, as arithmetic."""
    return f"0x{area.value << amap.offset_bits:x} + (p << {amap.word_bits}) + e"
