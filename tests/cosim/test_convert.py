"""Modules that are alike are one; others stay apart."""

import re

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.cosim.convert import convert


class Plus(wiring.Component):
    def __init__(self, by):
        self.by = by
        super().__init__({"a": In(4), "b": Out(4)})

    def elaborate(self, platform):
        m = Module()
        m.d.sync += self.b.eq(self.a + self.by)
        return m


class Pair(wiring.Component):
    """Two of the above, one after the other."""

    def __init__(self, *by):
        self.by = by
        super().__init__({"a": In(4), "b": Out(4)})

    def ports(self):
        return {"a": (self.a, None), "b": (self.b, None)}

    def elaborate(self, platform):
        m, value = Module(), Signal(4)
        m.d.sync += value.eq(self.a)  # a port by itself would come before the clock
        for k, by in enumerate(self.by):
            part = by if isinstance(by, Pair) else Plus(by)
            m.submodules[f"part{k}"] = part
            m.d.comb += part.a.eq(value)
            value = Signal.like(part.b, name=f"value{k}")
            m.d.comb += value.eq(part.b)
        m.d.comb += self.b.eq(value)
        return m


def modules(*by):
    """The design's modules, and of which ones its cells are, both by name."""
    text = convert(Pair(*by), "top")
    names = re.findall(r"^module \\(\S+)", text, re.M)
    return names, re.findall(r"^\s*cell \\(\S+) ", text, re.M)


def test_alike():
    names, cells = modules(1, 1, 1)
    assert names == ["top", "top.part0"]
    assert cells == ["top.part0"] * 3


def test_not_alike():
    names, cells = modules(1, 2, 1)
    assert names == ["top", "top.part0", "top.part1"]
    assert cells == ["top.part0", "top.part1", "top.part0"]


def test_what_is_made_of_modules_that_are_alike():
    names, cells = modules(Pair(1, 2), Pair(1, 2), Pair(2, 1))
    whole = [name for name in names if name.count(".") == 1]
    assert whole == ["top.part0", "top.part2"]
    assert len(names) == len(set(names)) == 5  # 1 and 2 by themselves are two more
    assert set(cells) == set(names) - {"top"}
