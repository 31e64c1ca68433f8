"""Tables of g and g', interpolated."""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Shape, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.tables import GUARD
from rbp.hdl.fixed import delay, saturate
from rbp.hdl.primitives.ram import Ram

__all__ = ["Interpolation", "Tables", "table_layout"]


def table_layout(g, slope):
    """A word of :class:`Tables`; its fields as narrow as their values, without a sign where none is
    negative."""

    def part(tables):
        parts = tables[0].segments // g[0].segments
        assert parts in (1, 2)
        difference = _shape([t.difference for t in tables])
        differences = data.ArrayLayout(difference, parts)
        return data.StructLayout(
            {"knot": _shape([_knots(t) for t in tables]), "differences": differences}
        )

    return data.StructLayout({"g": part(g), "slope": part(slope)})


class Interpolation(wiring.Signature):
    """A function, seen from its table. ``product`` is difference · fraction + knot,
    ``device.multiplier`` cycles later; ``value`` is F(u), ``device.narrow − 1`` cycles behind
    it."""

    def __init__(self, *, difference, fraction, knot, value):
        super().__init__(
            {
                "difference": Out(signed(difference)),
                "fraction": Out(signed(fraction)),
                "knot": Out(signed(knot)),
                "product": In(signed(max(difference + fraction, knot + 1))),
                "value": Out(signed(value)),
            }
        )


class Tables(wiring.Component):
    """F(u) ≈ round((base << s) + difference · fraction) >> (s + 2), of a function and its slope, by
    multipliers outside, which add, too.

    Both lie in one memory, of each activation behind each other; ``select`` chooses. A word holds,
    of either function, a knot, with the half that rounds, and the difference to the next. Where the
    slope has two segments for one of the function, it holds the knot between those two, and both
    differences; the fraction then counts from that knot, in either direction. Either way the value
    is the same.

    Latency from ``u`` to the factors is that of the memory; one word a cycle, never stalled. Golden
    model: :class:`rbp.golden.tables.Table`; error at most one ulp.

    Parameters
    ----------
    g, slope : tuple of rbp.golden.tables.Table
        One for each activation built in; the slopes of as many segments, or of twice as many.
    device : Family
        Latencies.

    Members
    -------
    u, select : In
        Argument and activation.
    g, slope : Interpolation
        Factors and knot come ``device.memory`` cycles after u.
    """

    def __init__(self, g, slope, device):
        self.pair, self.device = {"g": g, "slope": slope}, device
        self.segments = g[0].segments
        self.depth, self.word = self.segments * len(g), table_layout(g, slope)
        super().__init__(
            {
                "u": In(signed(g[0].i.width)),
                "select": In(range(max(2, len(g)))),
                **{name: Out(self._signature(name)) for name in self.pair},
            }
        )

    def _parts(self, table):
        """Segments in a word."""
        return table.segments // self.segments

    def _signature(self, name):
        table = self.pair[name][0]
        word = self.word[name].shape
        difference, knot = (
            _width(s) for s in (word["differences"].shape.elem_shape, word["knot"].shape)
        )
        return Interpolation(
            difference=difference,
            fraction=table.segment_bits + 1,
            knot=knot + table.segment_bits,
            value=table.o.width,
        )

    def _words(self):
        """The memory's contents."""

        def part(table, k):
            parts = self._parts(table)
            mine = slice(k * parts, (k + 1) * parts)
            knot, differences = _knots(table)[mine][-1], table.difference[mine]
            return {"knot": int(knot), "differences": differences.tolist()}

        for g, slope in zip(self.pair["g"], self.pair["slope"], strict=True):
            for k in range(self.segments):
                word = {"g": part(g, k), "slope": part(slope, k)}
                yield self.word.const(word).as_bits()

    def elaborate(self, platform):
        m = Module()
        m.submodules.ram = ram = Ram(
            width=self.word.size, depth=self.depth, device=self.device, init=self._words()
        )
        # −8 is segment 0: the argument's upper bits with the sign turned round
        bits = self.pair["g"][0].segment_bits
        activation = self.select if self.depth > self.segments else Const(0, 0)
        m.d.comb += ram.r_addr.eq(Cat(self.u[bits:-1], ~self.u[-1], activation))
        word = data.View(self.word, ram.r_data)
        for name, tables in self.pair.items():
            self._interpolate(m, getattr(self, name), tables[0], word[name])
        return m

    def _interpolate(self, m, port, table, word):
        """A function's value from its part of a word."""
        bits, parts = table.segment_bits, self._parts(table)
        inside = delay(m, self.u[: bits + parts - 1], self.device.memory, name="inside")
        behind = inside[-1] if parts > 1 else Const(1, 1)  # of the knot, else before it
        m.d.comb += [
            port.difference.eq(Mux(behind, word.differences[parts - 1], word.differences[0])),
            port.fraction.eq(Cat(inside[:bits], ~behind).as_signed()),
            port.knot.eq(word.knot.shift_left(bits)),
        ]
        total = port.product.shift_right(bits + GUARD)
        total = delay(m, total, self.device.narrow - 1, name="total")
        value, _ = saturate(total, table.o)
        m.d.comb += port.value.eq(value)


def _knots(table):
    """With the half that rounds."""
    return table.base + (1 << (GUARD - 1))


def _width(shape):
    """Of a signed signal that holds its values."""
    shape = Shape.cast(shape)
    return shape.width + (not shape.signed)


def _shape(arrays):
    """Of a signal that holds each of their words."""
    words = np.concatenate(arrays)
    return Shape.cast(range(int(words.min()), int(words.max()) + 1))
