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
    word : In
        What was written, a cycle after.
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
    asks, is_column, refused : Out
        A column was asked for, a cycle ago; there is one, or not.
    """

    def __init__(self, config):
        self.config, amap = config, AddressMap(config)
        super().__init__(
            {
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
                "asks": Out(1),
                "is_column": Out(1),
                "refused": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, word = self.config, self.word
        other = Cat(word[16 + config.momentum : TAG.low], word[TAG.low + TAG.width :]).any()
        fits, again = Signal(reset_less=True), Signal(reset_less=True)  # in a cycle of their own
        m.d.sync += [
            self.asks.eq(self.column),
            fits.eq(within(word[:16], config.columns - 1) & ~other),
            again.eq(self.again),
        ]
        m.d.comb += [
            self.is_column.eq(self.asks & fits),
            self.refused.eq(self.asks & ~again & ~fits),
        ]
        with m.If(self.started):
            m.d.sync += [self.write.eq(0), self.probe.eq(0)]
        with m.If(self.weight | self.column):
            m.d.sync += self.store.word.eq(word)
        m.d.comb += self.probe_column.eq(self.store.word)
        with m.If(self.weight):
            m.d.sync += [
                self.write.eq(1),
                self.store.address.eq(self.entry),
                self.store.bank.eq(self.bank),
            ]
            if config.momentum:
                m.d.sync += self.store.velocity.eq(self.velocity)
        with m.If(self.asks):
            m.d.sync += self.probe.eq(fits & ~again)
        if config.momentum:
            with m.If(self.column):
                m.d.sync += self.store.velocity.eq(word[16])
        return m
