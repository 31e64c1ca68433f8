"""Block RAM and multiplier: the only places that know the device."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Multiplier", "Ram"]


class Ram(wiring.Component):
    """Memory with one write port and one read port.

    Data follow their address by ``latency`` cycles, one word a cycle. A word must not be read in
    the cycle in which it is written: what comes out then differs between devices.

    Parameters
    ----------
    width, depth : int
        Bits of a word; words.
    latency : int
        At least 1.
    init : list of int, optional
        First contents, for tables.

    Members
    -------
    w_en, w_addr, w_data : In
        Write.
    r_addr : In
        Address read.
    r_data : Out(width)
        Its word, ``latency`` cycles later.
    """

    def __init__(self, *, width, depth, latency=1, init=()):
        self.width, self.depth, self.latency, self.init = width, depth, latency, list(init)
        address = max(1, (depth - 1).bit_length())
        super().__init__(
            {
                "w_en": In(1),
                "w_addr": In(address),
                "w_data": In(width),
                "r_addr": In(address),
                "r_data": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.mem = mem = Memory(
            shape=self.width,
            depth=1 << len(self.r_addr),
            init=self.init,
            attrs={"no_rw_check": 1},
        )
        write, read = mem.write_port(), mem.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.w_en),
            write.addr.eq(self.w_addr),
            write.data.eq(self.w_data),
            read.addr.eq(self.r_addr),
        ]
        data = read.data
        for k in range(self.latency):
            q = Signal(self.width, name=f"data_q{k + 1}", reset_less=True)
            m.d.sync += q.eq(data)
            data = q
        m.d.comb += self.r_data.eq(data)
        return m


class Multiplier(wiring.Component):
    """Signed product, ``latency`` cycles after its operands, one a cycle.

    The registers stand where the devices' multipliers have theirs: first at the operands.

    Parameters
    ----------
    a_width, b_width : int
        Bits of the operands.
    latency : int
        At least 2.

    Members
    -------
    a, b : In(signed)
        Operands.
    product : Out(signed(a_width + b_width))
        a·b.
    """

    def __init__(self, *, a_width, b_width, latency=2):
        self.a_width, self.b_width, self.latency = a_width, b_width, latency
        super().__init__(
            {
                "a": In(signed(a_width)),
                "b": In(signed(b_width)),
                "product": Out(signed(a_width + b_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        a = Signal(signed(self.a_width), reset_less=True)
        b = Signal(signed(self.b_width), reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b)]
        product = a * b
        for k in range(self.latency - 1):
            q = Signal(signed(self.a_width + self.b_width), name=f"product_q{k}", reset_less=True)
            m.d.sync += q.eq(product)
            product = q
        m.d.comb += self.product.eq(product)
        return m
