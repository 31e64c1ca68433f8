"""``rbp plan``: before any synthesis, how a network's program fits cores, and how fast they are.

Entries, words and the cycles of the next update are exact; those of ``rbp train`` are of a core
whose capacities are rounded up. What a device has room for is an estimate: block RAMs by the
core's memories (:mod:`rbp.fpga.memories`), cells by a core that was measured.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rbp.checks import integer
from rbp.errors import InputError
from rbp.extras import named
from rbp.fpga.devices import Device, device
from rbp.fpga.machines import flags_like
from rbp.golden.config import SPRAM_WORDS
from rbp.machine import check_flags, check_preset, machine, structures
from rbp.result import Result
from rbp.settings import Settings

__all__ = ["LANES", "MACS", "plan", "steps_of"]

MACS, LANES = (1, 2, 4, 5, 8, 16, 32), (1, 2, 4)
MOST_STEPS = 32767


@dataclass(frozen=True)
class _Job:
    """What is planned: a network that learns, and the steps of an update."""

    problem: Any
    settings: Settings
    source: Any
    structures: list
    """Of training and of recall."""
    steps: np.ndarray
    """1×B×2."""
    done: int
    """Rank-1 updates before, which say whose steps these are."""
    device: Device | None
    grade: int | None


def plan(source, *, device_name=None, grade=None, steps=None, **flags) -> dict:
    """What ``rbp plan`` says, as numbers.

    Parameters
    ----------
    source : Problem or Result
    device_name, grade : optional
        Of :data:`rbp.fpga.devices.DEVICES`, and its speed grade.
    steps : (int, int), optional
        Euler steps of x and of y of each pattern; by default those of one update of golden.
    flags
        Of :class:`rbp.Settings`. ``macs`` and ``lanes`` are by default each of :data:`MACS`, up to
        N, and :data:`LANES`.

    Returns
    -------
    dict
        ``programs``, one for each P, at the least L, which a very short one may depend on; and
        ``cores``, one for each P and L. ``cycles`` are those of a run of one update, the first, or
        of a result the next; ``fits``, ``short_of`` and ``us`` (of that run, at the Fmax of the
        core ``measured``) only with a device. ``fits`` is None where no core was measured, so that
        its cells are not known. ``flags`` are those of ``rbp verilog --like``. ``best`` is the P
        and L of the fastest that fits.

    Raises :class:`~rbp.errors.InputError`.
    """
    check_flags(flags)
    earlier = source if isinstance(source, Result) else None
    problem = earlier.problem if earlier else source
    settings = earlier.settings.overridden(**flags) if earlier else Settings(**flags)
    if earlier:
        check_preset(settings, earlier)
    chosen = device(device_name) if device_name is not None else None
    if chosen is None and grade is not None:
        raise InputError(f"grade {grade} is of a device: expected one")
    settings.config(problem)  # refuses what does not fit the problem
    if steps is None:
        taken = machine(problem, settings, "golden", earlier).update().steps[None]
    else:
        taken = np.full((1, settings.batch_of(problem), 2), steps)
    both, done = structures(problem), earlier.updates * taken.shape[1] if earlier else 0
    graded = chosen and chosen.grade(grade)
    job = _Job(problem, settings, source, both, taken, done, chosen, graded)
    with named():  # of the hardware description
        return _record(job, flags, "golden" if steps is None else "given")


def _record(job, flags, steps_are):
    structure, problem = job.structures[0], job.problem
    macs = [flags["macs"]] if "macs" in flags else [p for p in MACS if p <= problem.units]
    lanes = [flags["lanes"]] if "lanes" in flags else LANES
    pairs = [_core(job, p, count) for p in macs for count in lanes]
    programs, cores = [program for program, _ in pairs[:: len(lanes)]], [core for _, core in pairs]
    fitting = [core for core in cores if core.get("fits")]
    best = min(fitting, key=lambda c: (c["us"] or c["cycles"], c["multipliers"]), default=None)
    return {
        "units": problem.units,
        "held": structure.first,
        "rows": len(structure.rows),
        "connections": int(structure.numbered.sum()),
        "not_computed": int(problem.connected.sum() - structure.numbered.sum()),
        "patterns": problem.patterns,
        "batch": job.steps.shape[1],
        "steps": job.steps[0].tolist(),
        "steps_are": steps_are,
        "device": job.device and job.device.name,
        "has": job.device and {n: getattr(job.device, n) for n in ("dsps", "brams", "luts")},
        "grade": job.grade,
        "programs": programs,
        "cores": cores,
        "best": best and {name: best[name] for name in ("macs", "lanes")},
    }


def _core(job, macs, lanes):
    """The program of P, and all about P and L."""
    from rbp.hdl.program import compiled

    structure = job.structures[0]
    core = {"macs": macs, "lanes": lanes}
    try:
        config = _config(job, macs, lanes)
        program = compiled(config, structure)
        core |= {"entries": len(program), **_cycles(job, config)}
        if job.device:
            core |= _on_device(job, config, core["cycles"])
    except ValueError as error:  # no such core
        raise InputError(f"macs {macs}, lanes {lanes}: {error}") from error
    weights = macs * len(program)
    return {
        "macs": macs,
        "entries": len(program),
        "short": program.short,
        "words": program.words,
        "bubbles": int((program.columns < 0).sum()),
        "padding": 1 - int(structure.numbered.sum()) / weights,
    }, core


def _config(job, macs, lanes):
    """A core with just what the network takes, of the device's family."""
    from rbp.hdl.program import holding

    settings = replace(job.settings, macs=macs, lanes=lanes)
    config = replace(settings.config(job.problem), log_depth=None)
    if job.device:
        config = replace(config, family=job.device.family, eta_shifts=None)
        low, high = config.eta_shifts
        shift = settings.eta_shift
        config = replace(config, eta_shifts=(min(low, shift), max(high, shift)))
    return holding(config, *job.structures)


def _cycles(job, config):
    """Of a run of one update, the next one, whose patterns are there."""
    from rbp.hdl.schedule import Schedule, utilisation

    structure, learning, patterns = job.structures[0], job.settings.learning(), job.problem.patterns
    if patterns > config.slots * config.lanes:  # the host loads those of a batch
        learning, patterns = replace(learning, batch=None), job.steps.shape[1]
    cycles = Schedule(config, structure).cycles(job.steps, learning, patterns, job.done)
    busy = utilisation(structure, config.macs * config.lanes, job.steps, cycles)
    return {"slots": config.slots, "cycles": int(cycles), "utilisation": float(busy)}


def _on_device(job, config, cycles):
    """Whether the core fits, by an estimate, and how long the cycles take."""
    from rbp.fpga.memories import block_rams, single_ported

    chosen, spram = job.device, False
    if block_rams(config, chosen) > chosen.brams and config.entries <= SPRAM_WORDS:
        other = replace(config, spram=bool(chosen.sprams))
        if single_ported(other) <= chosen.sprams:
            config, spram = other, other.spram
            cycles = _cycles(job, config)["cycles"]
    row, mhz, measured = _measured(job, config)
    cells, rams = measured and _cells(config, row, measured), block_rams(config, chosen)
    needs = {
        "multipliers": (config.multipliers, chosen.dsps or math.inf),
        "block RAMs": (rams, chosen.brams),
        "cells": (cells or 0, chosen.luts),
    }
    short = [f"{need} {name}, has {has}" for name, (need, has) in needs.items() if need > has]
    wide = max(config.formats.state.width, config.formats.weight.width)
    if chosen.dsps and wide > chosen.dsp_width:
        short.insert(0, f"multipliers of {wide} bits, where there are those of {chosen.dsp_width}")
    return {
        "spram": spram,
        "cycles": cycles,
        "multipliers": config.multipliers,
        "block_rams": rams,
        "cells": cells,
        "fits": False if short else None if cells is None else True,
        "short_of": short,
        "flags": flags_like(config, job.source),
        "fmax_mhz": mhz,
        "measured": row and row.command,
        "measured_grade": row and row.grade,
        "like": bool(row) and _distance(row, job, config)[:-2] == (0,) * 6,
        "us": mhz and cycles / mhz,
    }


def _measured(job, config):
    """The nearest core that was measured, its Fmax in MHz, and its cells; or None of each."""
    from rbp.fpga import baselines

    stored = baselines.load()
    rows = [row for row in baselines.ROWS if stored.get(row.command, {"fits": False})["fits"]]
    rows = [row for row in rows if device(row.device).family == job.device.family]
    if not rows:
        return None, None, None
    row = min(rows, key=lambda row: _distance(row, job, config))
    found = stored[row.command]
    cells = found["cells"][device(row.device).cells]["used"]
    return row, found["fmax_mhz"]["median"], (cells, found["pe_lut4"])


def _distance(row, job, config):
    """How unlike a measured core is; what counts most first. 0 in all but the last two: a like one,
    of other formats perhaps, or of another number of units."""
    return (
        int(row.device != job.device.name) + int(row.grade not in (None, job.grade)),
        int((row.order > 1) != config.higher),
        int(row.momentum != config.momentum),
        int(row.spram != config.spram),
        abs(math.log2(row.lanes / config.lanes)),
        abs(math.log2(row.macs / config.macs)),
        int(row.preset != config.preset),
        abs(math.log2(row.units / config.units)),
    )


def _cells(config, row, cells):
    """As many as the measured core's, but for PEs and lanes."""
    used, pe = cells
    lane = used / row.lanes - pe * row.macs
    return round(config.lanes * (lane + pe * config.macs))


def steps_of(text):
    """``X,Y`` as two numbers."""
    found = re.fullmatch(r"(\d+),(\d+)", text)
    if not found:
        raise InputError(f"steps must be X,Y, those of x and of y, not {text!r}")
    return tuple(integer("steps", int(word), 1, MOST_STEPS) for word in found.groups())
