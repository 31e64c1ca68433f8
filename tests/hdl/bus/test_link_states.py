"""The serial link in any order of operations, faults and hosts: a machine of hypothesis' draws it.

What a host has written and knows to be done is read as it was; what was under way when it died, or
gave up, is the old word or the new one.
"""

from functools import cache

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    rule,
    run_state_machine_as_test,
)

from rbp.hdl.bus.frames import FLAG
from rbp.hdl.host.memory_map import AddressMap
from rbp.hdl.layouts import Region
from rbp.host.link import Link, LinkError, encoded
from rbp.host.requests import Fetch, Write
from tests.hdl.bus.serial import CONFIG, DIVISOR, Line, path

MAP = AddressMap(CONFIG)
PLACES = [(p, u) for p in range(CONFIG.slots) for u in range(CONFIG.units)]
WORDS = {MAP.state(r, *place) for r in (Region.X_START, Region.X, Region.Y) for place in PLACES}
"""Addresses of words that are read as they were written; those between are refused, and read 0."""
BASE, COUNT = min(WORDS), max(WORDS) + 1 - min(WORDS)
MASK = (1 << 32) - 1

FAULTS = ("flip", "lose", "double", "cut", "garbage")
library = cache(path)


class Dies(Exception):
    """The host is no more."""


class Broken:
    """A line that does to what passes, either way, what it has been told, each once.

    A fault is (kind, bytes that pass before it, bytes that it brings).
    """

    def __init__(self, line):
        self.line, self.lives = line, None
        self.faults = {"out": [], "in": []}

    def _passes(self, data, way):
        data, later = bytearray(data), []
        for kind, at, extra in self.faults[way]:
            if at >= len(data):
                later.append((kind, at - len(data), extra))
            elif kind == "flip":
                data[at] ^= 1 << at % 8
            elif kind == "lose":
                del data[at : at + 1 + at % 3]
            elif kind == "double":
                data += bytes(data)
            elif kind == "cut":
                del data[at:]
            else:
                data[at:at] = extra
        self.faults[way] = later
        return bytes(data)

    def write(self, data):
        if self.lives is not None:
            data, self.lives = data[: self.lives], self.lives - len(data)
        self.line.write(self._passes(data, "out"))
        if self.lives is not None and self.lives < 0:
            self.line.read(0)  # what was sent is on its way
            raise Dies

    def read(self, size=1):
        data = self.line.read(size)
        return self._passes(data, "in") if data else data


bursts = st.integers(0, COUNT - 1).flatmap(
    lambda first: st.tuples(st.just(first + BASE), st.integers(1, min(20, COUNT - first)))
)
values = st.integers(-(1 << 15), (1 << 15) - 1)


class Hosts(RuleBasedStateMachine):
    """Hosts, one after the other, at one core."""

    @initialize(drift=st.sampled_from([-0.02, -0.01, 0.0, 0.01, 0.02]))
    def begins(self, drift):
        self.line = Line(library(), DIVISOR * (1 + drift), patience=3_000)
        self.broken = Broken(self.line)
        self._attach()
        for address in WORDS:
            self.link.do(iter_one(Write(address, 0)))
        self.may = {address: {0} for address in WORDS}

    def _attach(self):
        """A new host, over a line that is whole: it never fails."""
        self.strange = False  # a frame may have come from another host
        self.broken.lives, self.broken.faults = None, {"out": [], "in": []}
        self.link = Link(self.broken)

    def _tried(self, procedure):
        """(Whether it was done, its answer); a host that dies or gives up has a follower."""
        bad = any(self.broken.faults.values()) or self.broken.lives is not None or self.strange
        self.link.refused = False
        try:
            return True, self.link.do(procedure)
        except (Dies, LinkError):
            if not bad:
                raise
            self._attach()
            return False, None

    @rule(burst=bursts, data=st.data())
    def writes(self, burst, data):
        first, count = burst
        words = data.draw(st.lists(values, min_size=count, max_size=count))
        done, _ = self._tried(Write(first + k, w & MASK) for k, w in enumerate(words))
        for address, word in zip(range(first, first + count), words, strict=True):
            if address in WORDS:
                self.may[address] = {word} if done else self.may[address] | {word}
        if {*range(first, first + count)} <= WORDS:
            assert not self.link.refused

    @rule(burst=bursts)
    def reads(self, burst):
        first, count = burst
        done, words = self._tried(iter_one(Fetch(first, count)))
        for address, word in zip(range(first, first + count), words or (), strict=False):
            word -= (word >> 31) << 32
            if address not in WORDS:
                assert word == 0
            else:
                assert word in self.may[address]
                self.may[address] = {word}
        assert not done or len(words) == count

    @rule(
        kind=st.sampled_from(FAULTS),
        at=st.integers(0, 60),
        extra=st.binary(max_size=40) | st.just(bytes([FLAG])),
        way=st.sampled_from(["out", "in"]),
    )
    def a_fault_comes(self, kind, at, extra, way):
        self.broken.faults[way].append((kind, at, extra))

    @rule(lives=st.integers(0, 200))
    def it_will_die(self, lives):
        self.broken.lives = lives

    @rule(frame=st.binary(max_size=12), bare=st.booleans())
    def garbage_comes(self, frame, bare):
        """Bytes, or a whole frame, that no host of ours sends."""
        if not bare and len(frame) > 1 and frame[1] & 0x80:
            return  # a write that is well-formed may be done
        self.strange |= not bare
        self.line.write(frame if bare else encoded(frame))

    def teardown(self):
        if hasattr(self, "line"):
            try:
                self._attach()
                self.reads((BASE, COUNT))
            finally:
                self.line.close()


def iter_one(request):
    return (yield request)


QUICK = settings(
    max_examples=40,
    stateful_step_count=20,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)


def test_any_order():
    run_state_machine_as_test(Hosts, settings=QUICK)


def test_an_answer_that_is_not_checked_is_found(monkeypatch):
    """The control: a host that takes any frame for whole."""

    def careless(body):
        data, escaped = bytearray(), False
        for byte in body:
            if byte != 0x7D:
                data.append(byte ^ 0x20 if escaped else byte)
            escaped = byte == 0x7D
        return bytes(data[:-2]) if len(data) > 3 else None

    monkeypatch.setattr("rbp.host.link.decoded", careless)
    once = settings(QUICK, phases=[Phase.generate], max_examples=2000, report_multiple_bugs=False)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Hosts, settings=once)
