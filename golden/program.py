"""Program: the structure of a network as a list of entries, which a carousel plays in order.

An entry is one column of one *block*, P consecutive rows of W: P words of the weights, one a
processing element. Only columns that a block has connections in are entries, so a sweep takes about
connections / P cycles and not ⌈N / P⌉·N. The first ``held`` units have no rows: nothing feeds them.

The rules that make a sweep right, whatever is under way beside it; :meth:`Program.check` holds a
program to them, and :func:`compile_program` keeps them, with *bubbles*, entries without a column:

    A  a block has at least P entries: results of two sweeps do not meet, y of a block is in time
    B  two entries of a column are at least ``gap`` apart: its sum is read, added to and written
    C  each unit that is not held has a column, late enough: its y is written behind its last entry,
       and must not be before its row has taken the old one
    D  a sweep has at least ``shortest`` entries: a weight is written before it is read again
    E  the last entry is the last of its column: a BACKWARD ends with a result
    F  blocks come in the order of rows, and within one no column comes twice
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["BUBBLE", "Program", "Rules", "compile_program"]

BUBBLE = -1
"""The column of an entry that has none; its weights are 0."""

ATTEMPTS = 50


@dataclass(frozen=True)
class Rules:
    """What a machine asks of a program, in entries: B, C, D.

    ``late`` is how much later than its row's turn a unit's y may be read, at most.
    """

    gap: int
    late: int
    shortest: int


@dataclass(frozen=True, eq=False)
class Program:
    """S entries in R blocks.

    Parameters
    ----------
    units, macs, held : int
        N; P, the rows of a block; the units 0 … held − 1 have no rows.
    columns : S int
        Of each entry, or :data:`BUBBLE`.
    starts : R int
        The first entry of each block; it ends where the next begins.
    """

    units: int
    macs: int
    held: int
    columns: np.ndarray
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def blocks(self) -> int:
        """R."""
        return -(-(self.units - self.held) // self.macs)

    def rows(self, block: int) -> np.ndarray:
        """The units of a block."""
        first = self.held + block * self.macs
        return np.arange(first, min(first + self.macs, self.units))

    def entries(self, block: int) -> slice:
        """The entries of a block."""
        ends = [*self.starts[1:], len(self)]
        return slice(int(self.starts[block]), int(ends[block]))

    def occurrences(self) -> tuple[np.ndarray, np.ndarray]:
        """(S bool, S bool): an entry is the first, and the last, of its column."""
        flags = np.zeros((2, len(self)), bool)
        for flag, order in zip(flags, (slice(None), slice(None, None, -1)), strict=True):
            columns, at = np.unique(self.columns[order], return_index=True)
            flag[order] = np.isin(np.arange(len(self)), at[columns != BUBBLE])
        return flags[0], flags[1]

    def check(self, connected: np.ndarray, rules: Rules) -> None:
        """Raise ValueError, which names the rule, unless the program is right for a network.

        ``connected`` is N×N bool, in the order of units that the program has.
        """
        for rule, complaint in self._complaints(connected, rules):
            raise ValueError(f"the program breaks rule {rule}: {complaint}")

    def _complaints(self, connected, rules) -> Iterator[tuple[str, str]]:
        n, starts = len(self), self.starts
        if len(starts) != self.blocks or n == 0 or starts[0] != 0 or (np.diff(starts) < 1).any():
            yield "F", f"{self.blocks} blocks start at {starts.tolist()}, expected ascending from 0"
            return
        last: dict[int, int] = {}
        for block in range(self.blocks):
            here = self.columns[self.entries(block)]
            if len(here) < self.macs:
                yield "A", f"block {block} has {len(here)} entries, expected at least {self.macs}"
            real = here[here != BUBBLE]
            if len(np.unique(real)) < len(real):
                yield "F", f"block {block} has a column twice"
            needed = np.flatnonzero(connected[self.rows(block)].any(axis=0))
            if missing := sorted(set(needed.tolist()) - set(real.tolist())):
                yield "F", f"block {block} has no entry of column {missing[0]}, which is connected"
        for entry, column in enumerate(self.columns.tolist()):
            if column == BUBBLE:
                continue
            if not 0 <= column < self.units:
                yield (
                    "F",
                    f"entry {entry} has column {column}, expected one of 0 … {self.units - 1}",
                )
            if entry - last.get(column, -rules.gap) < rules.gap:
                far = entry - last[column]
                yield "B", f"column {column} comes again {far} entries later, expected {rules.gap}"
            last[column] = entry
        for unit in range(self.held, self.units):
            if unit not in last:
                yield "C", f"unit {unit} has no entry"
            elif last[unit] + rules.late < (turn := self._turn(unit)):
                yield "C", f"unit {unit} is last in entry {last[unit]}, its row's turn is {turn}"
        if n < rules.shortest:
            yield "D", f"there are {n} entries, expected at least {rules.shortest}"
        if self.columns[-1] == BUBBLE or self.columns[-1] < self.held:
            yield "E", f"the last entry has column {self.columns[-1]}, expected one with a result"

    def _turn(self, unit):
        """The entry in which the unit's row takes its y."""
        block, place = divmod(unit - self.held, self.macs)
        return int(self.starts[block]) + place

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The words of the banks, S×P: those of W (N×N) in the entries, 0 elsewhere."""
        banks = np.zeros((len(self), self.macs), weights.dtype)
        for block in range(self.blocks):
            here, rows = self.entries(block), self.rows(block)
            columns = self.columns[here]
            banks[here, : len(rows)] = np.where(columns == BUBBLE, 0, weights[rows][:, columns]).T
        return banks

    def unpack(self, banks: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`pack`."""
        weights = np.zeros((self.units, self.units), banks.dtype)
        for block in range(self.blocks):
            here, rows = self.entries(block), self.rows(block)
            real = self.columns[here] != BUBBLE
            columns = self.columns[here][real]
            weights[np.ix_(rows, columns)] = banks[here][real, : len(rows)].T
        return weights

    def runs(self) -> list[tuple[int, int]]:
        """(first entry, entries) of each run: columns that follow each other, with the same flags.

        A run of one is a word of the program, a longer one two.
        """
        first, last = self.occurrences()
        block = np.searchsorted(self.starts, np.arange(len(self)), side="right")
        joins = (
            (np.diff(self.columns) == 1)
            & (self.columns[:-1] != BUBBLE)
            & (np.diff(block) == 0)
            & (first[1:] == first[:-1])
            & (last[1:] == last[:-1])
        )
        cuts = [0, *(np.flatnonzero(~joins) + 1).tolist(), len(self)]
        return [(a, b - a) for a, b in zip(cuts, cuts[1:], strict=False)]

    @property
    def words(self) -> int:
        """Words of the program memory."""
        return sum(1 if count == 1 else 2 for _, count in self.runs())


def compile_program(connected: np.ndarray, macs: int, rules: Rules, *, held: int = 0) -> Program:
    """The program of a network, N×N bool ``connected``; rows of held units must be empty.

    Within a block, columns ascend, but for those that rule B moves back. Rule D makes the last
    block longer; where rule C asks for it, a unit's column comes once more, in its own block.
    """
    units = len(connected)
    if not 0 <= held < units or connected[:held].any():
        raise ValueError(f"held must be units without connections, fewer than {units}, not {held}")
    blocks = -(-(units - held) // macs)
    wanted = []
    for block in range(blocks):
        rows = connected[held + block * macs :][:macs]
        wanted.append(set(np.flatnonzero(rows.any(axis=0)).tolist()))
    _give_results(wanted, units, macs, held)
    for _ in range(ATTEMPTS):
        program = _placed(wanted, units, macs, held, rules)
        last = {column: entry for entry, column in enumerate(program.columns.tolist())}
        early = [
            unit for unit in range(held, units) if last[unit] + rules.late < program._turn(unit)
        ]
        if not early:
            program.check(connected, rules)
            return program
        for unit in early:
            wanted[(unit - held) // macs].add(unit)
    raise ValueError(f"no program keeps rule C within {ATTEMPTS} attempts")


def _give_results(wanted, units, macs, held):
    """A column for each unit that feeds none: in its own block or later, where there is room."""
    for unit in sorted(set(range(held, units)).difference(*wanted)):
        own = (unit - held) // macs
        room = [b for b in range(own, len(wanted)) if len(wanted[b]) < macs]
        wanted[min(room, key=lambda b: len(wanted[b])) if room else -1].add(unit)


def _placed(wanted, units, macs, held, rules):
    """Columns in order, those of rule B later, and bubbles where nothing else is left."""
    columns: list[int] = []
    starts, last = [], {}
    for block, needed in enumerate(wanted):
        starts.append(len(columns))
        least = starts[-1] + macs
        if block == len(wanted) - 1:
            least = max(least, rules.shortest)
        left = sorted(needed)
        final = _final(left, held) if block == len(wanted) - 1 else None
        while left:
            now = len(columns)
            free = (j for j in left if now - last.get(j, -rules.gap) >= rules.gap)
            column = next((j for j in free if j != final or len(left) == 1), BUBBLE)
            if left == [final] and now + 1 < least:
                column = BUBBLE
            columns.append(column)
            if column != BUBBLE:
                left.remove(column)
                last[column] = now
        columns += [BUBBLE] * (least - len(columns))
    return Program(units, macs, held, np.array(columns), np.array(starts))


def _final(columns, held):
    """Which column ends a program: one that has a result (rule E), the greatest."""
    return max((j for j in columns if j >= held), default=None)
