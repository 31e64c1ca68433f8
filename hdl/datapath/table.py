"""Table of g or g', interpolated."""

from amaranth.hdl import Cat, Const, Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.tables import GUARD
from rbp.hdl.fixed import delay, saturate
from rbp.hdl.primitives.ram import Ram

__all__ = ["Table"]


class Table(wiring.Component):
    """F(u) ≈ round((base << s) + difference · fraction) >> (s + 2), by a multiplier outside.

    The tables of all activations lie one behind the other in one memory; ``select`` chooses. A word
    holds a knot, with the half that rounds, and the difference to the next.

    Latency from ``u`` to the factors is that of the memory, from their product to ``value`` that of
    a narrowing, less a cycle; the parent keeps ``product`` the multiplier's latency behind the
    factors. One word a cycle, never stalled. Golden model: :class:`rbp.golden.tables.Table`; error
    at most one ulp.

    Parameters
    ----------
    tables : tuple of rbp.golden.tables.Table
        Of equal size, one for each activation built in.
    device : Family
        Latencies.

    Members
    -------
    u, select : In
        Argument and activation.
    difference, fraction : Out
        Factors of the product, ``device.memory`` cycles after u.
    product : In
        Their product, ``device.multiplier`` cycles later.
    value : Out
        F(u), ``device.narrow − 1`` cycles behind ``product``.
    """

    def __init__(self, tables, device):
        self.tables, self.device = tables, device
        first = tables[0]
        self.bases = [t.base + (1 << (GUARD - 1)) for t in tables]
        self.base_width = max(_signed_width(base) for base in self.bases)
        self.difference_width = max(_signed_width(t.difference) for t in tables)
        super().__init__(
            {
                "u": In(signed(first.i.width)),
                "select": In(range(max(2, len(tables)))),
                "difference": Out(signed(self.difference_width)),
                "fraction": Out(signed(first.segment_bits + 1)),
                "product": In(signed(self.difference_width + first.segment_bits + 1)),
                "value": Out(signed(first.o.width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        first, bits = self.tables[0], self.tables[0].segment_bits
        base_mask = (1 << self.base_width) - 1
        m.submodules.ram = ram = Ram(
            width=self.base_width + self.difference_width,
            depth=first.segments * len(self.tables),
            device=self.device,
            init=[
                (int(base) & base_mask)
                | (int(d) & ((1 << self.difference_width) - 1)) << self.base_width
                for table, bases in zip(self.tables, self.bases, strict=True)
                for base, d in zip(bases, table.difference, strict=True)
            ],
        )
        # −8 is segment 0: the argument's upper bits with the sign turned round
        m.d.comb += ram.r_addr.eq(
            Cat(self.u[bits:-1], ~self.u[-1], self.select if len(self.tables) > 1 else Const(0, 0))
        )
        inside = delay(m, self.u[:bits], self.device.memory, name="inside")
        m.d.comb += [
            self.difference.eq(ram.r_data[self.base_width :].as_signed()),
            self.fraction.eq(Cat(inside, Const(0, 1)).as_signed()),
        ]
        base = delay(
            m, ram.r_data[: self.base_width].as_signed(), self.device.multiplier, name="base"
        )
        total = base.shift_left(bits) + self.product
        total = delay(m, total.shift_right(bits + GUARD), self.device.narrow - 1, name="total")
        value, _ = saturate(total, first.o)
        m.d.comb += self.value.eq(value)
        return m


def _signed_width(values):
    """Bits that hold every one of ``values`` in two's complement."""
    return 1 + max(int(v).bit_length() if v >= 0 else int(-v - 1).bit_length() for v in values)
