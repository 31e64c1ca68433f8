"""Narrowing: golden against exact fractions, the hardware's expressions against golden."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from amaranth.hdl import Module, ResetInserter, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.formats import PRESETS, ROLES, Format, narrow, round_half_up, saturate
from rbp.hdl import fixed
from tests.support import play, timeline

HALF = Fraction(1, 2)


def test_presets():
    assert {name: [str(getattr(f, role)) for role in ROLES] for name, f in PRESETS.items()} == {
        "w16": ["s1.14", "s1.14", "s3.12", "s3.12", "s0.15", "s1.14"],
        "w18": ["s1.16", "s1.16", "s3.14", "s3.14", "s0.17", "s1.16"],
        "w8": ["s1.6", "s0.9", "s3.4", "s3.6", "s0.8", "None"],
    }
    for f in PRESETS.values():
        roles = [role for role in ROLES if getattr(f, role)]
        assert [getattr(f, role).role for role in roles] == roles
    assert [f.update_shift(f.weight) for f in PRESETS.values()] == [16, 18, 11]


def test_format():
    fmt = Format("state", 1, 3)
    assert (fmt.width, fmt.min, fmt.max, str(fmt)) == (5, -16, 15, "s1.3")
    # ties go upwards; out of range is left as it is
    assert fmt.to_raw([-2.0, -0.1875, -0.0625, 0.0625, 0.1874, 9.0]).tolist() == [
        *(-16, -1, 0, 1, 1, 72),
    ]
    raw = np.arange(fmt.min, fmt.max + 1)
    assert (fmt.to_raw(fmt.to_float(raw)) == raw).all()


@pytest.mark.parametrize("shift", range(-3, 9))
def test_round_half_up(shift):
    values = np.arange(-600, 601)
    expected = [floor(Fraction(int(v)) / Fraction(2) ** shift + HALF) for v in values]
    assert round_half_up(values, shift).tolist() == expected


@pytest.mark.parametrize(
    ("value", "shift", "expected"),
    [
        *((3, 1, 2), (1, 1, 1), (-1, 1, 0), (-3, 1, -1), (-5, 1, -2)),  # ties
        *((6, 2, 2), (-6, 2, -1), (-2, 2, 0), (-10, 2, -2)),
        *((5, 2, 1), (7, 2, 2), (-5, 2, -1), (-7, 2, -2), (-13, 2, -3)),
        *((2**61 - 1, 60, 2), (-(2**61) - 1, 60, -2)),
    ],
)
def test_ties(value, shift, expected):
    assert round_half_up(value, shift) == expected
    assert narrow(value, shift, Format("net", 3, 0)) == expected


def test_saturate():
    fmt, flags = Format("error", 2, 1), set()
    inside = np.arange(fmt.min, fmt.max + 1)
    assert (saturate(inside, fmt, flags) == inside).all()
    assert flags == set()
    beyond = np.array([fmt.min - 1, fmt.max + 1, -(2**40), 2**40])
    assert saturate(beyond, fmt).tolist() == [-8, 7, -8, 7]
    for value in beyond:
        flags = {"net"}
        saturate(np.array([0, value]), fmt, flags)
        assert flags == {"net", "error"}


def test_saturate_where():
    fmt, values = Format("weight", 2, 0), np.array([9, 1, -9])
    for where, expected in (
        ([False, True, False], set()),
        ([True, True, False], {"weight"}),
        ([False, False, True], {"weight"}),
    ):
        flags = set()
        clamped = saturate(values, fmt, flags, where=np.array(where))
        assert clamped.tolist() == [3, 1, -4]
        assert flags == expected


def test_narrow():
    """Rounded first: a word may round up into saturation, or from outside into the format."""
    fmt, values = Format("state", 1, 1), np.arange(-200, 200)
    for shift in range(-2, 6):
        flags = set()
        exact = [floor(Fraction(int(v)) / Fraction(2) ** shift + HALF) for v in values]
        assert narrow(values, shift, fmt, flags).tolist() == [min(max(v, -4), 3) for v in exact]
        assert flags == {"state"}
    flags = set()
    assert narrow([-18, 13], 2, fmt, flags).tolist() == [-4, 3]
    assert flags == set()
    assert narrow([14], 2, fmt, flags).tolist() == [3]
    assert flags == {"state"}


WIDTH = 7
SHIFTS = range(-2, WIDTH + 1)
WIDTHS = range(1, WIDTH + 3)


class Narrowing(wiring.Component):
    """Every rounding and every saturation of one small word."""

    def __init__(self):
        outputs = {f"round_{k}": Out(signed(WIDTH + 4)) for k in range(len(SHIFTS))}
        outputs |= {f"word_{n}": Out(signed(n)) for n in WIDTHS}
        outputs |= {f"clipped_{n}": Out(1) for n in WIDTHS}
        super().__init__({"i": In(signed(WIDTH)), **outputs})

    def elaborate(self, platform):
        m = Module()
        for k, shift in enumerate(SHIFTS):
            m.d.comb += getattr(self, f"round_{k}").eq(fixed.round_half_up(self.i, shift))
        for n in WIDTHS:
            word, clipped = fixed.saturate(self.i, Format("state", 0, n - 1))
            assert word.shape().signed
            m.d.comb += [
                getattr(self, f"word_{n}").eq(word),
                getattr(self, f"clipped_{n}").eq(clipped),
            ]
        return m


def test_hardware_narrows_as_golden():
    dut, line = Narrowing(), timeline()
    values = np.arange(-(1 << (WIDTH - 1)), 1 << (WIDTH - 1))
    for cycle, value in enumerate(values):
        line[cycle]["i"] = value
    outputs = [name for name in dut.signature.members if name != "i"]
    seen = play(dut, line, outputs, cycles=len(values))
    for k, shift in enumerate(SHIFTS):
        assert seen[f"round_{k}"] == round_half_up(values, shift).tolist(), shift
    for n in WIDTHS:
        clamped = saturate(values, Format("state", 0, n - 1))
        assert seen[f"word_{n}"] == clamped.tolist(), n
        assert seen[f"clipped_{n}"] == (clamped != values).tolist(), n


class Delays(wiring.Component):
    """A word 0 … 3 cycles later, as data and as control; ``clear`` resets the registers."""

    def __init__(self):
        super().__init__(
            {
                "i": In(signed(4)),
                "clear": In(1),
                "data": Out(signed(4)).array(4),
                "late": Out(signed(4)),
                "control": Out(signed(4)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        data = fixed.stages(m, self.i, 3)
        assert len(data) == 4
        m.d.comb += [
            *(o.eq(stage) for o, stage in zip(self.data, data, strict=True)),
            self.late.eq(fixed.delay(m, self.i, 2, name="late")),
            self.control.eq(fixed.delay(m, self.i, 2, control=True, name="control")),
        ]
        return ResetInserter(self.clear)(m)


def test_delays():
    line, rng = timeline(), np.random.default_rng(1)
    values = rng.integers(-8, 8, 40).tolist()
    values[10] = 7
    for cycle, value in enumerate(values):
        line[cycle]["i"] = value
    line[11]["clear"] = 1
    outputs = [*(f"data.{k}" for k in range(4)), "late", "control"]
    seen = play(Delays(), line, outputs, cycles=len(values))
    for k in range(4):
        assert seen[f"data.{k}"][k:] == values[: len(values) - k]
    # data registers have no reset; those of control have
    assert seen["late"] == seen["data.2"]
    assert seen["control"][:12] == seen["late"][:12]
    assert seen["control"][12:14] == [0, 0] != seen["late"][12:14]
    assert seen["control"][14:] == seen["late"][14:]


def test_a_delay_of_nothing_is_the_value():
    signal = Signal(signed(5))
    assert fixed.delay(None, signal, 0) is signal
