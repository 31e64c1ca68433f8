"""Program: golden's entries, turn after turn, whatever pauses, short turns and loads there are."""

from dataclasses import replace

import numpy as np
import pytest

from rbp.golden.config import Config
from rbp.golden.program import BUBBLE, compile_program
from rbp.hdl.layouts import word_layout
from rbp.hdl.program import AHEAD, Program
from rbp.hdl.timing import Timing
from tests.networks import drawn_program
from tests.support import simulate

CONFIGS = {
    "P = 3": Config(units=12, macs=3),
    "P = 1": Config(units=6, macs=1),
    "one block": Config(units=6, macs=6),
    "one unit": Config(units=1, macs=1),
    "as many columns as a word": Config(units=16, macs=4),
    "ecp5, P = 3": Config(units=12, macs=3, family="ecp5"),
    "ecp5, P = 1": Config(units=6, macs=1, family="ecp5"),
    "ecp5, one block": Config(units=6, macs=6, family="ecp5"),
    "ecp5, one unit": Config(units=1, macs=1, family="ecp5"),
}
FIELDS = "column begin end first last column_first column_last row".split()


def entries(program, config, *, short=False):
    """What is played in a turn: the values of FIELDS, entry by entry."""
    size = program.short if short else len(program)
    at = np.arange(size)
    starts = program.starts[program.starts < size]
    first = np.isin(at, starts)
    within = at - starts[np.searchsorted(starts, at, side="right") - 1]
    column_first, column_last = program.occurrences()
    columns = np.where(program.columns == BUBBLE, config.columns, program.columns)
    fields = (
        columns[:size],
        at == 0,
        at == size - 1,
        first,
        np.append(first[1:], True),
        column_first[:size],
        column_last[:size],
        within < program.macs,
    )
    return [tuple(int(f[k]) for f in fields) for k in range(size)]


class Player:
    """Loads and plays, a cycle at a time, between which it waits at random."""

    def __init__(self, ctx, dut, rng, pauses):
        self.ctx, self.dut, self.rng, self.pauses = ctx, dut, rng, pauses

    async def pause(self):
        while self.rng.random() < self.pauses:
            await self.ctx.tick()

    async def load(self, words):
        """Returns the cycles from the last word until it is ready."""
        table = self.dut.table
        for at, word in enumerate(words):
            await self.pause()
            for name, value in (("w_en", 1), ("w_addr", at), ("w_data", word)):
                self.ctx.set(getattr(table, name), int(value))
            await self.ctx.tick()
            assert not self.ctx.get(self.dut.ready)
            self.ctx.set(table.w_en, 0)
        cycles = 0
        while not self.ctx.get(self.dut.ready):
            cycles += 1
            assert cycles < 20
            await self.ctx.tick()
        return cycles

    async def turn(self, short, most):
        """The entries of a turn; no more than so many."""
        found = []
        while not (found and found[-1][FIELDS.index("end")]):
            assert len(found) < most, "the turn does not end"
            await self.pause()
            self.ctx.set(self.dut.short, short)
            self.ctx.set(self.dut.play, 1)
            entry = self.ctx.get(self.dut.entry)
            assert self.ctx.get(self.dut.ready)
            found.append(tuple(int(getattr(entry, name)) for name in FIELDS))
            await self.ctx.tick()
            self.ctx.set(self.dut.play, 0)
        return found


def play(config, bench, *, pauses, seed):
    dut, rng = Program(config), np.random.default_rng(seed)

    async def run(ctx):
        await bench(Player(ctx, dut, rng, pauses), rng)

    simulate(dut, run)


@pytest.mark.parametrize("pauses", [0, 0.4])
@pytest.mark.parametrize("name", CONFIGS)
def test_entries(name, pauses):
    """Program behind program; short turns, where there are any, and long ones, in any order."""
    config = CONFIGS[name]
    seen, ready = [], []

    async def bench(player, rng):
        for seed in range(12):
            program = drawn_program(config, seed)
            ready.append(await player.load(program.encode(config.columns)))
            for short in rng.integers(0, 2, 6).tolist():
                played = await player.turn(short, 2 * len(program))
                seen.append((seed, short, played, entries(program, config, short=short)))

    play(config, bench, pauses=pauses, seed=1)
    for seed, short, played, expected in seen:
        assert played == expected, (seed, short)
    assert len(set(ready)) == 1
    assert ready[0] == 3 + config.device.memory


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("size", [1, 2, 3, AHEAD, AHEAD + 1, 8])
def test_programs_of_few_words(size, family):
    """Of as few as there may be, and as many as the memory holds."""
    config = Config(units=9, macs=1, words=max(4, size) if size != AHEAD + 1 else 8, family=family)
    rules = replace(Timing(config).rules, shortest=1, gap=1)
    found = {}
    for seed in range(3000):
        rng = np.random.default_rng(seed)
        held = int(rng.integers(0, 9))
        connected = rng.random((9, 9)) < rng.random()
        connected[:held] = False
        connected[int(rng.integers(held, 10)) :, held:] = False
        program = compile_program(connected, 1, rules, held=held)
        if program.words == size:
            found.setdefault(program.short < len(program), program)
    assert found
    assert (True in found) == (size >= AHEAD)
    seen = []

    async def bench(player, rng):
        for program in found.values():
            await player.load(program.encode(config.columns))
            for short in rng.integers(0, 2, 8).tolist():
                played = await player.turn(short, 2 * len(program))
                seen.append((short, played, entries(program, config, short=short)))

    play(config, bench, pauses=0, seed=1)
    for short, played, expected in seen:
        assert played == expected, short


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("words", [4, 5, 8])
def test_whatever_the_words_a_turn_ends(words, family):
    """And a program behind them plays as it should."""
    config = Config(units=5, macs=1, words=words, family=family)
    run = (1 << config.column_bits) + 1  # from a column round to it once more
    most = run * ((1 << (words - 1).bit_length()) + AHEAD)
    connected = np.arange(5)[:, None] == np.full(5, 4)  # one row
    good = compile_program(connected, 1, Timing(config).rules, held=4)
    assert good.words <= words
    lengths, seen = [], []
    size = word_layout(config).size

    async def bench(player, rng):
        for k in range(40):
            chance = rng.integers(0, 1 << size, words)
            if k % 4 < 3:  # few ends
                chance &= ~(3 << size - 2)
            if k % 4 == 1:  # runs
                chance |= 1 << config.column_bits
            await player.load(chance[: rng.integers(1, words + 1)].tolist())
            for short in rng.integers(0, 2, 4).tolist():
                lengths.append(len(await player.turn(short, most)))
            if k % 4 == 3:
                await player.load(good.encode(config.columns))
                for short in (0, 1, 0):
                    seen.append(await player.turn(short, most))

    play(config, bench, pauses=0, seed=words)
    assert max(lengths) > 16
    assert seen == [entries(good, config, short=short) for short in (0, 1, 0)] * 10


@pytest.mark.parametrize("family", ["generic", "ecp5"])
def test_an_end_that_is_overwritten(family):
    """Words without an end over a program's, the last one included."""
    config = Config(units=5, macs=1, words=8, family=family)
    good = drawn_program(config, 1)
    lengths = []

    async def bench(player, _):
        words = good.encode(config.columns)
        await player.load(words)
        await player.turn(0, 99)
        await player.load([config.columns] * len(words))
        lengths.extend([len(await player.turn(0, 99)) for _ in range(3)])

    play(config, bench, pauses=0, seed=1)
    assert max(lengths) <= config.words
