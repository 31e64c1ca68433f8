"""What the Wishbone shell must do, as a component whose ports are free."""

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Mux, Signal
from amaranth.lib import wiring

from tests.hdl.bus.properties import ADDRESS, BUSY, joined, past

__all__ = ["WishboneSpec"]


class WishboneSpec(wiring.Component):
    """The shell between a free core and a free master, which may give up any request."""

    SLOWEST = 2 * BUSY
    """Cycles before an answer, at most: most of an old request that was given up, and this one."""

    PERIOD = 6
    """Cycles from an answer to the next, at least."""

    def __init__(self, shell, *, inductive=True):
        self.dut, self.inductive = shell(ADDRESS), inductive
        super().__init__(dict(self.dut.signature.members))

    def elaborate(self, platform):
        m = Module()
        wb, bus = self.wb, self.bus
        port = joined(m, self, "wb")
        asked, answered, partial = Signal(), Signal(), Signal()
        request = Cat(wb.we, wb.adr, wb.dat_w, wb.sel)
        m.d.comb += [
            asked.eq(wb.cyc & wb.stb),
            answered.eq(wb.ack | wb.err),
            partial.eq(wb.we & ~wb.sel.all()),
        ]
        waits = past(m, asked & ~answered, "p_waits")  # this request was there a cycle before
        before = past(m, request, "p_wb")
        with m.If(asked & waits):
            m.d.comb += Assume(request == before)

        # one answer to a request, none without one
        m.d.comb += Assert(~(wb.ack & wb.err))
        with m.If(answered):
            m.d.comb += Assert(asked & waits)

        # it is that of an access that this request began
        mine, known, refused = Signal(), Signal(), Signal()
        begins = waits & port.begins
        m.d.sync += [
            mine.eq(asked & ~answered & (mine | begins)),
            known.eq(asked & ~answered & (known | (port.known & mine))),
        ]
        with m.If(port.known):
            m.d.sync += refused.eq(port.refused)
        with m.If(wb.ack):
            m.d.comb += [Assert(known & ~refused), Assert(wb.we | (wb.dat_r == port.word))]
        with m.If(wb.err):
            m.d.comb += Assert(partial | (known & refused))

        # the access is what was asked for; of a part of a word there is none
        with m.If((begins | mine) & asked):
            m.d.comb += Assert(~partial)
            with m.If(bus.w_en | bus.r_en):
                m.d.comb += [
                    Assert(bus.addr == wb.adr),
                    Assert(bus.w_en == wb.we),
                    Assert(~wb.we | (bus.w_data == wb.dat_w)),
                ]

        # in time
        age, gap = Signal(range(self.SLOWEST + 2)), Signal(range(self.PERIOD + 2))
        m.d.sync += age.eq(Mux(asked & ~answered, age + 1, 0))
        m.d.comb += Assert(age <= self.SLOWEST)
        m.d.sync += gap.eq(Mux(wb.ack, 1, Mux(gap > self.PERIOD, gap, gap + 1)))

        m.d.comb += [
            Cover(wb.ack & ~wb.we & (gap == self.PERIOD)),
            Cover(wb.ack & wb.we & (gap == self.PERIOD)),
            Cover(wb.err & wb.we & ~partial),
            Cover(wb.err & ~wb.we),
            Cover(wb.err & partial),
            Cover(asked & ~waits & port.busy),  # while a request that was given up is under way
            Cover(wb.ack & (age == self.SLOWEST)),
        ]
        if self.inductive:
            self._invariants(m, port, asked, waits, mine, known, age)
        return m

    def _invariants(self, m, port, asked, waits, mine, known, age):
        """What the shell's state has to do with that of the spec."""
        dut = self.dut
        m.d.comb += [
            Assert(~mine | waits),
            Assert(~known | mine),
            Assert(~(known & port.busy)),
            Assert(waits | (age == 0)),
        ]
        with m.If(port.begins):
            m.d.comb += [Assert(dut.wanted == waits), Assert(~mine)]
        with m.Elif(port.busy):
            m.d.comb += Assert(dut.wanted == mine)
        with m.If(mine & ~port.busy):
            m.d.comb += Assert(known)
        with m.If(known & asked):
            m.d.comb += Assert(self.wb.ack | self.wb.err)
        with m.If(waits):
            with m.If(mine | port.begins):
                m.d.comb += Assert(age <= BUSY + Mux(known, BUSY, port.spent))
            with m.Elif(port.busy):
                m.d.comb += Assert(age < port.spent)
            with m.Else():
                m.d.comb += Assert(age < Mux(self.wb.err | ~asked, BUSY + 1, BUSY))
