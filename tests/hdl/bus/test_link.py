"""The serial link: whatever the line does, the words are golden's or there is an error."""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest

from rbp.hdl.bus.frames import ESCAPE, FLAG, RING, check_sum
from rbp.hdl.host.memory_map import Area
from rbp.hdl.layouts import Region
from rbp.host import session
from rbp.host.driver import Driver
from rbp.host.link import Link, LinkError, decoded, encoded
from rbp.host.requests import BadAnswer, Fetch, Read, Write, describe
from tests.hdl.bus.serial import CONFIG, DIVISOR, Faulty, Line, path
from tests.networks import associative


@pytest.fixture(scope="module")
def library():
    return path()


def test_frames():
    """Each byte, and what must not be read as the end of a frame."""
    rng = np.random.default_rng(1)
    for size in (2, 7, 260):
        for _ in range(50):
            data = bytes(rng.choice([FLAG, ESCAPE, 0x5E, 0x5D, 0, 255, 32], size).tolist())
            line = encoded(data)
            assert line[0] == line[-1] == FLAG
            assert FLAG not in line[1:-1]
            assert decoded(line[1:-1]) == data
    assert decoded(b"") is None
    assert decoded(bytes([ESCAPE])) is None


def test_the_crc_is_that_of_the_catalogue():
    assert check_sum(b"123456789") == 0x29B1


def learns(link, machine, updates=5):
    """A whole training gives golden's words."""
    got = session.train(link, CONFIG, machine, updates)
    golden = deepcopy(machine)
    assert got.energy == [golden.update().energy for _ in range(updates)]
    assert np.array_equal(got.weights, golden.weights)
    assert np.array_equal(got.states, golden.x)
    assert np.array_equal(got.errors, golden.y)


def test_a_training(library):
    line = Line(library, DIVISOR)
    link = Link(line)
    assert link.do(describe()) == CONFIG
    learns(link, associative(CONFIG, 2, 3), updates=60)
    assert not link.refused


@pytest.mark.parametrize("drift", [-0.02, -0.01, 0.01, 0.02])
def test_a_baud_rate_that_is_not_quite_right(library, drift):
    link = Link(Line(library, DIVISOR * (1 + drift)))
    learns(link, associative(CONFIG, 2, 2))


def test_a_wrong_baud_rate(library):
    with pytest.raises(LinkError, match="the line (does not answer|answers what cannot)"):
        Link(Line(library, DIVISOR * 3))


def test_nobody_is_there():
    class Nothing:
        def write(self, data):
            pass

        def read(self, size=1):
            return b""

    with pytest.raises(LinkError, match="/dev/ttyX at 9600 baud does not answer, 10 times"):
        Link(Nothing(), "/dev/ttyX at 9600 baud")


def one(request):
    return (yield request)


def test_an_address_beyond_the_core(library):
    link = Link(Line(library, DIVISOR))
    for address in (1 << 22, (1 << 23) - 1, 1 << 15):
        assert link.do(one(Read(address))) == 0
        assert link.refused
        link.refused = False
        link.do(one(Write(address, 5)))
        assert link.refused
        link.refused = False
    assert link.do(describe()) == CONFIG
    assert not link.refused


def test_a_refusal_whose_answer_is_lost(library):
    """STATUS keeps it, and the driver looks there."""

    class Losing(Line):
        lost = False

        def read(self, size=1):
            came = super().read(size)
            while self.lost and came:
                came = super().read(size)
            self.lost = False
            return came

    line = Losing(library, DIVISOR)
    link, driver = Link(line), Driver(CONFIG)
    link.do(driver.clear())
    line.lost = True
    link.do(one(Write(driver.map.at(Area.VELOCITIES, 0), 5)))  # the core has none
    assert not link.refused
    assert not line.lost
    assert not driver.refused
    link.do(driver.busy())
    assert driver.refused


def test_what_the_core_does_not_have(library):
    """A host that takes it for another core does not use what it learns."""
    other = replace(CONFIG, momentum=True)
    machine = associative(other, 2, 3)
    machine.velocity[machine.weights != 0] = 1
    with pytest.raises(BadAnswer, match="the core has refused an access"):
        session.train(Link(Line(library, DIVISOR)), other, machine, 2)


def test_long_bursts_both_ways(library):
    """As many words as a frame holds, and several frames at once; the ring never overflows."""
    line = Line(library, DIVISOR)
    link, driver = Link(line), Driver(CONFIG)
    base = driver.map.weight(0, 0)
    rng = np.random.default_rng(4)
    link.do(driver.clear())
    for count in (1, 63, 64, 65, 200):
        words = rng.integers(2**32, size=count)
        link.do(Write(base + k % CONFIG.entries, int(word)) for k, word in enumerate(words))
    assert not link.refused
    words = link.do(one(Fetch(driver.map.log(0), 256)))
    assert len(words) == 256
    assert link.do(one(Fetch(driver.map.log(0), 256))) == words


@pytest.mark.parametrize("size", [2, 4])
def test_the_line_is_full(library, size):
    """Loading in bursts: four fifths of the line's bits are words; states have two bytes, weights
    that do not fit them four. (A weight waits for a turn of the program, at this rate for longer
    than two bytes take.)"""
    line = Line(library, DIVISOR)
    link, driver = Link(line), Driver(CONFIG)
    link.do(driver.clear())
    places, unit = (64, 77) if size == 2 else (CONFIG.entries, 77_000)  # of five units, and none
    base = driver.map.state(Region.X, 0, 0) if size == 2 else driver.map.weight(0, 0)
    before = line.cycles
    link.do(Write(base + k, unit * k) for _ in range(40) for k in range(places))
    took = (line.cycles - before) / (10 * DIVISOR)  # bytes' times
    assert size * 40 * places / took >= 0.8


def test_garbage_before_and_between(library):
    """After any bytes the next frame is understood."""
    rng = np.random.default_rng(2)
    line = Line(library, DIVISOR)
    Link(line)
    for size in (1, 5, 100, RING - 1, RING, 3 * RING):
        for _ in range(20):
            garbage = rng.bytes(size)
            line.write(garbage)
            request = encoded(bytes([7, 0, 0, 0, 0x80]))
            line.write(request)
            came = b""
            while more := line.read(4096):
                came += more
            answers = [decoded(part) for part in came.split(bytes([FLAG]))]
            assert (0x52425034).to_bytes(4, "little") in b"|".join(a or b"" for a in answers)


def faulty(library, seed, rate=0.003, updates=8, may_end=False):
    """A training over a bad line; how many faults there were.

    Where it ``may_end``, the line may be so bad that the host says so.
    """
    line = Line(library, DIVISOR, patience=3_000)
    bad = Faulty(line, rate, seed)
    try:
        link = Link(bad)
        assert link.do(describe()) == CONFIG
        learns(link, associative(CONFIG, 2, 1 + seed % 3, seed=seed), updates)
    except LinkError:
        if not may_end:
            raise
    finally:
        line.close()
    return bad.faults


def test_faults(library):
    """Of every kind, and no wrong word."""
    total = dict.fromkeys(Faulty.KINDS, 0)
    for seed in range(40):
        for kind, count in faulty(library, seed).items():
            total[kind] += count
    assert min(total.values()) > 20


@pytest.mark.slow
@pytest.mark.parametrize("part", range(20))
def test_a_hundred_thousand_faults(library, part):
    """Each training ends with golden's words, or with an error; lines that are bad, or worse."""
    total, seed = 0, 1_000_000 * (1 + part)
    while total < 5_000:
        for rate, updates in ((0.004, 20), (0.008, 20), (0.016, 8)):
            total += sum(faulty(library, seed, rate, updates, may_end=True).values())
            seed += 1


def test_a_check_sum_that_is_not_looked_at_is_found(library, monkeypatch):
    """The control: without it, words are wrong."""

    def careless(body):
        data, escaped = bytearray(), False
        for byte in body:
            if byte == ESCAPE:
                escaped = True
            else:
                data.append(byte ^ 0x20 if escaped else byte)
                escaped = False
        return bytes(data[:-2]) if len(data) > 3 else None

    monkeypatch.setattr("rbp.host.link.decoded", careless)
    wrong = 0
    for seed in range(20):
        try:
            faulty(library, seed, rate=0.006)
        except Exception:
            wrong += 1
    assert wrong > 3


def test_a_host_that_dies_and_another_that_goes_on(library):
    """In any state of the link; the training goes on, and its words are golden's."""
    machine, ends = associative(CONFIG, 2, 2), 0
    for dies in (3, 40, 100, 200, 300, 400, 420, 440, 460, 480, 500):
        line = Line(library, DIVISOR)
        driver = Driver(CONFIG)
        link = Link(line)
        golden = deepcopy(machine)
        energies = [golden.update().energy for _ in range(40)]
        first, second = [], []

        def whole(driver=driver, first=first):
            yield from driver.load(machine)
            yield from driver.start_training(40)
            yield from driver.reports(2, first.append)

        _until(link, whole(), dies)
        line.run(bytes([FLAG, 9, 0xBF, 1]))  # the beginning of a frame
        other, again = Link(line), Driver(CONFIG)
        for _ in again.load(machine):
            pass
        other.do(again.attach())
        if not again.tag:
            continue  # it was never started
        ends += 1
        again.expected = 40
        other.do(again.reports(2, second.append))
        assert [r.energy for r in second] == energies[40 - len(second) :]
        assert len(first) + len(second) >= 40
        assert (other.do(again.read_weights()) == golden.weights).all()
    assert ends > 3


def _until(link, procedure, count):
    """The first requests of a procedure; then the host is no more."""
    answer = None
    for _ in range(count):
        try:
            request = procedure.send(answer)
        except StopIteration:
            return
        answer = link.do(one(request))
