"""Program: the structure of a network as a list of entries, which a carousel plays in order.

An entry is one column of one *block*, P consecutive rows of W: P words of the weights, one a
processing element. Only columns that a block has connections in are entries, so a sweep takes about
connections / P cycles. The first ``held`` units have no rows.

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

    @cached_property
    def _block(self):
        """S int: the block of each entry."""
        return np.searchsorted(self.starts, np.arange(len(self)), side="right") - 1

    @cached_property
    def _last(self):
        """M int: the last entry of each column, or −1."""
        last = np.full(len(self.wanted), -1)
        real = np.flatnonzero(self.columns != BUBBLE)
        np.maximum.at(last, self.columns[real], real)
        return last

    def occurrences(self) -> tuple[np.ndarray, np.ndarray]:
        """(S bool, S bool): an entry is the first of its column; the last, of a wanted column."""
        first, last = np.zeros((2, len(self)), bool)
        columns, at = np.unique(self.columns, return_index=True)
        first[at[columns != BUBBLE]] = True
        last[self._last[self.wanted & (self._last >= 0)]] = True
        return first, last

    def check(self, connected: np.ndarray, rules: Rules) -> None:
        """Raise ValueError, which names the rule, unless the program is right for a network.

        ``connected`` is N×M bool, in the order of units and columns that the program has.
        """

        def fail(rule, complaint):
            raise ValueError(f"the program breaks rule {rule}: {complaint}")

        size, terms, starts = len(self), len(self.wanted), np.asarray(self.starts)
        if connected.shape != (self.units, terms) or connected[: self.held].any():
            fail("F", f"W is not {self.units}×{terms}, or of the first {self.held} rows not empty")
        ends = [*starts, size]
        if len(starts) != self.blocks or starts[0] != 0 or (np.diff(ends) < 1).any():
            fail("F", f"{self.blocks} blocks start at {starts.tolist()}, expected ascending from 0")
        if not 1 <= self.short <= size:
            fail("A", f"a short BACKWARD has {self.short} entries, expected 1 … {size}")
        for cut in (ends, [*starts[starts < self.short], self.short]):
            for block in np.flatnonzero(np.diff(cut) < self.macs):
                fail("A", f"block {block} has {np.diff(cut)[block]} entries, expected {self.macs}")

        if ((self.columns < BUBBLE) | (self.columns >= terms)).any():
            fail("F", f"a column is not one of 0 … {terms - 1}")
        real = np.flatnonzero(self.columns != BUBBLE)
        count = np.zeros((self.blocks, terms), int)
        np.add.at(count, (self._block[real], self.columns[real]), 1)
        for block, column in np.argwhere(count > 1):
            fail("F", f"block {block} has column {column} twice")
        missing = _any_of_blocks(connected[self.held :], self.macs) & (count == 0)
        for block, column in np.argwhere(missing):
            fail("F", f"block {block} has no entry of column {column}, which is connected")

        order = real[np.argsort(self.columns[real], kind="stable")]
        again = (np.diff(self.columns[order]) == 0) & (np.diff(order) < rules.gap)
        for a, b in zip(order[:-1][again], order[1:][again], strict=True):
            fail("B", f"column {self.columns[a]} comes again {b - a} later, expected {rules.gap}")

        if not self.higher:
            alone = ~(connected.any(axis=0) | connected.any(axis=1) | self.wanted)
            expected = (np.arange(terms) >= self.held) & ~alone
            for unit in np.flatnonzero(self.wanted != expected):
                fail("C", f"column {unit} is {'' if self.wanted[unit] else 'not '}wanted")
            for unit in np.flatnonzero(self.wanted & (self._last < 0)):
                fail("C", f"unit {unit} has no entry")
            for unit in self._early(connected, rules):
                last, turn = self._last[unit], self._turn(unit)
                fail("C", f"unit {unit} is last in entry {last}, its row's turn is {turn}")
        for column in np.flatnonzero(self.wanted & (self._last >= self.short)):
            fail("C", f"column {column} has an entry behind the short end, {self.short}")

        if size < rules.shortest:
            fail("D", f"there are {size} entries, expected at least {rules.shortest}")
        if self.short < size and (self.short < 2 or self.words < rules.ahead):
            fail("D", f"there are {self.words} words, too few for a short end at {self.short}")

    def _turn(self, unit):
        """The entry in which the unit's row takes its y."""
        return self.starts[(unit - self.held) // self.macs] + (unit - self.held) % self.macs

    def _early(self, connected, rules):
        """The units whose new y comes too early (rule C), in first order."""
        units = np.flatnonzero((connected & self.wanted).any(axis=1) & self.wanted)
        return units[self._last[units] + rules.late < self._turn(units)]

    def places(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(S×P bool, rows, columns): which words of the banks are weights; which weights."""
        rows = self.held + self._block[:, None] * self.macs + np.arange(self.macs)
        there = (rows < self.units) & (self.columns != BUBBLE)[:, None]
        return there, rows[there], np.broadcast_to(self.columns[:, None], rows.shape)[there]

    def pack(self, weights: np.ndarray) -> np.ndarray:
        """The words of the banks, S×P: those of W (N×M) in the entries, 0 elsewhere."""
        there, rows, columns = self.places()
        banks = np.zeros(there.shape, weights.dtype)
        banks[there] = weights[rows, columns]
        return banks

    def unpack(self, banks: np.ndarray) -> np.ndarray:
        """The inverse of :meth:`pack`; 0 where there is no entry."""
        there, rows, columns = self.places()
        weights = np.zeros((self.units, len(self.wanted)), banks.dtype)
        weights[rows, columns] = banks[there]
        return weights

    def runs(self) -> list[tuple[int, int]]:
        """(first entry, entries) of each run: columns that follow each other, with the same flags.

        A run of one is a word of the program, a longer one two.
        """
        same = np.diff(np.array([*self.occurrences(), self._block], int)) == 0
        follows = (np.diff(self.columns) == 1) & (self.columns[:-1] != BUBBLE)
        joins = follows & same.all(axis=0)
        joins[self.short - 1 : self.short] = False
        cuts = [0, *(np.flatnonzero(~joins) + 1).tolist(), len(self)]
        return [(a, b - a) for a, b in zip(cuts, cuts[1:], strict=False)]

    @property
    def words(self) -> int:
        """Words of the program memory."""
        return sum(min(count, 2) for _, count in self.runs())

    def encode(self, capacity: int) -> list[int]:
        """The words, for a core that holds ``capacity`` columns; raises ValueError if it has more.

        From the low bit: the column (as many bits as ``capacity`` has, which itself is no column);
        more: the columns up to the one before the next word's follow, as this one; the last entry
        of its block; the first of its column; the last of a wanted column; the end of the program;
        the short end, where that saves anything.
        """
        if capacity < len(self.wanted):
            raise ValueError(f"{len(self.wanted)} columns, but the core holds {capacity}")
        at, final, words = np.arange(len(self)), len(self) - 1, []
        ends = (at == final, (at == self.short - 1) & (at < final))
        flags = np.array([np.append(np.diff(self._block), 1), *self.occurrences(), *ends], int)
        bits = capacity.bit_length()
        columns = np.where(self.columns == BUBBLE, capacity, self.columns)
        entries = (columns | np.left_shift(flags.T, bits + np.arange(1, 6)).sum(axis=1)).tolist()
        for start, count in self.runs():
            if count > 1:
                words.append(entries[start] | (count > 2) << bits)
            words.append(entries[start + count - 1])
        return words


def compile_program(
    connected: np.ndarray, macs: int, rules: Rules, *, held: int = 0, wanted=None, higher=False
) -> Program:
    """The program of a network, N×M bool ``connected``; rows of held units must be empty.

    ``wanted`` (M bool) are by default the columns of units that are not held; in a ``higher`` order
    columns are those of products. Within a block, columns ascend, but for those that rule B moves
    back; where the short end is, the wanted ones come first. Rule C repeats columns.
    """
    units, terms = connected.shape
    if not 0 <= held < units or connected[:held].any():
        raise ValueError(f"held must be units without connections, fewer than {units}, not {held}")
    wanted = np.arange(units) >= held if wanted is None else np.asarray(wanted)
    if len(wanted) != terms:
        raise ValueError(f"W has {terms} columns, expected {len(wanted)}")
    needed = _any_of_blocks(connected[held:], macs)
    leading = np.flatnonzero((needed & wanted).any(axis=1))
    final = int(leading.max(initial=0))
    none = Program(units, macs, held, wanted, np.array([]), np.array([]), 0, higher)
    if not higher:
        _give_results(needed[: final + 1], none, (connected & wanted).any(axis=1))
    while True:
        program = _placed(needed, final, none, rules)
        early = np.array([] if higher else program._early(connected, rules), int)
        own = (early - held) // macs
        if needed[own, early].all():
            program.check(connected, rules)
            return program
        needed[own, early] = True


def _any_of_blocks(rows, macs):
    """R×M bool: which columns any row of a block has."""
    return np.logical_or.reduceat(rows, np.arange(0, len(rows), macs), axis=0)


def _give_results(needed, program, leads):
    """A column for each unit that feeds none: where there is room, else in the last block; where
    the unit's y adds to a result (``leads``), in its own block or later."""
    count = needed.sum(axis=1)
    for unit in np.flatnonzero(program.wanted & ~needed.any(axis=0)):
        own = (unit - program.held) // program.macs if leads[unit] else 0
        least = own + int(count[own:].argmin())
        block = least if count[least] < program.macs else -1
        needed[block, unit] = True
        count[block] += 1


def _placed(needed, final, program, rules):
    """Columns in order, those of rule B later, and bubbles where nothing else is left."""
    macs, wanted = program.macs, program.wanted
    columns, starts = [], []
    for block, row in enumerate(needed):
        starts.append(len(columns))
        order = np.flatnonzero(row)
        if block == final:
            order = np.concatenate([order[wanted[order]], order[~wanted[order]]])
        left = order.tolist()
        for now in range(starts[-1], starts[-1] + rules.gap - 1):  # behind these, none is near
            if left:
                near = columns[max(0, now + 1 - rules.gap) :]
                k = next((k for k, column in enumerate(left) if column not in near), None)
                columns.append(BUBBLE if k is None else left.pop(k))
        columns += left
        least = macs if block < len(needed) - 1 else max(macs, rules.shortest - starts[-1])
        columns += [BUBBLE] * (starts[-1] + least - len(columns))
    size, arrays = len(columns), {"columns": np.array(columns), "starts": np.array(starts)}
    whole = replace(program, **arrays, short=size)
    ends = max(2, starts[final] + macs, int(whole._last[wanted].max(initial=-1)) + 1)
    result = replace(whole, short=min(ends, size))
    return result if result.words >= rules.ahead else whole
