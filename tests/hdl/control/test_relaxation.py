"""Relaxation: the ring of sweeps against a small model, and when golden ends a relaxation."""

from collections import deque
from dataclasses import replace
from math import exp

import numpy as np
import pytest

from rbp.golden import pe
from rbp.golden.config import FAMILIES, Config
from rbp.golden.formats import PRESETS
from rbp.golden.reference import Reference
from rbp.golden.relaxation import Network, Settling, settle
from rbp.golden.training import Learning, Machine
from rbp.hdl.control.relaxation import RelaxationControl
from tests.support import play, timeline

INTEGRATOR = 5
"""Cycles from a sweep's last result to its finish; only the order matters."""


def replay(moves):
    """A step for golden's ``settle``: the next of each pattern's greatest steps."""
    return lambda rows: np.array([moves[k].popleft() for k in rows])


class Batches:
    """A carousel and an integrator that take their time at random, written into a timeline, and
    what the control must say in each cycle."""

    def __init__(self, config, rng):
        self.config, self.rng, self.line = config, rng, timeline()
        self.memory, self.cycle = FAMILIES[config.family].memory, 0
        self.expected = []
        """(cycle, output, value)"""

    def expect(self, name, value, later=0):
        self.expected.append((self.cycle + later, name, int(value)))

    def expect_sweep(self, name, sweep):
        for field, value in zip(("slot", "backward", "fresh", "bank"), sweep, strict=True):
            self.expect(f"{name}.{field}", value)

    def batch(self, patterns, settling, *, errors):
        """Relax patterns 0 … A−1, and look at the outcome."""
        rng = self.rng
        hold = {"limit": settling.limit, "fixed": settling.fixed, "errors": errors}
        self.line[self.cycle] = hold.copy()
        self.cycle += 1
        ring, taken, finishing, to_deal, active = deque(), deque(), {}, deque(range(patterns)), 0
        drawn = {(slot, backward): [] for slot in range(patterns) for backward in (0, 1)}
        started = self.cycle
        while to_deal or active:
            assert self.cycle < started + 3000, "the batch does not end"
            now = self.line[self.cycle]
            now |= hold
            self.expect("ready", len(ring) > 0)
            self.expect("idle", active == 0)
            if ring:
                self.expect_sweep("sweep", ring[0])
            if taken:
                self.expect_sweep("arriving", taken[0])
            arrived = bool(taken) and rng.random() < 0.4
            take = bool(ring) and rng.random() < 0.6
            followed = None
            if finish := finishing.pop(self.cycle, None):
                followed, ended = self._finish(finish, drawn, settling, errors)
                active -= ended
            if arrived:
                now["arrive"] = 1
                slot, backward, fresh, bank = taken.popleft()
                bank = bank if backward else int(not fresh and not bank)
                self._close(self.cycle + INTEGRATOR, slot, backward, fresh, bank)
                finishing[self.cycle + INTEGRATOR] = slot, backward, fresh, bank
            if take:
                now["take"] = 1
                taken.append(ring.popleft())
            dealing = bool(to_deal) and not finish and rng.random() < 0.8
            if dealing:
                now |= {"deal": 1, "deal_slot": to_deal[0]}
            if followed:
                ring.append(followed)
            if dealing:
                ring.append((to_deal.popleft(), 0, 1, 0))
                active += 1
            self.cycle += 1
        assert not any((ring, taken, finishing))
        self._look(patterns, drawn, settling, errors, hold)

    def _close(self, cycle, slot, backward, fresh, bank):
        done = {"slot": slot, "backward": backward, "fresh": fresh, "bank": bank}
        for at, name in ((cycle, "done"), (cycle - self.memory - 1, "closing")):
            self.line[at] |= {f"{name}.{field}": value for field, value in done.items()}
        self.line[cycle]["finish"] = 1

    def _finish(self, finish, drawn, settling, errors):
        """The sweep that follows (or None), and whether the pattern is done."""
        slot, backward, _, bank = finish
        tolerance, far = settling.tolerance, settling.use_within
        moved = int(self.rng.choice([0, tolerance, tolerance + 1, far, far + 1, 9999]))
        self.line[self.cycle] |= {"moved": moved > tolerance, "far": moved > far}
        steps = drawn[slot, backward]
        steps.append(moved)
        settled = moved <= tolerance and not settling.fixed
        if not settled and len(steps) < settling.limit:
            return (slot, backward, 0, bank), False
        if backward or not errors:
            return None, True
        return (slot, 1, 1, bank), False

    def _look(self, patterns, drawn, settling, errors, hold):
        """Compare with golden, which is told the same steps."""
        outcome = []
        for backward in range(1 + errors):
            rest = [deque(drawn[slot, backward]) for slot in range(patterns)]
            outcome.append(settle(replay(rest), patterns, settling))
            assert not any(rest)
        for slot in range(patterns):
            far = False
            for backward, (steps, unsettled, too_far) in enumerate(outcome):
                now = self.line[self.cycle]
                now |= {"look_slot": slot, "look_backward": backward, "use_slot": slot, **hold}
                self.expect("look_steps", steps[slot], self.memory)
                self.expect("look_unsettled", unsettled[slot], self.memory)
                far |= too_far[slot]
                self.expect("ready", 0)
                self.expect("idle", 1)
                self.expect("use_bank", (outcome[0][0][slot] - 1) & 1)
                if backward == errors:
                    self.expect("skip", far)
                self.cycle += 1
        for _ in range(self.memory):
            self.line[self.cycle] = dict(hold)
            self.cycle += 1

    def check(self):
        names = sorted({name for _, name, _ in self.expected})
        seen = play(RelaxationControl(self.config), self.line, names, cycles=self.cycle)
        came = [(cycle, name, seen[name][cycle]) for cycle, name, _ in self.expected]
        assert came == self.expected


@pytest.mark.parametrize("family", ["generic", "ecp5"])
@pytest.mark.parametrize("slots", [1, 2, 3, 4, 7])
def test_ring(slots, family):
    """Order, steps, limits and skips of batches, full and not; with y and without."""
    config, rng = Config(units=4, macs=2, slots=slots, family=family), np.random.default_rng(slots)
    batches = Batches(config, rng)
    for limit in (1, 2, 3, 8):
        for fixed in (False, True):
            for errors in (False, True):
                settling = Settling(0, 4, limit, 64, fixed)
                batches.batch(int(rng.integers(1, slots + 1)), settling, errors=errors)
    batches.batch(slots, Settling(0, 0, 200, 0), errors=True)
    batches.check()
    seen = {name for _, name, value in batches.expected if value}
    assert {"ready", "idle", "look_unsettled", "skip", "use_bank"} <= seen


# Golden: when a relaxation ends


def ended(moves, **settling):
    """Steps, unsettled and far of one pattern whose greatest steps are ``moves``."""
    default = {"dt_shift": 0, "tolerance": 4, "limit": 3, "use_within": 64}
    result = settle(replay([deque(moves)]), 1, Settling(**(default | settling)))
    return tuple(int(a[0]) for a in result)


def test_settle():
    assert ended([4]) == (1, 0, 0)  # at the tolerance
    assert ended([5, 99, 4]) == (3, 0, 0)  # at the last step
    assert ended([5, 99, 5]) == (3, 1, 0)  # unsettled, but near
    assert ended([5, 99, 64]) == (3, 1, 0)
    assert ended([5, 99, 65]) == (3, 1, 1)
    assert ended([999, 65, 5]) == (3, 1, 0)  # the last steps count
    assert ended([1, 0], tolerance=0) == (2, 0, 0)
    assert ended([5, 0, 999], fixed=True) == (3, 0, 0)
    assert ended([0], fixed=True, limit=1) == (1, 0, 0)
    assert ended([7] * 3, use_within=0) == (3, 1, 1)


def test_settle_stops_each_pattern_by_itself():
    asked, moves = [], np.array([[9, 9, 9, 9], [9, 4, 0, 0], [4, 0, 0, 0], [9, 9, 3, 0]])

    def step(rows):
        asked.append(rows.tolist())
        return moves[rows, len(asked) - 1]

    steps, unsettled, far = settle(step, 4, Settling(0, 4, 4, 8))
    assert asked == [[0, 1, 2, 3], [0, 1, 3], [0, 3], [0]]
    assert steps.tolist() == [4, 2, 1, 3]
    assert unsettled.tolist() == far.tolist() == [True, False, False, False]


# Weights that are known not to settle

NETWORKS = {
    "A": ([[-8]], [0], [0.5]),
    "A3": ([[-6]], [-0.5], [0.5]),
    "B": ([[-5, -2], [-2, -5]], [0, 0], [0.5, 0.25]),
    "C": ([[5, -6], [6, 5]], [-0.5, -0.5], [0.5, 0.25]),
}


def both(name, preset, *, dt_shift, use_within=64):
    """The network as golden and as float64, with a target at the first unit."""
    formats = PRESETS[preset]
    weights, inputs, start = (np.array(a, float) for a in NETWORKS[name])
    n = len(weights)
    config = Config(units=n, macs=1, preset=preset)
    settling = Settling(dt_shift, max(1, 4 >> dt_shift), 64 << dt_shift, use_within)
    first, none = np.arange(n) == 0, np.zeros(n, bool)
    targets = np.where(first, 0.75, 0.0)[None]
    golden = Machine(
        network=Network(formats, config.tables, np.zeros(n, int), none, first, inputs != 0),
        weights=formats.weight.to_raw(weights),
        targets=formats.state.to_raw(targets),
        inputs=formats.state.to_raw(inputs)[None],
        start=formats.state.to_raw(start)[None],
        settling=settling,
        learning=Learning(seed=None),
    )
    reference = Reference(
        activation=("logistic",) * n,
        clamp_units=none,
        target_units=first,
        weights=weights,
        connected=weights != 0,
        targets=targets,
        inputs=inputs[None],
        start=start[None],
        settling=settling,
        unit=2.0**-formats.state.fraction,
    )
    return golden, reference


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("name", "dt_shifts"), [("A", [0]), ("A3", [0]), ("B", [0]), ("C", [0, 1, 2, 3])]
)
def test_a_relaxation_that_does_not_settle(name, dt_shifts, preset):
    """It is counted, and used or skipped by how far it is; golden and float64 alike."""
    for dt_shift in dt_shifts:
        for machine in both(name, preset, dt_shift=dt_shift, use_within=0):
            before = machine.weights.copy()
            relaxed = machine.update()
            assert relaxed.unsettled[0, 0]
            assert relaxed.steps[0, 0] == 64 << dt_shift
            assert machine.unsettled == relaxed.unsettled.sum() >= 1
            assert relaxed.skip.tolist() == [True]
            assert machine.skipped == 1
            assert np.array_equal(machine.weights, before)
        # float64's y may grow without a bound, as nothing saturates there
        golden, reference = both(name, preset, dt_shift=dt_shift, use_within=float("inf"))
        f = golden.network.formats
        for machine in (golden, reference):
            before = machine.weights.copy()
            relaxed = machine.update()
            assert relaxed.unsettled[0, 0]
            assert machine.unsettled == relaxed.unsettled.sum() >= 1
            assert relaxed.skip.tolist() == [False]
            assert machine.skipped == 0
            y, c = relaxed.y[0], relaxed.c[0]
            if machine is golden:
                expected = pe.update(before, y, c, None, f.update_shift(f.weight), f.weight)
            else:
                expected = before + np.outer(y, c)
            assert np.array_equal(machine.weights, expected)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_skipped_update_takes_its_noise_along(preset):
    """t counts it, so the noise of later updates does not depend on it."""
    machine, _ = both("A", preset, dt_shift=0, use_within=0)
    machine.update()
    assert machine.t == 1


def test_a_fixed_number_of_steps_is_never_unsettled():
    machine, reference = both("C", "w16", dt_shift=0, use_within=0)
    for engine in (machine, reference):
        engine.settling = replace(engine.settling, fixed=True, limit=7)
        relaxed = engine.update()
        assert relaxed.steps.tolist() == [[7, 7]]
        assert not relaxed.unsettled.any()
        assert not relaxed.skip.any()
        assert (engine.unsettled, engine.skipped) == (0, 0)


def fixed_point(f):
    """Where a falling f crosses x, by halving."""
    low, high = -2.0, 2.0
    for _ in range(80):
        x = (low + high) / 2
        low, high = (x, high) if f(x) > x else (low, x)
    return x


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("name", "expected"), [("A", 0.18519), ("A3", 0.0)])
def test_half_a_step_settles(name, expected, preset):
    """To where float64 is, within what the formats resolve."""
    golden, reference = both(name, preset, dt_shift=1)
    (w,), i, _ = NETWORKS[name]
    x = fixed_point(lambda x: 1 / (1 + exp(-w[0] * x)) + i[0])
    assert abs(x - expected) < 6e-6
    f, tolerance = golden.network.formats, golden.settling.tolerance
    # At the last step x − goal(x) was at most (tolerance + ½) / Δt, in units of STATE, and half of
    # that is left; goal is off by 1 (table) and by half a unit of NET times g' ≤ ¼. The slope of
    # x − goal(x) is above 1, as w < 0.
    residual = 2 * (tolerance + 0.5) + 1 + 0.25 * 0.5 * 2.0 ** (f.state.fraction - f.net.fraction)
    relaxed = golden.relax(errors=False)
    assert not relaxed.unsettled.any()
    assert abs(f.state.to_float(relaxed.x[0, 0]) - x) <= residual * 2.0**-f.state.fraction
    relaxed = reference.relax(errors=False)
    assert not relaxed.unsettled.any()
    assert abs(relaxed.x[0, 0] - x) <= 2 * tolerance * 2.0**-f.state.fraction
