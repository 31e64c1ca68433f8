"""What each board's default core reaches: ``python -m rbp.boards.measured BOARD …``.

Three seeds are placed, one after another; the rows are kept in ``measured.json``, and the table of
docs/boards.md is made of them. ``--page`` only makes the table.
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

__all__ = ["MARGIN", "ROWS", "load", "main", "measure", "table"]

ROWS = Path(__file__).with_name("measured.json")
PAGE = Path(__file__).resolve().parents[2] / "docs" / "boards.md"
SEEDS = 3
MARGIN = Fraction(5, 100)
"""Of the median, that a board's clock stays below it."""
BEGIN, END = "<!-- boards table -->", "<!-- /boards table -->"


def load():
    """``{board: row}`` of those that were measured."""
    return json.loads(ROWS.read_text())


def measure(name):
    """A row: the core, the clock asked, what the seeds reach in MHz, its cells."""
    design = build.design(name)
    found = list(build.routed(design, SEEDS, lambda text: print(f"{name}: {text}", flush=True)))
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


def table(rows):
    """The lines of the page."""
    yield "| board | core | clock, MHz | reached, MHz: median (range) | cells | block RAMs | baud |"
    yield "|---|---|---|---|---|---|---|"
    for name, board in BOARDS.items():
        start = f"| `{name}`: {board.title} "
        if (row := rows.get(name)) is None:
            yield f"{start}| not measured | {board.clock / 1e6:g} | | | | {board.baud:,} |"
            continue
        low, high = row["reached_mhz"][0], row["reached_mhz"][-1]
        cells = next(row["cells"][k] for k in ("logic_cells", "trellis_comb") if k in row["cells"])
        reached = f"{row['median_mhz']:.1f} ({low:.1f} … {high:.1f})"
        numbers = (f"{row['clock_mhz']:g}", reached, f"{cells:,}", row["cells"]["bram"])
        yield f"{start}| `{row['core']}` | {' | '.join(map(str, numbers))} | {board.baud:,} |"


def _write_page():
    before, rest = PAGE.read_text().split(BEGIN)
    lines = "".join(f"{line}\n" for line in table(load()))
    with written(PAGE) as file:
        file.write(f"{before}{BEGIN}\n{lines}{END}{rest.split(END)[1]}".encode())


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m rbp.boards.measured",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("boards", nargs="*", choices=[*BOARDS, []], metavar="BOARD")
    parser.add_argument("--page", action="store_true", help="the table alone")
    arguments = parser.parse_args(argv)
    for name in arguments.boards:
        try:
            row = measure(name)
        except InputError as error:
            print(f"{name}: {error}")
            return 1
        print(f"{name}: {row['median_mhz']:.2f} MHz, {row['cells']}", flush=True)
        with written(ROWS) as file:
            file.write(json.dumps(load() | {name: row}, indent=1).encode() + b"\n")
    if PAGE.exists():
        _write_page()
    return 0


if __name__ == "__main__":
    sys.exit(main())
