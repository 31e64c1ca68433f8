"""``make synth``: area and speed of a few cores, against what they were.

    python -m rbp.fpga.baselines             measure all rows; exit 1 with a table of what moved
    python -m rbp.fpga.baselines --quick     the small rows only, with one seed
    python -m rbp.fpga.baselines --large     those as well of 6 to 15 minutes a seed
    python -m rbp.fpga.baselines --accept    measure, and make that the baselines
    python -m rbp.fpga.baselines --page      the baselines' table, into docs/design/area.md

The baselines are ``synth/baselines.json``. An area may move by 5 % either way, the median of Fmax
may fall by 5 %. With one seed, Fmax is held to the least of the baseline's seeds.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

from rbp.errors import InputError
from rbp.files import written
from rbp.fpga import synth
from rbp.fpga.devices import DEVICES
from rbp.fpga.machines import MACHINE, flags

__all__ = ["BASELINES", "ROWS", "Row", "compare", "load", "main", "measure", "table"]

ROOT = Path(__file__).resolve().parents[2]
BASELINES = ROOT / "synth" / "baselines.json"
PAGE = ROOT / "docs" / "design" / "area.md"
TOLERANCE = 0.05
SEEDS = 3
BEGIN, END = "<!-- synth table -->", "<!-- /synth table -->"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A core on a device; ``quick`` where it takes a few minutes at most, ``large`` the most.

    ``entries``, ``words``, ``products`` and ``folds`` are by default those of a dense network, of
    all products of ``order`` factors where that is more than 1.
    """

    device: str
    units: int
    macs: int
    lanes: int = 1
    preset: str = "w16"
    grade: int | None = None
    order: int = 1
    momentum: bool = False
    slots: int = 4
    spram: bool = False
    refill: bool = False
    entries: int | None = None
    words: int | None = None
    products: int | None = None
    folds: int | None = None
    quick: bool = False
    large: bool = False

    @property
    def target(self):
        machine = {name: getattr(self, name) for name in MACHINE if hasattr(self, name)}
        given = {name: value for name, value in machine.items() if value is not None}
        return synth.target(self.device, grade=self.grade, **given)

    @property
    def command(self):
        """What measures it by itself; its name, too."""
        grade = f" --grade {self.grade}" if self.grade else ""
        return f"rbp synth --device {self.device}{grade} {flags(self.target.config)}"

    @property
    def holds(self):
        """Of a network: its units, what a program may be, and the products of a higher order."""
        config = self.target.config
        products = f", {config.products:,} products" if config.higher else ""
        return f"{config.units} units, {config.entries:,} entries, {config.words:,} words{products}"


def _ecp5(**settings):
    return Row(device="ecp5-85k", grade=6, preset="w18", **settings)


ROWS = (
    Row(device="up5k", units=15, macs=5, quick=True),
    Row(device="hx8k", units=15, macs=3, quick=True),
    _ecp5(units=15, macs=15, quick=True),
    _ecp5(units=64, macs=16),
    _ecp5(units=64, macs=16, lanes=4, large=True),
    _ecp5(units=64, macs=32, lanes=4, large=True),
    # a second order, and momentum
    Row(device="up5k", units=8, macs=2, order=2),
    _ecp5(units=15, macs=5, order=2),
    Row(device="up5k", units=15, macs=4),
    Row(device="up5k", units=15, macs=4, momentum=True),
    # the largest networks
    Row(device="up5k", units=64, macs=4, spram=True),
    Row(device="up5k", units=256, macs=4, slots=1, spram=True),
    Row(device="hx8k", units=32, macs=3),
    _ecp5(units=256, macs=16),
    _ecp5(units=256, macs=32, lanes=4, large=True),
)


def measure(row, seeds=SEEDS):
    """What ``rbp synth`` finds, or why the core does not fit."""
    try:
        record = synth.run(row.target, seeds=seeds)
    except InputError as error:
        return {"fits": False, "why": str(error)}
    kept = ("fits", "fmax_mhz", "cells", "pe_lut4", "critical_path", "versions")
    return {key: record[key] for key in kept}


def compare(new, old):
    """What moved: pairs of texts, before and now."""
    if old is None:
        return [("no baseline", "measured")]
    if not (new["fits"] and old["fits"]):
        before, now = (r["why"] if not r["fits"] else "fits" for r in (old, new))
        return [(before, now)] if before != now else []
    moved = []
    if new["versions"] != old["versions"]:
        moved.append((_versions(old), _versions(new)))
    for kind, cell in new["cells"].items():
        before, now = old["cells"][kind]["used"], cell["used"]
        if abs(now - before) > TOLERANCE * before:
            moved.append((f"{before} {kind}", f"{now} {kind}"))
    fmax = old["fmax_mhz"]
    before = fmax["min" if new["fmax_mhz"]["seeds"] < fmax["seeds"] else "median"]
    now = new["fmax_mhz"]["median"]
    if now < (1 - TOLERANCE) * before:
        moved.append((f"{before:.1f} MHz", f"{now:.1f} MHz"))
    return moved


def _versions(record):
    return ", ".join(f"{tool} {version}" for tool, version in record["versions"].items())


def table(baselines):
    """The lines of its page; what a core holds, and what it takes."""
    if not baselines:
        return []
    lines = [
        "| command | holds | MHz, median (range) | cells | block RAMs | multipliers | LUT4s a PE |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        found = baselines.get(row.command)
        if found is None:
            continue
        if not found["fits"]:
            lines.append(f"| `{row.command}` | {row.holds} | {found['why']} | | | | |")
            continue
        fmax, cells = found["fmax_mhz"], found["cells"]
        packed = cells[DEVICES[row.device].cells]
        numbers = (
            f"{fmax['median']:.0f} ({fmax['min']:.0f} … {fmax['max']:.0f})",
            *(f"{c['used']:,} of {c['available']:,}" for c in (packed, cells["bram"])),
            f"{cells['dsp']['used']} of {cells['dsp']['available']}",
            str(found["pe_lut4"]),
        )
        lines.append(f"| `{row.command}` | {row.holds} | {' | '.join(numbers)} |")
    return lines


def load():
    """What was accepted, by command."""
    return json.loads(BASELINES.read_text()) if BASELINES.exists() else {}


def _save(baselines):
    BASELINES.parent.mkdir(exist_ok=True)
    with written(BASELINES) as file:
        file.write(json.dumps(baselines, indent=1, ensure_ascii=False).encode() + b"\n")


def _write_page():
    text = PAGE.read_text()
    if BEGIN not in text:
        text += f"\n## Area and speed\n\n{BEGIN}\n{END}\n"
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    lines = "".join(f"{line}\n" for line in table(load()))
    with written(PAGE) as file:
        file.write(f"{before}{BEGIN}\n{lines}{END}{after}".encode())


def _check(rows, seeds, baselines):
    """Measure rows, print them and what moved; returns what was measured."""
    measured, moved = {}, []
    for row in rows:
        print(row.command, flush=True)
        measured[row.command] = found = measure(row, seeds)
        if found["fits"]:
            fmax = found["fmax_mhz"]
            used = ", ".join(f"{cell['used']} {kind}" for kind, cell in found["cells"].items())
            print(f"  {fmax['median']:.1f} MHz ({fmax['min']:.1f} … {fmax['max']:.1f}), {used}")
            print(f"  {found['critical_path']}", flush=True)
        else:
            print(f"  {found['why']}", flush=True)
        moved += [(row.command, *pair) for pair in compare(found, baselines.get(row.command))]
    if moved:
        print("\nmoved:")
    for command, before, now in moved:
        print(f"  {command}\n    {before} -> {now}")
    return measured, bool(moved)


def main(argv=None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m rbp.fpga.baselines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_mutually_exclusive_group()
    for option in ("--quick", "--accept", "--page"):
        what.add_argument(option, action="store_true")
    parser.add_argument("--large", action="store_true")
    arguments = parser.parse_args(argv)
    if not PAGE.exists():
        parser.exit(2, f"rbp: there is no {PAGE}: expected a checkout\n")
    if arguments.page:
        _write_page()
        return 0
    rows = [row for row in ROWS if row.quick or not arguments.quick]
    rows = [row for row in rows if not row.large or arguments.large]
    measured, moved = _check(rows, 1 if arguments.quick else SEEDS, load())
    if arguments.accept:
        _save(load() | measured)
        return 0
    return int(moved)


if __name__ == "__main__":
    sys.exit(main())
