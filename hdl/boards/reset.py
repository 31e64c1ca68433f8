"""Reset after power-up, until clock and memories can be relied on."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

__all__ = ["PowerOn"]

WAKE_US = 16
"""Microseconds after configuration before which block RAMs of iCE40 read 0."""


class PowerOn(wiring.Component):
    """Holds the reset until the clock has been locked for :attr:`cycles` cycles.

    That is :data:`WAKE_US` or more. A lock that is lost resets again. All of it is in the domain
    ``por``, which has the clock of ``sync`` and no reset; ``reset`` is a register.

    Parameters
    ----------
    clock : int
        Frequency in Hz.

    Members
    -------
    locked : In
        Of the clock; of no domain.
    reset : Out
        High from the first cycle on.
    """

    def __init__(self, clock):
        self.clock = clock
        self.cycles = 1 << (clock * WAKE_US // 1_000_000).bit_length()
        super().__init__({"locked": In(1), "reset": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        locked, timer = Signal(), Signal(range(2 * self.cycles))
        m.submodules.synchroniser = FFSynchronizer(self.locked, locked, o_domain="por")
        with m.If(~locked):
            m.d.por += timer.eq(0)
        with m.Elif(~timer[-1]):
            m.d.por += timer.eq(timer + 1)
        m.d.por += self.reset.eq(~timer[-1])
        return m
