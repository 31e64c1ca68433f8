"""AXI4-Lite: the core as a subordinate with 32-bit words."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.bus.access import Access, members
from rbp.hdl.wires import HostSignature

__all__ = ["OKAY", "SLVERR", "AxiLite", "AxiLiteSignature"]

OKAY, SLVERR = 0, 2
"""Responses."""


AXI_LITE = {
    "awaddr": (Out, None, "byte address of a write: 4 times the word address"),
    "awprot": (Out, 3, "ignored"),
    "awvalid": (Out, 1, "there is an address to write"),
    "awready": (In, 1, "it is taken"),
    "wdata": (Out, 32, "word to write"),
    "wstrb": (Out, 4, "its bytes: all four, or SLVERR and nothing is written"),
    "wvalid": (Out, 1, "there is a word to write"),
    "wready": (In, 1, "it is taken"),
    "bresp": (In, 2, "0 OKAY; 2 SLVERR, the write was refused"),
    "bvalid": (In, 1, "the write is done"),
    "bready": (Out, 1, "that is taken"),
    "araddr": (Out, None, "byte address of a read"),
    "arprot": (Out, 3, "ignored"),
    "arvalid": (Out, 1, "there is an address to read"),
    "arready": (In, 1, "it is taken"),
    "rdata": (In, 32, "word read"),
    "rresp": (In, 2, "0 OKAY; 2 SLVERR, the read was refused"),
    "rvalid": (In, 1, "the read is done"),
    "rready": (Out, 1, "that is taken"),
}
"""Seen from the manager: direction, bits, meaning; bits of None are those of an address."""


class AxiLiteSignature(wiring.Signature):
    """AXI4-Lite, seen from the manager; the names are those of the specification, in lower case."""

    def __init__(self, address_width):
        super().__init__(members(AXI_LITE, address_width))


class AxiLite(wiring.Component):
    """Answers one write and one read at a time, by turns where both wait.

    An address counts bytes; its two lowest bits are ignored. The address and the word of a write
    come in any order. A write of less than four bytes writes nothing. That, and what the core
    refuses, is answered with SLVERR. PROT is ignored.

    A read is answered VERDICT + 1 cycles after the word port is done, which begins two cycles after
    the address is taken; a write too. Each register between the bus and the core is a flip-flop:
    no path goes through.

    Parameters
    ----------
    address_width : int
        Bits of a word address; two less than those of AWADDR and ARADDR.

    Members
    -------
    s_axil : AxiLiteSignature
        From the manager.
    bus : HostSignature
        To the core.
    """

    CLOCK = ("aclk", "aresetn")
    """Names of clock and reset in Verilog, with which tools recognise the bus."""

    MEANINGS = {
        "aclk": "clock, rising edge",
        "aresetn": "reset, synchronous, active low",
        **{f"s_axil_{name}": meaning for name, (_, _, meaning) in AXI_LITE.items()},
    }
    """Of the ports, by name in Verilog."""

    def __init__(self, address_width):
        self.address_width = address_width
        super().__init__(
            {
                "s_axil": In(AxiLiteSignature(address_width + 2)),
                "bus": Out(HostSignature(address_width)),
            }
        )
        self.access = Access(address_width)
        self.aw_full, self.w_full, self.ar_full = Signal(), Signal(), Signal()
        self.w_addr = Signal(address_width, reset_less=True)
        self.r_addr = Signal(address_width, reset_less=True)
        self.whole = Signal(reset_less=True)  # all four bytes are to be written
        self.wrote = Signal()  # the last request, which may be under way, was a write

    def elaborate(self, platform):
        m = Module()
        axi, wrote = self.s_axil, self.wrote
        aw_full, w_full, ar_full = self.aw_full, self.w_full, self.ar_full
        m.submodules.access = access = self.access
        connect(m, access.bus, flipped(self.bus))
        w_addr, r_addr, whole = self.w_addr, self.r_addr, self.whole
        word = Signal(32, reset_less=True)

        # what comes is kept until the word port is done with it
        m.d.comb += [axi.awready.eq(~aw_full), axi.wready.eq(~w_full), axi.arready.eq(~ar_full)]
        with m.If(axi.awready):
            m.d.sync += [aw_full.eq(axi.awvalid), w_addr.eq(axi.awaddr[2:])]
        with m.If(axi.wready):
            m.d.sync += [w_full.eq(axi.wvalid), word.eq(axi.wdata), whole.eq(axi.wstrb.all())]
        with m.If(axi.arready):
            m.d.sync += [ar_full.eq(axi.arvalid), r_addr.eq(axi.araddr[2:])]

        # by turns: one that has just been answered is not due
        write_due, read_due = Signal(), Signal()
        do_write, do_read, do_refuse = Signal(), Signal(), Signal()
        m.d.comb += [
            write_due.eq(aw_full & w_full & ~axi.bvalid),
            read_due.eq(ar_full & ~axi.rvalid),
            do_write.eq(access.idle & write_due),
            do_read.eq(access.idle & read_due & ~write_due),
            do_refuse.eq(do_write & ~whole),
            access.write.eq(do_write & whole),
            access.read.eq(do_read),
            access.addr.eq(Mux(wrote, w_addr, r_addr)),
            access.w_data.eq(word),
        ]
        with m.If(do_write | do_read):
            m.d.sync += wrote.eq(do_write)
        with m.If(do_refuse | (access.taken & wrote)):
            m.d.sync += [aw_full.eq(0), w_full.eq(0)]
        with m.If(access.taken & ~wrote):
            m.d.sync += [ar_full.eq(0), axi.rdata.eq(self.bus.r_data)]

        # the answers, which stay until they are taken
        with m.If(do_refuse | (access.done & wrote)):
            m.d.sync += [axi.bvalid.eq(1), axi.bresp[1].eq(do_refuse | access.refused)]
        with m.Elif(axi.bready):
            m.d.sync += axi.bvalid.eq(0)
        with m.If(access.done & ~wrote):
            m.d.sync += [axi.rvalid.eq(1), axi.rresp[1].eq(access.refused)]
        with m.Elif(axi.rready):
            m.d.sync += axi.rvalid.eq(0)
        return m
