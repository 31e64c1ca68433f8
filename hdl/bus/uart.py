"""UART: a serial link of two wires, 8 bits, no parity, one stop bit."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.bus.bridge import Bridge
from rbp.hdl.wires import HostSignature

__all__ = ["Uart"]


class _Input(wiring.Component):
    """A byte, in the middle of its stop bit; one without a stop bit is dropped."""

    def __init__(self, divisor):
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "data": Out(8), "valid": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx := Signal(init=1), init=1)
        timer, bits = Signal(range(self.divisor)), Signal(range(11))
        m.d.sync += [self.valid.eq(0), timer.eq(timer - 1)]
        with m.If(bits == 0):
            m.d.sync += timer.eq(self.divisor // 2 - 1)  # to the middle of the start bit
            with m.If(~rx):
                m.d.sync += bits.eq(10)
        with m.Elif(timer == 0):
            m.d.sync += [timer.eq(self.divisor - 1), bits.eq(bits - 1)]
            with m.If(bits == 1):
                m.d.sync += self.valid.eq(rx)
            with m.Elif((bits == 10) & rx):  # a glitch
                m.d.sync += bits.eq(0)
            with m.Else():
                m.d.sync += self.data.eq(Cat(self.data[1:], rx))
        return m


class _Output(wiring.Component):
    """A byte after the other."""

    def __init__(self, divisor):
        self.divisor = divisor
        super().__init__({"data": In(8), "valid": In(1), "ready": Out(1), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer, bits, shift = Signal(range(self.divisor)), Signal(range(11)), Signal(9)
        m.d.comb += self.ready.eq(bits == 0)
        m.d.sync += timer.eq(timer - 1)
        with m.If(bits == 0):
            m.d.sync += timer.eq(self.divisor - 1)
            with m.If(self.valid):
                m.d.sync += [bits.eq(10), shift.eq(Cat(self.data, Const(1, 1))), self.tx.eq(0)]
        with m.Elif(timer == 0):
            m.d.sync += [timer.eq(self.divisor - 1), bits.eq(bits - 1)]
            m.d.sync += [self.tx.eq(shift[0]), shift.eq(Cat(shift[1:], Const(1, 1)))]
        return m


class Uart(wiring.Component):
    """The frames of :mod:`rbp.hdl.bus.frames` over a UART.

    A byte takes 10 * ``divisor`` cycles, those sent one more.

    Parameters
    ----------
    address_width : int
        Bits of a word address.
    divisor : int
        Cycles a bit, at least 4.
    device : Family
        Whose memory.

    Members
    -------
    rx, tx : In, Out
        The line, high at rest. ``rx`` need not be synchronous.
    bus : HostSignature
        To the core.
    """

    def __init__(self, *, address_width, divisor, device):
        self.divisor = divisor
        self.bridge = Bridge(address_width, device)
        super().__init__(
            {
                "rx": In(1, init=1),
                "tx": Out(1, init=1),
                "bus": Out(HostSignature(address_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.bridge = bridge = self.bridge
        m.submodules.input = input_ = _Input(self.divisor)
        m.submodules.output = output = _Output(self.divisor)
        connect(m, bridge.bus, flipped(self.bus))
        m.d.comb += [
            input_.rx.eq(self.rx),
            bridge.i_data.eq(input_.data),
            bridge.i_valid.eq(input_.valid),
            output.data.eq(bridge.o_data),
            output.valid.eq(bridge.o_valid),
            bridge.o_ready.eq(output.ready),
            self.tx.eq(output.tx),
        ]
        return m
