"""Rows that have no program here yet, and what `make test` does of them."""

from tests.verify.row import Row

__all__ = ["ROWS"]

_PLANNED = (
    (2, "edge-bins", "edge bins", "bins", 14, "counts of what the problems of row 1 reach."),
    (4, "coverage", "coverage", "percent", 95, "counts of lines and branches."),
    (6, "python-mutants", "mutants of golden and rbp", "percent", 95, "all of it."),
    (
        7,
        "proofs",
        "proofs",
        "blocks",
        8,
        """the table, the tree, the carousel, the log, the host port and the link. `make
formal` proves AXI4-Lite and Wishbone by induction, each with a planted bug.""",
    ),
    (11, "upsets", "upsets", "bits", 1, "a flip of each register; parity as an option."),
    (
        12,
        "files",
        "files",
        "kinds",
        6,
        """one place for it. `make test` flips, cuts and forges files, fills disks and kills
writers: `tests/rbp/cli`, `tests/rbp/test_outputs.py`, `tests/rbp/sweeps`.""",
    ),
    (
        13,
        "netlists",
        "netlists",
        "boards",
        11,
        "all boards. `make board-test` reads images of three boards back, and they learn.",
    ),
    (
        14,
        "second-simulator",
        "a second simulator",
        "cores",
        5,
        """trainings of whole cores. `make test` runs the exported testbench in Icarus, and
the blocks in Amaranth's simulator.""",
    ),
    (
        15,
        "warnings",
        "tool warnings",
        "tools",
        4,
        "one list. `tests/rbp/export/test_lint.py` asks Verilator, Icarus, yosys and slang.",
    ),
)

ROWS = tuple(
    Row(number=n, name=name, title=title, how="", aim=aim, unit=unit, missing=missing)
    for n, name, title, unit, aim, missing in _PLANNED
)
