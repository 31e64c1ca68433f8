"""Results: whose a sum is that leaves the PEs, and where it goes."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.datapath.fold import Fold
from rbp.hdl.fixed import delay
from rbp.hdl.layouts import (
    Kind,
    c_place_layout,
    element_layout,
    place_layout,
    step_layout,
    sweep_layout,
)
from rbp.hdl.timing import Timing

__all__ = ["Results"]


class Results(wiring.Component):
    """Counts the units of the sweep that arrives; a PROBE's sums are words of W.

    In a higher order a BACKWARD's sums go by way of :class:`rbp.hdl.datapath.fold.Fold`, whose
    results take turns with the rest. Latency :attr:`rbp.hdl.timing.Timing.merge`, and the fold's.

    Members
    -------
    step : In
        The carousel, which says that a PROBE starts.
    valid, sum : In
        From the column of PEs.
    arriving, arrive : In, Out
        The sweep whose results come now; with its last one.
    keep : In
        Relaxations go on from the last x and y.
    element_valid, element_sum, element : Out
        To the integrator.
    probe_valid, probe : Out
        A word of W.
    c_read, c, slope_read, slope : in a higher order, the fold's to and from the state memory
    folded, clipped : Out
        In a higher order: the fold is done with a sweep; a product saturated.
    """

    def __init__(self, config):
        self.config = config
        f = config.formats
        fold = {
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
                "valid": In(1),
                "sum": In(signed(config.sum_width)),
                "arriving": In(sweep_layout(config)),
                "arrive": Out(1),
                "keep": In(1),
                "element_valid": Out(1),
                "element_sum": Out(signed(config.sum_width)),
                "element": Out(element_layout(config)),
                "probe_valid": Out(1),
                "probe": Out(signed(f.weight.width)),
                **(fold if config.higher else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, arriving = self.config, self.arriving
        probe, towards = Signal(), Signal()
        with m.If(self.step.start):
            m.d.sync += probe.eq(self.step.start_kind == Kind.PROBE)
        m.d.comb += towards.eq(arriving.backward & ~probe)
        rows = config.blocks * config.macs
        unit = Signal(range(max(2, rows, config.terms)))
        ending = Mux(towards, unit == config.terms - 1, unit == rows - 1)
        with m.If(self.valid):
            m.d.sync += unit.eq(Mux(ending, 0, unit + 1))
        real = self.valid & (unit < config.units)
        from_start = arriving.fresh & ~self.keep
        element = Signal(element_layout(config))
        m.d.comb += [
            self.arrive.eq(self.valid & ending & ~probe),
            self.probe_valid.eq(real & probe),
            self.probe.eq(self.sum >> config.formats.state.fraction),
            element.unit.eq(unit),
            element.slot.eq(arriving.slot),
            element.backward.eq(arriving.backward),
            element.fresh.eq(arriving.fresh),
            element.bank.eq(Mux(arriving.backward, arriving.bank, ~from_start & ~arriving.bank)),
            element.last.eq(unit == config.units - 1),
        ]
        valid, total = real & ~probe, self.sum
        if config.higher:
            fold = self._fold(m, towards, ending)
            direct = self.valid & ~towards
            m.d.comb += fold.accept.eq(fold.ready & ~direct)
            valid = fold.accept | (valid & ~towards)
            total, element = (
                Mux(direct, mine, other)
                for mine, other in ((total, fold.value), (element.as_value(), fold.element))
            )
        merge = Timing(config).merge
        m.d.comb += [
            self.element_valid.eq(delay(m, valid, merge, control=True, name="result_valid")),
            self.element_sum.eq(delay(m, total, merge, name="result")),
            Value.cast(self.element).eq(delay(m, element, merge, name="element")),
        ]
        return m

    def _fold(self, m, towards, ending):
        """Of a BACKWARD's sums."""
        arriving = self.arriving
        m.submodules.fold = fold = Fold(self.config)
        m.d.comb += [
            fold.valid.eq(self.valid & towards),
            fold.sum.eq(self.sum),
            fold.last.eq(ending),
            fold.slot.eq(arriving.slot),
            fold.bank.eq(arriving.bank),
            fold.fresh.eq(arriving.fresh),
            fold.slope.eq(self.slope),
            self.slope_read.eq(fold.slope_read),
            self.folded.eq(fold.done),
            self.clipped.eq(fold.clipped),
        ]
        for k in range(self.config.order - 1):
            m.d.comb += [self.c_read[k].eq(fold.read[k]), fold.c[k].eq(self.c[k])]
        return fold
