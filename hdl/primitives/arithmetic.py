"""Multiplier and adder: with the memories beside, the only place that knows the device."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay

__all__ = ["Adder", "Multiplier", "next_or"]


class Multiplier(wiring.Component):
    """Signed product, ``device.multiplier`` cycles after its operands, one a cycle; where asked,
    with a word added.

    The registers are where the devices' multipliers have theirs: first at the operands. On iCE40
    yosys puts the product into an SB_MAC16, registers and all; on ECP5 it leaves a MULT18X18D's
    registers unused, so there is an instance. Where there is no multiplier (``ice40hx``), the rows
    are added in pairs, a register behind each adder: 560 LUTs at 16 × 16 bits.

    Parameters
    ----------
    a_width, b_width : int
        Bits of the operands; at most 18 on ECP5.
    device : Family
        Whose multiplier. Its body is an instance only where there is a platform.
    addend_width : int, optional
        Bits of an addend; without, there is none.

    Members
    -------
    a, b : In(signed)
        Operands.
    addend : In(signed(addend_width))
        Comes with them.
    product : Out(signed)
        a·b + addend, as wide as it can be.
    """

    def __init__(self, *, a_width, b_width, device, addend_width=0):
        self.a_width, self.b_width, self.device = a_width, b_width, device
        self.latency, self.addend_width = device.multiplier, addend_width
        width = max(a_width + b_width, addend_width + 1)  # a·b alone leaves one of its bits free
        super().__init__(
            {
                "a": In(signed(a_width)),
                "b": In(signed(b_width)),
                **({"addend": In(signed(addend_width))} if addend_width else {}),
                "product": Out(signed(width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        product = self._multiply(m, platform)
        if self.addend_width:
            product = product + delay(m, self.addend, self.latency, name="addend")
        m.d.comb += self.product.eq(product)
        return m

    def _multiply(self, m, platform):
        """a·b."""
        if platform is not None and self.device.name == "ecp5":
            return self._mult18x18d(m)
        a = Signal(signed(self.a_width), reset_less=True)
        b = Signal(signed(self.b_width), reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b)]
        if self.device.name == "ice40hx":
            return self._rows(m, a, b)
        product = a * b
        for k in range(self.latency - 1):
            q = Signal(signed(self.a_width + self.b_width), name=f"product_q{k}", reset_less=True)
            m.d.sync += q.eq(product)
            product = q
        return product

    def _rows(self, m, a, b):
        """The product as a tree of sums: a or 0 for each bit of b, the last one negative."""
        sums, group = [], -(-len(b) // 8)
        for low in range(0, len(b), group):
            total = Const(0, signed(1))
            for k in range(low, min(low + group, len(b))):
                row = Mux(b[k], a, 0).shift_left(k - low)
                if k == len(b) - 1:
                    total = total - row
                else:
                    total = row if k == low else total + row
            sums.append((total, low))
        levels = 0
        while True:
            levels += 1
            registers = []
            for k, (value, low) in enumerate(sums):
                q = Signal(value.shape(), name=f"sum_{levels}_{k}", reset_less=True)
                m.d.sync += q.eq(value)
                registers.append((q, low))
            if len(registers) == 1:
                break
            pairs = zip(registers[::2], [*registers[1::2], None], strict=False)
            sums = [
                (one[0] + other[0].shift_left(other[1] - one[1]), one[1]) if other else one
                for one, other in pairs
            ]
        return delay(m, registers[0][0], self.latency - 1 - levels)

    def _mult18x18d(self, m):
        """Registers at the operands, in the middle and at the product: three cycles."""
        assert self.latency == 3
        a, b, p = Signal(signed(18)), Signal(signed(18)), Signal(signed(36))
        m.d.comb += [a.eq(self.a), b.eq(self.b)]
        registers = ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")
        m.submodules.mult = Instance(
            "MULT18X18D",
            *(("p", f"REG_{r}_{what}", f"{what}0") for r in registers for what in ("CLK", "CE")),
            *(("p", f"REG_{r}_RST", "RST0") for r in registers),
            ("p", "GSR", "DISABLED"),
            ("p", "RESETMODE", "SYNC"),
            ("i", "CLK0", ClockSignal()),
            ("i", "CE0", Const(1)),
            ("i", "RST0", Const(0)),
            *(("i", f"SIGNED{operand}", Const(1)) for operand in "AB"),
            *(("i", f"SOURCE{operand}", Const(0)) for operand in "AB"),
            *(("i", f"A{k}", a[k]) for k in range(18)),
            *(("i", f"B{k}", b[k]) for k in range(18)),
            *(("o", f"P{k}", p[k]) for k in range(36)),
        )
        return p


class Adder(wiring.Component):
    """``a + (b where enable, else c)``, in the same cycle; what passes the width is lost.

    On ECP5 a carry cell's own LUTs choose the second operand, which yosys leaves to LUTs in front
    of it, so there are instances: a PE takes 286 LUTs instead of 341, and its longest path has a
    LUT less.

    Parameters
    ----------
    width : int
        Bits of each operand and of the sum.
    device : Family
        Whose carry chain. Its body is an instance only where there is a platform.

    Members
    -------
    a, b, c : In(signed)
        Operands.
    enable : In
        Whether to add b, instead of c.
    sum : Out(signed)
    """

    def __init__(self, *, width, device):
        self.width, self.device = width, device
        word = signed(width)
        super().__init__(
            {"a": In(word), "b": In(word), "c": In(word), "enable": In(1), "sum": Out(word)}
        )

    def elaborate(self, platform):
        m = Module()
        if platform is not None and self.device.name == "ecp5":
            self._ccu2c(m)
        else:
            m.d.comb += self.sum.eq(self.a + Mux(self.enable, self.b, self.c))
        return m

    def _ccu2c(self, m):
        """Two bits a cell: a LUT of A, B, C, D says whether the carry passes; where it does not,
        the LUT's lowest four bits make it, of A and B alone."""
        rows = [(a, b, c, d) for d in (0, 1) for c in (0, 1) for b in (0, 1) for a in (0, 1)]
        init = sum((a ^ (b if c else d)) << k for k, (a, b, c, d) in enumerate(rows))
        carry = Const(0, 1)
        for low in range(0, self.width, 2):
            s, carried = Signal(2, name=f"s_{low}"), Signal(name=f"carry_{low}")
            m.submodules[f"bits_{low}"] = Instance(
                "CCU2C",
                *(("p", f"INIT{k}", Const(init, 16)) for k in (0, 1)),
                *(("p", f"INJECT1_{k}", "NO") for k in (0, 1)),
                ("i", "CIN", carry),
                *(("i", f"A{k}", self.a.shift_right(low + k)[0]) for k in (0, 1)),
                *(("i", f"B{k}", self.b.shift_right(low + k)[0]) for k in (0, 1)),
                *(("i", f"C{k}", self.enable) for k in (0, 1)),
                *(("i", f"D{k}", self.c.shift_right(low + k)[0]) for k in (0, 1)),
                *(("o", f"S{k}", s[k]) for k in (0, 1)),
                ("o", "COUT", carried),
            )
            m.d.comb += self.sum[low : low + 2].eq(s)
            carry = carried


def next_or(count, load, value):
    """``value`` where ``load``, else ``count`` + 1, of as many bits: one LUT a bit on iCE40.

    A sum and a choice share a LUT there, if what chooses is an input of the sum, too. The sum is
    not used where that is not 0.
    """
    return Mux(load, value, (count + load.replicate(len(count)) + 1)[: len(count)])
