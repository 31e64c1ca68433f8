"""The whole core, Verilated: whole runs, equal to golden in every word that they give back."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from rbp.cosim import run
from rbp.cosim.build import library
from rbp.cosim.simulator import Simulator
from rbp.golden.config import Config
from rbp.golden.relaxation import Settling
from rbp.golden.structure import Structure
from rbp.golden.training import Learning
from rbp.hdl.host.memory_map import IDENTITY, Area
from rbp.hdl.layouts import Region
from rbp.hdl.schedule import Schedule, utilisation
from rbp.host.driver import Driver
from tests.networks import associative, draw, example1, on_schedule, single


def check(config, machine, updates):
    """Train on the core and in golden; everything must be equal, and the cycles as scheduled."""
    machine, t = deepcopy(machine), machine.t
    result = run.train(config, deepcopy(machine), updates)
    relaxed = [machine.update() for _ in range(updates)]
    assert result.energy == [r.energy for r in relaxed]
    assert result.settle_steps.tolist() == [r.steps.tolist() for r in relaxed]
    assert (result.weights == machine.weights).all()
    assert (result.states == relaxed[-1].x).all()
    assert (result.unsettled, result.skipped) == (machine.unsettled, machine.skipped)
    assert result.saturated == machine.saturated
    on_schedule(result, config, machine, t)
    return result


FIGURE1 = [(macs, patterns) for macs in (1, 2, 4, 5, 7, 15) for patterns in (1, 2, 4)]


@pytest.mark.parametrize(("macs", "patterns"), FIGURE1)
def test_same_bits_for_any_macs_and_patterns_in_flight(macs, patterns):
    config = Config(units=15, macs=macs)
    check(config, associative(config, 10, patterns), 8)


LANES = [(lanes, macs, "generic") for lanes in (2, 4) for macs in (1, 4, 5, 15)]


@pytest.mark.parametrize(
    ("lanes", "macs", "family"), [*LANES, (3, 4, "ecp5"), (2, 7, "ice40hx"), (1, 5, "ecp5")]
)
def test_same_bits_for_any_lanes(lanes, macs, family):
    config = Config(units=15, macs=macs, lanes=lanes, slots=-(-5 // lanes), family=family)
    check(config, associative(config, 10, 5), 6)


@pytest.mark.parametrize("macs", [4, 15])
def test_a_slot_more_or_less_changes_nothing(macs):
    config = Config(units=15, macs=macs, slots=9)
    check(config, associative(config, 10, 4), 3)


@pytest.mark.parametrize(("lanes", "macs"), [(1, 4), (2, 4), (1, 2)])
def test_a_deal_waits_for_a_finish(lanes, macs):
    """The first patterns' sweeps end while the last are dealt."""
    config = Config(units=4, macs=macs, lanes=lanes, slots=64)
    check(config, associative(config, 2, 64 * lanes), 2)


SINGLE_PORT = {
    "even": Config(units=8, macs=4, spram=True),
    "odd": Config(units=15, macs=5, spram=True),
    "padded": Config(units=7, macs=4, spram=True, family="ice40"),
    "one block, two lanes": Config(units=5, macs=5, lanes=2, slots=2, spram=True),
    "three lanes": Config(units=9, macs=2, lanes=3, slots=2, spram=True, family="ice40hx"),
    "one unit": Config(units=1, macs=1, spram=True),
    "momentum": Config(units=9, macs=2, momentum=True, spram=True),
}


@pytest.mark.parametrize("name", SINGLE_PORT)
def test_same_bits_with_a_single_port(name):
    config = SINGLE_PORT[name]
    learning = Learning(1, 7, friction=2 if config.momentum else None)
    machine = associative(config, -(-2 * config.units // 3), 4, learning=learning)
    check(config, machine, 8)


def test_what_is_read_while_the_single_port_writes_sets_no_flag():
    """Weights at their limit that do not move, since their φ is 0, and come by when others do."""
    config = SINGLE_PORT["even"]
    machine = associative(config, 4, 2, spread=0.2)
    machine.targets[:, 1] = 0
    machine.weights[:, 1] = config.formats.weight.max
    assert "weight" not in check(config, machine, 3).saturated


LAYERS = np.arange(9)[:, None] // 3 == np.arange(9)[None, :] // 3 + 1
SHAPES = {
    "7 units, padded": (Config(units=7, macs=3), lambda c: associative(c, 5, 3)),
    "22 units, padded": (Config(units=22, macs=5, slots=5), lambda c: associative(c, 17, 5)),
    "held, hidden and nobody's": (
        Config(units=12, macs=4, slots=2),
        lambda c: draw(
            c, 2, clamp=np.arange(9) < 3, target=np.arange(9) == 8, units=9, connected=LAYERS
        ),
    ),
    "held alone feed the target": (
        Config(units=9, macs=2, slots=2, family="ecp5"),
        lambda c: draw(c, 2, clamp=np.arange(9) < 8, target=np.arange(9) == 8),
    ),
    "no hidden units": (Config(units=3, macs=2, slots=2), lambda c: associative(c, 3, 2)),
    "one unit": (Config(units=1, macs=1, slots=1), lambda c: associative(c, 1, 1)),
    "Example 1": (Config(units=12, macs=5), lambda c: example1(c, 4)),
    "absent": (Config(units=9, macs=4), lambda c: associative(c, 5, 4, present=0.4)),
    "w18": (Config(units=15, macs=5, preset="w18"), lambda c: associative(c, 10, 4)),
    "w8": (Config(units=15, macs=5, preset="w8"), lambda c: associative(c, 10, 4)),
    "three activations": (
        Config(units=11, macs=4, activations=("logistic", "tanh", "sin")),
        lambda c: example1(c, 3, learning=Learning(-3, 5), spread=0.4),
    ),
    "three activations, ecp5": (
        Config(units=11, macs=4, activations=("logistic", "tanh", "sin"), family="ecp5"),
        lambda c: example1(c, 3, learning=Learning(-3, 5), spread=0.4),
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_shapes(name):
    config, network = SHAPES[name]
    check(config, network(config), 12)


@pytest.mark.parametrize("dt_shift", range(4))
@pytest.mark.parametrize("eta_shift", [-6, -1, 1])
@pytest.mark.parametrize("seed", [None, 0, 0xFFFFFFFF])
def test_settings_at_run_time(dt_shift, eta_shift, seed):
    config = Config(units=15, macs=5)
    settling = Settling(dt_shift, tolerance=max(1, 4 >> dt_shift), limit=512, use_within=64)
    machine = associative(config, 10, 4, settling=settling, learning=Learning(eta_shift, seed))
    check(config, machine, 3)


@pytest.mark.parametrize("steps", [1, 7])
def test_fixed_steps(steps):
    config = Config(units=15, macs=5)
    settling = Settling(0, tolerance=4, limit=steps, use_within=64, fixed=True)
    result = check(config, associative(config, 10, 4, settling=settling), 3)
    assert (result.settle_steps == steps).all()


@pytest.mark.parametrize("cut", range(1, 6))
def test_cut_and_resumed(cut):
    config = Config(units=15, macs=5)
    whole = associative(config, 10, 4)
    first = run.train(config, whole, cut)
    rest = run.train(config, replace(whole, weights=first.weights, t=4 * cut), 6 - cut)
    for _ in range(6):
        whole.update()
    assert (rest.weights == whole.weights).all()


UNSETTLED = {  # weights, I, x(t0), use within
    "A used": ([[-8.0]], [0.0], [0.5], 32767),
    "A skipped": ([[-8.0]], [0.0], [0.5], 64),
    "C used": ([[5.0, -6.0], [6.0, 5.0]], [-0.5, -0.5], [0.5, 0.25], 32767),
    "C skipped": ([[5.0, -6.0], [6.0, 5.0]], [-0.5, -0.5], [0.5, 0.25], 64),
}


@pytest.mark.parametrize("name", UNSETTLED)
def test_what_does_not_settle_is_counted(name):
    weights, inputs, start, use_within = UNSETTLED[name]
    config = Config(units=len(weights), macs=1, slots=1)
    settling = Settling(0, tolerance=4, limit=20, use_within=use_within)
    result = check(config, single(config, weights, inputs, start, settling), 3)
    assert result.unsettled >= 3
    assert result.skipped == (3 if "skipped" in name else 0)
    if "skipped" in name:
        assert (result.weights == config.formats.weight.to_raw(weights)).all()


def test_a_tighter_use_within_than_tolerance():
    config = Config(units=15, macs=5)
    settling = Settling(0, tolerance=40, limit=3, use_within=8)
    check(config, associative(config, 10, 4, settling=settling), 4)


def test_saturation_is_flagged_by_role():
    config = Config(units=6, macs=3)
    inputs = np.full((2, 6), 1.9)
    every = np.ones(6, bool)
    wild = draw(config, 2, target=every, inputs=inputs, spread=7.9, learning=Learning(1, 3))
    result = check(config, wild, 4)
    assert result.saturated >= {"state", "error", "net", "weight"}


def test_recall():
    config = Config(units=15, macs=5, slots=3)
    machine = associative(config, 10, 3, spread=2.0)
    none = np.zeros(15, bool)
    slave = replace(
        machine,
        network=replace(machine.network, clamp_units=none, target_units=none),
        structure=None,
        start=np.where(np.arange(15) < 10, machine.targets, machine.start),
        settling=Settling(0, tolerance=4, limit=512, use_within=64),
    )
    result = run.recall(config, slave)
    relaxed = slave.relax(errors=False)
    assert (result.states == relaxed.x).all()
    assert (result.settle_steps == relaxed.steps[:, 0]).all()
    assert (result.settled == ~relaxed.unsettled[:, 0]).all()


# The host port


@pytest.fixture(params=[1, 2], ids="{}-lane".format)
def loaded(request):
    """(core, driver, machine): loaded, about to train."""
    config = Config(units=15, macs=5, lanes=request.param)
    machine, driver = associative(config, 10, 4), Driver(config)
    with Simulator(library(config)) as core:
        core.do(driver.load(machine))
        yield core, driver, machine


def test_what_was_loaded_can_be_read(loaded):
    core, driver, machine = loaded
    assert core.do(driver.read("IDENTITY")) == IDENTITY
    assert core.do(driver.read("SHAPE")) == 15 | 5 << 11 | driver.config.lanes << 22
    assert core.do(driver.read("OPTIONS")) & 0x1FF == 4
    assert (core.do(driver.read_state(Region.X_START, 4)) == machine.start).all()
    assert (core.do(driver.read_weights()) == machine.weights).all()
    assert (core.do(driver.read_weights()) == machine.weights).all()


@pytest.mark.parametrize("macs", [1, 5])
def test_a_log_holds_a_column(macs):
    """The longest that its depth allows, slow or fast."""
    config = Config(units=14 - macs, macs=macs, log_depth=16)
    machine, driver = associative(config, 6, 2), Driver(config)
    with Simulator(library(config)) as core:
        core.do(driver.load(machine))
        assert (core.do(driver.read_weights()) == machine.weights).all()


@pytest.mark.parametrize("shape", [(15, 5), (15, 15), (5, 1), (1, 1)])
def test_what_follows_a_column_waits_for_it(shape):
    """A weight written, another column and a run's start, each at once behind a column."""
    units, macs = shape
    config = Config(units=units, macs=macs)
    machine, driver = associative(config, -(-units // 2), 2), Driver(config)
    last = units - 1
    with Simulator(library(config)) as core:
        core.do(driver.load(machine))
        numbered, program = machine.structure.to_machine(machine.weights), driver.program
        entry = int(np.flatnonzero(program.columns == last)[0])
        assert entry < [*program.starts, len(program)][1]  # of the first block
        core.do(driver.write("COLUMN", last))
        core.write(driver.map.weight(0, entry), int(numbered[0, last]) - 1 & 0xFFFFFFFF)
        core.do(driver.write("COLUMN", last))
        core.do(driver.write("COLUMN", 0))
        core.do(driver.start_training(2))
        columns = [numbered[:, last].copy(), None, numbered[:, 0]]
        numbered[0, last] -= 1
        columns[1] = numbered[:, last]
        if last == 0:
            columns[2] = columns[1]
        machine.weights = machine.structure.from_machine(numbered)
        rows = program.blocks * macs  # with those of nobody, 0
        expected = np.concatenate([np.pad(c, (0, rows - units)) for c in columns]) & 0xFFFF
        words = [word & 0xFFFF for word in core.do(driver.fetch(0, 3 * rows))]
        core.do(driver.taken(3 * rows))
        assert words == expected.tolist()
        reports = []
        core.do(driver.reports(2, reports.append))
        assert [r.energy for r in reports] == [machine.update().energy for _ in range(2)]
        assert (core.do(driver.read_weights()) == machine.weights).all()


def test_a_read_of_the_state_across_a_runs_end_is_refused_or_right(loaded):
    """Begun at every cycle about the end of a run: the word, or 0 and a note in STATUS."""
    core, driver, machine = loaded
    core.do(driver.start_recall())
    core.do(driver.reports(4, lambda report: None, training=False))
    cycles = core.do(driver.counters())[2]
    right = core.read(driver.map.state(Region.X, 0, 11))
    assert right
    seen = []
    for begin in range(cycles - 12, cycles + 12):
        core.do(driver.clear())
        core.do(driver.start_recall())
        core.run(begin)
        word = core.read(driver.map.state(Region.X, 0, 11))
        refused = core.do(driver.read("STATUS")) >> 6 & 1
        assert (word, refused) in ((right, 0), (0, 1))
        seen.append(refused)
        core.do(driver.reports(4, lambda report: None, training=False))
    assert seen == sorted(seen, reverse=True)
    assert {*seen} == {0, 1}


def test_a_host_that_does_not_fetch_the_log_stops_the_core_and_loses_nothing(loaded):
    core, driver, machine = loaded
    updates, reports = 60, []
    assert updates * 6 > driver.config.log_depth
    core.do(driver.start_training(updates))
    core.run(300_000)
    assert core.do(driver.busy())
    full = core.do(driver.read("LOG_COUNT"))
    assert full in (driver.config.log_depth - 3, driver.config.log_depth - 2)
    core.run(10_000)
    assert core.do(driver.read("LOG_COUNT")) == full
    core.do(driver.reports(4, reports.append))
    assert [r.energy for r in reports] == [machine.update().energy for _ in range(updates)]
    assert (core.do(driver.read_weights()) == machine.weights).all()


def test_an_access_that_a_run_forbids_does_nothing_and_is_noted(loaded):
    core, driver, machine = loaded
    assert core.do(driver.read("STATUS")) >> 6 & 1 == 0
    core.do(driver.start_training(3))
    core.run(100)
    core.write(driver.map.weight(3, 4), 0)
    core.write(driver.map.state(Region.TARGET, 0, 0), 0)
    core.write(driver.map.at(Area.PROGRAM, 0), 0)
    core.write(driver.map.register("ROWS"), 1)
    core.write(driver.map.register("TOLERANCE"), 999)
    core.write(driver.map.register("NOISE"), 999)
    assert core.read(driver.map.state(Region.X, 0, 0)) == 0
    assert core.do(driver.read("STATUS")) >> 6 & 1 == 1
    core.do(driver.reports(4, lambda report: None))
    for _ in range(3):
        machine.update()
    assert (core.do(driver.read_weights()) == machine.weights).all()


def test_stop_ends_after_the_update_under_way(loaded):
    core, driver, machine = loaded
    core.do(driver.start_training(1_000_000))
    core.run(5000)
    core.do(driver.stop())
    reports = []
    core.do(driver.reports(4, reports.append))
    made = 1_000_000 - core.do(driver.read("UPDATES"))
    assert 0 < made == len(reports) < 100
    for _ in range(made):
        machine.update()
    assert (core.do(driver.read_weights()) == machine.weights).all()


def test_random_requests_leave_the_core_answering(loaded):
    core, driver, machine = loaded
    rng = np.random.default_rng(1)
    control = driver.map.register("CONTROL")
    for _ in range(2000):
        address = int(rng.integers(1 << driver.map.width))
        if address == control or address == driver.map.register("COLUMN"):
            continue
        if rng.random() < 0.5:
            core.write(address, int(rng.integers(1 << 32)))
        else:
            core.read(address)
    core.do(driver.load(machine))
    core.do(driver.start_training(2))
    core.do(driver.reports(4, lambda report: None))
    machine.update()
    machine.update()
    assert (core.do(driver.read_weights()) == machine.weights).all()


# Cycles


@pytest.mark.parametrize(("macs", "least", "early"), [(5, 0.98, 0.95), (15, 0.95, 0.75)])
def test_utilisation_of_figure1(macs, least, early):
    config = Config(units=15, macs=macs)
    settling = Settling(0, tolerance=4, limit=20, use_within=64, fixed=True)
    machine = associative(config, 10, 4, spread=0.5, seed=3)
    fixed = check(config, replace(machine, settling=settling), 30)
    assert fixed.utilisation >= least
    assert check(config, machine, 30).utilisation >= early


def test_one_pattern_in_flight():
    config = Config(units=15, macs=5, slots=1)
    one, two = (
        associative(config, 10, 1, settling=Settling(0, 4, steps, 64, fixed=True))
        for steps in (10, 11)
    )
    schedule = Schedule(config, one.structure)
    assert schedule.time.turnaround <= 5 + 26 + 2
    assert len(schedule.program) == schedule.program.short == 45
    # a step more of x and of y: a sweep each, and the way round
    more = check(config, two, 1).cycles - check(config, one, 1).cycles
    assert more == 2 * (45 + schedule.time.turnaround)


def test_a_backward_is_short_where_held_units_come_last():
    """Of 12 units 4 are held, and 4 are fed by those alone: these have no wanted columns."""
    config, unit = Config(units=12, macs=4, slots=1), np.arange(12)
    connected = (unit[:, None] >= 4) & ((unit < 4)[None, :] | (unit[:, None] < 8))
    one, two = (
        draw(
            config,
            1,
            clamp=unit < 4,
            target=unit > 6,
            connected=connected,
            settling=Settling(0, 4, steps, 64, fixed=True),
        )
        for steps in (10, 11)
    )
    schedule = Schedule(config, one.structure)
    size, short = len(schedule.program), schedule.program.short
    assert (size, short) == (12 + 4, 8)
    more = check(config, two, 1).cycles - check(config, one, 1).cycles
    assert more == size + short + 2 * schedule.time.turnaround


def test_cycles_go_with_the_square_of_the_units():
    units = np.array([16, 32, 64, 128, 256])
    steps = np.full((2, 4, 2), 20)
    dense = []
    for n in units.tolist():
        none = np.zeros(n, bool)
        dense.append(Structure.of(np.ones((n, n), bool), none, ~none))
    cycles = [
        Schedule(Config(units=int(n), macs=16), structure).cycles(steps, Learning(), 4)
        for n, structure in zip(units, dense, strict=True)
    ]
    exponent = np.polyfit(np.log(units), np.log(cycles), 1)[0]
    assert abs(exponent - 2.0) <= 0.03
    assert utilisation(dense[2], 16, steps, cycles[2]) > 0.99
