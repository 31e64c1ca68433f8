"""The host port: what has no address, does not fit, or comes at a wrong time."""

from contextlib import nullcontext
from copy import deepcopy
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from rbp.cosim import run
from rbp.cosim.build import library
from rbp.cosim.simulator import Simulator
from rbp.golden.config import Config
from rbp.golden.features import monomials
from rbp.golden.relaxation import Settling
from rbp.golden.training import Learning
from rbp.hdl.host.memory_map import ADDRESSED, IDENTITY, REGISTERS, STATE, Area, greatest
from rbp.hdl.layouts import Region
from rbp.host.driver import Driver
from rbp.host.requests import BadAnswer, Fetch, Idle, Read, Write, describe
from tests.networks import associative

TRAIN, RECALL, CLEAR, STOP = 1, 2, 4, 8
CONFIGS = {
    "one lane": Config(units=5, macs=2, slots=3),
    "lanes": Config(units=5, macs=2, slots=3, lanes=3),
    "momentum": Config(units=5, macs=2, slots=2, lanes=2, momentum=True),
    "refill": Config(units=4, macs=3, slots=4, lanes=2, refill=True, random_start=True),
    "spram": Config(units=5, macs=2, slots=3, momentum=True, spram=True),
    "second order": Config(units=3, macs=2, slots=2, order=2, products=11, feature="tanh"),
    "products": Config(units=3, macs=2, slots=2, order=2, products=9, folds=15),
    "ecp5": Config(units=5, macs=2, slots=3, family="ecp5"),
}
everywhere = pytest.mark.parametrize("name", CONFIGS)


class Host:
    """A core that is never reset after power-up, and what a host does with it."""

    def __init__(self, name):
        self.config = CONFIGS[name]
        self.core, self.driver = Simulator(library(self.config)), Driver(self.config)

    def refused(self):
        return self.core.do(self.driver.read("STATUS")) >> 6 & 1

    def write(self, register, value):
        self.core.do(self.driver.write(register, value))

    def machine(self, patterns, seed=1):
        config = self.config
        learning = Learning(0, seed, friction=2 if config.momentum else None)
        products = monomials(config.units, (1, 2)) if config.higher else None
        return associative(config, 2, patterns, seed=seed, learning=learning, products=products)

    def knows(self, machine):
        """The driver has its program, as if it had loaded it."""
        for _ in self.driver.load(machine):
            pass
        self.core.do(self.driver.attach())

    def loaded(self, machine):
        """Loads it, and gives the words of each table, by address."""
        core, found, written = self.core, {}, self.driver.load(machine)
        tables = self.driver.map.tables
        for request in written:
            core.write(request.address, request.data)
            if request.address >> self.driver.map.offset_bits in {a.value for a in tables}:
                found[request.address] = request.data
        return found

    def learns(self, machine, updates=2):
        """A whole training gives golden's words, flags and counts, and was not refused."""
        got = run.train(self.config, machine, updates, core=nullcontext(self.core))
        self.knows(machine)
        golden = deepcopy(machine)
        energies = [golden.update().energy for _ in range(updates)]
        assert got.energy == energies
        assert np.array_equal(got.weights, golden.weights)
        assert np.array_equal(got.states, golden.x)
        assert np.array_equal(got.errors, golden.y)
        assert got.saturated == golden.saturated
        if self.config.momentum:
            assert np.array_equal(got.velocity, golden.velocity)
        assert not self.refused()


def words(config, amap):
    """Every address of the map: (may be read, may be written), idle."""
    found = {k: ("r" in r.access, "w" in r.access) for k, r in ADDRESSED.items()}
    found |= {amap.log(n): (True, False) for n in range(config.log_depth)}
    patterns, units = range(config.lanes * config.slots), range(config.units)
    for region, (access, _) in STATE.items():
        for a in patterns if region != Region.FLAGS else range(1):
            for i in units:
                found[amap.state(region, a, i)] = ("r" in access, True)
    areas = (Area.WEIGHTS, Area.VELOCITIES) if config.momentum else (Area.WEIGHTS,)
    for area, bank in product(areas, range(config.macs)):
        for entry in range(config.entries):
            found[amap.weight(bank, entry, area)] = (False, True)
    for area, size in amap.tables.items():
        for k in range(size):
            found[amap.at(area, k)] = (False, True)
    return found


@everywhere
def test_every_address(name):
    """What the map has can be reached; all else is refused, reads 0, and changes nothing."""
    host = Host(name)
    config, amap, core = host.config, host.driver.map, host.core
    mapped = words(config, amap)
    host.write("CONTROL", CLEAR)
    readable, writable = set(), set()
    machine = host.machine(1)
    tables = host.loaded(machine)
    assert len(tables) == host.driver.program.words + (
        len(machine.network.features.products) + 2 * len(machine.network.features.terms())
        if config.higher
        else 0
    )
    for address in range(1 << amap.width):
        word = core.read(address)
        if host.refused():
            assert word == 0
            host.write("CONTROL", CLEAR)
        else:
            readable.add(address)
        if address in (amap.register("CONTROL"), amap.register("COLUMN")):
            writable.add(address)
            continue
        weights = (Area.WEIGHTS.value, Area.VELOCITIES.value)
        if address >> amap.offset_bits in weights and address in mapped:
            writable.add(address)  # what a weight is, is read below
            continue
        core.write(address, tables.get(address, 0))
        if host.refused():
            host.write("CONTROL", CLEAR)
        else:
            writable.add(address)
    assert readable == {k for k, (read, _) in mapped.items() if read}
    assert writable == {k for k, (_, write) in mapped.items() if write}
    assert (core.do(host.driver.read_weights()) == machine.weights).all()


@everywhere
def test_weights_are_written_where_they_are(name):
    host = Host(name)
    rng, config = np.random.default_rng(2), host.config
    machine = host.machine(1)
    host.core.do(host.driver.load(machine))
    areas = (Area.WEIGHTS, Area.VELOCITIES) if config.momentum else (Area.WEIGHTS,)
    for area in areas:
        if area == Area.VELOCITIES:
            assert (host.core.do(host.driver.read_weights(area)) == 0).all()
        w = rng.integers(-(2**15), 2**15, machine.weights.shape)
        host.core.do(host.driver.load_weights(w, area))
        assert (host.core.do(host.driver.read_weights(area)) == w).all()
    assert not host.refused()


@everywhere
def test_the_state_reads_with_its_sign(name):
    host = Host(name)
    host.write("CONTROL", CLEAR)
    for region in (Region.X_START, Region.X, Region.Y):
        for a in range(host.config.lanes * host.config.slots):
            for value in (-5, 5, -(2**15), 2**15 - 1):
                address = host.driver.map.state(region, a, 1)
                host.core.write(address, value & 0xFFFFFFFF)
                assert host.core.read(address) == value & 0xFFFFFFFF
    assert not host.refused()


def bad_settings(config):
    """(register, value) of which one makes a start that does not fit; A = B = 2, FIRST = 0."""
    for register, most in greatest(config).items():
        yield register, most + 1
        yield register, 2**32 - 1
        if register not in ("UPDATES", "TOLERANCE", "USE_WITHIN"):
            yield register, 0
    yield from (("BATCH", 3), ("PATTERNS", 1), ("MODE", 1 << 2), ("MODE", 1 << 31))
    low, high = config.eta_shifts
    yield "MODE", (high - low + 1) << 4
    if not config.random_start:
        yield "MODE", 1 << 13
    if not config.momentum:
        yield "MODE", 1 << 16
    yield "ROWS", config.units
    yield "ROWS", 1 << 15
    yield "ROWS", config.units << 16 if config.random_start else 1 << 16
    yield "MODE", 1 << 12  # draws, with B = 2
    yield "FIRST", config.lanes  # no such lane
    yield "FIRST", config.slots << 16
    yield "FIRST", 2 % config.lanes | 2 // config.lanes << 16  # A
    yield "FIRST", 2**32 - 1


@everywhere
def test_a_start_that_does_not_fit_is_refused(name):
    """No run, a note, and the next training is golden's, with no reset between."""
    host = Host(name)
    machine = host.machine(2)
    for command in (TRAIN, RECALL):
        for register, value in bad_settings(host.config):
            if command == RECALL and (register, value) == ("MODE", 1 << 12):
                continue
            host.core.do(host.driver.load(machine))
            host.write("UPDATES", 1)
            assert not host.refused()
            host.write(register, value)
            host.write("CONTROL", command)
            assert not host.core.do(host.driver.busy()), (register, value)
            assert host.refused(), (register, value)
            assert host.core.do(host.driver.read("CYCLES")) == 0
    host.learns(machine)


@everywhere
def test_the_greatest_settings_are_taken(name):
    host = Host(name)
    held = host.config.lanes * host.config.slots
    machine = host.machine(held)
    machine.settling = Settling(dt_shift=0, tolerance=32767, limit=32767, use_within=32767)
    host.core.do(host.driver.load(machine))
    host.write("UPDATES", 2**24 - 1)
    last = held - 1
    lanes = host.config.lanes
    host.write("FIRST", last % lanes | last // lanes << 16)
    host.write("CONTROL", TRAIN)
    assert host.core.do(host.driver.busy())
    assert not host.refused()
    host.write("CONTROL", CLEAR)
    assert host.core.do(host.driver.read("UPDATES")) >= 2**24 - 2
    host.learns(machine)


@everywhere
def test_clear_ends_any_run_at_any_time(name):
    """Also where the log is full, and where a relaxation would take 32,767 steps."""
    host = Host(name)
    machine = host.machine(2)
    endless = deepcopy(machine)
    endless.settling = Settling(dt_shift=0, tolerance=0, limit=32767, use_within=0, fixed=True)
    for begin in (*range(0, 60, 7), 300, 1000, 1003, 2001, 100_000):
        for job, command in ((machine, TRAIN), (endless, TRAIN), (endless, RECALL)):
            host.core.do(host.driver.load(job))
            host.write("UPDATES", 0)
            host.write("CONTROL", command)
            host.core.run(begin)
            host.core.do(host.driver.clear())
            assert not host.core.do(host.driver.busy())
            assert host.core.do(host.driver.read("LOG_COUNT")) == 0
            assert host.core.do(host.driver.counters()) == (0, 0, 0, set())
    host.learns(machine)


@everywhere
def test_commands_are_one_in_a_write(name):
    host = Host(name)
    machine = host.machine(2)
    for command in (CLEAR | TRAIN, CLEAR | RECALL, 1 << 4, 1 << 23, 1 << 28, 1 << 31):
        host.core.do(host.driver.load(machine))
        host.write("CONTROL", command)
        assert host.refused()
        assert not host.core.do(host.driver.busy())
    host.learns(machine)


@everywhere
def test_a_recall_clamps_nothing(name):
    """With the flags of a training left as they are; cues by X_START alone."""
    host = Host(name)
    machine = host.machine(2)
    host.learns(machine)
    trained = deepcopy(machine)
    for _ in range(2):
        trained.update()
    cues = np.random.default_rng(4).integers(0, 2**13, machine.start.shape)
    host.core.do(host.driver.load_state(Region.X_START, cues))
    host.write("LIMIT", 300)
    host.write("FIRST", 0)
    host.core.do(host.driver.start_recall())
    host.core.do(host.driver.reports(2, lambda report: None, training=False))
    x = host.core.do(host.driver.read_state(Region.X, 2))
    none = np.zeros(host.config.units, bool)
    free = replace(
        trained,
        network=replace(trained.network, clamp_units=none, target_units=none),
        settling=replace(trained.settling, limit=300),
        start=cues,
        x=None,
        y=None,
    )
    free.relax(errors=False)
    assert (x == free.x).all()


@everywhere
def test_any_access_then_a_clear_then_a_training(name):
    """Some thousand accesses of a host gone mad; nothing waits for ever, nothing needs a reset."""
    host, rng = Host(name), np.random.default_rng(7)
    config, core, amap = host.config, host.core, host.driver.map
    starts = amap.register("CONTROL")
    known = sorted(words(config, amap))
    for _ in range(6):
        core.do(host.driver.load(host.machine(2)))
        for _ in range(700):
            kind = rng.integers(10)
            address = int(rng.choice(known) if kind < 6 else rng.integers(1 << amap.width))
            value = int(rng.integers(2**32) >> rng.integers(33))
            if kind == 6:
                address, value = starts, int(rng.choice([TRAIN, RECALL, STOP, CLEAR, value]))
            elif kind == 7:
                address, value = int(rng.integers(len(REGISTERS))), int(rng.integers(5))
            if rng.integers(3):
                core.do(request for request in [Write(address, value)])
            else:
                core.read(address)
            if kind == 8:
                core.run(int(rng.integers(200)))
        host.write("CONTROL", CLEAR)
        host.learns(host.machine(2, seed=3))


def trained(host, machine, updates=1):
    """(weights, skipped, roles that saturated) of a training on what the core holds already."""
    host.core.do(host.driver.load(machine))
    host.core.do(host.driver.start_training(updates))
    host.core.do(host.driver.reports(len(machine.patterns()), lambda report: None))
    _, skipped, _, roles = host.core.do(host.driver.counters())
    return host.core.do(host.driver.read_weights()), skipped, roles


def test_a_lane_without_a_pattern_skips_none():
    """Its place held one that was left out, in the training before."""
    host = Host("lanes")
    moving = Settling(dt_shift=0, tolerance=0, limit=1, use_within=0)
    full = replace(host.machine(9), settling=moving)
    few = replace(full, learning=Learning(0, 1, batch=2), t=2)  # of lanes 2 and 0
    for machine in (full, few):
        _, skipped, _ = trained(host, machine)
        golden = deepcopy(machine)
        golden.update()
        assert skipped == golden.skipped > 0


def test_a_stop_is_of_one_run():
    host = Host("one lane")
    machine = host.machine(2)
    host.core.do(host.driver.load(machine))
    host.core.do(host.driver.start_training(1000))
    host.write("CONTROL", STOP)
    host.core.do(host.driver.reports(2, lambda report: None))
    assert host.core.do(host.driver.read("UPDATES")) >= 998  # at once, however soon it comes
    host.learns(machine, updates=5)


@everywhere
def test_a_recall_begins_at_its_start(name):
    """Also where trainings go on from the last states (KEEP)."""
    host = Host(name)
    machine = host.machine(2)
    if host.config.random_start:
        pytest.skip("KEEP and RANDOM exclude each other")
    machine.learning = replace(machine.learning, keep=True)
    host.learns(machine)
    golden = deepcopy(machine)
    golden.update()
    golden.update()
    host.core.do(host.driver.load_state(Region.X_START, machine.start))
    host.core.do(host.driver.start_recall())
    host.core.do(host.driver.reports(2, lambda report: None, training=False))
    none = np.zeros(host.config.units, bool)
    free = replace(golden, network=replace(golden.network, clamp_units=none, target_units=none))
    free.relax(errors=False)
    assert (host.core.do(host.driver.read_state(Region.X, 2)) == free.x).all()


def test_a_product_that_is_clamped_is_said():
    """And nothing else is: the activities are tame, the targets that are multiplied are not."""
    host = Host("products")
    machine = host.machine(1)
    machine.weights[:] = 1
    machine.targets[:] = machine.network.formats.state.max
    machine.network = replace(machine.network, target_units=np.array([False, False, True]))
    tame = deepcopy(machine)
    tame.targets[:] = 1 << 13
    for case in (machine, tame):
        golden = deepcopy(case)
        golden.update()
        assert golden.saturated == ({"state"} if case is machine else set())
        assert trained(host, case)[2] == golden.saturated


@pytest.mark.parametrize("name", ["momentum", "spram"])
def test_a_velocity_moves_its_weight_once(name):
    """Near the end of the format, where a second move, with what is left of it, would clip."""
    host = Host(name)
    for room, clips in ((70, False), (50, True)):
        machine = host.machine(1)
        fmt = machine.network.formats.weight
        machine.weights[:] = fmt.max - room
        machine.velocity[:] = 60 << 2
        none = np.zeros(host.config.units, bool)
        machine.network = replace(machine.network, target_units=none, clamp_units=none)
        golden = deepcopy(machine)
        golden.update()
        assert ("weight" in golden.saturated) == clips
        weights, _, roles = trained(host, machine)
        assert (weights == golden.weights).all()
        assert roles == golden.saturated


@pytest.mark.parametrize("name", ["momentum", "spram"])
def test_a_clear_makes_the_velocities_zero(name):
    """Before whatever comes next: a column, or a training with the settings that it finds."""
    host = Host(name)
    machine = host.machine(2)
    moving = deepcopy(machine)
    moving.velocity[:] = 999
    for once in range(3):
        host.core.do(host.driver.load(moving))
        host.write("UPDATES", 1)
        host.write("CONTROL", CLEAR)
        if once:
            host.write("CONTROL", TRAIN)
            host.core.do(host.driver.reports(2, lambda report: None))
            golden = deepcopy(machine)
            golden.update()
            assert (host.core.do(host.driver.read_weights()) == golden.weights).all()
        else:
            assert (host.core.do(host.driver.read_weights(Area.VELOCITIES)) == 0).all()


@everywhere
def test_it_describes_itself(name):
    host = Host(name)
    assert host.core.do(describe()) == host.config


def test_what_is_no_core_is_said():
    """Nor one whose map this program does not know."""
    for identity, said in (
        (IDENTITY + 1, "the core's map is of version 5, this program's 4"),
        (0, "it answers 0x00000000, where a core says 0x52425034"),
    ):
        with pytest.raises(BadAnswer, match=said):
            list(answered(describe(), identity))


@everywhere
def test_everything_twice(name):
    """As over a link that loses each answer: each request is done again, and nothing changes."""
    host = Host(name)
    host.core = Twice(host.core)
    machine = host.machine(2)
    for seed in range(3):
        host.learns(host.machine(2, seed=seed), updates=5)
    host.core.do(host.driver.load(machine))
    host.core.do(host.driver.start_recall())
    reports = []
    host.core.do(host.driver.reports(2, reports.append, training=False))
    assert len(reports) == 1
    assert not host.refused()


class Twice:
    """Carries out each request twice, the second time a while later."""

    def __init__(self, core):
        self.core, self.rng = core, np.random.default_rng(5)

    def __getattr__(self, name):
        return getattr(self.core, name)

    def do(self, procedure):
        return self.core.do(self.twice(procedure))

    def twice(self, procedure):
        answer = None
        while True:
            try:
                request = procedure.send(answer)
            except StopIteration as stop:
                return stop.value
            yield request
            yield Idle(int(self.rng.integers(300)))
            answer = yield request


@everywhere
def test_a_tag_is_of_one_start(name):
    """The same tag starts nothing, during the run and after it; another one, or none, does."""
    host = Host(name)
    host.core.do(host.driver.load(host.machine(2)))
    core, map_, reports = host.core, host.driver.map, []

    def start(tag, command=TRAIN):
        core.write(map_.register("UPDATES"), 1)
        core.write(map_.register("CONTROL"), command | tag << 24)
        return core.do(host.driver.busy())

    def finish():
        core.do(host.driver.reports(2, reports.append))

    assert start(3)
    core.write(map_.register("CONTROL"), TRAIN | 3 << 24)
    assert not host.refused()
    finish()
    assert not start(3)
    assert not start(3, RECALL)
    assert not host.refused()
    for tag in (4, 3, 0, 0):
        assert start(tag)
        finish()
    assert len(reports) == 5
    assert start(15)
    core.write(map_.register("CONTROL"), TRAIN | 14 << 24)
    assert host.refused()  # another start, while that one runs
    host.write("CONTROL", CLEAR)
    host.driver.log_read = 0
    assert start(15)  # forgotten
    finish()
    core.write(map_.register("BATCH"), 0)
    core.write(map_.register("CONTROL"), TRAIN | 1 << 24)
    assert host.refused()  # it does not fit, so its tag is not kept
    core.write(map_.register("BATCH"), 2)
    assert start(1)


def test_the_log_stays_until_it_is_read():
    """Any word, as often as one likes; and what was not written cannot be read on."""
    host = Host("lanes")
    driver, core = host.driver, host.core
    depth = host.config.log_depth
    core.do(driver.load(host.machine(2)))
    core.do(driver.start_training(20))
    while core.do(driver.busy()):
        core.run(100)
    count = core.do(driver.read("LOG_COUNT"))
    assert count == 20 * (2 + 2 * host.config.lanes) < depth
    words = core.do(driver.fetch(0, count))
    assert core.do(driver.fetch(0, count)) == words
    assert core.do(driver.read("LOG_COUNT")) == count
    for beyond in (count + 1, depth + count, 2 * depth - 1, 2 * depth, 2**31):
        host.write("LOG_READ", beyond)
        assert host.refused()
        assert core.do(driver.read("LOG_READ")) == 0
        assert core.do(driver.read("LOG_COUNT")) == count
    for upto in (0, 5, 5, count - 1, count, count):
        host.write("LOG_READ", upto)
        assert core.do(driver.read("LOG_READ")) == upto
        assert core.do(driver.read("LOG_COUNT")) == count - upto


def test_another_host_goes_on():
    """It finds the beginning of a report, and how far the training is, whenever the first one
    was lost."""
    for lost in (1, 7, 20, 33, 50, 77, 150):
        host = Host("lanes")
        machine, first, second = host.machine(2), [], []
        golden = deepcopy(machine)
        host.core.do(host.driver.load(machine))
        host.core.do(host.driver.start_training(40))
        asks = host.driver.reports(2, first.append)
        host.core.do(request for request in _some(asks, lost, host.core))
        host.driver = driver = Driver(host.config)
        host.knows(machine)
        driver.expected = 40
        _, left = host.core.do(driver.attach())
        assert left <= 40 - len(first)
        host.core.do(driver.reports(2, second.append))
        energies = [golden.update().energy for _ in range(40)]
        assert [r.energy for r in second] == energies[40 - len(second) :]
        assert len(first) + len(second) >= 40
        assert (host.core.do(driver.read_weights()) == golden.weights).all()


def _some(procedure, count, core):
    """The first requests of a procedure, carried out by themselves."""
    answer = None
    for _ in range(count):
        try:
            request = procedure.send(answer)
        except StopIteration:
            break
        answer = core.do(_one(request))
    return iter(())


def _one(request):
    return (yield request)


@everywhere
def test_interrupts(name):
    """irq is high while what was enabled stands."""
    host = Host(name)
    core, driver = host.core, host.driver
    core.do(driver.load(host.machine(2)))

    def status():
        return core.do(driver.read("STATUS")) >> 8 & 3, core.irq

    length = 2 + 2 * host.config.lanes
    half = -(-host.config.log_depth // 2 // length)
    assert status() == (0, 0)
    host.write("IRQ_ENABLE", 1)
    core.do(driver.start_training(1))
    while core.do(driver.busy()):
        assert status() == (0, 0) or status()[0] == 1
    core.run(4)
    assert status() == (1, 1)
    host.write("IRQ_ENABLE", 2)
    core.run(4)
    assert status() == (1, 0)
    core.do(driver.start_training(half))  # with the one of before, half full
    host.write("IRQ_ENABLE", 2)
    while core.do(driver.busy()):
        core.run(50)
    core.run(4)
    assert status() == (3, 1)
    assert core.do(driver.read("IRQ_ENABLE")) == 2
    driver.expected = half + 1
    core.do(driver.reports(2, lambda report: None))
    core.run(4)
    assert status() == (1, 0)
    host.write("IRQ_ENABLE", 4)
    assert host.refused()
    assert core.do(driver.read("IRQ_ENABLE")) == 2
    host.write("CONTROL", CLEAR)
    assert status() == (0, 0)


def test_an_empty_log_gives_nothing_up():
    host = Host("one lane")
    host.write("CONTROL", CLEAR)
    for n in range(5):
        host.core.read(host.driver.map.log(n))
        assert host.core.do(host.driver.read("LOG_COUNT")) == 0
    machine = host.machine(2)
    host.learns(machine)
    host.core.do(host.driver.load(machine))
    weights = host.core.do(host.driver.read_weights())
    assert host.core.do(host.driver.read("LOG_COUNT")) == 0
    assert (host.core.do(host.driver.read_weights()) == weights).all()


def planned():
    """A driver that has loaded something."""
    host = Host("one lane")
    host.knows(host.machine(2))
    return host.driver


@pytest.mark.parametrize("answer", [257, 2**32 - 1])
def test_a_log_that_holds_too_much_is_not_believed(answer):
    """Neither while a run is under way nor where a column is read."""
    driver = planned()
    for procedure in (driver.reports(2, lambda report: None), driver.read_weights()):
        answering = answered(procedure, answer)
        with pytest.raises(BadAnswer, match=f"holds {answer} words, of at most 256"):
            list(answering)


def answered(procedure, answer):
    """What a procedure asks, each read answered alike."""
    request = next(procedure)
    while True:
        yield request
        given = [answer] * request.count if isinstance(request, Fetch) else None
        request = procedure.send(answer if isinstance(request, Read) else given)


def replies(procedure, driver, registers):
    """What a procedure asks of a core whose registers never change."""
    names = {driver.map.register(name): value for name, value in registers.items()}
    request = next(procedure)
    while True:
        yield request
        given = names.get(getattr(request, "address", None), 0)
        request = procedure.send([0] * request.count if isinstance(request, Fetch) else given)


@pytest.mark.parametrize("busy", [1, 0])
def test_a_core_that_never_ends_is_given_up(busy):
    """And one that rests without a report is not waited for."""
    driver, reports = planned(), []
    asked = replies(driver.reports(2, reports.append), driver, {"STATUS": busy})
    if busy:
        with pytest.raises(TimeoutError, match="still busy after 0 reports"):
            list(asked)
    else:
        with pytest.raises(RuntimeError):  # StopIteration: it has ended
            list(asked)
    assert not reports


def test_a_core_that_reports_too_often_is_given_up():
    driver, reports = planned(), []
    driver.expected = 3
    asked = replies(driver.reports(2, reports.append), driver, {"STATUS": 1, "LOG_COUNT": 4})
    with pytest.raises(TimeoutError, match="still busy after 4 reports"):
        list(asked)
    assert len(reports) == 4


def test_a_column_that_does_not_come_is_given_up():
    driver = planned()
    asked = replies(driver.read_weights(), driver, {"LOG_COUNT": 4})
    with pytest.raises(TimeoutError, match="column 0: the log holds 4 of 30 weights"):
        list(asked)


@pytest.mark.parametrize("name", ["ecp5", "refill"])
def test_rows_take_every_unit(name):
    """The first one that has a row, and the last one that is drawn."""
    host = Host(name)
    last = host.config.units - 1
    for first in range(host.config.units):
        host.write("ROWS", first | last * host.config.random_start << 16)
    assert not host.refused()
    host.learns(host.machine(2))


@everywhere
def test_a_run_refuses_a_program(name):
    """And whatever else a load writes; what it learns is golden's."""
    host = Host(name)
    machine, golden = host.machine(2), None
    tables = host.loaded(machine)
    host.core.do(host.driver.start_training(2))
    for address in tables:
        host.core.write(address, 0xFFFFFFFF)
        assert host.refused()
    host.write("ROWS", 1)
    assert host.core.do(host.driver.busy())
    host.core.do(host.driver.reports(2, lambda report: None))
    golden = deepcopy(machine)
    golden.update()
    golden.update()
    assert (host.core.do(host.driver.read_weights()) == golden.weights).all()
    assert host.refused()
    host.learns(machine)
