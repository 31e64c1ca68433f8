"""Interrupt: what a host may wait for without asking."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Interrupt"]


class Interrupt(wiring.Component):
    """``irq`` is high while one of the events stands that the host has enabled.

    Members
    -------
    busy, start, clear : In
        Of a run.
    half : In
        The log is half full.
    set, word : In
        IRQ_ENABLE is written, and what.
    enable : Out
        IRQ_ENABLE.
    events : Out
        The run that was started last has ended; the log is half full.
    irq : Out
        Two cycles after.
    """

    def __init__(self):
        super().__init__(
            {
                "busy": In(1),
                "start": In(1),
                "clear": In(1),
                "half": In(1),
                "set": In(1),
                "word": In(32),
                "enable": Out(2),
                "events": Out(2),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        busy, done, half = Signal(), Signal(), Signal()
        m.d.comb += self.events.eq(Cat(done, half))
        m.d.sync += [
            busy.eq(self.busy),
            half.eq(self.half),
            self.irq.eq((self.events & self.enable).any()),
        ]
        with m.If(busy & ~self.busy):
            m.d.sync += done.eq(1)
        with m.If(self.start | self.clear):
            m.d.sync += done.eq(0)
        with m.If(self.set):
            m.d.sync += self.enable.eq(self.word)
        return m
