"""Factor: f and f' of a unit's activity, in a network of higher order."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.datapath.table import Tables
from rbp.hdl.primitives.arithmetic import Multiplier

__all__ = ["Factor"]


class Factor(wiring.Component):
    """f(c) and f'(c), in STATE words, of a word of c.

    Latency is :attr:`rbp.hdl.timing.Timing.factor`; throughput one a cycle, never stalled. Golden
    model: the tables of ``rbp.golden.features.Features``.
    """

    def __init__(self, config):
        self.config = config
        word = signed(config.formats.state.width)
        super().__init__({"c": In(word), "f": Out(word), "slope": Out(word)})

    def elaborate(self, platform):
        m = Module()
        f, slope = self.config.factor_tables
        device = self.config.device
        m.submodules.tables = tables = Tables((f,), (slope,), device)
        m.d.comb += tables.u.eq(self.c)
        for name, look_up, out in (("f", tables.g, self.f), ("slope", tables.slope, self.slope)):
            m.submodules[f"{name}_multiplier"] = multiplier = Multiplier(
                a_width=len(look_up.difference),
                b_width=len(look_up.fraction),
                device=device,
                addend_width=len(look_up.knot),
            )
            value = Signal(out.shape(), name=f"{name}_value", reset_less=True)
            m.d.comb += [
                multiplier.a.eq(look_up.difference),
                multiplier.b.eq(look_up.fraction),
                multiplier.addend.eq(look_up.knot),
                look_up.product.eq(multiplier.product),
                out.eq(value),
            ]
            m.d.sync += value.eq(look_up.value)
        return m
