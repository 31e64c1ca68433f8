"""Every input of what narrows and of what looks up, in hardware and in golden."""

from unittest import mock

import numpy as np
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.config import FAMILIES, Config
from rbp.golden.formats import Format, round_half_up, saturate
from rbp.hdl import fixed
from rbp.hdl.memories.factor import Factor
from rbp.hdl.timing import Timing
from tests.hdl.datapath.test_tables import ALL, Interpolated, built, every_word
from tests.support import play, timeline
from tests.verify.row import Found, Row, noticed

__all__ = ["ROW"]


class Narrowing(wiring.Component):
    """Every rounding, and every saturation, of one word."""

    def __init__(self, width):
        self.width, self.shifts, self.widths = width, range(-2, width + 1), range(1, width + 3)
        outputs = {f"round_{k}": Out(signed(width + 4)) for k in range(len(self.shifts))}
        outputs |= {f"word_{n}": Out(signed(n)) for n in self.widths}
        outputs |= {f"clipped_{n}": Out(1) for n in self.widths}
        super().__init__({"i": In(signed(width)), **outputs})

    def elaborate(self, platform):
        m = Module()
        for k, shift in enumerate(self.shifts):
            m.d.comb += getattr(self, f"round_{k}").eq(fixed.round_half_up(self.i, shift))
        for n in self.widths:
            word, clipped = fixed.saturate(self.i, Format("state", 0, n - 1))
            m.d.comb += [
                getattr(self, f"word_{n}").eq(word),
                getattr(self, f"clipped_{n}").eq(clipped),
            ]
        return m

    def expected(self, values):
        found = {f"round_{k}": round_half_up(values, s) for k, s in enumerate(self.shifts)}
        for n in self.widths:
            clamped = saturate(values, Format("state", 0, n - 1))
            found |= {f"word_{n}": clamped, f"clipped_{n}": (clamped != values).astype(int)}
        return found


def compared(what, dut, inputs, expected, latency=0):
    """One input a cycle; its outputs, ``latency`` cycles later, are the expected ones."""
    count, line, found = len(next(iter(inputs.values()))), timeline(), Found()
    for cycle in range(count):
        line[cycle] = {name: values[cycle] for name, values in inputs.items()}
    seen = play(dut, line, list(expected), cycles=count + latency)
    found.amounts["inputs"] = count
    for name, values in expected.items():
        wrong = np.flatnonzero(np.array(seen[name][latency:]) != values)
        if len(wrong):
            at = {n: int(v[wrong[0]]) for n, v in inputs.items()}
            found.faults.append(f"{what}, {name}: {len(wrong)} of {count} inputs, first at {at}")
    return found


def narrowing(width):
    dut, values = Narrowing(width), np.arange(-(1 << width - 1), 1 << width - 1)
    return compared(f"narrowing, {width} bits", dut, {"i": values}, dut.expected(values))


def table(preset, activations, family):
    """g and g' of each activation in turn."""
    tables, which = (
        built(preset, activations),
        f"tables of {'+'.join(activations)}, {preset}, {family}",
    )
    dut, words = Interpolated(tables, FAMILIES[family]), every_word(tables.g[0].i)
    u = np.repeat(words, count := len(activations))
    k = np.arange(len(u)) % count
    expected = {n: np.choose(k, [t(u) for t in getattr(tables, n)]) for n in ("g", "slope")}
    return compared(which, dut, {"u": u, "select": k}, expected, dut.latency)


def factor(preset, feature, family):
    """f and f' of a state."""
    sizes = {"units": 3, "macs": 1, "order": 2, "products": 3}
    config = Config(**sizes, preset=preset, feature=feature, family=family)
    f, slope = config.factor_tables
    words, dut = every_word(config.formats.state), Factor(config)
    expected = {"f": f(words), "slope": slope(words)}
    return compared(
        f"factor {feature}, {preset}, {family}", dut, {"c": words}, expected, Timing(config).factor
    )


CASES = (
    (narrowing, 8),
    *(
        (table, "w8", names, f)
        for names in (("logistic",), ALL)
        for f in ("generic", "ice40hx", "ecp5")
    ),
    *((factor, "w8", name, f) for name in ALL for f in ("generic", "ecp5")),
    (narrowing, 16),
    *((table, "w16", (name,), "generic") for name in ALL),
    *((factor, "w16", name, "generic") for name in ALL),
)
"""(what, of which)."""

INPUTS = 2**8 + 3 * 4 * 2**10 + 6 * 2**8 + 7 * 2**16


def work(share):
    what, *of = CASES[share]
    return what(*of)


def control():
    with mock.patch.object(fixed, "round_half_up", lambda value, shift: value.shift_right(shift)):
        return noticed(narrowing(8).faults, "a rounding that only cuts")


ROW = Row(
    number=3,
    name="exhaustive",
    title="exhaustive",
    how="""Every rounding by −2 … 16 places and every saturation of all words of 8 and of 16
bits; g and g' of all activations at every word, interpolated by the hardware, of w8 in three
families and of w16; f and f' of a product's factor at every state. Hardware in Amaranth's
simulator, against golden.""",
    aim=INPUTS,
    unit="inputs",
    work=work,
    shares=len(CASES),
    control=control,
    sample=(0, 1, 7),
    of=("golden", "hdl"),
)
