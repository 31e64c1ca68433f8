"""``rbp model``: the golden model as C++ that needs no Python, with a problem and what it comes to.

For those who test firmware, benches in C++ or SystemC, or programs in other languages.
"""

from pathlib import Path

import numpy as np

from rbp.checks import integer
from rbp.cmodel.build import FOLDER, SOURCES
from rbp.cmodel.fields import NETWORK, STATE, arrays, check, described
from rbp.errors import InputError
from rbp.files import check_files, check_folder, made_by, made_folder, write_all
from rbp.golden.formats import ROLES
from rbp.machine import machine, origin

__all__ = ["check_outputs", "paths", "write"]

KIT = ("main.cpp", "CMakeLists.txt", "README.md")
NAMES = (*KIT, "problem.h", "problem.cpp", "expected.txt")
PARTS = tuple(path.relative_to(FOLDER).as_posix() for path in SOURCES)
"""Of the model: its header and sources, as in its own folder."""

_COMMENTS = {
    ".cpp": "// {}",
    ".h": "/* {} */",
    ".hpp": "// {}",
    ".md": "<!-- {} -->",
    ".txt": "# {}",
}
_CONST = {"targets", "inputs"}
"""Arrays of the state that training leaves alone."""

_HEADER = """
#ifndef PROBLEM_H
#define PROBLEM_H

#include "rbp_model.h"

#define PROBLEM_MADE "{made}"
#define PROBLEM_UPDATES {updates} /* of expected.txt */

#ifdef __cplusplus
extern "C" {{
#endif

extern const rbp_network problem_network;
extern rbp_state problem_state; /* before the first update; training changes it */

#ifdef __cplusplus
}}
#endif
#endif
"""


def paths(folder):
    """Of all files: those of the problem, then those of the model."""
    return tuple(Path(folder) / name for name in (*NAMES, *PARTS))


def check_outputs(folder, *, force=False):
    """Refuse, before a long job, what could not be written at its end."""
    found = paths(folder)
    for parent in dict.fromkeys(path.parent for path in found):
        check_folder(parent, [path.name for path in found if path.parent == parent])
    check_files([path for path in found if path.exists()], force=force)


def write(source, folder, updates=20, **flags):
    """Write the files of a problem, or of a result that is to be continued; returns their paths.

    What is expected after ``updates`` is golden's. ``flags`` are those of
    :class:`~rbp.settings.Settings`. Raises :class:`~rbp.errors.InputError` where the model has no
    room for the words.
    """
    updates = integer("updates", updates, 1, 10_000)
    problem, settings, earlier = origin(source, **flags)
    start = machine(problem, settings, "golden", earlier)
    try:
        check(start)
    except ValueError as error:
        raise InputError(str(error)) from error
    made = made_by(f"rbp model, {updates} update{'s' * (updates > 1)}")
    network = described(start)
    texts = {name: (FOLDER / "kit" / name).read_text() for name in KIT}
    for key, value in _about(start, network, updates).items():
        texts["README.md"] = texts["README.md"].replace(f"@{key}@", str(value))
    texts["problem.h"] = _HEADER.format(made=made, updates=updates)
    texts["problem.cpp"] = _problem(network, start)  # before golden changes the words
    texts["expected.txt"] = "\n".join(_expected(start, updates)) + "\n"
    texts |= {name: (FOLDER / name).read_text() for name in PARTS}
    contents = {
        path: f"{_COMMENTS[path.suffix].format(made)}\n{texts[name]}".encode()
        for path, name in zip(paths(folder), (*NAMES, *PARTS), strict=True)
    }
    with made_folder(folder), made_folder(Path(folder) / "src"):
        return write_all(contents)


def _about(start, network, updates):
    """What the page says of a problem, by the names in its text."""
    formats = {role: getattr(start.network.formats, role) for role in ROLES}
    return {
        "UPDATES": updates,
        "BATCH": network["batch"],
        "COLUMNS": network["columns"],
        "FORMATS": ", ".join(f"{role} {fmt}" for role, fmt in formats.items() if fmt),
        "ENERGY": 2 * formats["error"].fraction + 1,
    }


def _bits(saturated):
    """As those of ``rbp_state.saturated``."""
    return sum(1 << k for k, role in enumerate(ROLES) if role in saturated)


def _problem(network, start):
    """``problem.cpp``: the arrays, then the two structures with every field filled."""
    numbers = {name: getattr(start, name) for name in ("t", "unsettled", "skipped")}
    state = arrays(start) | numbers | {"saturated": _bits(start.saturated)}
    lines = ['#include "problem.h"', "", "namespace {", ""]
    for fields in (network, state):
        for name, value in fields.items():
            if np.size(value) and isinstance(value, np.ndarray):
                const = "" if fields is state and name not in _CONST else "const "
                lines += [f"{const}{value.dtype}_t {name}[{value.size}] = {_words(value)};", ""]
    lines += ["}  // namespace", ""]
    lines += _structure("const rbp_network problem_network", network, [*ROLES, *NETWORK.split()])
    lines += _structure("rbp_state problem_state", state, STATE.split())
    return "\n".join(lines)


def _words(array):
    """An initialiser; the rows are those of no matrix."""
    if not array.any():
        return "{}"
    words = list(map(str, array.ravel().tolist()))
    rows = [", ".join(words[k : k + 16]) for k in range(0, len(words), 16)]
    return "{\n    " + ",\n    ".join(rows) + "}"


def _structure(declared, fields, order):
    """One of the structures; ``order`` has its fields as the header has them."""
    yield f"{declared} = {{"
    for name in (name.removeprefix("*") for name in order):
        value = fields[name]
        if isinstance(value, tuple):
            text = "{{{}, {}}}".format(*value)
        elif isinstance(value, np.ndarray) and value.size:
            text = name
        elif value is None or isinstance(value, np.ndarray):
            text = "nullptr"
        else:
            text = str(int(value))
        yield f"    {text},  // {name}"
    yield "};"
    yield ""


def _expected(start, updates):
    """What ``main.cpp`` prints, of golden; ``start`` is as it is afterwards."""
    for update in range(updates):
        relaxed = start.update()
        pairs = zip(relaxed.steps.ravel(), relaxed.unsettled.ravel(), strict=True)
        steps = " ".join(f"{count}{'!' * int(late)}" for count, late in pairs)
        yield f"update {update} E {relaxed.energy} steps {steps}"
    left = f"unsettled {start.unsettled} skipped {start.skipped}"
    yield f"{left} saturated {_bits(start.saturated)}"
    momentum = start.learning.friction is not None
    for name, words in {"w": start.weights, "v": start.velocity}.items():
        if name == "w" or momentum:
            for unit, row in enumerate(words.tolist()):
                yield f"{name}[{unit}] {' '.join(map(str, row))}"
