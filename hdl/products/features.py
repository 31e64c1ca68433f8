"""Features: φ of a higher-order network, a column a cycle."""

from amaranth.hdl import Cat, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay
from rbp.hdl.layouts import c_place_layout
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.products.product import Product
from rbp.hdl.timing import Timing
from rbp.hdl.wires import tables

__all__ = ["Features", "units_of"]


def units_of(config, word):
    """(unit, whether it is none) of each factor in a word of the host's tables, the first lowest;
    none is N of the core, the factor 1."""
    numbers = [word.word_select(k, config.unit_bits) for k in range(config.order)]
    return [(number, number == config.units) for number in numbers]


class Features(wiring.Component):
    """φ_m = f(c_i) f(c_j) …, the product of column m.

    Which factors a product has, the host writes. Latency is
    :attr:`rbp.hdl.timing.Timing.feature` and the memory's; throughput one a cycle, never stalled.
    Golden model: ``rbp.golden.features.Features.phi``.

    Members
    -------
    table : TablePort
        A word for each product, see :meth:`rbp.golden.features.Features.product_words`.
    column, slot, bank, valid : In
        Which product, of which pattern; what is valid is watched. Column M of the core is none, and
        φ anything.
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
                "table": In(tables(config)["products"]),
                "column": In(config.column_bits),
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
        m.submodules.ram = ram = Ram(
            width=len(self.table.w_data), depth=config.columns, device=config.device
        )
        m.submodules.product = product = Product(config, config.order)
        entry = Signal(len(ram.r_data), reset_less=True)
        where = delay(m, Cat(self.slot, self.bank), memory + 1, name="where")
        watched = self.valid & (self.column != config.columns)
        m.d.sync += entry.eq(ram.r_data)
        m.d.comb += [
            ram.w_en.eq(self.table.w_en),
            ram.w_addr.eq(self.table.w_addr),
            ram.w_data.eq(self.table.w_data),
            ram.r_addr.eq(self.column),
            product.valid.eq(delay(m, watched, 2 * memory + 1, control=True, name="valid")),
            self.phi.eq(product.product),
            self.clipped.eq(product.clipped),
        ]
        for k, (unit, none) in enumerate(units_of(config, entry)):
            one = delay(m, none, memory, name=f"one_{k}")
            m.d.comb += [
                self.read[k].unit.eq(unit),
                Cat(self.read[k].slot, self.read[k].bank).eq(where),
                product.factors[k].eq(Mux(one, 1 << config.formats.state.fraction, self.c[k])),
            ]
        assert Timing(config).feature == memory + 1 + Product.latency(config.device, config.order)
        return m
