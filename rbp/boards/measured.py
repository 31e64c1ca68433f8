"""What each board's default core reaches: ``python -m rbp.boards.measured BOARD …``.

Three seeds, or ``--seeds``, are placed, one after another; the rows are kept in ``measured.json``,
and the tables of docs/boards.md and README.md are made of them. ``--page`` only makes the tables.
"""

import argparse
import json
import statistics
import sys
from fractions import Fraction
from pathlib import Path

from rbp.boards import build
from rbp.boards.boards import BOARDS
from rbp.errors import InputError
from rbp.files import written
from rbp.fpga import flow
from rbp.fpga.machines import flags

__all__ = ["MARGIN", "PAGES", "ROWS", "load", "main", "measure", "page"]

ROWS = Path(__file__).with_name("measured.json")
PROJECT = Path(__file__).resolve().parents[2]
SEEDS = 3
MARGIN = Fraction(5, 100)
"""Of the median, that a board's clock stays below it."""
BEGIN, END = "<!-- boards table -->", "<!-- /boards table -->"


def load():
    """``{board: row}`` of those that were measured."""
    return json.loads(ROWS.read_text())


def measure(name, seeds=SEEDS):
    """A row: the core, the clock asked, what the seeds reach in MHz, its cells."""
    design = build.design(name)
    found = list(build.routed(design, seeds, lambda text: print(f"{name}: {text}", flush=True)))
    reached = sorted(each.reached for each in found)
    cells = {kind: cell["used"] for kind, cell in found[0].cells.items()}
    return {
        "core": flags(design.target.config),
        "clock_mhz": design.clock / 1e6,
        "reached_mhz": reached,
        "median_mhz": statistics.median(reached),
        "cells": cells,
        "versions": flow.versions(design.target.device),
    }


def _row(name, row):
    """Core, clock asked, reached, cells and block RAMs, as a page has them."""
    if row is None:
        return "not measured", f"{BOARDS[name].clock / 1e6:g}", "", "", ""
    reached, cells = row["reached_mhz"], row["cells"]
    shown = f"{row['median_mhz']:.1f}"
    if len(reached) > 1:
        shown += f" ({reached[0]:.1f} … {reached[-1]:.1f})"
    used = next(cells[kind] for kind in ("logic_cells", "trellis_comb") if kind in cells)
    return f"`{row['core']}`", f"{row['clock_mhz']:g}", shown, f"{used:,}", str(cells["bram"])


def table(rows):
    """The lines of docs/boards.md: every board."""
    yield "| board | core | clock, MHz | reached, MHz: median (range) | cells | block RAMs | baud |"
    yield "|---|---|---|---|---|---|---|"
    for name, board in BOARDS.items():
        words = _row(name, rows.get(name))
        yield f"| `{name}`: {board.title} | {' | '.join(words)} | {board.baud:,} |"


def short(rows):
    """The lines of README.md: of each device the first board that was measured."""
    yield "| board | core | MHz asked | MHz reached | cells | block RAMs |"
    yield "|---|---|---|---|---|---|"
    first: dict[str, str] = {}
    for name in filter(rows.__contains__, BOARDS):
        first.setdefault(BOARDS[name].device, name)
    for name in first.values():
        yield f"| {BOARDS[name].title} | {' | '.join(_row(name, rows[name]))} |"


PAGES = {PROJECT / "docs" / "boards.md": table, PROJECT / "README.md": short}


def page(path):
    """A page, with its table made anew."""
    text = path.read_text()
    before, rest = text.split(BEGIN)
    lines = "".join(f"{line}\n" for line in PAGES[path](load()))
    return f"{before}{BEGIN}\n{lines}{END}{rest.split(END)[1]}"


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m rbp.boards.measured",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("boards", nargs="*", choices=[*BOARDS, []], metavar="BOARD")
    parser.add_argument("--seeds", type=int, default=SEEDS, help="placements of each")
    parser.add_argument("--page", action="store_true", help="the table alone")
    arguments = parser.parse_args(argv)
    for name in arguments.boards:
        try:
            row = measure(name, arguments.seeds)
        except InputError as error:
            print(f"{name}: {error}")
            return 1
        print(f"{name}: {row['median_mhz']:.2f} MHz, {row['cells']}", flush=True)
        with written(ROWS) as file:
            file.write(json.dumps(load() | {name: row}, indent=1).encode() + b"\n")
    for path in filter(Path.exists, PAGES):
        made = page(path).encode()
        with written(path) as file:
            file.write(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
