"""``rbp synth``: how big a core is on a device, and how fast.

It is synthesised once, and placed with several seeds, since one alone says little, behind two pins
(:mod:`rbp.hdl.harness`), whose registers are counted with it.
"""

import json
import re
import statistics
from dataclasses import asdict, dataclass, replace

from rbp.checks import integer
from rbp.errors import InputError
from rbp.fpga import flow
from rbp.fpga.devices import DEVICES, Device, block_rams, device, sprams
from rbp.fpga.floorplan import floorplan
from rbp.fpga.machines import machine
from rbp.golden.config import Config

__all__ = [
    "NAMES",
    "Target",
    "critical_path",
    "packed_cells",
    "reached",
    "run",
    "summary",
    "synthesised",
    "target",
]

# Of each kind: yosys's cells, and how many LUT4s one amounts to; nextpnr's name.
_CELLS = {
    "lut4": {"SB_LUT4": 1, "LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
    "ff": {"SB_DFF": 1, "TRELLIS_FF": 1},
    "bram": {"SB_RAM40_4K": 1, "DP16KD": 1},
    "dsp": {"SB_MAC16": 1, "MULT18X18D": 1},
    "spram": {"SB_SPRAM256KA": 1},
}
_PACKED = ("ICESTORM_LC", "TRELLIS_COMB")
NAMES = {
    "lut4": "LUT4s",
    "ff": "registers",
    "bram": "block RAMs",
    "dsp": "multipliers",
    "spram": "single-ported RAMs",
}
_SUFFIX = re.compile(r"_(?:SB|TRELLIS|LUT4|CCU2C|PFUMX|L6MUX21|DP16KD|MULT18X18D)(?:_.*)?$")


@dataclass(frozen=True)
class Target:
    """A core on a device; ``soft`` where its multipliers are built of logic."""

    device: Device
    grade: int | None
    config: Config

    @property
    def soft(self):
        return self.device.is_soft(self.config)

    @property
    def planned(self):
        """Whether it is so large that it needs a floor plan."""
        most = self.device.planned  # without one
        return most is not None and self.config.multipliers > most and not self.soft

    @property
    def remark(self):
        """What a user should know before the tools start, or None."""
        if not self.soft or not self.device.dsps:
            return None
        device, config = self.device, self.config
        return (
            f"{config.lanes} × ({config.macs} + {config.lane_multipliers}) multipliers for "
            f"{config.preset} are more than the {device.dsps} of {device.dsp_width} bits of "
            f"{device.name}: all are built of logic"
        )


def target(name, *, grade=None, **flags) -> Target:
    """The core that machine flags ask for, on a device; refuses what is wrong with either."""
    chosen = device(name)
    if flags.get("spram") and not chosen.sprams:
        having = ", ".join(d.name for d in DEVICES.values() if d.sprams)
        raise InputError(f"spram is for {having}, which has single-ported RAMs, not {chosen.name}")
    config = machine(**flags, family=chosen.family)
    if chosen.is_soft(config):
        config = machine(**flags, family=chosen.soft_family)
    return Target(chosen, chosen.grade(grade), config)


def run(target, *, seeds=3, progress=None) -> dict:
    """Synthesise, place and route; what ``synth.json`` holds.

    Raises InputError where it does not fit. ``progress`` is told what is being done.
    """
    seeds, tell = integer("seeds", seeds, 1, 99), progress or (lambda text: None)
    chosen, config = target.device, target.config
    tell("elaboration")
    rtlil = flow.design(config, chosen)
    tell("synthesis")
    netlist, cells, pe = synthesised(target, rtlil)
    reports = []  # with their seeds
    for seed in range(1, seeds + 1):
        tell(f"seed {seed}/{seeds}")
        report = flow.place(netlist, chosen, target.grade, seed)
        packed = packed_cells(target, report, pe)
        reports.append((reached(report), seed, report))
    reports.sort(key=lambda report: report[:2])
    fmax = [mhz for mhz, _, _ in reports]
    middle = reports[(seeds - 1) // 2][-1]
    return {
        "device": chosen.name,
        "settings": asdict(config) | {"grade": target.grade, "soft_multipliers": target.soft},
        "fmax_mhz": {
            "median": round(statistics.median(fmax), 2),
            "min": fmax[0],
            "max": fmax[-1],
            "seeds": seeds,
            "best_seed": reports[-1][1],
        },
        "cells": {
            **cells,
            chosen.cells: packed,
        },
        "pe_lut4": pe,
        "harness_ff": int(rtlil.split(maxsplit=2)[1]),
        "critical_path": critical_path(middle, rtlil),
        "fits": True,
        "versions": flow.versions(chosen),
    }


def synthesised(target, rtlil):
    """(folder of the netlist, ``{kind: {"used": …, "available": …}}``, LUT4s of a PE) of a design.

    Raises :class:`~rbp.errors.InputError` where it needs more than the device has.
    """
    chosen, config = target.device, target.config
    expected = block_rams(chosen, rtlil)
    if expected > chosen.brams * 1.25:  # so clear that yosys need not count
        raise _too_big(target, {"bram": (expected, chosen.brams)})
    plan = floorplan(config, chosen, rtlil) if target.planned else {}
    netlist = flow.synthesise(rtlil, chosen, target.soft, plan)
    used, pe = _counts(netlist / flow.STAT), _counts(netlist / flow.PE_STAT)["lut4"]
    has = {"lut4": chosen.luts, "ff": chosen.luts, "bram": chosen.brams, "dsp": chosen.dsps}
    if config.spram:
        has["spram"] = chosen.sprams
    over = {kind: (used[kind], has[kind]) for kind in has if used[kind] > has[kind]}
    if over:
        raise _too_big(target, over, pe)
    return netlist, {k: {"used": used[k], "available": has[k]} for k in has}, pe


def packed_cells(target, report, pe):
    """``{"used": …, "available": …}`` of logic cells in nextpnr's report.

    Raises :class:`~rbp.errors.InputError` where they are too many.
    """
    found = report["utilization"]
    packed = next(found[kind] for kind in _PACKED if kind in found)
    if "fmax" not in report:
        raise _too_big(target, {"packed": (packed["used"], packed["available"])}, pe)
    return {kind: packed[kind] for kind in ("used", "available")}


def _counts(path):
    """Of each kind, in yosys's statistics."""
    found = json.loads(path.read_text())["design"]["num_cells_by_type"]
    return {
        kind: sum(
            n * w for cell, w in cells.items() for name, n in found.items() if _is(name, cell)
        )
        for kind, cells in _CELLS.items()
    }


def _is(name, cell):
    """SB_DFFESR is an SB_DFF, SB_RAM40_4KNR an SB_RAM40_4K."""
    return name.startswith(cell) if cell in ("SB_DFF", "SB_RAM40_4K") else name == cell


def reached(report):
    """Fmax in MHz of nextpnr's report, of the slowest clock."""
    return round(min(clock["achieved"] for clock in report["fmax"].values()), 2)


def critical_path(report, rtlil):
    """``lane_0.tree.sum → lane_0.integrator.u: 7.7 ns, 2.6 of logic in 5 steps, 5.1 of routing``.

    From the register or memory where it starts to where it ends; and the blocks on its way.
    """
    modules = re.findall(r"^module \\top\.core\.([^\s$]+)", rtlil, re.M)
    path = next(
        p["path"]
        for p in report["critical_paths"]
        if p["from"].startswith("posedge") and p["to"].startswith("posedge")
    )
    first, last = path[0]["from"]["cell"], path[-1]["to"]["cell"]
    logic = sum(step["delay"] for step in path if step["type"] != "routing")
    routing = sum(step["delay"] for step in path if step["type"] == "routing")
    steps = sum(step["type"] == "logic" for step in path)
    ends = [_split(cell, modules) for cell in (first, last)]
    way = dict.fromkeys(_split(step["to"]["cell"], modules)[0] for step in path)
    way = [block for block in way if block and block not in (ends[0][0], ends[1][0])]
    names = [".".join(filter(None, end)) or "?" for end in ends]
    return (
        f"{' → '.join(names)}: {logic + routing:.1f} ns, {logic:.1f} of logic in {steps} steps, "
        f"{routing:.1f} of routing" + (f"; by way of {', '.join(way)}" if way else "")
    )


def _split(cell, modules):
    """Block and signal of a cell's name, as far as the tools have kept them."""
    inside = cell.removeprefix("core.")
    if inside.startswith("$"):
        return "", ""
    outer = "core" if inside != cell else "harness"
    block = max((m for m in modules if inside.startswith(f"{m}.")), key=len, default=outer)
    signal = inside.removeprefix(f"{block}.")
    return block, re.split(r"[$.\[]", _SUFFIX.sub("", signal))[0]


def _too_big(target, over, pe_lut4=0):
    """What is short, and a smaller core that would fit."""
    names = NAMES | {"packed": target.device.cells.replace("_", " ")}
    short = ", ".join(f"{used} of {has} {names[kind]}" for kind, (used, has) in over.items())
    if "spram" in over:
        used, has = over["spram"]
        advice = (
            f"{target.config.macs * has // used} macs instead of {target.config.macs} would fit"
        )
    elif list(over) == ["bram"]:
        advice = _fewer_memories(target)
    else:
        advice = None if "bram" in over else _fewer_macs(target, over, pe_lut4)
    line = f"does not fit {target.device.name}: needs {short}"
    return InputError(f"{line}; {advice}" if advice else line)


def _fewer_memories(target):
    """Advice that halves slots, multipliers or units until the block RAMs suffice."""
    config, device = target.config, target.device

    def fits(**smaller):
        try:
            design = flow.design(_smaller(config, **smaller), device)
        except ValueError:  # no such core
            return False
        return block_rams(device, design) <= device.brams and sprams(design) <= device.sprams

    if device.sprams and not config.spram and fits(spram=True):
        return "with --spram it would fit"
    for name in ("slots", "macs", "units"):
        value = now = getattr(config, name)
        halves = []
        while value > 1:
            value //= 2
            halves.append(
                {name: value} if name != "units" else {name: value, "macs": min(value, config.macs)}
            )
        if halves and fits(**halves[-1]):
            return f"{next(h for h in halves if fits(**h))[name]} {name} instead of {now} would fit"
    return None


def _smaller(config, **less):
    """The core with fewer slots, macs or units, and room for what it plays then."""
    plain = dict.fromkeys(("entries", "words", "folds", "log_depth"))
    if config.entries != replace(config, **plain).entries:  # of a network, not the dense one
        times = -(-config.macs // less.get("macs", config.macs))
        plain |= {"entries": times * config.entries, "words": times * config.words}
    return replace(config, **plain | less)


def _fewer_macs(target, over, pe_lut4):
    """Advice by the area of a PE."""
    config = target.config
    excess = max(used - has for used, has in over.values())
    macs = config.macs - -(-excess // (pe_lut4 * config.lanes))
    return f"about {macs} macs instead of {config.macs} would fit" if macs >= 1 else None


def summary(record):
    """A few lines for the terminal."""
    fmax, settings = record["fmax_mhz"], record["settings"]
    grade = f" grade {settings['grade']}" if settings["grade"] else ""
    yield (
        f"{record['device']}{grade}, {settings['units']} units, {settings['lanes']} × "
        f"{settings['macs']} multipliers, {settings['slots']} slots, {settings['preset']}: "
        f"{fmax['median']:.1f} MHz ({fmax['min']:.1f} … {fmax['max']:.1f}, {fmax['seeds']} seeds)"
    )
    cells = ", ".join(
        f"{cell['used']} of {cell['available']} {kind.replace('_', ' ')}"
        for kind, cell in record["cells"].items()
    )
    yield f"{cells}; a PE {record['pe_lut4']} LUT4s"
    yield f"critical path {record['critical_path']}"
