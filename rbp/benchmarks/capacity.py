"""Which networks fit which device, as a table in Markdown: ``python -m rbp.benchmarks.capacity``.

Each network is planned (:mod:`rbp.fpga.plan`) with all P and L; of those that fit by its estimate,
the fastest is named. Networks that fit with none say what is short with the fewest multipliers.
"""

import sys
from dataclasses import dataclass, field

import numpy as np

from rbp.fpga import plan
from rbp.fpga.devices import DEVICES
from rbp.paper import figure1
from rbp.paper.networks import digit_classes, visible_memory
from rbp.problem import Problem

__all__ = ["STEPS", "Network", "main", "networks", "table"]


@dataclass(frozen=True)
class Network:
    """One that is planned: its name, its problem, and the flags it learns with."""

    name: str
    problem: Problem
    flags: dict = field(default_factory=dict)


def _memory(units, patterns):
    """All visible, and fully connected."""
    rng = np.random.default_rng(1)
    return visible_memory(rng.choice([0.1, 0.9], (patterns, units)), rng)


def _sparse(units, share, patterns):
    """A memory with a share of the connections, at random."""
    rng = np.random.default_rng(1)
    connected = rng.random((units, units)) < share
    visible = np.arange(units) < units // 2
    return Problem(
        weights=np.where(connected, rng.uniform(-1, 1, (units, units)), 0),
        connected=connected,
        targets=np.where(visible, rng.choice([0.1, 0.9], (patterns, units)), 0),
        target_units=visible,
        clamp_units=visible,
    )


STEPS = (3, 3)
"""Of x and of y: how long an update is says little here."""


def networks():
    """What is planned by default; of the digits, scikit-learn has the pictures."""
    digits = {"batch": 16, "eta_shift": -2}
    yield Network("Figure 1: 15 units, 4 patterns", figure1.problem())
    yield Network("digits: 64-20-10, batches of 16", digit_classes(), digits)
    for units, patterns in ((64, 16), (250, 1), (250, 16)):
        name = f"{units} units, all connected, {patterns} pattern{'s' * (patterns > 1)}"
        yield Network(name, _memory(units, patterns))
    yield Network("250 units, 3 % connected, 1 pattern", _sparse(250, 0.03, 1))
    yield Network("250 units, 3 % connected, 16 patterns", _sparse(250, 0.03, 16))


def table(planned=None, devices=DEVICES):
    """Lines of Markdown: a row a network, a column a device."""
    yield f"| network | entries at P = 4 | {' | '.join(devices)} |"
    yield f"|---|---|{'---|' * len(devices)}"
    for network in planned or networks():
        cells, entries = [], "–"
        for name in devices:
            record = plan.plan(network.problem, device_name=name, steps=STEPS, **network.flags)
            at = [p["entries"] for p in record["programs"] if p["macs"] == 4]
            entries = f"{at[0]:,}" if at else entries
            cells.append(_cell(record))
        yield f"| {network.name} | {entries} | {' | '.join(cells)} |"


def _cell(record):
    """``4 × 32 multipliers``, the fastest that fits; else what is short with the fewest."""
    if record["best"] is not None:
        best = record["best"]
        (core,) = (c for c in record["cores"] if best.items() <= c.items())
        return f"{core['lanes']} × {core['macs']}" + ", `--spram`" * core["spram"]
    fewest = min(record["cores"], key=lambda core: core["multipliers"])
    return f"no: {fewest['short_of'][0]}" if fewest["short_of"] else "not measured"


def main() -> int:
    print("\n".join(table()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
