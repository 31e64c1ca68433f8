"""What generated files share: their mark, their names, a core's ports, what they replace."""

import re
from typing import NamedTuple

from amaranth.lib.wiring import In

from rbp.checks import choice
from rbp.errors import InputError
from rbp.golden.formats import ROLES
from rbp.hdl.bus.core import BUSES, BusCore
from rbp.hdl.core import Core

__all__ = [
    "CHOICES",
    "NAME",
    "PLAIN",
    "PORTS",
    "Rate",
    "check_name",
    "formats",
    "parameters",
    "ports",
    "title",
    "top",
]

NAME = "rbp_core"
"""Of a core, where none is given."""

PORTS = (
    ("clk", "in", "clock, rising edge"),
    ("rst", "in", "reset, synchronous, active high"),
    ("bus_addr", "in", "address of a 32-bit word, see the manual"),
    ("bus_w_data", "in", "word to write"),
    ("bus_w_en", "in", "write; held while bus_wait is high"),
    ("bus_r_en", "in", "read; held while bus_wait is high"),
    ("bus_r_data", "out", "word read, in the first cycle without bus_wait"),
    ("bus_wait", "out", "the request is not done yet"),
    ("bus_refused", "out", "high for a cycle, 1 to 3 cycles after a request that was refused"),
    ("irq", "out", "what IRQ_ENABLE waits for is there"),
    ("phase", "out", "what the core is doing; 0: idle"),
)
"""Signals of a core's port: name, direction, meaning."""

PLAIN = "none"
"""The core's own port, where there is no bus."""

CHOICES = (PLAIN, *BUSES)


class Rate(NamedTuple):
    """How fast a UART is."""

    megahertz: str
    """Of the core's clock."""
    baud: int
    """Bits a second."""
    divisor: int
    """Cycles a bit."""


def top(config, bus=PLAIN, rate=None):
    """The top module: a core, or one behind a bus; a UART, and nothing else, has a rate."""
    assert (bus == "uart") == (rate is not None)
    if choice("bus", bus, CHOICES) == PLAIN:
        return Core(config)
    return BusCore(config, bus, rate.divisor if rate else None)


def ports(core):
    """Of the top module, what is on its outside: (name, direction, bits, meaning) of each."""
    meanings = {name: doc for name, _, doc in PORTS}
    flows = {"_".join(map(str, path)): m.flow for path, m, _ in core.signature.flatten(core)}
    widths = {name: len(value) for name, (value, _) in core.ports().items()}
    if isinstance(core, BusCore):
        meanings |= core.shell.MEANINGS
    if not getattr(core, "clock", ()):  # else they are among them
        flows, widths = dict.fromkeys(("clk", "rst"), In) | flows, {"clk": 1, "rst": 1} | widths
    return [(n, "in" if f == In else "out", widths[n], meanings[n]) for n, f in flows.items()]


def check_name(name):
    """A core's name, from which those of modules, macros and functions are made."""
    if name in {*(port for port, *_ in PORTS), *(p for b in BUSES.values() for p in b.MEANINGS)}:
        raise InputError(f"name must not be that of a port, {name!r}")
    if not re.fullmatch("[a-z][a-z0-9_]{0,63}", name):
        raise InputError(
            "name must be lower-case letters, digits and underscores, at most 64, the first a "
            f"letter, not {name!r}"
        )
    return name


def title(config):
    """One line that says what a core is."""
    return (
        f"Learns recurrent networks of up to {config.units} units, {config.lanes} x {config.macs} "
        "multipliers"
    )


def formats(config):
    """Format of each role that a core has."""
    named = {role: getattr(config.formats, role) for role in ROLES}
    return {
        role: fmt for role, fmt in named.items() if fmt and (role != "velocity" or config.momentum)
    }


def parameters(config):
    """What is fixed in a core, by name, in words."""
    of_roles = ", ".join(f"{role} {fmt}" for role, fmt in formats(config).items())
    return {
        "units": config.units,
        "macs": config.macs,
        "lanes": config.lanes,
        "slots": config.slots,
        "entries": f"{config.entries}, of {config.macs} weights each",
        "words": f"{config.words}, of the program",
        "preset": f"{config.preset} ({of_roles})",
        "activation": ", ".join(config.activations),
        "log2 eta": f"{config.eta_shifts[0]} ... {config.eta_shifts[1]}",
        **(_of_products(config) if config.higher else {"products": "none, sums of states"}),
        "momentum": "yes" if config.momentum else "no",
        "refill": "yes" if config.refill else "no",
        "random start": "yes" if config.random_start else "no",
        "weight memory": "one port" if config.spram else "two ports",
        "log words": config.log_depth,
        "primitives": config.family,
    }


def _of_products(config):
    return {
        "order": f"{config.order}, factors of the longest product",
        "products": config.products,
        "folds": f"{config.folds}, terms of the derivatives",
        "feature": config.feature,
    }
