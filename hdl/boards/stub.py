"""A plain serial line: words of 32 bits, one a request, without a check sum.

It takes the place of the line with frames and check sums, which has the same ports.
"""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

from rbp.hdl.wires import HostSignature

__all__ = ["Uart"]


class _Receiver(wiring.Component):
    """Bytes of 8N1; ``valid`` is high for a cycle."""

    def __init__(self, divisor):
        self.divisor = divisor
        super().__init__({"rx": In(1, init=1), "data": Out(8), "valid": Out(1)})

    def elaborate(self, platform):
        m = Module()
        rx, bits = Signal(init=1), Signal(4)
        timer = Signal(range(self.divisor * 3 // 2))
        m.submodules.synchroniser = FFSynchronizer(self.rx, rx, init=1)
        m.d.sync += [self.valid.eq(0), timer.eq(timer - 1)]
        with m.If(bits == 0):
            with m.If(~rx):
                m.d.sync += [bits.eq(9), timer.eq(self.divisor * 3 // 2 - 1)]
        with m.Elif(timer == 0):
            m.d.sync += [timer.eq(self.divisor - 1), bits.eq(bits - 1)]
            m.d.sync += self.data.eq(Cat(self.data[1:], rx))
            with m.If(bits == 1):  # the stop bit
                m.d.sync += [self.valid.eq(rx), self.data.eq(self.data)]
        return m


class _Sender(wiring.Component):
    """Bytes of 8N1, taken in a cycle of ``valid`` and ``ready``."""

    def __init__(self, divisor):
        self.divisor = divisor
        ports = {"data": In(8), "valid": In(1), "ready": Out(1)}
        super().__init__({"tx": Out(1, init=1)} | ports)

    def elaborate(self, platform):
        m = Module()
        timer, bits, shift = Signal(range(self.divisor)), Signal(4), Signal(10, init=0x3FF)
        m.d.comb += self.ready.eq(bits == 0)
        m.d.sync += [self.tx.eq(shift[0]), timer.eq(timer - 1)]
        with m.If(self.ready):
            with m.If(self.valid):
                m.d.sync += shift.eq(Cat(Const(0, 1), self.data, Const(1, 1)))
                m.d.sync += [bits.eq(10), timer.eq(self.divisor - 1)]
        with m.Elif(timer == 0):
            m.d.sync += [timer.eq(self.divisor - 1), bits.eq(bits - 1)]
            m.d.sync += shift.eq(Cat(shift[1:], Const(1, 1)))
        return m


class Uart(wiring.Component):
    """Requests of nine bytes: write or read, address, word; answers of four, the word read.

    Parameters
    ----------
    address_width : int
        Bits of the word port's address.
    divisor : int
        Cycles a bit takes.

    Members
    -------
    rx, tx : In, Out
        Serial line.
    bus : Out(HostSignature)
        Word port, as master.
    """

    def __init__(self, *, address_width, divisor):
        self.divisor = divisor
        bus = Out(HostSignature(address_width))
        super().__init__({"rx": In(1, init=1), "tx": Out(1, init=1), "bus": bus})

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver = receiver = _Receiver(self.divisor)
        m.submodules.sender = sender = _Sender(self.divisor)
        request, count, bus = Signal(72), Signal(4), self.bus
        asked = Signal()  # the request is whole
        m.d.comb += [
            receiver.rx.eq(self.rx),
            self.tx.eq(sender.tx),
            bus.addr.eq(request[8:]),
            bus.w_data.eq(request[40:]),
            bus.w_en.eq(asked & request[0]),
            bus.r_en.eq(asked & ~request[0]),
            sender.data.eq(request[40:]),
        ]
        with m.FSM():
            with m.State("RECEIVE"):
                with m.If(receiver.valid):
                    m.d.sync += [request.eq(Cat(request[8:], receiver.data)), count.eq(count + 1)]
                    with m.If(count == 8):
                        m.d.sync += count.eq(0)
                        m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += asked.eq(1)
                with m.If(~bus.wait):
                    m.d.sync += request[40:].eq(bus.r_data)
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += sender.valid.eq(1)
                with m.If(sender.ready):
                    m.d.sync += [request[40:].eq(request[48:]), count.eq(count + 1)]
                    with m.If(count == 3):
                        m.d.sync += count.eq(0)
                        m.next = "RECEIVE"
        return m
