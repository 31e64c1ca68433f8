"""Features: φ of a higher-order network, a column a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.datapath.product import Product
from rbp.hdl.fixed import delay
from rbp.hdl.layouts import c_place_layout
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.timing import Timing

__all__ = ["Features", "Index"]


class Index(wiring.Component):
    """Which factors a product has, from a table; a missing factor is 1.

    The first row of ``rows`` is at address 0; further columns of a row come out as ``rest``.

    Members
    -------
    address : In
    units, one, rest : Out
        ``device.memory`` + 1 cycles later.
    """

    def __init__(self, config, rows, *, rest=0):
        self.config, self.rows = config, rows
        self.unit_bits = max(1, config.units.bit_length())
        self.factors, self.rest_width = len(rows[0]) - bool(rest), rest
        super().__init__(
            {
                "address": In(range(max(2, len(rows)))),
                "units": Out(range(max(2, config.units))).array(self.factors),
                "one": Out(1).array(self.factors),
                **({"rest": Out(rest)} if rest else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        words = []
        for row in self.rows:
            word = 0
            for k, value in enumerate(row):
                word |= int(value) << k * self.unit_bits
            words.append(word)
        width = max(1, self.factors * self.unit_bits + self.rest_width)
        m.submodules.ram = ram = Ram(
            width=width, depth=len(words), device=self.config.device, init=words
        )
        entry = Signal(width, reset_less=True)
        m.d.sync += entry.eq(ram.r_data)
        m.d.comb += ram.r_addr.eq(self.address)
        for k in range(self.factors):
            unit = entry.word_select(k, self.unit_bits)
            m.d.comb += [self.units[k].eq(unit), self.one[k].eq(unit == self.config.units)]
        if self.rest_width:
            m.d.comb += self.rest.eq(entry[self.factors * self.unit_bits :])
        return m


class Features(wiring.Component):
    """φ_m = f(c_i) f(c_j) …, the product of column m.

    Latency is :attr:`rbp.hdl.timing.Timing.feature` and the memory's; throughput one a cycle, never
    stalled. Golden model: ``rbp.golden.features.Features.phi``.

    Members
    -------
    column, slot, bank, valid : In
        Which product, of which pattern; what is valid is watched.
    read, c : Out, In
        To and from the state memory, a port for each factor.
    phi : Out
    clipped : Out
        Something saturated.
    """

    def __init__(self, config):
        self.config = config
        word = signed(config.formats.state.width)
        place = c_place_layout(config)
        super().__init__(
            {
                "column": In(range(max(2, config.terms))),
                "slot": In(place["slot"].shape),
                "bank": In(2),
                "valid": In(1),
                "read": Out(place).array(config.order),
                "c": In(word).array(config.order),
                "phi": Out(word),
                "clipped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, memory = self.config, self.config.device.memory
        m.submodules.index = index = Index(config, config.features.index)
        m.submodules.product = product = Product(config, config.order)
        where = delay(m, Cat(self.slot, self.bank), memory + 1, name="where")
        m.d.comb += [
            index.address.eq(self.column),
            product.valid.eq(delay(m, self.valid, 2 * memory + 1, control=True, name="valid")),
            self.phi.eq(product.product),
            self.clipped.eq(product.clipped),
        ]
        for k in range(config.order):
            one = delay(m, index.one[k], memory, name=f"one_{k}")
            m.d.comb += [
                self.read[k].unit.eq(index.units[k]),
                Cat(self.read[k].slot, self.read[k].bank).eq(where),
                product.factors[k].eq(Mux(one, config.features.one, self.c[k])),
            ]
        assert Timing(config).feature == memory + 1 + Product.latency(config.device, config.order)
        return m
