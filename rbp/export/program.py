"""``rbp program``: a network's program and weights as arrays, for a host without Python.

The host writes the arrays to a core, word by word, as the core's manual says.
"""

import json
from pathlib import Path

import numpy as np

from rbp.cosim.driver import Driver
from rbp.errors import InputError
from rbp.export.generated import check_files, check_name, made_by
from rbp.files import output_name, write_all
from rbp.hdl.host.memory_map import AddressMap, Area
from rbp.hdl.layouts import Region
from rbp.machine import machine, origin, unclamped

__all__ = ["arrays", "check_outputs", "write"]

_ABOUT = {
    "rows": "word of ROWS",
    "held": "H, how many units are held",
    "blocks": "R, the blocks of rows",
    "macs": "P, the rows of a block",
    "program": "words of the program",
    "products": "words of the products",
    "folds": "words of the fold table",
    "order": "of each number, whose it is: the unit, or -1 where nobody has it",
    "flags": "FLAGS of each number",
    "columns": "of each entry, the column by its number; -1: none",
    "block": "of each entry, its block; bank p is row held + macs * block + p",
    "weights": "of each entry, the words of its banks",
    "velocities": "the same of the velocities",
}
_TYPES = {"order": "int32_t", "columns": "int32_t"}


def check_outputs(out, name, *, force=False):
    """Refuse, before a long job, what could not be written at its end."""
    check_name(name)
    if Path(output_name(out)).suffix not in (".h", ".json"):
        raise InputError(f"cannot write {out}: expected the name of a file, FILE.h or FILE.json")
    check_files([out], force=force)


def arrays(config, source, *, recall=False):
    """What a host writes to a core, by name: int, or int arrays.

    ``recall`` is for a recall, in which no unit is clamped. Raises
    :class:`~rbp.errors.InputError` where the core is too small.
    """
    problem, settings, earlier = origin(source)
    if config.higher != (problem.monomials is not None):
        raise InputError("products, order and feature are for a network of products, not for this")
    given = machine(problem, settings, "golden", earlier)
    if recall:
        resting = settings.for_recall().settling(recall=True)
        given = unclamped(given, given.start, given.inputs, resting)
    amap, driver = AddressMap(config), Driver(config)
    try:
        written = dict(driver.load(given))
    except ValueError as error:
        raise InputError(str(error)) from error
    structure, program = driver.structure, driver.program

    def words(area):
        return np.array([w for at, w in written.items() if at >> amap.offset_bits == area.value])

    flags = [written[amap.state(Region.FLAGS, 0, i)] for i in range(len(structure.order))]
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
        "weights": words(Area.WEIGHTS).reshape(-1, config.macs),
        "velocities": words(Area.VELOCITIES).reshape(-1, config.macs),
    }
    return {name: value for name, value in found.items() if np.size(value)}


def write(config, source, out, *, name="network", recall=False):
    """Write a C header, or JSON; returns the paths. ``name`` begins the names in the header."""
    found = arrays(config, source, recall=recall)
    made = made_by("rbp program" + " --recall" * recall)
    if Path(out).suffix == ".json":
        plain = {key: np.asarray(value).tolist() for key, value in found.items()}
        text = json.dumps({"made": made} | plain) + "\n"
    else:
        text = _header(found, name, made)
    return write_all({out: text.encode()})


def _header(found, name, made):
    macro = name.upper()
    lines = [f"/* {made} */", f"#ifndef {macro}_H", f"#define {macro}_H", "", "#include <stdint.h>"]
    for key, value in found.items():
        lines += ["", f"/* {_ABOUT[key]} */"]
        if np.ndim(value) == 0:
            lines.append(f"#define {macro}_{key.upper()} {value}u")
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
