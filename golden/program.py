"""Program: the structure of a network as a list of entries, which a carousel plays in order.

An entry is one column of one *block*, P consecutive rows of W: P words of the weights, one a
processing element. Only columns that a block has connections in are entries, so a sweep takes about
connections / P cycles and not ⌈N / P⌉·M. The first ``held`` units have no rows: nothing feeds them.

A BACKWARD sums up columns. Some are *wanted*: those of units that are not held, in a higher order
those of products with such a factor. Behind the last of them, a sweep may end: the *short end*.

The rules that make a sweep right, whatever is under way beside it; :meth:`Program.check` holds a
program to them, and :func:`compile_program` keeps them, with *bubbles*, entries without a column:

    A  a block has at least P entries, before a short end too: results of two sweeps do not meet,
       y of a block is in time
    B  two entries of a column are at least ``gap`` apart: its sum is read, added to and written
    C  no wanted column has an entry behind the short end. In first order each has an entry, and
       late enough, if its unit's row has wanted columns itself: y of the unit is written behind
       the column's last entry, and must not be before its row has taken the old one
    D  a sweep has at least ``shortest`` entries: a weight is written before it is read again. With
       a short end, a program has at least ``ahead`` words, two up to there: they are fetched ahead
    F  blocks come in the order of rows, within one no column comes twice, none is missing
"""

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

__all__ = ["BUBBLE", "Program", "Rules", "compile_program"]

BUBBLE = -1
"""The column of an entry that has none; its weights are 0."""


@dataclass(frozen=True)
class Rules:
    """What a machine asks of a program: B, C and D in entries, of D also ``ahead`` in words.

    ``late`` is how much later than its row's turn a unit's y may be read, at most.
    """

    gap: int
    late: int
    shortest: int
    ahead: int = 4


@dataclass(frozen=True, eq=False)
class Program:
    """S entries in R blocks.

    Parameters
    ----------
    units, macs, held : int
        N; P, the rows of a block; the units 0 … held − 1 have no rows.
    wanted : M bool
        The columns whose sums are results.
    columns : S int
        Of each entry, or :data:`BUBBLE`.
    starts : R int
        The first entry of each block; it ends where the next begins.
    short : int
        The entries that a short BACKWARD plays; S where it would save nothing.
    higher : bool
        Columns are products; else those of units, M = N.
    """

    units: int
    macs: int
    held: int
    wanted: np.ndarray
    columns: np.ndarray
    starts: np.ndarray
    short: int
    higher: bool = False

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

    @cached_property
    def _block(self):
        """S int: the block of each entry."""
        return np.searchsorted(self.starts, np.arange(len(self)), side="right") - 1

    def occurrences(self) -> tuple[np.ndarray, np.ndarray]:
        """(S bool, S bool): an entry is the first of its column; the last, of a wanted column."""
        flags = np.zeros((2, len(self)), bool)
        for flag, order in zip(flags, (slice(None), slice(None, None, -1)), strict=True):
            columns, at = np.unique(self.columns[order], return_index=True)
            flag[np.arange(len(self))[order][at[columns != BUBBLE]]] = True
        flags[1, flags[1]] = self.wanted[self.columns[flags[1]]]
        return flags[0], flags[1]

    def check(self, connected: np.ndarray, rules: Rules) -> None:
        """Raise ValueError, which names the rule, unless the program is right for a network.

        ``connected`` is N×M bool, in the order of units and columns that the program has.
        """

        def fail(rule, complaint):
            raise ValueError(f"the program breaks rule {rule}: {complaint}")

        size, terms, starts = len(self), len(self.wanted), np.asarray(self.starts)
        if connected.shape != (self.units, terms) or not (self.higher or terms == self.units):
            fail("F", f"it has {self.units} units, {terms} columns, W is {connected.shape}")
        if connected[: self.held].any():
            fail("F", f"the rows of the first {self.held} units have connections, expected none")
        if len(starts) != self.blocks or size == 0 or starts[0] != 0 or (np.diff(starts) < 1).any():
            fail("F", f"{self.blocks} blocks start at {starts.tolist()}, expected ascending from 0")
        if ((self.columns < BUBBLE) | (self.columns >= terms)).any():
            fail("F", f"a column is not one of 0 … {terms - 1}")
        real = np.flatnonzero(self.columns != BUBBLE)
        count = np.zeros((self.blocks, terms), int)
        np.add.at(count, (self._block[real], self.columns[real]), 1)
        for block, column in np.argwhere(count > 1):
            fail("F", f"block {block} has column {column} twice")
        needed = _any_of_blocks(connected[self.held :], self.macs)
        for block, column in np.argwhere(needed & (count == 0)):
            fail("F", f"block {block} has no entry of column {column}, which is connected")

        if not 1 <= self.short <= size:
            fail("A", f"a short BACKWARD has {self.short} entries, expected 1 … {size}")
        cut = starts[: self._block[self.short - 1] + 1]
        for ends, what in (([*starts, size], "block"), ([*cut, self.short], "up to there, block")):
            for block in np.flatnonzero(np.diff(ends) < self.macs):
                far = np.diff(ends)[block]
                fail("A", f"{what} {block} has {far} entries, expected at least {self.macs}")

        order = real[np.argsort(self.columns[real], kind="stable")]
        again = (np.diff(self.columns[order]) == 0) & (np.diff(order) < rules.gap)
        for a, b in zip(order[:-1][again], order[1:][again], strict=True):
            column = self.columns[a]
            fail("B", f"column {column} comes again {b - a} entries later, expected {rules.gap}")

        last = _last(self)
        if not self.higher:
            for unit in np.flatnonzero(self.wanted != (np.arange(terms) >= self.held)):
                which = "held, its column" if unit < self.held else "not held, its column not"
                fail("C", f"unit {unit} is {which} wanted")
            for unit in np.flatnonzero(self.wanted & (last < 0)):
                fail("C", f"unit {unit} has no entry")
            for unit in _early(self, connected, rules):
                turn = self._turn(unit)
                fail("C", f"unit {unit} is last in entry {last[unit]}, its row's turn is {turn}")
        for column in np.flatnonzero(self.wanted & (last >= self.short)):
            fail("C", f"column {column} is wanted, but last in {last[column]}, behind the end")

        if size < rules.shortest:
            fail("D", f"there are {size} entries, expected at least {rules.shortest}")
        if self.short < size and (self.short < 2 or self.words < rules.ahead):
            fail("D", f"there are {self.words} words, too few for a short end at {self.short}")

    def _turn(self, unit):
        """The entry in which the unit's row takes its y."""
        return self.starts[(unit - self.held) // self.macs] + (unit - self.held) % self.macs

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The words of the banks, S×P: those of W (N×M) in the entries, 0 elsewhere."""
        banks = np.zeros((len(self), self.macs), weights.dtype)
        for block in range(self.blocks):
            here, rows = self.entries(block), self.rows(block)
            columns = self.columns[here]
            banks[here, : len(rows)] = np.where(columns == BUBBLE, 0, weights[rows][:, columns]).T
        return banks

    def unpack(self, banks: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`pack`; 0 where there is no entry."""
        weights = np.zeros((self.units, len(self.wanted)), banks.dtype)
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
        joins = (
            (np.diff(self.columns) == 1)
            & (self.columns[:-1] != BUBBLE)
            & (np.diff(self._block) == 0)
            & (first[1:] == first[:-1])
            & (last[1:] == last[:-1])
        )
        joins[self.short - 1 : self.short] = False
        cuts = [0, *(np.flatnonzero(~joins) + 1).tolist(), len(self)]
        return [(a, b - a) for a, b in zip(cuts, cuts[1:], strict=False)]

    @property
    def words(self) -> int:
        """Words of the program memory."""
        return sum(1 if count == 1 else 2 for _, count in self.runs())

    def encode(self, capacity: int) -> list[int]:
        """The words, for a core that holds ``capacity`` columns, at least M.

        From the low bit: the column (as many bits as ``capacity`` has, which itself is no column);
        more: the columns up to the one before the next word's follow, as this one; the last entry
        of its block; the first of its column; the last of a wanted column; the end of the program;
        the short end, where that saves anything.
        """
        if capacity < len(self.wanted):
            raise ValueError(f"{len(self.wanted)} columns, but the core holds {capacity}")
        begins = np.isin(np.arange(1, len(self) + 1), [*self.starts, len(self)])
        first, last = self.occurrences()
        words = []
        for start, count in self.runs():
            for entry in sorted({start, start + count - 1}):
                final = entry == len(self) - 1
                flags = (
                    entry < start + count - 1,
                    begins[entry],
                    first[entry],
                    last[entry],
                    final,
                    entry == self.short - 1 and not final,
                )
                column = capacity if self.columns[entry] == BUBBLE else int(self.columns[entry])
                bits = sum(bool(flag) << place for place, flag in enumerate(flags))
                words.append(column | bits << capacity.bit_length())
        return words


def compile_program(
    connected: np.ndarray,
    macs: int,
    rules: Rules,
    *,
    held: int = 0,
    wanted: np.ndarray | None = None,
) -> Program:
    """The program of a network, N×M bool ``connected``; rows of held units must be empty.

    ``wanted`` (M bool) makes it one of higher order; by default columns are those of units. Within
    a block, columns ascend, but for those that rule B moves back; where the short end is, the
    wanted ones come first. Rule D makes the last block longer; where rule C asks for it, a unit's
    column comes once more, in its own block.
    """
    units, terms = connected.shape
    if not 0 <= held < units or connected[:held].any():
        raise ValueError(f"held must be units without connections, fewer than {units}, not {held}")
    higher = wanted is not None
    if wanted is None:
        wanted = np.arange(units) >= held
    if len(wanted) != terms:
        raise ValueError(f"W has {terms} columns, expected {len(wanted)}")
    needed = _any_of_blocks(connected[held:], macs)
    leading = np.flatnonzero((needed & wanted).any(axis=1))
    final = int(leading[-1]) if leading.size else 0
    if not higher:
        _give_results(needed[: final + 1], (connected & wanted).any(axis=1), macs, held)
    while True:
        program = _placed(needed, final, rules, units, macs, held, wanted, higher)
        early = np.array([] if higher else _early(program, connected, rules), int)
        own = (early - held) // macs
        if needed[own, early].all():
            program.check(connected, rules)
            return program
        needed[own, early] = True


def _any_of_blocks(rows, macs):
    """R×M bool: which columns any row of a block has."""
    return np.logical_or.reduceat(rows, np.arange(0, len(rows), macs), axis=0)


def _last(program):
    """M int: the last entry of each column, or −1."""
    last = np.full(len(program.wanted), -1)
    real = np.flatnonzero(program.columns != BUBBLE)
    np.maximum.at(last, program.columns[real], real)
    return last


def _early(program, connected, rules):
    """Units whose new y comes too early (rule C)."""
    leads = np.flatnonzero((connected & program.wanted).any(axis=1))
    leads = leads[program.wanted[leads]]
    return leads[_last(program)[leads] + rules.late < program._turn(leads)]


def _give_results(needed, leads, macs, held):
    """A column for each unit that feeds none: where there is room, else in the last block.

    Of a row that leads to results (``leads``, N bool), in its own block or later.
    """
    for unit in np.flatnonzero(~needed.any(axis=0))[:]:
        if unit >= held:
            own = (unit - held) // macs if leads[unit] else 0
            count = needed[own:].sum(axis=1)
            least = int(count.argmin())
            needed[own + least if count[least] < macs else -1, unit] = True


def _placed(needed, final, rules, units, macs, held, wanted, higher):
    """Columns in order, those of rule B later, and bubbles where nothing else is left."""
    columns: list[int] = []
    starts = []
    for block, row in enumerate(needed):
        starts.append(len(columns))
        left = np.flatnonzero(row)
        if block == final:
            left = np.concatenate([left[wanted[left]], left[~wanted[left]]])
        left = left.tolist()
        # behind these, what is near is of the same block
        for now in range(starts[-1], starts[-1] + rules.gap - 1):
            if left:
                near = columns[max(0, now + 1 - rules.gap) :]
                k = next((k for k, column in enumerate(left) if column not in near), None)
                columns.append(BUBBLE if k is None else left.pop(k))
        columns += left
        least = macs if block < len(needed) - 1 else max(macs, rules.shortest - starts[-1])
        columns += [BUBBLE] * (starts[-1] + least - len(columns))
    whole = Program(
        units, macs, held, wanted, np.array(columns), np.array(starts), len(columns), higher
    )
    ends = max(2, starts[final] + macs, int(_last(whole)[wanted].max(initial=-1)) + 1)
    program = replace(whole, short=min(ends, len(columns)))
    return program if program.words >= rules.ahead else whole
