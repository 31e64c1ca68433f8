"""Trainings in portions: a pause, an end before the end, and more updates than the core counts."""

import numpy as np
import pytest

import rbp
from rbp.cosim import run
from rbp.engines import GREATEST_UPDATES
from rbp.errors import InputError
from rbp.host.driver import Driver
from rbp.machine import machine, origin

KEPT = "weights_raw velocities states errors energy settle_steps unsettled skipped".split()
CASES = {
    "all patterns": {},
    "momentum": {"momentum_shift": 2, "lanes": 2},
    "drawn": {"method": "stochastic", "lanes": 3},
    "from the last": {"start": "last", "dt_shift": 1, "step_limit": 3, "use_within": 9000},
    "random starts": {"start": "random", "lanes": 2},
    "side by side": {"method": "concurrent"},
    "more patterns than places": {"batch": 2, "slots": 1, "lanes": 2},
    "refilled": {"batch": 1, "slots": 2},
    "some skipped": {"step_limit": 2, "use_within": 300},
}
every = pytest.mark.parametrize("case", CASES)


def problem():
    rng = np.random.default_rng(1)
    return rbp.Problem(
        weights=rng.uniform(-0.9, 0.9, (4, 4)),
        targets=rng.uniform(0.1, 0.9, (6, 4)),
        target_units=[1, 1, 0, 0],
        clamp_units=[1, 0, 0, 0],
    )


def equal(one, other):
    return [name for name in KEPT if not np.array_equal(getattr(one, name), getattr(other, name))]


class Watch:
    """Pauses once for each of some numbers of updates; ends at the last of them."""

    def __init__(self, *at):
        self.at, self.done, self.results = list(at), 0, []

    def __call__(self, done, total):
        self.done = done

    def pause(self):
        return bool(self.at) and self.done >= self.at[0]

    def reached(self, result):
        self.results.append(result)
        self.at.pop(0)
        return not self.at


@every
@pytest.mark.parametrize("engine", ["golden", "rtl"])
def test_pauses_and_an_early_end(case, engine):
    """What a pause shows, and where it ends, is golden's; continued, it is as if never stopped."""
    flags = CASES[case] | {"macs": 2}
    watch = Watch(3, 4, 11)
    part = rbp.train(
        problem(), 30, engine, watch, pause=watch.pause, reached=watch.reached, **flags
    )
    assert len(watch.results) == 3
    assert part.updates < 30
    for result in (*watch.results, part):
        assert not equal(result, rbp.train(problem(), result.updates, "golden", **flags))
    rest = rbp.train(part, 30 - part.updates)
    assert not equal(rest, rbp.train(problem(), 30, "golden", **flags))


@every
def test_portions(case):
    """As if the core's counters held three updates."""
    flags = CASES[case] | {"macs": 2}
    given, settings, _ = origin(problem(), **flags)
    golden = rbp.train(given, 10, "golden", **flags)
    start = machine(given, settings, "rtl")
    got = run.train(settings.config(given), start, 10, portion=3)
    assert np.array_equal(got.weights, golden.weights_raw)
    assert np.array_equal(got.states, golden.states)
    assert np.array_equal(got.errors, golden.errors)
    assert (got.unsettled, got.skipped) == (golden.unsettled, golden.skipped)
    assert len(got.energy) == 10


@pytest.mark.parametrize("updates", [2**24 - 1, 2**24, 2**24 + 1, GREATEST_UPDATES])
def test_more_updates_than_the_core_counts(updates):
    """They are begun; that they are not taken modulo 2^24 is seen after a few."""
    watch = Watch(5)
    part = rbp.train(
        problem(), updates, "rtl", watch, pause=watch.pause, reached=watch.reached, macs=2
    )
    assert part.updates >= 5
    assert not equal(part, rbp.train(problem(), part.updates, "golden", macs=2))


@pytest.mark.parametrize("updates", [0, -1, GREATEST_UPDATES + 1])
@pytest.mark.parametrize("engine", ["float64", "golden", "model", "rtl"])
def test_what_no_engine_can_do(engine, updates):
    with pytest.raises(InputError, match=f"updates must be an integer, 1 … {GREATEST_UPDATES}"):
        rbp.train(problem(), updates, engine)


def test_a_core_that_ends_without_a_report(monkeypatch):
    """It is not asked for ever."""

    def reports(driver, *_, **__):
        yield from driver.busy()

    monkeypatch.setattr(Driver, "reports", reports)
    with pytest.raises(TimeoutError, match="reported none of 5 updates"):
        rbp.train(problem(), 5, "rtl", macs=2)
