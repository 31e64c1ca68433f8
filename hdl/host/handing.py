"""Handing: a weight, or a question for a column, on its way to the carousel."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import within
from rbp.hdl.host.memory_map import TAG, AddressMap
from rbp.hdl.wires import Store

__all__ = ["Handing"]


class Handing(wiring.Component):
    """Keeps one of them until the carousel has begun with it.

    Members
    -------
    data, word : In
        What is written; the same a cycle later.
    weight, column : In
        ``word`` is a weight, or the number of a column.
    bank, entry, velocity : In
        Where the weight goes; to the velocities.
    again : In
        The column was asked for already.
    started : In
        The carousel began a cycle ago.
    store, write : Store, Out
        The weight.
    probe, probe_column : Out
        The column.
    is_column : Out
        There is such a column.
    refused : Out
        There is not, a cycle later.
    """

    def __init__(self, config):
        self.config, amap = config, AddressMap(config)
        super().__init__(
            {
                "data": In(32),
                "word": In(32),
                "weight": In(1),
                "column": In(1),
                "bank": In(amap.bank_bits),
                "entry": In(amap.word_bits),
                "velocity": In(1),
                "again": In(1),
                "started": In(1),
                "store": Out(Store(config)),
                "write": Out(1),
                "probe": Out(1),
                "probe_column": Out(config.column_bits),
                "is_column": Out(1),
                "refused": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, data, word = self.config, self.data, self.word
        other = Cat(data[16 + config.momentum : TAG.low], data[TAG.low + TAG.width :]).any()
        fits = Signal(reset_less=True)
        m.d.sync += fits.eq(within(data[:16], config.columns - 1) & ~other)
        m.d.comb += self.is_column.eq(self.column & fits)
        m.d.sync += self.refused.eq(self.column & ~self.again & ~fits)
        with m.If(self.started):
            m.d.sync += [self.write.eq(0), self.probe.eq(0)]
        with m.If(self.weight):
            m.d.sync += [
                self.write.eq(1),
                self.store.word.eq(word),
                self.store.address.eq(self.entry),
                self.store.bank.eq(self.bank),
            ]
            if config.momentum:
                m.d.sync += self.store.velocity.eq(self.velocity)
        with m.If(self.column):
            m.d.sync += [self.probe.eq(fits & ~self.again), self.probe_column.eq(word)]
            if config.momentum:
                m.d.sync += self.store.velocity.eq(word[16])
        return m
