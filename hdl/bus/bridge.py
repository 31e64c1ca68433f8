"""Bridge: requests of a serial link, carried out on the word port."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.bus.access import Access
from rbp.hdl.bus.receiver import Receiver
from rbp.hdl.bus.request import Request
from rbp.hdl.bus.sender import Sender
from rbp.hdl.primitives.arithmetic import next_or
from rbp.hdl.wires import HostSignature

__all__ = ["Bridge"]


class Bridge(wiring.Component):
    """Answers every whole request, and says of a damaged one which is due.

    See :mod:`rbp.hdl.bus.frames`. Requests are done one after the other; while one is answered, the
    next ones arrive.

    All moves bit by bit, the highest of a byte first, which saves most of what would choose between
    bytes. A byte taken takes 8 cycles; one to be sent is there 10 cycles after the one before has
    gone, the first of a word as many more as the core takes to read it.

    Parameters
    ----------
    address_width : int
        Bits of a word address, at most 23. An address beyond is refused, and reads 0.
    device : Family
        Whose memory the ring is in.

    Members
    -------
    i_data, i_valid : In
        A byte of the line; it cannot wait. ``i_data`` stays for ``Receiver.latency`` cycles more.
    o_data, o_valid, o_ready : Out, Out, In
        Bytes to the line.
    bus : HostSignature
        To the core.
    """

    def __init__(self, address_width, device):
        self.memory = device.memory
        self.receiver, self.sender = Receiver(device), Sender()
        self.request, self.access = Request(address_width), Access(address_width)
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
        self.beat = Signal(4)  # the upper half: the bits of a byte
        self.takes, self.sends = Signal(), Signal()  # what a byte is for
        self.fills, self.sign = Signal(), Signal()  # or it is the sign of one, eight times
        self.taken, self.pops = Signal(), Signal()  # its last bit is; its place in the ring is free
        self.bit = Signal()  # of the byte taken
        self.at, self.over = Signal(3), Signal()  # bytes of what is at hand; it is the last one
        self.word, self.moves, self.enters = Signal(32), Signal(), Signal()
        self.due, self.turns, self.counts = Signal(8), Signal(), Signal()  # the number that is due
        self.differs, self.lost = Signal(), Signal(init=1)  # from that; nothing is done
        self.whole = Signal()  # there is a request; else what came was damaged
        self.does, self.refused, self.opened = Signal(), Signal(), Signal()

    def elaborate(self, platform):
        m = Module()
        for name in ("receiver", "sender", "request", "access"):
            m.submodules[name] = getattr(self, name)
        connect(m, self.access.bus, flipped(self.bus))
        self._bytes(m)
        self._words(m)
        with m.FSM():
            self._take(m)
            self._do(m)
            self._answer(m)
        return m

    def _bytes(self, m):
        """Between the line and single bits, by beats."""
        receiver, sender, beat, ends = self.receiver, self.sender, self.beat, self.beat.all()
        more = Mux(self.sends, ~self.o_valid & ~ends, ~(ends & self.over))
        more = more & (receiver.there | ~self.takes)
        with m.If(beat[3] & ~ends):
            m.d.sync += beat.eq(beat + 1)
        with m.Else():
            m.d.sync += beat.eq(Mux((self.takes | self.sends | self.fills) & more, 8, 0))
        m.d.comb += [
            receiver.data.eq(self.i_data),
            receiver.valid.eq(self.i_valid),
            self.bit.eq(Cat(*reversed(receiver.byte)).bit_select(beat[:3], 1)),
            self.taken.eq((self.takes | self.fills) & ends),
            self.pops.eq(self.takes & (beat == 15 - self.memory)),  # the next one is then in time
            sender.step.eq(beat[3]),
            sender.full.eq(self.sends & ends),
            self.o_data.eq(sender.o_data),
            self.o_valid.eq(sender.o_valid),
            sender.o_ready.eq(self.o_ready),
        ]

    def _words(self, m):
        """Registers: the word under way, the number that is due, what the core has refused."""
        access, request, word = self.access, self.request, self.word
        m.d.comb += [
            request.bit.eq(self.bit),
            access.addr.eq(request.address),
            access.w_data.eq(_by_bytes(word)),
            self.does.eq(~self.lost & ~request.beyond),
        ]
        with m.If(self.moves | access.taken):
            read = _by_bytes(access.bus.r_data)
            m.d.sync += word.eq(Mux(self.moves, Cat(word[1:], self.enters), read))
        with m.If(self.turns | self.counts):
            m.d.sync += self.due.eq(next_or(self.due, ~self.counts, Cat(self._number, self.due)))
        with m.If(access.done & access.refused):
            m.d.sync += self.refused.eq(1)

    @property
    def _number(self):
        """The next bit of an answer's number: of the request, or of the one that is due."""
        return Mux(self.lost, self.due[-1], self.request.number)

    def _take(self, m):
        """The head of a request; its number is compared with the one due, which goes round."""
        receiver, request, step = self.receiver, self.request, self.beat[3]
        with m.State("TAKE"):
            m.d.comb += [self.takes.eq(1), receiver.pop.eq(self.pops)]
            m.d.comb += [request.step.eq(step), self.moves.eq(step)]  # so the word becomes 0
            m.d.sync += [self.lost.eq(1), self.whole.eq(0)]
            m.d.sync += [self.refused.eq(0), self.opened.eq(0)]
            with m.If(self.at == 0):
                m.d.comb += self.turns.eq(step)
                differs = self.bit ^ self.due[-1]
                m.d.sync += self.differs.eq(step & (self.differs | differs))
                with m.If(receiver.damaged & ~receiver.there):
                    m.d.comb += receiver.told.eq(1)
                    m.next = "OPEN"
            self._counted(m, 5, "LOOK")
        with m.State("LOOK"):
            lost = self.differs & ~request.sync
            m.d.sync += [self.lost.eq(lost), self.whole.eq(1)]
            m.next = "ACT"
            with m.If(request.writes):
                m.next = "MOVE"
            with m.Elif(lost):
                m.next = "OPEN"

    def _do(self, m):
        """Words, one after the other: taken and written, or read and sent."""
        access, request = self.access, self.request
        writes, last = request.writes, request.last
        with m.State("MOVE"):
            half = request.half & self.at[1]
            with m.If(self.takes & (self.beat[:3] == 0)):  # until a byte is whole, and behind it
                m.d.sync += self.sign.eq(self.bit)
            m.d.comb += [
                self.takes.eq(writes & ~half),
                self.fills.eq(half),
                self.sends.eq(~writes),
                self.receiver.pop.eq(self.pops),
                self.moves.eq(self.beat[3]),
                self.enters.eq(Mux(half, self.sign, self.bit & writes)),
                self.sender.bit.eq(self.word[0]),
            ]
            self._counted(m, 4, "ACT")
            with m.If(self.sender.sent & self.over):
                m.d.comb += request.passed.eq(1)
                with m.If(last):
                    m.next = "TAIL"
        with m.State("ACT"):  # whether it is refused is known before the next one, or TAIL
            ready = access.idle & self.does
            m.d.comb += [access.write.eq(ready & writes), access.read.eq(ready & ~writes)]
            with m.If(access.taken | ~self.does):
                m.d.comb += request.passed.eq(writes)
                m.next = "MOVE"
                with m.If(Mux(writes, last, ~self.opened)):
                    m.next = "OPEN"

    def _answer(self, m):
        """Number, kind, words, whether any was refused, CRC. That of the request goes beside."""
        sender, ends = self.sender, self.beat.all()
        flag = self.beat[:3].any() & ~ends
        with m.State("OPEN"):
            m.d.comb += sender.bare.eq(1)
            self._sends(m, flag, "NUMBER")
        with m.State("NUMBER"):
            m.d.comb += [self.turns.eq(self.beat[3]), self.request.turn.eq(self.beat[3])]
            m.d.comb += self.counts.eq(sender.sent & ~self.lost)
            self._sends(m, self._number, "KIND")
        with m.State("KIND"):
            m.d.sync += self.opened.eq(1)
            self._sends(m, ends & self.lost, "MOVE")
            with m.If(sender.sent & self.lost):
                m.next = "CHECK"
            with m.Elif(sender.sent & self.request.writes):
                m.next = "TAIL"
        with m.State("TAIL"):
            self._sends(m, ends & (self.refused | self.request.beyond), "CHECK")
        with m.State("CHECK"):
            m.d.comb += [self.sends.eq(1), sender.bit.eq(sender.top)]
            m.d.comb += self.receiver.pop.eq(sender.sent & self.whole)
            self._counted(m, 2, "CLOSE")
        with m.State("CLOSE"):
            m.d.comb += sender.bare.eq(1)
            self._sends(m, flag, "TAKE")

    def _sends(self, m, bit, then):
        """A byte of these bits; what follows."""
        m.d.comb += [self.sends.eq(1), self.sender.bit.eq(bit)]
        with m.If(self.sender.sent):
            m.next = then

    def _counted(self, m, count, then):
        """So many bytes; what follows."""
        m.d.comb += self.over.eq(self.at == count - 1)
        with m.If(self.taken | self.sender.sent):
            m.d.sync += self.at.eq(Mux(self.over, 0, self.at + 1))
            with m.If(self.over):
                m.next = then


def _by_bytes(word):
    """The bits in the order in which they move: bytes upward, in each the highest bit first."""
    return Cat(Cat(*reversed(word[k : k + 8])) for k in range(0, 32, 8))
