"""Results: whose a sum is that leaves the PEs, and where it goes."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.datapath.sums import ColumnSums
from rbp.hdl.fixed import delay
from rbp.hdl.layouts import (
    Kind,
    c_place_layout,
    element_layout,
    place_layout,
    settings_layout,
    step_layout,
    sweep_layout,
)
from rbp.hdl.products.fold import Fold
from rbp.hdl.timing import Timing
from rbp.hdl.wires import tables

__all__ = ["Results"]


class Results(wiring.Component):
    """A FORWARD's sums are those of the rows, in their order; a BACKWARD's those of its columns.

    A sweep ends with the last PE's sum of its last entry, whatever the program is; only units that
    move are written. A PROBE's sums are words of W. In a higher order a BACKWARD's
    sums go by way of :class:`rbp.hdl.products.fold.Fold`, whose results take turns with the rest.
    Latency :attr:`rbp.hdl.timing.Timing.merge`, and the fold's.

    Members
    -------
    step, settings : In
        The carousel; the first unit with a row.
    valid, sum, of_tail, of_column, coming : In
        From the column of PEs.
    arriving, arrive : In, Out
        The sweep whose results come now; with its last one.
    keep : In
        Relaxations go on from the last x and y.
    element_valid, element_last, element_sum, element : Out
        To the integrator.
    probe_valid, probe : Out
        A word of W.
    c_read, c, slope_read, slope : in a higher order, the fold's to and from the state memory
    table, folded, clipped : in a higher order
        The host to the fold; it is done with a sweep; a product saturated.
    """

    def __init__(self, config):
        self.config = config
        f = config.formats
        higher = {}
        if config.higher:
            higher = {
                "table": In(tables(config)["folds"]),
                "c_read": Out(c_place_layout(config)).array(config.order - 1),
                "c": In(signed(f.state.width)).array(config.order - 1),
                "slope_read": Out(place_layout(config)),
                "slope": In(signed(f.state.width)),
                "folded": Out(1),
                "clipped": Out(1),
            }
        super().__init__(
            {
                "step": In(step_layout(config)),
                "settings": In(settings_layout(config)),
                "valid": In(1),
                "sum": In(signed(config.sum_width)),
                "of_tail": In(1),
                "of_column": In(1),
                "coming": In(1),
                "arriving": In(sweep_layout(config)),
                "arrive": Out(1),
                "keep": In(1),
                "element_valid": Out(1),
                "element_last": Out(1),
                "element_sum": Out(signed(config.sum_width)),
                "element": Out(element_layout(config)),
                "probe_valid": Out(1),
                "probe": Out(signed(f.weight.width)),
                **higher,
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, arriving, settings = self.config, self.arriving, self.settings
        m.submodules.sums = sums = ColumnSums(config)
        m.d.comb += [
            sums.step.eq(self.step),
            sums.of_column.eq(self.of_column),
            sums.coming.eq(self.coming),
            sums.sum.eq(self.sum),
        ]
        probe, ends = Signal(), Signal()
        with m.If(self.step.start):
            m.d.sync += probe.eq(self.step.start_kind == Kind.PROBE)
        m.d.comb += ends.eq(self.of_tail & sums.end)

        # rows are counted; those that no unit has do not move
        row, of_row = Signal(range(config.units + config.macs)), Signal()
        m.d.comb += of_row.eq(self.valid & ~self.of_column)
        with m.If(ends | settings.rows_set):
            m.d.sync += row.eq(settings.first_unit)
        with m.Elif(of_row):
            m.d.sync += row.eq(row + 1)
        moves = of_row & ~row[len(settings.first_unit) :].any() & ~probe
        from_start = arriving.fresh & ~self.keep
        element, valid, last = Signal(element_layout(config)), Signal(), Signal()
        m.d.comb += [
            self.arrive.eq(ends & ~probe),
            self.probe_valid.eq(of_row & probe),
            self.probe.eq(self.sum >> config.formats.state.fraction),
            element.unit.eq(Mux(self.of_column, sums.column, row)),
            element.slot.eq(arriving.slot),
            element.backward.eq(arriving.backward),
            element.fresh.eq(arriving.fresh),
            element.bank.eq(Mux(arriving.backward, arriving.bank, ~from_start & ~arriving.bank)),
            valid.eq(moves | (self.of_column & sums.column_last)),
            last.eq(self.arrive),
        ]
        if config.higher:
            self._take_turns(m, sums, element, moves, last)
            return m
        m.d.sync += [self.element_valid.eq(valid), self.element_last.eq(last)]
        m.d.comb += [
            self.element_sum.eq(sums.total),
            self.element.eq(delay(m, element, 1, name="element")),
        ]
        return m

    def _take_turns(self, m, sums, element, of_row, last):
        """A FORWARD's results, and those of the fold where there are none."""
        config, behind = self.config, Timing(self.config).sums

        def later(value, name, *, control=False):
            """Beside the sum."""
            return delay(m, value, behind, control=control, name=name)

        m.submodules.fold = fold = Fold(config)
        connect(m, flipped(self.table), fold.table)
        element = element.shape()(later(element.as_value(), "element"))
        of_row = later(of_row, "of_row", control=True)
        row_last = later(last & ~self.of_column, "row_last", control=True)
        direct = of_row | row_last
        m.d.comb += [
            fold.valid.eq(later(self.of_column & sums.column_last, "of_column", control=True)),
            fold.column.eq(later(sums.column, "column")),
            fold.sum.eq(sums.total),
            fold.last.eq(later(last & self.of_column, "column_last", control=True)),
            fold.slot.eq(element.slot),
            fold.bank.eq(element.bank),
            fold.fresh.eq(element.fresh),
            fold.slope.eq(self.slope),
            self.slope_read.eq(fold.slope_read),
            fold.accept.eq(fold.ready & ~direct),
            self.folded.eq(fold.done),
            self.clipped.eq(fold.clipped),
        ]
        for k in range(config.order - 1):
            m.d.comb += [self.c_read[k].eq(fold.read[k]), fold.c[k].eq(self.c[k])]
        m.d.sync += [
            self.element_valid.eq(of_row | (fold.accept & fold.element_valid)),
            self.element_last.eq(row_last | (fold.accept & fold.element_last)),
        ]
        for out, mine, other in (
            (self.element_sum, sums.total, fold.value),
            (Value.cast(self.element), element.as_value(), Value.cast(fold.element)),
        ):
            chosen = Signal(out.shape(), reset_less=True, name="chosen")
            m.d.sync += chosen.eq(Mux(direct, mine, other))
            m.d.comb += out.eq(chosen)
