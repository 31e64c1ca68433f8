"""Sums of columns: what a BACKWARD has of each column so far, block after block."""

from amaranth.hdl import Cat, Const, Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, gate
from rbp.hdl.layouts import step_layout
from rbp.hdl.primitives.arithmetic import Adder
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.timing import Timing

__all__ = ["ColumnSums", "DelayLine"]


class DelayLine(wiring.Component):
    """A word, ``cycles`` later: registers where it is short, else a circular memory, behind
    a register, since the last PE is far from it."""

    def __init__(self, *, width, cycles, device):
        self.width, self.cycles, self.device = width, cycles, device
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        words = self.cycles - self.device.memory
        if words < 2:
            m.d.comb += self.o.eq(delay(m, self.i, self.cycles))
            return m
        here, after = Signal(range(words)), Signal(range(words), init=1)
        m.submodules.ram = ram = Ram(width=self.width, depth=words, device=self.device)
        awake = Signal()  # a memory is not written in reset
        m.d.sync += [
            awake.eq(1),
            after.eq(gate(after + 1, after != words - 1)),
            here.eq(after),
        ]
        m.d.comb += [
            ram.w_en.eq(awake),
            ram.w_addr.eq(here),
            ram.w_data.eq(delay(m, self.i, 1)),
            ram.r_addr.eq(after),
            self.o.eq(ram.r_data),
        ]
        return m


class ColumnSums(wiring.Component):
    """s_j += a block's share: one adder behind the result tree, and a memory addressed by column.

    Each entry of a BACKWARD leaves the tree as the sum of one block's rows. What its column has so
    far is read ahead, added, and written a cycle later; so two entries of a column are at least
    the memory's latency and two cycles apart (rule B of :mod:`rbp.golden.program`). A FORWARD's
    sums pass as they are. Where a memory of 256 words has room, nothing is added by reading from
    its upper half, which is never written and holds 0: on iCE40 that saves a LUT a bit.

    Latency :attr:`rbp.hdl.timing.Timing.sums`; throughput one a cycle, never stalled.

    Members
    -------
    step : In
        The carousel, in the lane's time: the entry whose sum leaves the tree
        :attr:`rbp.hdl.timing.Timing.tail` later.
    of_column, coming, sum : In
        Out of the tree: it is a BACKWARD's, and a cycle ahead; the sum.
    column, column_last, end : Out
        In the same cycle as ``sum``: of the entry whose last PE is heard.
    total : Out
        What the column has now, or the sum that passes.
    """

    def __init__(self, config):
        self.config = config
        super().__init__(
            {
                "step": In(step_layout(config)),
                "of_column": In(1),
                "coming": In(1),
                "sum": In(signed(config.sum_width)),
                "column": Out(config.column_bits),
                "column_last": Out(1),
                "end": Out(1),
                "total": Out(signed(config.sum_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, step, memory = self.config, self.step, self.config.device.memory
        entry = Cat(step.column, step.column_first, step.column_last, step.end)
        m.submodules.entries = entries = DelayLine(
            width=len(entry), cycles=Timing(config).tail - memory, device=config.device
        )
        bits = max(1, (config.columns - 1).bit_length())  # no column may have one more
        zeros = memory == 1 and bits < 8
        depth = 1 << (bits + zeros)
        m.submodules.ram = ram = Ram(
            width=config.backward_width, depth=depth, device=config.device, init=[0] * depth
        )
        m.submodules.adder = adder = Adder(width=config.sum_width, device=config.device)
        here = delay(m, entries.o, memory, name="here")
        column, (column_first, column_last, end) = here[: config.column_bits], here[-3:]
        adds, address = self.of_column & ~column_first, entries.o[:bits]
        if zeros:
            adds, address = Const(1, 1), Cat(address, ~self.coming | entries.o[-3])
        keeps = self.of_column & ~column[bits:].any()
        total = Signal(signed(config.sum_width), reset_less=True)
        m.d.sync += total.eq(adder.sum)
        m.d.comb += [
            entries.i.eq(entry),
            self.column.eq(column),
            self.column_last.eq(column_last),
            self.end.eq(end),
            ram.r_addr.eq(address),
            adder.a.eq(self.sum),
            adder.b.eq(ram.r_data.as_signed()),
            adder.c.eq(0),
            adder.enable.eq(adds),
            self.total.eq(total),
            ram.w_en.eq(delay(m, keeps, 1, control=True, name="keeps")),
            ram.w_addr.eq(delay(m, column[:bits], 1, name="kept_at")),
            ram.w_data.eq(total),
        ]
        return m
