"""What the AXI4-Lite shell must do, as a component whose ports are free."""

from amaranth.hdl import Assert, Assume, Cat, Cover, Module, Mux, Signal
from amaranth.lib import wiring

from rbp.hdl.bus.axi_lite import OKAY, SLVERR
from tests.hdl.bus.properties import ADDRESS, BUSY, joined, past

__all__ = ["AxiLiteSpec"]


class AxiLiteSpec(wiring.Component):
    """The shell between a free core and a free manager."""

    SLOWEST = {"b": 2 * BUSY + 1, "r": 2 * BUSY + 2}
    """Cycles before an answer, at most: a request of the other kind, and this one; a write goes
    first where both come together."""

    PERIOD = 6
    """Cycles from an answer to the next of its kind, at least."""

    def __init__(self, shell, *, inductive=True):
        self.dut, self.inductive = shell(ADDRESS), inductive
        super().__init__(dict(self.dut.signature.members))

    def elaborate(self, platform):
        m = Module()
        axi, bus = self.s_axil, self.bus
        port = joined(m, self, "s_axil")
        payloads = {
            "aw": Cat(axi.awaddr, axi.awprot),
            "w": Cat(axi.wdata, axi.wstrb),
            "b": axi.bresp,
            "ar": Cat(axi.araddr, axi.arprot),
            "r": Cat(axi.rdata, axi.rresp),
        }
        hand, last = {}, {}
        for name, payload in payloads.items():
            valid, ready = getattr(axi, f"{name}valid"), getattr(axi, f"{name}ready")
            hand[name] = Signal(name=f"hand_{name}")
            m.d.comb += hand[name].eq(valid & ready)
            # stable while it waits
            rule = Assert if name in "br" else Assume
            waits = past(m, valid & ~ready, f"p_waits_{name}")
            before = past(m, payload, f"p_{name}")
            with m.If(waits):
                m.d.comb += rule(valid & (payload == before))
            last[name] = Signal(len(payload), name=f"last_{name}")
            with m.If(hand[name]):
                m.d.sync += last[name].eq(payload)

        # requests without an answer; there is none to no request
        open_ = {name: Signal(2, name=f"open_{name}") for name in ("aw", "w", "ar")}
        for name, count in open_.items():
            answered = hand["r" if name == "ar" else "b"]
            m.d.sync += count.eq(count + hand[name] - answered)
        with m.If(axi.bvalid):
            m.d.comb += Assert((open_["aw"] != 0) & (open_["w"] != 0))
        with m.If(axi.rvalid):
            m.d.comb += Assert(open_["ar"] != 0)

        # what is asked of the core is the last request taken; of a part of a word there is nothing
        partial = Signal()
        m.d.comb += partial.eq(~last["w"][32:].all())
        with m.If(bus.w_en & ~bus.r_en):
            m.d.comb += [
                Assert(~partial),
                Assert(bus.w_data == last["w"][:32]),
                Assert(bus.addr == last["aw"][2 : 2 + ADDRESS]),
            ]
        with m.If(bus.r_en & ~bus.w_en):
            m.d.comb += Assert(bus.addr == last["ar"][2 : 2 + ADDRESS])

        # an answer is that of an access, or of a write of a part of a word
        writing = Signal()  # the access under way, or else the last one
        with m.If(port.begins):
            m.d.sync += writing.eq(bus.w_en)
        known = {
            "b": past(m, port.known & writing, "p_known_b"),
            "r": past(m, port.known & ~writing, "p_known_r"),
        }
        verdict = past(m, Mux(port.refused, SLVERR, OKAY), "p_verdict")
        new = {}
        for name in known:
            valid = getattr(axi, f"{name}valid")
            new[name] = Signal(name=f"new_{name}")
            m.d.comb += new[name].eq(valid & ~past(m, valid & ~hand[name], f"p_old_{name}"))
        with m.If(new["b"]):
            m.d.comb += Assert(axi.bresp == Mux(known["b"], verdict, SLVERR))
            m.d.comb += Assert(known["b"] | partial)
        with m.If(new["r"]):
            m.d.comb += Assert(known["r"] & (axi.rresp == verdict) & (axi.rdata == port.word))

        m.d.comb += Assert(~axi.bresp[0] & ~axi.rresp[0])  # OKAY or SLVERR

        self._times(m, port, open_, new, known)
        self._covers(m, port, hand, partial)
        if self.inductive:
            self._invariants(m, port, open_, writing, last)
        return m

    def _times(self, m, port, open_, new, known):
        """In time, and by turns."""
        axi, bus, dut = self.s_axil, self.bus, self.dut
        both = (open_["aw"] != 0) & (open_["w"] != 0)
        waits = {"b": both & ~axi.bvalid, "r": (open_["ar"] != 0) & ~axi.rvalid}
        self.ages = {}
        for name, waiting in waits.items():
            age = self.ages[name] = Signal(range(self.SLOWEST[name] + 2), name=f"age_{name}")
            m.d.sync += age.eq(Mux(waiting, age + 1, 0))
            m.d.comb += Assert(age <= self.SLOWEST[name])
        m.d.comb += [
            Assert(axi.awready | (open_["aw"] != 0)),
            Assert(axi.wready | (open_["w"] != 0)),
            Assert(axi.arready | (open_["ar"] != 0)),
        ]
        # a request that waited when another of the other kind began has the next turn
        part = new["b"] & ~known["b"]  # a write that asked nothing of the core
        turn = {"b": (port.begins & bus.w_en) | part, "r": port.begins & bus.r_en}
        due = {"b": dut.aw_full & dut.w_full & ~axi.bvalid, "r": dut.ar_full & ~axi.rvalid}
        self.passed = {}
        for name, other in (("b", "r"), ("r", "b")):
            stood = past(m, due[name], f"p_due_{name}")
            passed = self.passed[name] = Signal(name=f"passed_{name}")
            with m.If(turn[other] & stood):
                m.d.sync += passed.eq(1)
                m.d.comb += Assert(~passed)
            with m.If(turn[name] | ~due[name]):
                m.d.sync += passed.eq(0)
            if self.inductive:
                m.d.comb += Assert(~passed | stood)

    def _covers(self, m, port, hand, partial):
        axi = self.s_axil
        for name in ("b", "r"):
            gap = Signal(range(self.PERIOD + 2), name=f"gap_{name}")
            m.d.sync += gap.eq(Mux(hand[name], 1, Mux(gap > self.PERIOD, gap, gap + 1)))
            okay = getattr(axi, f"{name}resp") == OKAY
            m.d.comb += [
                Cover(hand[name] & (gap == self.PERIOD) & okay),
                Cover(hand[name] & ~okay & ~partial),
                Cover(self.ages[name] == self.SLOWEST[name]),
            ]
        early = {"aw": axi.awready & ~axi.wready, "w": axi.wready & ~axi.awready}
        m.d.comb += [
            Cover(self.passed["r"]),
            Cover(hand["b"] & partial),
            Cover(hand["aw"] & early["aw"]),  # the address comes after the word
            Cover(hand["w"] & early["w"]),
            Cover(hand["b"] & hand["r"]),
        ]

    def _invariants(self, m, port, open_, writing, last):
        """What the shell's state has to do with that of the spec."""
        axi, bus, dut, ages = self.s_axil, self.bus, self.dut, self.ages
        after = port.since.any()
        written = Signal()
        m.d.comb += written.eq((after & writing) | axi.bvalid)
        m.d.comb += [
            Assert(open_["aw"] == dut.aw_full + written),
            Assert(open_["w"] == dut.w_full + written),
            Assert(open_["ar"] == dut.ar_full + ((after & ~writing) | axi.rvalid)),
            Assert(~(after & writing & axi.bvalid)),
            Assert(~(port.busy & Mux(dut.wrote, axi.bvalid, axi.rvalid))),
        ]
        with m.If(bus.w_en):
            m.d.comb += Assert(dut.wrote & dut.aw_full & dut.w_full)
        with m.If(bus.r_en):
            m.d.comb += Assert(~dut.wrote & dut.ar_full)
        with m.If(port.busy & ~port.begins):
            m.d.comb += Assert(writing == dut.wrote)
        kept = {
            "aw": (dut.aw_full, dut.w_addr == last["aw"][2 : 2 + ADDRESS]),
            "w": (dut.w_full, (dut.whole == last["w"][32:].all()) & (bus.w_data == last["w"][:32])),
            "ar": (dut.ar_full, dut.r_addr == last["ar"][2 : 2 + ADDRESS]),
        }
        for full, right in kept.values():
            with m.If(full):
                m.d.comb += Assert(right)
        idle = ~port.busy & (ages["r"] != 0) & ~axi.rvalid
        m.d.comb += Assert(~idle | axi.bvalid)  # the read has its turn
        for name, mine, late in (("b", dut.wrote, 0), ("r", ~dut.wrote, 1)):
            age, answered = ages[name], getattr(axi, f"{name}valid")
            with m.If(port.busy & mine):
                m.d.comb += Assert(age <= BUSY + 1 + late + port.spent)
            with m.Elif(port.busy):
                m.d.comb += Assert(age <= port.spent + late)
            with m.Elif(~answered):
                m.d.comb += Assert(age <= BUSY + late)
