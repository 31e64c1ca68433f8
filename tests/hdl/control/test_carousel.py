"""Carousel: turns of the program's entries, back to back, and no wait longer or shorter than the
weights need."""

from itertools import product

import numpy as np
import pytest

from rbp.golden.config import Config
from rbp.hdl.control.carousel import Carousel
from rbp.hdl.layouts import Kind, word_layout
from rbp.hdl.program import AHEAD
from rbp.hdl.timing import Timing
from tests.hdl.test_program import FIELDS, entries
from tests.networks import drawn_program
from tests.support import simulate

CONFIGS = {
    "R = 1": Config(units=5, macs=5),
    "R = 3, padded": Config(units=7, macs=3),
    "P = 1": Config(units=4, macs=1),
    "one unit": Config(units=1, macs=1),
    "two units": Config(units=2, macs=2),
    "a program as long as the wait": Config(units=3, macs=3),
    "many": Config(units=16, macs=4),
    "ecp5, short": Config(units=2, macs=1, family="ecp5"),
    "ecp5": Config(units=4, macs=4, family="ecp5"),
    "ice40hx": Config(units=4, macs=2, family="ice40hx"),
    "two lanes": Config(units=4, macs=4, lanes=2),
    "eight lanes": Config(units=6, macs=3, lanes=8),
    "eight lanes, ecp5": Config(units=3, macs=3, lanes=8, family="ecp5"),
}
REQUESTS = {kind: kind.name.lower() for kind in Kind}
PROGRAMS = {name: drawn_program(config, 3) for name, config in CONFIGS.items()}


async def load(ctx, dut, words):
    """A word a cycle; returns the cycles from the last until it rests."""
    for at, word in enumerate(words):
        for name, value in (("w_en", 1), ("w_addr", at), ("w_data", int(word))):
            ctx.set(getattr(dut.table, name), value)
        await ctx.tick()
        assert not ctx.get(dut.resting)
    ctx.set(dut.table.w_en, 0)
    cycles = 0
    while not ctx.get(dut.resting):
        assert not ctx.get(dut.step).start
        cycles += 1
        assert cycles < 20
        await ctx.tick()
    return cycles


def ride(config, program, wishes):
    """Wish for turns, (kind, cycles after the start of the one before, whether any is FORWARD).

    Returns the cycle of each turn's first step (of an UPDATE by a single port, of both turns), and
    of each cycle the step (or None) and whether the carousel rests.
    """
    dut, starts, steps, resting = Carousel(config), [], [], []

    async def bench(ctx):
        await load(ctx, dut, program.encode(config.columns))

        async def cycle():
            await ctx.tick()
            step = ctx.get(dut.step)
            steps.append(step if step.valid else None)
            resting.append(ctx.get(dut.resting))

        for kind, later, ahead in wishes:
            for _ in range(later):
                await cycle()
            request = getattr(dut, REQUESTS[kind])
            ctx.set(request, 1)
            ctx.set(dut.ahead, ahead)
            turns = 1 + (config.spram and kind == Kind.UPDATE)
            for _ in range(400):
                started = ctx.get(dut.step).start
                assert ctx.get(dut.step).start_relax == (started and kind == Kind.RELAX)
                assert ctx.get(dut.step).start_short == (not ahead)
                turns -= started
                taken = started and not turns
                assert ctx.get(dut.updating) == (taken and kind == Kind.UPDATE)
                assert ctx.get(dut.serving) == (taken and kind in (Kind.WRITE, Kind.PROBE))
                await cycle()
                if started:
                    starts.append(len(steps) - 1)
                if taken:
                    break
            ctx.set(request, 0)
            ctx.set(dut.ahead, not ahead)  # what counts is when it starts
        for _ in range(len(program) + 60):
            await cycle()

    simulate(dut, bench)
    return starts, steps, resting


def turn(program, kind, ahead=1):
    """Cycles of a turn."""
    if kind == Kind.WRITE:
        return 1
    return program.short if kind == Kind.RELAX and not ahead else len(program)


def least_start(config, program, before, kind, ahead=(1, 1)):
    """The first cycle, seen from the turn before at 0, at which a turn may start: behind an UPDATE
    found by trying, from when each word is read and written.

    A bank reads one word a cycle, and a word not before the cycle after its writing.
    """
    time, size = Timing(config), len(program)
    if before in (Kind.WRITE, Kind.PROBE):
        # a WRITE's word and place are held until the last bank has it, a PROBE's mark until its
        # last result has left the tree and been added to nothing; both for the longer
        last_bank = turn(program, before) - 1 + time.behind(0) + config.macs - 1
        written, left = time.last_write, time.result + time.tree + time.merge
        return last_bank + max(written, left) + 3
    if before == Kind.RELAX:
        return turn(program, before, ahead[0])

    def reads(kind, start, ahead=1):
        late = time.update_lag if kind == Kind.UPDATE else 0
        return [start + word + time.read + late for word in range(turn(program, kind, ahead))]

    for start in range(size, size + 100):
        collide = set(reads(Kind.UPDATE, 0)) & set(reads(kind, start, ahead[1]))
        written = [word + time.last_write for word in range(size)]
        early = any(r <= w for r, w in zip(reads(kind, start), written, strict=False))
        if not collide and not early:
            return start
    raise AssertionError("no start found")


@pytest.mark.parametrize("name", CONFIGS)
def test_waits(name):
    """Every kind behind every kind, short or not: as soon as it may, and no sooner."""
    config, program = CONFIGS[name], PROGRAMS[name]
    time, size = Timing(config), len(program)
    # a run begins and ends with the carousel at rest
    never = ({Kind.UPDATE, Kind.WRITE}, {Kind.UPDATE, Kind.PROBE})
    kinds = [pair for pair in product(Kind, Kind) if set(pair) not in never]
    cases = [(*pair, ahead) for pair in kinds for ahead in product((0, 1), (0, 1))]
    wishes = [wish for a, b, ahead in cases for wish in ((a, 80, ahead[0]), (b, 0, ahead[1]))]
    starts, _, _ = ride(config, program, wishes)
    gaps = {case: starts[2 * k + 1] - starts[2 * k] for k, case in enumerate(cases)}
    assert gaps == {
        (a, b, ahead): least_start(config, program, a, b, ahead) for a, b, ahead in cases
    }
    # the same in closed form
    for _, ahead in product((0, 1), (0, 1)):
        assert gaps[Kind.UPDATE, Kind.RELAX, (1, ahead)] == size + time.update_lag
    assert gaps[Kind.UPDATE, Kind.UPDATE, (1, 1)] == size
    assert gaps[Kind.RELAX, Kind.RELAX, (0, 1)] == program.short


@pytest.mark.parametrize("name", CONFIGS)
def test_a_wait_is_over_whoever_wishes_late(name):
    """Who comes behind an UPDATE's wait, or at rest, starts at once."""
    config, program = CONFIGS[name], PROGRAMS[name]
    for kind in (Kind.RELAX, Kind.UPDATE):
        free = least_start(config, program, Kind.UPDATE, kind)
        for later in (free - 2, free - 1, free, free + 7):
            starts, _, _ = ride(config, program, [(Kind.UPDATE, 3, 1), (kind, later, 1)])
            assert starts[1] - starts[0] == max(free, later + 1)


@pytest.mark.parametrize("name", CONFIGS)
def test_turns_back_to_back(name):
    """Without a pause while anything is wished for; each plays golden's entries."""
    config, rng = CONFIGS[name], np.random.default_rng(9)
    for seed in range(3):
        program = drawn_program(config, seed)
        drawn = zip(rng.integers(0, 2, 30), rng.integers(0, 2, 30), strict=True)
        wishes = [(Kind(int(k)), 0, int(ahead)) for k, ahead in drawn]
        starts, steps, _ = ride(config, program, wishes)
        expected = {}
        for k, (start, (kind, _, ahead)) in enumerate(zip(starts, wishes, strict=True)):
            if k:
                before, _, was = wishes[k - 1]
                wait = least_start(config, program, before, kind, (was, ahead))
                assert start - starts[k - 1] == wait
            short = kind == Kind.RELAX and not ahead
            for word, entry in enumerate(entries(program, config, short=short)):
                expected[start + word] = (kind, *entry)
        seen = {
            cycle: (step.kind, *(int(getattr(step, name)) for name in FIELDS))
            for cycle, step in enumerate(steps)
            if step is not None
        }
        assert seen == expected


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", [Kind.UPDATE, Kind.WRITE, Kind.PROBE])
def test_at_rest_nothing_is_on_its_way(name, kind):
    """``resting`` falls with the turn and does not rise before the last bank has its word, or the
    log a PROBE's last one."""
    config, program = CONFIGS[name], PROGRAMS[name]
    (start,), _, resting = ride(config, program, [(kind, 4, 0)])
    length = turn(program, kind)
    rest = resting.index(1, start)
    assert resting == [1] * start + [0] * (rest - start) + [1] * (len(resting) - rest)
    time = Timing(config)
    last_bank = start + time.behind(0) + config.macs - 1
    if kind == Kind.WRITE:
        assert rest > last_bank + time.last_write
    elif kind == Kind.PROBE:
        assert rest > last_bank + length - 1 + time.result + time.tree
    else:  # a turn that starts now reads each word after its writing
        assert rest + 1 == start + least_start(config, program, Kind.UPDATE, Kind.RELAX)


@pytest.mark.parametrize("macs", [1, 2, 3, 5])
@pytest.mark.parametrize("lanes", [1, 2])
def test_a_single_port_reads_or_writes(macs, lanes):
    """An UPDATE's two turns read and write every word once, at its one port, and nothing else does
    so then; the second turn, and what comes behind it, waits for the last writing."""
    config = Config(units=5, macs=macs, lanes=lanes, spram=True)
    time, program = Timing(config), drawn_program(config, 5)
    kinds = (Kind.RELAX, Kind.UPDATE, Kind.UPDATE, Kind.RELAX, Kind.UPDATE, Kind.PROBE)
    starts, steps, _ = ride(config, program, [(kind, 0, 1) for kind in kinds])
    assert [steps[c].kind.name[0] for c in starts] == list("RUUUURUUP")
    used, learned = [], []
    for c in starts:
        for word in range(len(program)):
            step = steps[c + word]
            if step.kind != Kind.UPDATE:
                used.append(c + word + time.read)
            elif step.due:
                used += [c + word + time.read + time.update_lag, c + word + time.last_write]
                learned.append(word)
    assert len(set(used)) == len(used)
    words = list(range(len(program)))
    assert learned == (words[::2] + words[1::2]) * 3
    wait = time.reread - 1
    gaps = np.diff(starts) - len(program)
    lag = time.update_lag
    assert gaps.tolist() == [0, wait, wait, wait, wait + lag, 0, wait, wait + lag]


def test_requests_have_an_order():
    """An UPDATE before a WRITE, before a PROBE, before a RELAX, where several wish."""
    config, program = CONFIGS["R = 1"], PROGRAMS["R = 1"]
    dut, seen = Carousel(config), []

    async def bench(ctx):
        await load(ctx, dut, program.encode(config.columns))
        pending = [Kind.RELAX, Kind.PROBE, Kind.WRITE, Kind.UPDATE]
        for kind in pending:
            ctx.set(getattr(dut, REQUESTS[kind]), 1)
        for _ in range(200):
            step = ctx.get(dut.step)
            started = step.start
            if started:
                seen.append(Kind(step.start_kind))
            await ctx.tick()
            if started:
                ctx.set(getattr(dut, REQUESTS[seen[-1]]), 0)

    simulate(dut, bench)
    assert seen == [Kind.UPDATE, Kind.WRITE, Kind.PROBE, Kind.RELAX]


@pytest.mark.parametrize("family", ["generic", "ecp5"])
def test_it_rests_when_the_program_is_ready(family):
    """Not while words come, and as long behind each load; nor does a turn start before."""
    config = Config(units=7, macs=3, family=family)
    dut, waits = Carousel(config), []

    async def bench(ctx):
        for seed in range(4):
            program = drawn_program(config, seed)
            words = program.encode(config.columns)
            waits.append(await load(ctx, dut, words))
            ctx.set(dut.relax, 1)
            await load_while_wished(ctx, words)

    async def load_while_wished(ctx, words):
        ctx.set(dut.relax, 0)
        waits.append(await load(ctx, dut, words[:1]))
        ctx.set(dut.relax, 1)
        assert ctx.get(dut.step).start
        await ctx.tick()
        ctx.set(dut.relax, 0)
        for _ in range(100):
            await ctx.tick()
        assert ctx.get(dut.resting)

    simulate(dut, bench)
    assert len(set(waits)) == 1


@pytest.mark.parametrize("family", ["generic", "ecp5"])
def test_whatever_the_words_a_turn_ends(family):
    """Of every kind; and the next one starts."""
    config = Config(units=5, macs=1, words=8, family=family)
    bits, rng = word_layout(config).size, np.random.default_rng(2)
    most = (config.words + AHEAD) * ((1 << config.column_bits) + 1)
    dut, lengths = Carousel(config), []

    async def bench(ctx):
        for k in range(24):
            chance = rng.integers(0, 1 << bits, config.words)
            if k % 3:  # few ends
                chance &= ~(3 << bits - 2)
            await load(ctx, dut, chance.tolist())
            for kind, ahead in (
                (Kind.RELAX, 0),
                (Kind.RELAX, 1),
                (Kind.UPDATE, 1),
                (Kind.PROBE, 1),
            ):
                request = getattr(dut, REQUESTS[kind])
                ctx.set(request, 1)
                ctx.set(dut.ahead, ahead)
                cycles = 0
                while not ctx.get(dut.step).start:
                    cycles += 1
                    assert cycles < 100
                    await ctx.tick()
                await ctx.tick()
                ctx.set(request, 0)
                cycles = 0
                while ctx.get(dut.step).valid:
                    cycles += 1
                    assert cycles <= most
                    await ctx.tick()
                lengths.append(cycles)
            cycles = 0
            while not ctx.get(dut.resting):
                cycles += 1
                assert cycles < 100
                await ctx.tick()

    simulate(dut, bench)
    assert max(lengths) > 16
