"""Sums of columns: those of a sweep's entries so far, whatever comes before, between and behind."""

import numpy as np
import pytest

from rbp.golden.config import Config
from rbp.hdl.datapath.sums import ColumnSums, DelayLine
from rbp.hdl.timing import Timing
from tests.support import play, timeline

CONFIGS = {
    "a few columns": Config(units=5, macs=2),
    "a power of two": Config(units=8, macs=3),
    "one column": Config(units=1, macs=1),
    "the last with zeros": Config(units=127, macs=8),
    "the first without": Config(units=128, macs=8),
    "many": Config(units=300, macs=1),
    "products": Config(units=4, macs=4, order=2, products=20),
    "ice40hx": Config(units=9, macs=9, family="ice40hx"),
    "ecp5": Config(units=5, macs=2, family="ecp5"),
    "ecp5, one column": Config(units=1, macs=1, family="ecp5"),
    "ecp5, many": Config(units=300, macs=16, family="ecp5"),
}
BUBBLE = -1


def columns_of(rng, config, count):
    """Columns of a sweep's entries, or BUBBLE: the same one no sooner than rule B says."""
    gap, last, found = Timing(config).rules.gap, {}, []
    assert gap == config.device.memory + 2
    some = rng.integers(0, config.columns, max(1, int(rng.integers(1, 2 * gap))))
    for now in range(count):
        free = [int(c) for c in some if now - last.get(int(c), -gap) >= gap]
        column = int(rng.choice(free)) if free and rng.random() < 0.9 else BUBBLE
        last[column] = now
        found.append(column)
    return found


class Sweeps:
    """Writes sweeps into a timeline, and what must come of each entry."""

    def __init__(self, config, rng):
        self.config, self.rng, self.line = config, rng, timeline()
        self.now, self.tail = 1, Timing(config).tail
        self.expected = {"column": {}, "column_last": {}, "end": {}, "total": {}}

    def _entry(self, column, first, last, end, backward, word):
        value = self.config.columns if column == BUBBLE else column
        self.line[self.now] |= {
            "step.column": value,
            "step.column_first": first,
            "step.column_last": last,
            "step.end": end,
        }
        there = self.now + self.tail
        self.line[there]["sum"] = word
        self.expected["column"][there] = value
        self.expected["column_last"][there] = last
        self.expected["end"][there] = end
        if backward:
            self.line[there]["of_column"] = 1
            self.line[there - 1]["coming"] = 1
        self.now += 1

    def sweep(self, count, *, backward):
        columns = np.array(columns_of(self.rng, self.config, count))
        bits = (self.config.backward_width if backward else self.config.sum_width) - 1
        so_far = {}
        for k, column in enumerate(columns.tolist()):
            first = column != BUBBLE and column not in columns[:k]
            last = column != BUBBLE and column not in columns[k + 1 :]
            # the sums of a column, however far they go, have places for them
            share = (1 << bits) // max(1, np.count_nonzero(columns == column)) if backward else 0
            most = (share or 1 << bits) - 1
            word = int(self.rng.integers(-most, most + 1)) >> int(self.rng.integers(0, bits))
            if self.rng.random() < 0.1:
                word = int(self.rng.choice([-most, most]))
            there = self.now + self.tail
            self._entry(column, first, last, k == count - 1, backward, word)
            if not backward:
                self.expected["total"][there + 1] = word
            elif column != BUBBLE:
                so_far[column] = so_far.get(column, 0) + word
                self.expected["total"][there + 1] = so_far[column]

    def pause(self, cycles):
        """Of an idle tree, whose sum is anything."""
        for _ in range(cycles):
            there = self.now + self.tail
            word = int(self.rng.integers(-(1 << 20), 1 << 20))
            self.line[there]["sum"] = word
            self.expected["total"][there + 1] = word
            self.now += 1

    def check(self):
        cycles = max(self.line) + 3
        seen = play(ColumnSums(self.config), self.line, list(self.expected), cycles=cycles)
        for name, expected in self.expected.items():
            assert {cycle: seen[name][cycle] for cycle in expected} == expected, name


@pytest.mark.parametrize("name", CONFIGS)
def test_sums(name):
    """BACKWARD and FORWARD in any order, back to back and with pauses; what a sweep leaves behind
    is not seen by the next."""
    config, rng = CONFIGS[name], np.random.default_rng(4)
    sweeps = Sweeps(config, rng)
    for _ in range(40):
        sweeps.sweep(int(rng.integers(1, 30)), backward=rng.random() < 0.7)
        if rng.random() < 0.3:
            sweeps.pause(int(rng.integers(1, 20)))
    sweeps.check()
    assert Timing(config).sums == 1


@pytest.mark.parametrize("memory", ["generic", "ecp5"])
@pytest.mark.parametrize("cycles", range(1, 12))
def test_delay_line(cycles, memory):
    device = Config(units=1, macs=1, family=memory).device
    line, words = timeline(), np.random.default_rng(cycles).integers(0, 1 << 9, 60)
    for cycle, word in enumerate(words):
        line[cycle]["i"] = word
    dut = DelayLine(width=9, cycles=cycles, device=device)
    seen = play(dut, line, ["o"], cycles=60)["o"]
    assert seen[20:] == words[20 - cycles : 60 - cycles].tolist()
