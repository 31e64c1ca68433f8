"""A design as RTLIL, in which modules that are alike are one.

Amaranth writes a module for each instance: for sixty PEs sixty modules, three of them different.
All tools behind it would take longer.
"""

import gc
import re
from contextlib import contextmanager
from functools import partial

from amaranth.back import rtlil

__all__ = ["alike_once", "convert"]

_MODULE = re.compile(r"^((?:attribute [^\n]*\n)*)module (\S+)\n(.*?)^end\n", re.M | re.S)
_CELL = re.compile(r"^(\s*cell )(\\\S+)(?= )", re.M)


def convert(design, name, platform=None, *, each=False):
    """RTLIL of a component with ``ports()``, as module ``name``; for a platform, by its name.

    ``each``: with a module for each instance, whose names a floor plan goes by.
    """
    with _no_collection():
        ports = design.ports()
        text = rtlil.convert(design, name=name, platform=platform, ports=ports, emit_src=False)
    return text if each else alike_once(text)


def alike_once(text):
    """RTLIL without the modules that differ from an earlier one in nothing but the name."""
    head, modules = text[: _MODULE.search(text).start()], {}
    for found in _MODULE.finditer(text):
        modules[found[2]] = found[1], found[3]
    while len(same := _same(modules)) > len({*same.values()}):
        modules = {
            name: (attributes, _CELL.sub(partial(_renamed, same), body))
            for name, (attributes, body) in modules.items()
            if same[name] == name
        }
    return head + "".join(f"{a}module {name}\n{b}end\n" for name, (a, b) in modules.items())


def _same(modules):
    """For each module the first one with the same body."""
    first = {}
    return {name: first.setdefault(body, name) for name, (_, body) in modules.items()}


def _renamed(same, cell):
    return cell[1] + same.get(cell[2], cell[2])


@contextmanager
def _no_collection():
    """Much is made and little of it in cycles: the collector would take a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
