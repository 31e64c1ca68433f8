"""Which patterns an update takes, and where relaxations start: batches, draws, side by side."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from rbp.cosim.build import library
from rbp.cosim.run import lockstep, train
from rbp.cosim.simulator import Simulator
from rbp.golden import pe
from rbp.golden.config import Config
from rbp.golden.noise import start_word, stream_start
from rbp.golden.relaxation import Settling
from rbp.golden.training import Learning
from rbp.host.driver import Driver
from tests.networks import associative, draw, equal, on_schedule
from tests.support import words

# golden


@pytest.mark.parametrize(("batch", "expected"), [(1, [[2], [3], [0]]), (3, [[2, 3, 0], [1, 2, 3]])])
def test_in_turn(batch, expected):
    learning, t = Learning(batch=batch), 2
    for patterns in expected:
        assert learning.patterns(4, t).tolist() == patterns
        t += batch


def test_all_patterns_is_the_default():
    assert Learning().patterns(3, 6).tolist() == [0, 1, 2]


@pytest.mark.parametrize("total", [1, 3, 4, 16, 2048])
def test_a_draw_is_the_product_of_the_noise_and_a(total):
    """By adding and halving, as the hardware does; each pattern comes about as often."""
    learning, drawn = Learning(seed=5, batch=1, draw=5), []
    for t in range(1600 if total == 16 else 50):
        z = stream_start(start_word(5, t)) >> 16
        slow = 0
        for bit in range(16):
            slow = (slow + total * (z >> bit & 1)) >> 1
        (pattern,) = learning.patterns(total, t)
        assert pattern == slow == total * z >> 16
        drawn.append(pattern)
    if total == 16:
        assert 60 < np.bincount(drawn).min() < np.bincount(drawn).max() < 150


def test_momentum_draws_once_more_a_batch():
    learning = Learning(batch=3, friction=2)
    assert [learning.first_draw(4, t) for t in (0, 3, 6)] == [0, 4, 8]
    assert Learning(friction=2).first_draw(4, 8) == 10
    assert Learning(batch=3).first_draw(4, 6) == 6
    assert replace(learning, start_seed=1).first_draw(4, 6) == 14


@pytest.mark.parametrize("preset", ["w16", "w18", "w8"])
def test_random_starts_are_uniform_and_never_the_same(preset):
    state = Config(units=1, macs=1, preset=preset).formats.state
    learning = Learning(seed=3, start_seed=3)
    places = np.array([0, 1, 2, 4, 5, 6, 7, 8, 11])  # two rows of nobody's between
    starts = [learning.start_words(8, places, t, state.fraction) for t in range(0, 160, 8)]
    values = state.to_float(np.concatenate(starts))
    assert (values >= 0).all()
    assert (values < 1).all()
    assert abs(values.mean() - 0.5) < 0.03
    assert abs(values.std() - 12**-0.5) < 0.02
    assert values.shape == (160, 9)
    assert len(np.unique(values, axis=0)) == 160
    all_rows = [learning.start_words(8, np.arange(12), t, state.fraction) for t in range(0, 160, 8)]
    assert np.array_equal(np.array(starts), np.array(all_rows)[:, :, places])


@pytest.mark.parametrize("seed", [None, 7])
def test_momentum_is_that_of_the_text_books(seed):
    """In floating point, with what each rounding may add."""
    config = Config(units=6, macs=2, momentum=True)
    machine = associative(config, 4, 3)
    machine.learning = Learning(eta_shift=-2, seed=seed, friction=3)
    f = config.formats
    w, v = f.weight.to_float(machine.weights), np.zeros(machine.weights.shape)
    for _ in range(5):
        relaxed = machine.relax()
        step = 0.25 * f.error.to_float(relaxed.y).T @ f.state.to_float(relaxed.c)
        v = v + step
        w, v = w + v, v * 7 / 8
        machine.learn(relaxed)
        here = f.velocity.to_float(machine.velocity)
        assert np.abs(here - v).max() <= 4 * 2.0**-f.velocity.fraction
        assert np.abs(f.weight.to_float(machine.weights) - w).max() <= 2 * 2.0**-f.weight.fraction
        w, v = f.weight.to_float(machine.weights), here


def test_momentum_word_by_word():
    """Each word by Python's integers."""
    f, rng = Config(units=1, macs=1).formats, np.random.default_rng(3)
    w, v = words(rng, f.weight, (40, 50)), words(rng, f.velocity, (40, 50))
    w[::7] = 0
    r = rng.integers(0, 1 << 16, w.shape)
    for friction in range(Config.frictions + 1):
        flags = set()
        w_after, v_after = pe.apply(w, v, r, friction, f, flags)
        for i, j in np.ndindex(w.shape):
            a, b, noise = int(w[i, j]), int(v[i, j]), int(r[i, j])
            moved = min(max(a + (b + (noise >> 14)) // 4, f.weight.min), f.weight.max)
            assert w_after[i, j] == ((moved or 1) if a else 0)
            assert v_after[i, j] == b - (b + (noise >> (16 - friction))) // 2**friction
        assert flags == {"weight"}


def test_keep_goes_on_where_the_last_relaxation_ended():
    config = Config(units=5, macs=2)
    machine = associative(config, 3, 2, settling=Settling(0, 4, 1, 64, fixed=True))
    machine.learning = replace(machine.learning, keep=True, batch=1)
    free = deepcopy(machine)
    for _ in range(4):
        before, rows = machine.x.copy(), machine.patterns()
        free.start[rows] = before[rows]
        relaxed = machine.update()
        other = np.delete(np.arange(2), rows)
        assert (machine.x[rows] == relaxed.x).all()
        assert (machine.x[other] == before[other]).all()
        free.t, free.learning = machine.t - 1, replace(machine.learning, keep=False)
        assert (free.relax().x == relaxed.x).all()
        free.weights = machine.weights


# the core

CONFIGS = {
    "one lane": (Config(units=7, macs=3, slots=5), 5),
    "all rows at once": (Config(units=6, macs=6, slots=4), 4),
    "two lanes": (Config(units=7, macs=3, slots=3, lanes=2), 5),
    "four lanes, ecp5": (Config(units=7, macs=3, slots=2, lanes=4, family="ecp5"), 7),
}
STEP = Settling(dt_shift=0, tolerance=4, limit=1, use_within=64, fixed=True)
METHODS = {
    "all": {},
    "one in turn": {"batch": 1},
    "two in turn": {"batch": 2},
    "four in turn": {"batch": 4},
    "drawn": {"batch": 1, "draw": 9, "seed": 9},
    "drawn, to nearest": {"batch": 1, "draw": 9, "seed": None},
    "kept": {"keep": True},
    "three kept": {"batch": 3, "keep": True},
    "drawn and kept": {"batch": 1, "draw": 3, "seed": 3, "keep": True},
    "side by side": {"batch": 1, "keep": True, "settling": STEP},
}
MOMENTUM = {
    "all": {"friction": 3},
    "two in turn, to nearest": {"batch": 2, "friction": 1, "seed": None},
    "drawn": {"batch": 1, "draw": 9, "seed": 9, "friction": 7},
    "none lasts": {"friction": 0},
}
RANDOM = {
    "all at random": {"start_seed": 9},
    "two in turn at random, to nearest": {"batch": 2, "start_seed": 4, "seed": None},
    "drawn at random": {"batch": 1, "draw": 9, "start_seed": 9},
}
BOTH = {
    name: (replace(config, momentum=True, random_start=True), patterns)
    for name, (config, patterns) in CONFIGS.items()
}


def network(config, patterns, method, dt_shift=0):
    method = {"seed": 9} | method
    machine = associative(config, config.units - 2, patterns)
    machine.settling = method.pop("settling", replace(machine.settling, dt_shift=dt_shift))
    machine.learning = Learning(eta_shift=-1, **method)
    return machine


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("config", CONFIGS)
def test_core_is_golden(config, method):
    """Cut after 5 updates and taken up again, too."""
    config, patterns = CONFIGS[config]
    machine = network(config, patterns, METHODS[method])
    result = train(config, machine, 12)
    first = train(config, machine, 5)
    equal(first, machine, 5)
    second = train(config, machine, 7)
    assert (second.weights == result.weights).all()
    assert (second.states == result.states).all()
    equal(second, machine, 7)


@pytest.mark.parametrize("method", [*MOMENTUM, *RANDOM])
@pytest.mark.parametrize("config", BOTH)
def test_momentum_and_random_starts(config, method):
    """Both built in; ``friction`` and ``start_seed`` say what is used of it."""
    config, patterns = BOTH[config]
    method = {"friction": 3} | (MOMENTUM | RANDOM)[method]
    machine = network(config, patterns, method)
    result = train(config, machine, 9)
    equal(train(config, machine, 4), machine, 4)
    second = train(config, machine, 5)
    assert (second.weights == result.weights).all()
    on_schedule(second, config, machine)
    equal(second, machine, 5)


def test_a_random_start_alone():
    config, patterns = CONFIGS["two lanes"]
    machine = network(config, patterns, RANDOM["two in turn at random, to nearest"])
    config = replace(config, random_start=True)
    equal(train(config, machine, 9), machine, 9)


def test_momentum_saturates_and_says_so():
    """Velocities and weights both, each by its role; an absent weight stays absent."""
    config = Config(units=5, macs=2, momentum=True)
    machine = associative(config, 3, 2)
    machine.learning, machine.velocity = Learning(1, 4, friction=7), machine.velocity.copy()
    machine.velocity[:] = config.formats.velocity.max
    machine.weights[0], machine.weights[1, 1] = config.formats.weight.max, 0
    result = train(config, machine, 3)
    equal(result, machine, 3)
    assert result.weights[1, 1] == 0
    assert result.saturated == machine.saturated >= {"weight", "velocity"}


@pytest.mark.parametrize("dt_shift", [1, 3])
@pytest.mark.parametrize("method", ["drawn", "three kept"])
def test_smaller_steps(method, dt_shift):
    config, patterns = CONFIGS["two lanes"]
    machine = network(config, patterns, METHODS[method], dt_shift)
    equal(train(config, machine, 6), machine, 6)


@pytest.mark.parametrize("patterns", [1, 2, 3])
def test_a_draw_from_few(patterns):
    config = Config(units=4, macs=2, slots=3)
    machine = draw(config, patterns, target=np.arange(4) < 2)
    machine.learning = Learning(seed=77, batch=1, draw=77)
    equal(train(config, machine, 20), machine, 20)


@pytest.mark.parametrize("method", ["two in turn", "drawn", "side by side", "with momentum"])
def test_every_word(method):
    config, patterns = CONFIGS["two lanes"]
    machine = network(config, patterns, METHODS.get(method, {"start_seed": 9, "friction": 2}))
    if method == "with momentum":
        config, _ = BOTH["two lanes"]
    result = lockstep(config, deepcopy(machine), 8, stalls=True)
    equal(result, machine, 8)


@pytest.mark.parametrize(("lanes", "refill"), [(1, False), (2, True)])
def test_more_patterns_than_slots(lanes, refill):
    """Each batch is loaded in its turn; the last one begins with what is left of the set."""
    config = Config(units=7, macs=3, slots=6 // lanes, lanes=lanes, refill=refill)
    machine = network(config, 8, {"batch": 3})
    equal(train(config, machine, 7), machine, 7)


def test_refilled_while_it_runs():
    """New patterns are all in their places before the batch under way has settled, and disturb none
    of its words."""
    config = Config(units=7, macs=3, slots=4, refill=True)
    long = {"batch": 2, "settling": Settling(0, 4, 400, 64, fixed=True)}
    machine, driver, reports = network(config, 4, long), Driver(config), []
    first, second = (
        replace(
            machine,
            learning=replace(machine.learning, batch=None),
            t=2 * k,
            x=None,
            y=None,
            **{
                name: getattr(machine, name)[2 * k :][:2] for name in ("targets", "inputs", "start")
            },
        )
        for k in range(2)
    )
    with Simulator(library(config)) as core:
        core.do(driver.load(first))
        core.do(driver.write("PATTERNS", 4))
        core.do(driver.start_training(1))
        core.do(driver.load_patterns(second, 2))
        assert core.do(driver.busy())
        while core.do(driver.busy()):  # to the last step, whose results nothing mends
            core.do(driver.load_patterns(second, 2))
        core.do(driver.reports(2, reports.append))
        core.do(driver.start_training(1))
        core.do(driver.reports(2, reports.append))
        assert not core.do(driver.read("STATUS")) >> 6 & 1  # nothing was refused
        weights = core.do(driver.read_weights())
    energy = [machine.update().energy for _ in range(2)]
    assert [report.energy for report in reports] == energy
    assert (weights == machine.weights).all()
