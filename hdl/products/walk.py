"""Walk: through the fold's table, a row a cycle."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import stages
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.products.features import units_of
from rbp.hdl.wires import tables

__all__ = ["Walk"]


class Walk(wiring.Component):
    """Rows from the first to the one that says that it is the last, at the latest the table's last.

    Rows are fetched ahead, the memory's latency and one cycle. One that begins a unit where there
    is no ``room`` is not valid; it is fetched again. So is the first row behind the end.

    Members
    -------
    table : TablePort
        Two words for each row, see :meth:`rbp.golden.features.Features.fold_words`.
    go : In
        To walk; may be low from the cycle behind the end. The first row is there the memory's
        latency and one cycle later.
    room : In
        A unit may begin.
    valid, first, last, end : Out
        A row; the first of a unit, its last; of all.
    column, bare : Out
        m, unless the row has no term.
    unit, others, one : Out
        k; the other factors, or that there is none.
    """

    def __init__(self, config):
        self.config = config
        others = config.order - 1
        super().__init__(
            {
                "table": In(tables(config)["folds"]),
                "go": In(1),
                "room": In(1),
                **dict.fromkeys(("valid", "first", "last", "end"), Out(1)),
                "column": Out(config.column_bits),
                "bare": Out(1),
                "unit": Out(config.unit_bits),
                "others": Out(config.unit_bits).array(others),
                "one": Out(1).array(others),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        layout = data.StructLayout({"column": config.column_bits, "last": 1, "end": 1})
        m.submodules.terms = terms = Ram(
            width=layout.size, depth=config.folds, device=config.device
        )
        m.submodules.units = units = Ram(
            width=config.order * config.unit_bits, depth=config.folds, device=config.device
        )
        at = Signal(range(max(2, config.folds)))
        odd = self.table.w_addr[0]
        for ram, here in ((terms, ~odd), (units, odd)):
            m.d.comb += [
                ram.w_en.eq(self.table.w_en & here),
                ram.w_addr.eq(self.table.w_addr[1:]),
                ram.w_data.eq(self.table.w_data),
                ram.r_addr.eq(at),
            ]

        # Fetched ahead: the row here comes from the address at the end of the line.
        ahead = config.device.memory + 1
        term, word = Signal(layout, reset_less=True), Signal(len(units.r_data), reset_less=True)
        m.d.sync += [term.eq(terms.r_data), word.eq(units.r_data)]
        here = stages(m, at, ahead, name="at")[-1]
        at_end = at == config.folds - 1
        cut = stages(m, at_end, ahead, name="cut")[-1]
        begins = Signal(init=1)
        refused, drop, fetched = Signal(), Signal(), self.go
        for k in range(ahead):
            q = Signal(name=f"fetched_{k}")
            m.d.sync += q.eq(fetched & ~drop)
            fetched = q
        m.d.comb += [
            refused.eq(fetched & begins & ~self.room),
            self.valid.eq(fetched & ~refused),
            self.first.eq(begins),
            self.end.eq(term.end | cut),
            self.last.eq(term.last | self.end),
            drop.eq(refused | (self.valid & self.end)),
        ]
        with m.If(drop):
            m.d.sync += at.eq(Mux(refused, here, 0))
        with m.Elif(self.go):
            m.d.sync += at.eq(Mux(at_end, 0, at + 1))
        with m.If(self.valid):
            m.d.sync += begins.eq(self.last)

        (unit, _), *others = units_of(config, word)
        m.d.comb += [
            self.column.eq(term.column),
            self.bare.eq(term.column == config.columns),
            self.unit.eq(unit),
        ]
        for k, (other, none) in enumerate(others):
            m.d.comb += [self.others[k].eq(other), self.one[k].eq(none)]
        return m
