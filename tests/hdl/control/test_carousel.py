"""Carousel: turns back to back, and no wait longer or shorter than the weights need."""

from itertools import product

import numpy as np
import pytest

from rbp.golden.config import Config
from rbp.hdl.control.carousel import Carousel
from rbp.hdl.layouts import Kind
from rbp.hdl.timing import Timing
from tests.support import simulate

CONFIGS = {
    "R = 1": Config(units=5, macs=5),
    "R = 3, padded": Config(units=7, macs=3),
    "P = 1": Config(units=4, macs=1),
    "one unit": Config(units=1, macs=1),
    "two units": Config(units=2, macs=2),
    "sweep as long as the wait": Config(units=3, macs=3),
    "ecp5, short": Config(units=2, macs=1, family="ecp5"),
    "ecp5": Config(units=4, macs=4, family="ecp5"),
    "ice40hx": Config(units=4, macs=2, family="ice40hx"),
    "two lanes": Config(units=4, macs=4, lanes=2),
    "eight lanes": Config(units=6, macs=3, lanes=8),
    "eight lanes, ecp5": Config(units=3, macs=3, lanes=8, family="ecp5"),
}
REQUESTS = {kind: kind.name.lower() for kind in Kind}


def ride(config, wishes):
    """Wish for turns, one after the other, each some cycles after the start of the one before.

    Returns the cycle of each turn's first step (of an UPDATE by a single port, of both turns), and
    of each cycle the step (or None) and whether the carousel rests.
    """
    dut, starts, steps, resting = Carousel(config), [], [], []

    async def bench(ctx):
        async def cycle():
            await ctx.tick()
            step = ctx.get(dut.step)
            steps.append(step if step.valid else None)
            resting.append(ctx.get(dut.resting))

        for kind, later in wishes:
            for _ in range(later):
                await cycle()
            request = getattr(dut, REQUESTS[kind])
            ctx.set(request, 1)
            turns = 1 + (config.spram and kind == Kind.UPDATE)
            for _ in range(400):
                started = ctx.get(dut.step).start
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
        for _ in range(config.sweep + 60):
            await cycle()

    simulate(dut, bench)
    return starts, steps, resting


def turn(config, kind):
    """Cycles of a turn."""
    return 1 if kind == Kind.WRITE else config.sweep


def least_start(config, before, kind):
    """The first cycle, seen from the turn before at 0, at which a turn may start: behind an UPDATE
    found by trying, from when each word is read and written.

    A bank reads one word a cycle, and a word not before the cycle after its writing.
    """
    time, sweep = Timing(config), config.sweep
    if before in (Kind.WRITE, Kind.PROBE):
        # a WRITE's word and place are held until the last bank has it, a PROBE's mark until its
        # last result is in the log; both for the longer
        written = time.last_write + config.macs + 2
        logged = time.result + config.macs + time.tree
        return turn(config, before) - 1 + time.behind(0) + max(written, logged)
    if before == Kind.RELAX:
        return sweep

    def reads(kind, start):
        late = time.update_lag if kind == Kind.UPDATE else 0
        return [start + word + time.read + late for word in range(turn(config, kind))]

    for start in range(sweep, sweep + 100):
        collide = set(reads(Kind.UPDATE, 0)) & set(reads(kind, start))
        written = [word + time.last_write for word in range(sweep)]
        early = any(r <= w for r, w in zip(reads(kind, start), written, strict=False))
        if not collide and not early:
            return start
    raise AssertionError("no start found")


@pytest.mark.parametrize("name", CONFIGS)
def test_waits(name):
    """Every kind behind every kind: as soon as it may, and no sooner."""
    config = CONFIGS[name]
    time, sweep = Timing(config), config.sweep
    # a run begins and ends with the carousel at rest
    never = ({Kind.UPDATE, Kind.WRITE}, {Kind.UPDATE, Kind.PROBE})
    kinds = [pair for pair in product(Kind, Kind) if set(pair) not in never]
    wishes = [wish for a, b in kinds for wish in ((a, 80), (b, 0))]
    starts, _, _ = ride(config, wishes)
    gaps = {pair: starts[2 * k + 1] - starts[2 * k] for k, pair in enumerate(kinds)}
    assert gaps == {(a, b): least_start(config, a, b) for a, b in kinds}
    # the same in closed form
    lag, reread = time.update_lag, time.reread
    assert gaps[Kind.UPDATE, Kind.RELAX] == sweep + max(lag, lag + reread - sweep)
    assert gaps[Kind.UPDATE, Kind.UPDATE] == sweep + max(0, reread - sweep)


@pytest.mark.parametrize("name", CONFIGS)
def test_a_wait_is_over_whoever_wishes_late(name):
    """Who comes behind an UPDATE's wait, or at rest, starts at once."""
    config = CONFIGS[name]
    for kind in (Kind.RELAX, Kind.UPDATE):
        free = least_start(config, Kind.UPDATE, kind)
        for later in (free - 2, free - 1, free, free + 7):
            starts, _, _ = ride(config, [(Kind.UPDATE, 3), (kind, later)])
            assert starts[1] - starts[0] == max(free, later + 1)


@pytest.mark.parametrize("name", CONFIGS)
def test_turns_back_to_back(name):
    """Without a pause while anything is wished for; each counts blocks and columns."""
    config, rng = CONFIGS[name], np.random.default_rng(9)
    kinds = [Kind(int(k)) for k in rng.integers(0, 2, 30)]
    starts, steps, _ = ride(config, [(kind, 0) for kind in kinds])
    expected = {}
    for k, (kind, start) in enumerate(zip(kinds, starts, strict=True)):
        if k:
            assert start - starts[k - 1] == least_start(config, kinds[k - 1], kind)
        for word in range(config.sweep):
            block, column = divmod(word, config.terms)
            expected[start + word] = (kind, block, column)
    assert {c for c, step in enumerate(steps) if step is not None} == set(expected)
    for cycle, (kind, block, column) in expected.items():
        step = steps[cycle]
        assert (step.kind, step.column) == (kind, column)
        assert (step.first, step.last) == (column == 0, column == config.terms - 1)
        assert (step.first_block, step.last_block) == (block == 0, block == config.blocks - 1)
        assert step.row == (column < config.macs)


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("kind", [Kind.UPDATE, Kind.WRITE, Kind.PROBE])
def test_at_rest_nothing_is_on_its_way(name, kind):
    """``resting`` falls with the turn and does not rise before the last bank has its word, or the
    log a PROBE's last one."""
    config = CONFIGS[name]
    (start,), _, resting = ride(config, [(kind, 4)])
    length = turn(config, kind)
    rest = resting.index(1, start)
    assert resting == [1] * start + [0] * (rest - start) + [1] * (len(resting) - rest)
    time = Timing(config)
    last_bank = start + time.behind(0) + config.macs - 1
    if kind == Kind.WRITE:
        assert rest > last_bank + time.last_write
    elif kind == Kind.PROBE:
        assert rest > last_bank + length - 1 + time.result + time.tree
    else:  # a turn that starts now reads each word after its writing
        assert rest + 1 == start + least_start(config, Kind.UPDATE, Kind.RELAX)


@pytest.mark.parametrize("macs", [1, 2, 3, 5])
@pytest.mark.parametrize("lanes", [1, 2])
def test_a_single_port_reads_or_writes(macs, lanes):
    """An UPDATE's two turns read and write every word once, at its one port, and nothing else does
    so then; the second turn, and what comes behind it, waits for the last writing."""
    config = Config(units=5, macs=macs, lanes=lanes, spram=True)
    time = Timing(config)
    kinds = (Kind.RELAX, Kind.UPDATE, Kind.UPDATE, Kind.RELAX, Kind.UPDATE, Kind.PROBE)
    starts, steps, _ = ride(config, [(kind, 0) for kind in kinds])
    assert [steps[c].kind.name[0] for c in starts] == list("RUUUURUUP")
    used, learned = [], []
    for c in starts:
        for word in range(config.sweep):
            step = steps[c + word]
            if step.kind != Kind.UPDATE:
                used.append(c + word + time.read)
            elif step.due:
                used += [c + word + time.read + time.update_lag, c + word + time.last_write]
                learned.append(word)
    assert len(set(used)) == len(used)
    words = list(range(config.sweep))
    assert learned == (words[::2] + words[1::2]) * 3
    wait = time.reread - 1
    gaps = np.diff(starts) - config.sweep
    lag = time.update_lag
    assert gaps.tolist() == [0, wait, wait, wait, wait + lag, 0, wait, wait + lag]


def test_requests_have_an_order():
    """An UPDATE before a WRITE, before a PROBE, before a RELAX, where several wish."""
    config = CONFIGS["R = 1"]
    dut, seen = Carousel(config), []

    async def bench(ctx):
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
