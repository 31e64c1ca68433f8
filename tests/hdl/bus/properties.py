"""What every bus shell must do at the word port, as assertions; and the rules of that port."""

from amaranth.hdl import Assert, Assume, Cat, Mux, Signal
from amaranth.lib.wiring import connect, flipped

from rbp.hdl.wires import HostSignature

__all__ = ["ADDRESS", "BUSY", "WAITS", "WordPort", "joined", "past"]

ADDRESS, WAITS = 3, 2
"""Bits of an address; cycles that the word port may wait. Proofs hold for these."""

BUSY = WAITS + 1 + HostSignature.VERDICT
"""Cycles of an access, at most."""


def past(m, value, name):
    """The same a cycle before; at first 0."""
    before = Signal(len(value), name=name)
    m.d.sync += before.eq(value)
    return before


class WordPort:
    """A free core, which keeps the rules of :class:`HostSignature`, and what it has done.

    With ``inductive``, also what a proof by induction needs: it follows from the rest.

    ``begins`` is high in the first cycle of a request, ``ends`` in its last; ``known`` where
    ``refused`` and the ``word`` that was read are final. ``busy`` is high from the first to the
    last of these cycles, ``spent`` counts the cycles before this one.
    """

    def __init__(self, m, bus, *, inductive):
        asked, waited = Signal(), Signal(range(WAITS + 1))
        since, seen, word = Signal(bus.signature.VERDICT), Signal(), Signal(32)
        waits = past(m, asked & bus.wait, "p_waits")
        request = Cat(bus.addr, bus.w_en, bus.r_en, Mux(bus.w_en, bus.w_data, 0))
        before = past(m, request, "p_request")
        self.begins, self.ends, self.known = Signal(), Signal(), Signal()
        self.refused, self.word, self.busy = Signal(), word, Signal()
        self.since, self.spent = since, Signal(range(BUSY + 1))
        m.d.comb += [
            asked.eq(bus.w_en | bus.r_en),
            self.begins.eq(asked & ~waits),
            self.ends.eq(asked & ~bus.wait),
            self.known.eq(since[-1]),
            self.refused.eq(seen | bus.refused),
            self.busy.eq(asked | since.any()),
            Assume(~asked | ~bus.wait | (waited != WAITS)),
            Assume(since.any() | ~bus.refused),
        ]
        m.d.sync += [
            waited.eq(Mux(asked & bus.wait, waited + 1, 0)),
            since.eq(Cat(self.ends, since)),
            seen.eq((seen | bus.refused) & since[:-1].any()),
            self.spent.eq(Mux(self.busy & ~self.known, self.spent + 1, 0)),
        ]
        with m.If(self.ends):
            m.d.sync += word.eq(bus.r_data)

        # read or write, one at a time, held under wait
        m.d.comb += [
            Assert(~(bus.w_en & bus.r_en)),
            Assert(~(asked & since.any())),
        ]
        with m.If(waits):
            m.d.comb += Assert(request == before)

        if inductive:
            self._invariants(m, asked, waits, waited, seen)

    def _invariants(self, m, asked, waits, waited, seen):
        since = self.since
        m.d.comb += [Assert(waits | (waited == 0)), Assert(self.busy | (self.spent == 0))]
        m.d.comb += [
            Assert(since & (since - 1)[: len(since)] == 0),
            Assert(~seen | since[1:].any()),
        ]
        with m.If(asked):
            m.d.comb += Assert(self.spent == waited)
        for k, bit in enumerate(since):
            with m.If(bit):
                m.d.comb += Assert(self.spent <= WAITS + 1 + k)


def joined(m, spec, name):
    """``spec.dut`` as a part, its bus and its word port at those of the spec."""
    dut = m.submodules.dut = spec.dut
    connect(m, flipped(getattr(spec, name)), getattr(dut, name))
    connect(m, dut.bus, flipped(spec.bus))
    port = WordPort(m, dut.bus, inductive=spec.inductive)
    if spec.inductive:
        m.d.comb += [
            Assert(dut.access.idle == ~port.busy),
            Assert(dut.access.done == port.known),
            Assert(~port.known | (dut.access.refused == port.refused)),
        ]
    return port
