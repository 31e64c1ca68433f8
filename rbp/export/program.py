"""``rbp program``: a network's program and weights as arrays, for a host without Python.

The host writes the arrays to a core, word by word, as the core's manual says.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from rbp.errors import InputError
from rbp.export.generated import NAME, check_name
from rbp.export.verilog import command
from rbp.files import check_files, made_by, output_name, write_all
from rbp.fpga.machines import check_kind, check_units, problem_of
from rbp.hdl.host.description import core_key
from rbp.hdl.host.memory_map import AddressMap, Area
from rbp.hdl.layouts import Region
from rbp.hdl.program import compiled
from rbp.host.driver import Driver
from rbp.machine import machine, unclamped
from rbp.settings import Settings

__all__ = ["arrays", "check_outputs", "remark", "summary", "write"]

_GUARD = """
/* Include the core's header before this one: then a network of another core is an error. */
"""
_COMPARED = """#if defined({core}_KEY) && {core}_KEY != 0x{key:08x}u
#error "{name} is for another core: give rbp program the flags that rbp verilog was given"
#endif
"""
_ABOUT = {
    "rows": "write it to ROWS",
    "held": "H, how many units are held: the low 11 bits of ROWS",
    "blocks": "R, the blocks of rows",
    "macs": "P, the banks: rows of a block, and weights of an entry",
    "program": "words of the program",
    "products": "words of the products",
    "folds": "words of the fold table",
    "order": "{name}_order[n]: your unit that has the core's number n; -1: number not used",
    "flags": "FLAGS of all numbers of the core; 0 where a number is not used",
    "columns": "of each entry, the column by its number; -1: none",
    "block": "of each entry, its block; bank p is row held + banks * block + p",
    "weights": "of each entry, the words of its banks",
    "velocities": "the same of the velocities",
}
_TYPES = {"order": "int32_t", "columns": "int32_t"}
_MACROS = {"macs": "BANKS"}
"""Where a macro is named otherwise: a core's header has a MACS, and may share our name."""


def check_outputs(out, name, core=NAME, *, force=False):
    """Refuse, before a long job, what could not be written at its end."""
    check_name(name)
    check_name(core)
    if Path(output_name(out)).suffix not in (".h", ".json"):
        raise InputError(f"cannot write {out}: expected the name of a file, FILE.h or FILE.json")
    check_files([out], force=force)


def arrays(config, source, *, recall=False):
    """What a host writes to a core, by name: int, or int arrays; nothing of the patterns.

    ``recall`` is for a recall, in which no unit is clamped. Raises
    :class:`~rbp.errors.InputError` where the core is too small, or of another kind.
    """
    problem = problem_of(source)
    check_kind(config, problem)
    given = _machine(config, source)
    if recall:
        given = unclamped(given, given.start, given.inputs, given.settling)
    structure = given.structure
    check_units(config, problem, structure)
    amap, driver = AddressMap(config), Driver(config)
    try:
        driver.structure, driver.program = structure, compiled(config, structure)
        written = dict(driver.load_program(given.network.features))
    except ValueError as error:
        raise InputError(str(error)) from error
    program = driver.program
    written |= dict([*driver.load_flags(given.network), *driver.load_weights(given.weights)])
    if config.momentum and given.velocity.any():
        written |= dict(driver.load_weights(given.velocity, Area.VELOCITIES))

    def words(area):
        return np.array([w for at, w in written.items() if at >> amap.offset_bits == area.value])

    flags = [written[amap.state(Region.FLAGS, 0, i)] for i in range(config.units)]
    block = np.searchsorted(program.starts, np.arange(len(program)), side="right") - 1
    found = {
        "rows": written[amap.register("ROWS")],
        "held": structure.first,
        "blocks": program.blocks,
        "macs": config.macs,
        "program": words(Area.PROGRAM),
        "products": words(Area.PRODUCTS),
        "folds": words(Area.FOLDS),
        "order": structure.order,
        "flags": np.array(flags),
        "columns": program.columns,
        "block": block,
        "weights": words(Area.WEIGHTS).reshape(config.macs, -1).T,  # written bank by bank
        "velocities": words(Area.VELOCITIES).reshape(config.macs, -1).T,
    }
    return {name: value for name, value in found.items() if np.size(value)}


def _machine(config, source):
    """What learns, before its first update: words in the core's formats, functions by its numbers.

    No pattern is looked at, so a batch of one always fits.
    """
    problem = problem_of(source)
    earlier = None if source is problem else source
    settings = earlier.settings.for_recall() if earlier else Settings(preset=config.preset)
    if config.preset != settings.preset:
        raise InputError(
            f"preset {config.preset} of the core is not that of the result: expected "
            f"--preset {settings.preset}"
        )
    if lacking := {*problem.activation} - {*config.activations}:
        raise InputError(
            f"the core has no activation {', '.join(sorted(lacking))}, only "
            f"{', '.join(config.activations)}: expected --like, or more in --activation"
        )
    settings = replace(settings, batch=1, lanes=1, macs=None, slots=None)
    given = machine(problem, settings, "golden", earlier)
    activation = np.array([config.activations.index(name) for name in problem.activation])
    return replace(given, network=replace(given.network, activation=activation))


def remark(config, source, *, recall=False):
    """What the arrays leave out of a result that is to learn on, in one line, or None."""
    earlier = None if source is problem_of(source) else source
    if recall or config.momentum or earlier is None or not earlier.velocities.any():
        return None
    return (
        "the result's velocities are left out: the core has no --momentum, and goes on to learn "
        "without it"
    )


def summary(config, source, found):
    """One line: how full the core is, and whether it holds all patterns."""
    patterns, held = problem_of(source).patterns, config.slots * config.lanes
    used = {
        "unit numbers": (len(found["order"]), config.units),
        "entries": (len(found["columns"]), config.entries),
        "words": (len(found["program"]), config.words),
    }
    if config.higher:
        used["products"] = (len(found["products"]), config.products)
        used["terms"] = (len(found["folds"]) // 2, config.folds)
    line = ", ".join(f"{n} of {most} {name}" for name, (n, most) in used.items())
    if patterns <= held:
        return f"{line}; {patterns} of {held} patterns"
    return f"{line}; {patterns} patterns, the core has room for {held}: load them in batches"


def write(config, found, out, *, name="network", core=NAME, device=None, recall=False):
    """Write the :func:`arrays` as a C header, or as JSON; returns the paths.

    ``name`` begins the names in the header. ``core`` and ``device`` are those that
    ``rbp verilog`` was given.
    """
    made = made_by("rbp program" + " --recall" * recall)
    of_core = command(config, device, core)
    if Path(out).suffix == ".json":
        plain = {key: np.asarray(value).tolist() for key, value in found.items()}
        text = json.dumps({"made": made, "core": of_core, "core_key": core_key(config)} | plain)
        text += "\n"
    else:
        text = _header(found, name, [f"/* {made}", f" * For the core of: {of_core} */"])
        guard = _GUARD
        for each in dict.fromkeys((core, name)):  # a core may be called as the network is
            guard += _COMPARED.format(core=each.upper(), key=core_key(config), name=name)
        guard += f"\n/* of the core */\n#define {name.upper()}_KEY 0x{core_key(config):08x}u\n"
        text = text.replace("#include <stdint.h>\n", f"#include <stdint.h>\n{guard}", 1)
    return write_all({out: text.encode()})


def _header(found, name, made):
    macro = name.upper()
    lines = [*made, f"#ifndef {macro}_H", f"#define {macro}_H", "", "#include <stdint.h>"]
    for key, value in found.items():
        lines += ["", f"/* {_ABOUT[key].format(name=name)} */"]
        if np.ndim(value) == 0:
            lines.append(f"#define {macro}_{_MACROS.get(key, key.upper())} {value}u")
            continue
        sign = "" if key in _TYPES else "u"
        shape = "".join(f"[{n}]" for n in np.shape(value))
        rows = [", ".join(f"{v}{sign}" for v in row) for row in np.atleast_2d(value).tolist()]
        body = rows[0] if np.ndim(value) == 1 else ",\n    ".join(f"{{{row}}}" for row in rows)
        if np.ndim(value) == 1:
            lines.append(f"#define {macro}_{key.upper()}_COUNT {len(value)}u")
        kind = _TYPES.get(key, "uint32_t")
        lines.append(f"static const {kind} {name}_{key}{shape} = {{\n    {body}}};")
    return "\n".join([*lines, "", "#endif", ""])
