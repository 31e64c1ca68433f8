"""Bridge: requests of a serial link, carried out on the word port."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.bus.access import Access
from rbp.hdl.bus.frames import DONE, LOST
from rbp.hdl.bus.receiver import Receiver
from rbp.hdl.bus.sender import Part, Sender
from rbp.hdl.wires import HostSignature

__all__ = ["Bridge"]


class Bridge(wiring.Component):
    """Answers every whole request, and says of a damaged one which is due.

    See :mod:`rbp.hdl.bus.frames`. Requests are done one after the other; while one is answered, the
    next ones arrive.

    Parameters
    ----------
    address_width : int
        Bits of a word address, at most 23. An address beyond is refused, and reads 0.
    device : Family
        Whose memory the ring is in.

    Members
    -------
    i_data, i_valid : In
        A byte of the line; it cannot wait.
    o_data, o_valid, o_ready : Out, Out, In
        Bytes to the line.
    bus : HostSignature
        To the core.
    """

    def __init__(self, address_width, device):
        self.receiver, self.sender = Receiver(device), Sender()
        self.access = Access(address_width)
        super().__init__(
            {
                "i_data": In(8),
                "i_valid": In(1),
                "o_data": Out(8),
                "o_valid": Out(1),
                "o_ready": In(1),
                "bus": Out(HostSignature(address_width)),
            }
        )
        self.head = Signal(40)  # sequence number, operation, address
        self.due, self.word = Signal(8), Signal(32)
        self.left, self.at = Signal(6), Signal(3)  # words; bytes of one, or of what is at hand
        self.kind, self.does = Signal(), Signal()  # of the answer; the words are to be done
        self.refused = Signal()

    def elaborate(self, platform):
        m = Module()
        m.submodules.receiver, m.submodules.sender = self.receiver, self.sender
        m.submodules.access = access = self.access
        receiver, sender = self.receiver, self.sender
        connect(m, access.bus, flipped(self.bus))
        address = self.head[16 : 16 + len(access.addr)]
        m.d.comb += [
            receiver.data.eq(self.i_data),
            receiver.valid.eq(self.i_valid),
            self.o_data.eq(sender.o_data),
            self.o_valid.eq(sender.o_valid),
            sender.o_ready.eq(self.o_ready),
            access.addr.eq(address),
            access.w_data.eq(self.word),
        ]
        fixed = self.head[14]
        with m.If(access.taken):
            m.d.sync += self.word.eq(access.bus.r_data)
        with m.If(access.done):
            m.d.sync += [
                address.eq(address + ~fixed),
                self.refused.eq(self.refused | access.refused),
            ]
        with m.FSM():
            self._take(m)
            self._answer(m)
        return m

    def _take(self, m):
        """A request, up to its last byte; of a write, its words are done as they come."""
        receiver, access, head = self.receiver, self.access, self.head
        writes, end = head[15], 16 + len(access.addr)
        with m.State("TAKE"):
            with m.If(receiver.there):
                m.d.comb += receiver.pop.eq(1)
                m.d.sync += [head.eq(Cat(head[8:], receiver.byte)), self.at.eq(self.at + 1)]
                with m.If(self.at == 4):
                    m.d.sync += self.at.eq(0)
                    m.next = "LOOK"
            with m.Elif(receiver.damaged & (self.at == 0)):
                m.d.comb += receiver.told.eq(1)
                m.d.sync += self.kind.eq(LOST)
                m.next = "OPEN"
        with m.State("LOOK"):
            number, sync, beyond = head[:8], head[-1], head[end:-1].any()
            mine = sync | (number == self.due)
            m.d.sync += [
                self.left.eq(head[8:14]),
                self.kind.eq(Mux(mine, DONE, LOST)),
                self.does.eq(mine & ~beyond),
                self.refused.eq(mine & beyond),
            ]
            with m.If(mine):
                m.d.sync += self.due.eq(number + 1)
            m.next = "CHECK"
            with m.If(writes):
                m.next = "WORD"
        with m.State("WORD"):
            with m.If(receiver.there):
                m.d.comb += receiver.pop.eq(1)
                m.d.sync += [
                    self.word.eq(Cat(self.word[8:], receiver.byte)),
                    self.at.eq(self.at + 1),
                ]
                with m.If(self.at == 3):
                    m.d.sync += self.at.eq(0)
                    m.next = "WRITE"
        with m.State("WRITE"):
            m.d.comb += access.write.eq(self.does & access.idle)
            m.next = "WRITTEN"
        with m.State("WRITTEN"):
            with m.If(access.done | ~self.does):
                m.d.sync += self.left.eq(self.left - 1)
                m.next = "WORD"
                with m.If(self.left == 0):
                    m.next = "CHECK"
        with m.State("CHECK"):  # its CRC was right
            with m.If(receiver.there):
                m.d.comb += receiver.pop.eq(1)
                m.d.sync += self.at.eq(self.at ^ 1)
                with m.If(self.at[0]):
                    m.next = "OPEN"

    def _answer(self, m):
        """Number, kind, words, whether any was refused."""
        access, writes = self.access, self.head[15]

        def sends(state, part, byte, then):
            with m.State(state):
                self._send(m, part, byte)
                with m.If(self.sender.ready):
                    m.next = then

        number = Mux(self.kind == DONE, self.head[:8], self.due)
        sends("OPEN", Part.FLAG, 0, "NUMBER")
        sends("NUMBER", Part.BYTE, number, "KIND")
        with m.State("KIND"):
            self._send(m, Part.BYTE, self.kind)
            with m.If(self.sender.ready):
                m.next = "READ"
                with m.If(self.kind == LOST):
                    m.next = "HIGH"
                with m.Elif(writes):
                    m.next = "REFUSED"
        with m.State("READ"):
            m.d.comb += access.read.eq(self.does & access.idle)
            m.d.sync += self.word.eq(0)
            m.next = "ARRIVE"
        with m.State("ARRIVE"):
            with m.If(access.done | ~self.does):
                m.next = "SEND"
        with m.State("SEND"):
            self._send(m, Part.BYTE, self.word[:8])
            with m.If(self.sender.ready):
                m.d.sync += [self.word.eq(self.word >> 8), self.at.eq(self.at + 1)]
                with m.If(self.at == 3):
                    m.d.sync += [self.at.eq(0), self.left.eq(self.left - 1)]
                    m.next = "READ"
                    with m.If(self.left == 0):
                        m.next = "REFUSED"
        sends("REFUSED", Part.BYTE, self.refused, "HIGH")
        sends("HIGH", Part.HIGH, 0, "LOW")
        sends("LOW", Part.LOW, 0, "CLOSE")
        sends("CLOSE", Part.FLAG, 0, "TAKE")

    def _send(self, m, part, byte):
        m.d.comb += [
            self.sender.valid.eq(1),
            self.sender.part.eq(part),
            self.sender.byte.eq(byte),
        ]
