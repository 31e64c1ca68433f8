"""``rbp board build``: a core, its clock and its serial line on a board, as a file to configure it.

The same tools and the same cache as of ``rbp synth``; the clock that is asked for is held, or
there is no file.
"""

import hashlib
import json
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rbp.boards import clocks, pins
from rbp.boards.boards import Board, board
from rbp.checks import integer
from rbp.cosim.convert import convert
from rbp.errors import CheckFailed
from rbp.export import verilog
from rbp.files import check_files, check_folder, made_by, made_folder, not_ours, write_all
from rbp.fpga import flow, synth
from rbp.fpga.machines import flags
from rbp.hdl.boards.top import Top

__all__ = ["Design", "Routed", "check_outputs", "design", "paths", "routed", "summary", "write"]

SEEDS = 3
"""Placements that are tried until one holds the clock."""


@dataclass(frozen=True)
class Design:
    """What is to be built: a core on a board, its clock in Hz, and bits a second of its line."""

    board: Board
    target: synth.Target
    clock: int
    baud: int

    @cached_property
    def divisor(self):
        """Cycles a bit takes."""
        return clocks.divisor(self.clock, self.baud)

    @property
    def ice40(self):
        return self.target.device.place.startswith("ice40")

    @cached_property
    def pll(self):
        source = pins.oscillator(self.board)
        return clocks.pll(source, self.clock, ice40=self.ice40, pad=self.board.pad)

    def top(self, *, simulated=False):
        """The component; ``simulated`` without the PLL."""
        places = pins.pins(self.board)
        return Top(
            self.target.config,
            clock=self.clock,
            divisor=self.divisor,
            pll=None if simulated else self.pll,
            lights={name: places[name].inverted for name in self.board.lights},
        )

    def rtlil(self, *, simulated=False):
        """The whole of it, with the device's primitives; the module is named ``top``."""
        return convert(self.top(simulated=simulated), "top", self.target.device.name, each=True)

    def verilog(self, *, simulated=False):
        """The same as Verilog."""
        platform = self.target.device.name
        body = verilog.converted(self.rtlil(simulated=simulated), "top", platform)
        places = pins.pins(self.board)
        ports = (f"  {name:8s} pin {pin.site}" for name, pin in places.items())
        lines = [
            f"A network that learns, on {self.board.title}",
            made_by(self.command),
            "",
            f"{self.clock / 1e6:g} MHz; {self.baud} baud, {self.divisor} cycles a bit",
            "Ports of module top",
            *ports,
        ]
        return verilog.framed(lines, body, platform)

    @property
    def command(self):
        """The command that builds it."""
        words = f"rbp board build {self.board.name} {flags(self.target.config)}"
        return f"{words} --clock {self.clock / 1e6:g} --baud {self.baud}"


def design(name, *, clock=None, baud=None, **given):
    """What is asked for; refuses what is wrong with any of it.

    Parameters
    ----------
    name : str
        Of :data:`~rbp.boards.boards.BOARDS`.
    clock : int or Fraction, optional
        In Hz; by default the board's.
    baud : int, optional
        Bits a second; by default the board's.
    given
        Machine flags. Beside ``units`` or ``like`` they say all of the core, else what is
        different from the board's.
    """
    chosen = board(name)
    wanted = given if {"units", "like"} & {*given} else chosen.core | given
    device, grade = pins.fpga(chosen)
    target = replace(synth.target(chosen.device, grade=grade, **wanted), device=device)
    clock = chosen.clock if clock is None else clock
    baud = integer("baud", chosen.baud if baud is None else baud, clocks.BAUD[0], clocks.BAUD[-1])
    made = Design(chosen, target, clock, baud)
    made = replace(made, clock=int(made.pll.frequency))
    clocks.divisor(made.clock, baud)  # refused here, before a long job
    return made


@dataclass(frozen=True)
class Routed:
    """A design after place and route: its folder, the seed, nextpnr's report, its cells."""

    folder: Path
    seed: int
    report: dict
    cells: dict

    @property
    def reached(self):
        """Fmax in MHz."""
        return synth.reached(self.report)


def routed(design, seeds=SEEDS, progress=None):
    """Each placement of a design, in turn; a seed whose router will not end is left out.

    Raises :class:`~rbp.errors.InputError` where it does not fit, and
    :class:`~rbp.fpga.flow.Unrouted` where no seed's router ends. ``progress`` is told what is being
    done.
    """
    target, tell = design.target, progress or (lambda text: None)
    tell("elaboration")
    made = design.rtlil()
    tell("synthesis")
    netlist, cells, pe = synth.synthesised(target, made)
    ended = 0
    for seed in range(1, seeds + 1):
        tell(f"seed {seed}/{seeds}")
        try:
            folder = flow.route(netlist, target.device, target.grade, seed)
        except flow.Unrouted as error:
            if seed == seeds and not ended:
                raise
            tell(str(error))
            continue
        ended += 1
        report = json.loads((folder / flow.REPORT).read_text())
        packed = synth.packed_cells(target, report, pe)
        yield Routed(folder, seed, report, cells | {target.device.cells: packed})


def _holding(design, seeds, progress):
    """The first placement that holds the clock."""
    reached = []
    for found in routed(design, seeds, progress):
        if found.reached * 1e6 >= design.clock:
            return found
        reached.append(found.reached)
    raise CheckFailed(
        f"{design.board.name} reaches {max(reached):.2f} MHz of {design.clock / 1e6:g} MHz that "
        f"were asked for, with {seeds} seed{'s' * (seeds > 1)}: nothing was written; "
        f"--clock asks for less"
    )


def paths(design, folder):
    """Those of the image, the Verilog, the constraints and the report."""
    name, image = design.board.name, design.board.image
    constraints = Path(flow.PINS["ice40" if design.ice40 else "ecp5"]).suffix
    return tuple(Path(folder) / f"{name}{end}" for end in (image, ".v", constraints, ".json"))


def check_outputs(design, folder, *, force=False):
    """Refuse, before a long job, what could not be written at its end, or is not ours: but by
    ``force``, nothing is replaced that lies beside another report than ours, or none."""
    found = paths(design, folder)
    check_folder(folder, [path.name for path in found])
    check_files([path for path in found[1::2] if path.exists()], force=force)
    if not (force or found[-1].exists()):
        for path in found:
            if path.exists():
                raise not_ours(path)


def record(design, found, image):
    """What ``NAME.json`` holds."""
    return {
        "board": design.board.name,
        "made": made_by(design.command),
        "image": {"bytes": len(image), "sha256": hashlib.sha256(image).hexdigest()},
        "clock_mhz": {"asked": design.clock / 1e6, "reached": found.reached, "seed": found.seed},
        "serial": {"baud": design.baud, "cycles_a_bit": design.divisor},
        "pins": {name: pin.site for name, pin in pins.pins(design.board).items()},
        "cells": found.cells,
        "versions": flow.versions(design.target.device),
    }


def summary(report):
    """A few lines for the terminal."""
    clock, serial = report["clock_mhz"], report["serial"]
    yield (
        f"{report['board']}: {clock['asked']:g} MHz asked, {clock['reached']:.2f} MHz reached "
        f"(seed {clock['seed']}); {serial['baud']} baud, {serial['cycles_a_bit']} cycles a bit"
    )
    yield ", ".join(
        f"{cell['used']} of {cell['available']} {synth.NAMES.get(kind, kind.replace('_', ' '))}"
        for kind, cell in report["cells"].items()
    )


def write(design, folder, *, seeds=SEEDS, progress=None):
    """Build, and write the four files; returns (their paths, the report).

    Raises :class:`~rbp.errors.CheckFailed` where no placement holds the clock.
    """
    seeds = integer("seeds", seeds, 1, 99)
    found = _holding(design, seeds, progress)
    image = flow.pack(found.folder, design.target.device)
    report = record(design, found, image)
    text = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    contents = [image, design.verilog().encode(), design.target.device.pins.encode(), text.encode()]
    with made_folder(folder):
        files = write_all(dict(zip(paths(design, folder), contents, strict=True)))
    return files, report
