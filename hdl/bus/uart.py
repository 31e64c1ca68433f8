"""UART: a serial link of two wires, 8 bits, no parity, one stop bit."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.bus.bridge import Bridge
from rbp.hdl.primitives.arithmetic import next_or
from rbp.hdl.wires import HostSignature

__all__ = ["Uart"]

FIRST = 6
"""Of a counter of four bits: the first of ten bits."""


def _timer(divisor):
    return Signal(range(divisor))


class _Input(wiring.Component):
    """A byte, in the middle of its stop bit; one without a stop bit is dropped."""

    def __init__(self, divisor):
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "data": Out(8), "valid": Out(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.synchronizer = FFSynchronizer(self.rx, rx := Signal(init=1), init=1)
        timer, bits = _timer(self.divisor), Signal(4)  # they count up to the end; 0: idle
        ends, rests = timer.all(), bits == 0
        first, half = 1 << len(timer), self.divisor // 2  # to the middle of the start bit
        wait = Mux(rests, first - half, first - self.divisor)
        m.d.sync += timer.eq(next_or(timer, rests | ends, wait))
        m.d.sync += self.valid.eq(rx & ends & bits.all())
        with m.If(Mux(rests, ~rx, ends)):
            glitch = (bits == FIRST) & rx
            m.d.sync += bits.eq(next_or(bits, rests | glitch, Mux(rests, FIRST, 0)))
        with m.If(ends & (bits > FIRST) & ~bits.all()):
            m.d.sync += self.data.eq(Cat(self.data[1:], rx))
        return m


class _Output(wiring.Component):
    """A byte after the other."""

    def __init__(self, divisor):
        self.divisor = divisor
        super().__init__({"data": In(8), "valid": In(1), "ready": Out(1), "tx": Out(1, init=1)})

    def elaborate(self, platform):
        m = Module()
        timer, bits, shift = _timer(self.divisor), Signal(4), Signal(9)
        ends, rests = timer.all(), bits == 0
        m.d.comb += self.ready.eq(rests)
        wait = (1 << len(timer)) - self.divisor
        m.d.sync += timer.eq(next_or(timer, rests | ends, wait))
        with m.If(Mux(rests, self.valid, ends)):
            following = Mux(rests, Cat(self.data, 1), Cat(shift[1:], 1))
            m.d.sync += [
                bits.eq(next_or(bits, rests, FIRST)),
                shift.eq(following),
                self.tx.eq(~rests & shift[0]),
            ]
        return m


class Uart(wiring.Component):
    """The frames of :mod:`rbp.hdl.bus.frames` over a UART.

    A byte takes 10 * ``divisor`` cycles, those sent one more.

    Parameters
    ----------
    address_width : int
        Bits of a word address.
    divisor : int
        Cycles a bit, at least 8.
    device : Family
        Whose memory.

    Members
    -------
    rx, tx : In, Out
        The line, high at rest. ``rx`` need not be synchronous.
    bus : HostSignature
        To the core.
    """

    CLOCK = ("clk", "rst")
    """Names of clock and reset in Verilog."""

    MEANINGS = {
        "rx": "serial line to the core, high at rest",
        "tx": "serial line from the core, high at rest",
    }
    """Of the ports, by name in Verilog."""

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
