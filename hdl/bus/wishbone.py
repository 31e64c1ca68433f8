"""Wishbone B4, classic cycles: the core as a slave with 32-bit words."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.bus.access import Access, members
from rbp.hdl.wires import HostSignature

__all__ = ["Wishbone", "WishboneSignature"]


WISHBONE = {
    "cyc": (Out, 1, "a cycle is under way"),
    "stb": (Out, 1, "there is a request; held until wb_ack or wb_err"),
    "we": (Out, 1, "to write, else to read"),
    "adr": (Out, None, "address of a 32-bit word, see the manual"),
    "dat_w": (Out, 32, "word to write"),
    "sel": (Out, 4, "its bytes: all four, or wb_err and nothing is written; ignored in a read"),
    "ack": (In, 1, "the request is done"),
    "err": (In, 1, "the request was refused"),
    "dat_r": (In, 32, "word read, with wb_ack"),
}
"""Seen from the master: direction, bits, meaning; bits of None are those of an address."""


class WishboneSignature(wiring.Signature):
    """Wishbone, seen from the master."""

    def __init__(self, address_width):
        super().__init__(members(WISHBONE, address_width))


class Wishbone(wiring.Component):
    """Answers one request at a time, with ACK, or with ERR where it was refused.

    An address counts words. A write of less than four bytes writes nothing, and is answered with
    ERR; so is what the core refuses. A read always gives the whole word.

    A request that has begun is done, also where the master gives it up: then it has no answer. An
    answer comes VERDICT + 1 cycles after the word port is done, which begins a cycle after the
    request. ACK and ERR are low without STB and CYC, so the answers of several slaves may be
    joined by OR.

    Parameters
    ----------
    address_width : int
        Bits of an address.

    Members
    -------
    wb : WishboneSignature
        From the master.
    bus : HostSignature
        To the core.
    """

    CLOCK = ("clk", "rst")
    """Names of clock and reset in Verilog."""

    MEANINGS = {
        "clk": "clock, rising edge",
        "rst": "reset, synchronous, active high",
        **{f"wb_{name}": meaning for name, (_, _, meaning) in WISHBONE.items()},
    }
    """Of the ports, by name in Verilog."""

    def __init__(self, address_width):
        self.address_width = address_width
        super().__init__(
            {
                "wb": In(WishboneSignature(address_width)),
                "bus": Out(HostSignature(address_width)),
            }
        )
        self.access = Access(address_width)
        self.wanted = Signal()  # the master has not given up the request that is under way

    def elaborate(self, platform):
        m = Module()
        wb, wanted = self.wb, self.wanted
        m.submodules.access = access = self.access
        connect(m, access.bus, flipped(self.bus))
        asked, take, partial = Signal(), Signal(), Signal()
        address = Signal(self.address_width, reset_less=True)
        word = Signal(32, reset_less=True)  # written, then read
        ack, err = Signal(), Signal()
        m.d.comb += [
            asked.eq(wb.cyc & wb.stb),
            take.eq(asked & access.idle & ~(ack | err)),
            partial.eq(wb.we & ~wb.sel.all()),
            access.read.eq(take & ~wb.we),
            access.write.eq(take & wb.we & ~partial),
            access.addr.eq(address),
            access.w_data.eq(word),
            wb.ack.eq(ack & asked),
            wb.err.eq(err & asked),
            wb.dat_r.eq(word),
        ]
        with m.If(take):
            m.d.sync += address.eq(wb.adr)
        with m.If(take | access.taken):
            m.d.sync += word.eq(Mux(access.taken, self.bus.r_data, wb.dat_w))
        m.d.sync += [
            wanted.eq((wanted | take) & asked),
            ack.eq(access.done & wanted & asked & ~access.refused),
            err.eq((access.done & wanted & asked & access.refused) | (take & partial)),
        ]
        return m
