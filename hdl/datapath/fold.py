"""Fold: from the sums Wᵀ y over the products to one for each unit (24) to (26)."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.datapath.features import Index
from rbp.hdl.datapath.product import Product
from rbp.hdl.fixed import delay, round_half_up, saturate
from rbp.hdl.layouts import c_place_layout, element_layout, place_layout
from rbp.hdl.primitives.arithmetic import Multiplier
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.timing import Timing

__all__ = ["Fold"]

DEPTH = 4
"""Results that wait for the integrator."""


class Fold(wiring.Component):
    """b_k = Σ_m s_m ∂φ_m/∂c_k, exact, then rounded once.

    The sums of a BACKWARD are kept, two sweeps of them at most. When all have come, a table leads
    through what each unit adds up, a term a cycle: Σ degree cycles a sweep, besides the pipeline's.
    No unit begins while four results wait. Golden model: ``rbp.golden.features.Features.fold``.

    Members
    -------
    valid, sum, last, slot, bank, fresh : In
        Sums of a sweep in order; the pattern, where its c is, its first step.
    read, c, slope_read, slope : Out, In
        To and from the state memory: f(c), f'(c).
    ready, accept, value, element : Out, In, Out, Out
        A result, as the integrator takes a sum; taken.
    done : Out
        The last result of a sweep is taken.
    clipped : Out
        A product saturated.
    """

    def __init__(self, config):
        self.config = config
        f = config.formats
        others = config.order - 1
        place = c_place_layout(config)
        super().__init__(
            {
                "valid": In(1),
                "sum": In(signed(config.sum_width)),
                "last": In(1),
                "slot": In(place["slot"].shape),
                "bank": In(1),
                "fresh": In(1),
                "read": Out(place).array(others),
                "c": In(signed(f.state.width)).array(others),
                "slope_read": Out(place_layout(config)),
                "slope": In(signed(f.state.width)),
                "ready": Out(1),
                "accept": In(1),
                "value": Out(signed(config.sum_width)),
                "element": Out(element_layout(config)),
                "done": Out(1),
                "clipped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, f, device = self.config, self.config.formats, self.config.device
        memory, others = device.memory, config.order - 1
        features = config.features
        program = features.program
        width = config.backward_width

        # Sums: two sweeps, one that comes and one that is folded.
        m.submodules.sums = sums = Ram(width=width, depth=2 * config.terms, device=device)
        columns = range(max(2, config.terms))
        column, half = Signal(columns), Signal()
        full = Signal(2)
        kept = Array(
            Signal(Cat(self.slot, self.bank, self.fresh).shape(), name=f"kept_{k}", reset_less=True)
            for k in range(2)
        )

        def address(half, column):
            return Mux(half, config.terms, 0) + column

        m.d.comb += [
            sums.w_en.eq(self.valid),
            sums.w_addr.eq(address(half, column)),
            sums.w_data.eq(self.sum),
        ]
        with m.If(self.valid):
            m.d.sync += column.eq(column + 1)
            with m.If(self.last):
                m.d.sync += [column.eq(0), half.eq(~half), full.bit_select(half, 1).eq(1)]
                m.d.sync += kept[half].eq(Cat(self.slot, self.bank, self.fresh))

        # The walk through the program. A unit begins where there is room for its result.
        terms = len(program) // config.units  # of each unit
        at, term = Signal(range(max(2, len(program)))), Signal(range(max(2, terms)))
        folding = Signal()
        begun = Signal(range(DEPTH + 1))
        first, final = term == 0, term == terms - 1
        issue = full.bit_select(folding, 1) & (~first | (begun != DEPTH))
        ended = at == len(program) - 1
        m.d.sync += begun.eq(begun + (issue & first) - self.accept)
        with m.If(issue):
            m.d.sync += [at.eq(at + 1), term.eq(term + 1)]
            with m.If(final):
                m.d.sync += term.eq(0)
            with m.If(ended):
                m.d.sync += [at.eq(0), folding.eq(~folding), full.bit_select(folding, 1).eq(0)]

        # A term: its sum, and ∂φ_m/∂c_k
        rows = [(*row[2:], row[1]) for row in program.tolist()]
        column_bits = (config.terms - 1).bit_length() or 1
        m.submodules.index = index = Index(config, rows, rest=column_bits)
        looked_up = memory + 1
        found = looked_up + memory
        derived = found + Product.latency(device, max(1, others))
        sloped = derived + (device.multiplier + 1 if features.slope else 0)
        pattern, unit = kept[folding], Signal(range(max(2, config.units)))
        with m.If(issue & final):
            m.d.sync += unit.eq(Mux(unit == config.units - 1, 0, unit + 1))
        tag = Cat(unit, pattern)  # of the term issued
        here = delay(m, tag, looked_up, name="here")
        slot = here[len(unit) :][: len(self.slot)]
        bank = here[len(unit) + len(self.slot)]
        m.d.comb += [
            index.address.eq(at),
            self.slope_read.unit.eq(here[: len(unit)]),
            self.slope_read.slot.eq(slot),
        ]
        which = delay(m, folding, looked_up, name="which")
        place = address(which, index.rest)
        m.d.comb += sums.r_addr.eq(delay(m, place, sloped - found, name="place"))
        m.submodules.product = product = Product(config, max(1, others))
        m.d.comb += [
            product.valid.eq(delay(m, issue, found, control=True, name="found")),
            self.clipped.eq(product.clipped),
        ]
        if others == 0:
            m.d.comb += product.factors[0].eq(features.one)
        for k in range(others):
            one = delay(m, index.one[k], memory, name=f"one_{k}")
            m.d.comb += [
                self.read[k].unit.eq(index.units[k]),
                self.read[k].slot.eq(slot),
                self.read[k].bank.eq(bank),
                product.factors[k].eq(Mux(one, features.one, self.c[k])),
            ]
        derivative = product.product
        if features.slope:
            m.submodules.by_slope = by_slope = Product(config, 2)
            m.d.comb += [
                by_slope.factors[0].eq(derivative),
                by_slope.factors[1].eq(delay(m, self.slope, derived - found, name="slope")),
            ]
            derivative = by_slope.product

        total, multiplied = self._multiply(m, sums.r_data.as_signed(), derivative, sloped)

        # The sum over a unit's terms, rounded to ERROR and one bit more, so that it can saturate
        starts = delay(m, first, multiplied, name="starts")
        issued = delay(m, issue, multiplied, control=True, name="issued")
        ends = delay(m, issue & final, multiplied, control=True, name="ends")
        b = Signal(signed(width + f.state.width + terms.bit_length()), reset_less=True)
        with m.If(issued):
            m.d.sync += b.eq(Mux(starts, 0, b) + total)
        rounded = Signal(signed(len(b)), reset_less=True)
        shift = f.weight.fraction + f.state.fraction
        m.d.sync += rounded.eq(round_half_up(b, shift))
        wider = _Wider(f.error)
        clamped, _ = saturate(rounded, wider)

        result_at = multiplied + 2
        arrives = delay(m, ends, 2, control=True, name="arrives")
        self._keep(m, arrives, clamped, delay(m, tag, result_at, name="tag"))
        assert result_at + 1 == Timing(config).fold_pipeline
        return m

    def _multiply(self, m, word, derivative, start):
        """(their product, exact, the cycle in which it is there): the sum in parts that a
        multiplier takes."""
        state = self.config.formats.state.width
        part = state - 1
        total, low = None, 0
        multiplied = start + self.config.device.multiplier
        while low < len(word):
            top = low + part + 1 >= len(word)
            piece = word[low:] if top else Cat(word[low : low + part], Const(0, 1))
            m.submodules[f"multiplier_{low}"] = multiplier = Multiplier(
                a_width=len(piece), b_width=state, device=self.config.device
            )
            m.d.comb += [multiplier.a.eq(piece.as_signed()), multiplier.b.eq(derivative)]
            if total is None:
                total = multiplier.product
            else:
                behind = multiplied - start - self.config.device.multiplier
                other = delay(m, multiplier.product, behind, name=f"product_{low}")
                added = total + other.shift_left(low)
                total = Signal(added.shape(), name=f"total_{low}", reset_less=True)
                m.d.sync += total.eq(added)
                multiplied += 1
            low += len(piece) if top else part
        return total, multiplied

    def _keep(self, m, arrives, value, tag):
        """Results wait in a ring for the integrator."""
        units = len(self.element.unit)
        results = Array(
            Signal(len(value) + len(tag), name=f"result_{k}", reset_less=True) for k in range(DEPTH)
        )
        put, taken = Signal(range(DEPTH)), Signal(range(DEPTH))
        count = Signal(range(DEPTH + 1))
        arriving = Cat(value, tag)
        with m.If(arrives):
            m.d.sync += [results[put].eq(arriving), put.eq(put + 1)]
        m.d.sync += count.eq(count + arrives - self.accept)
        with m.If(self.accept):
            m.d.sync += taken.eq(taken + 1)
        out = results[taken]
        o_value, o_tag = out[: len(value)].as_signed(), out[len(value) :]
        o_unit, o_pattern = o_tag[:units], o_tag[units:]
        m.d.comb += [
            self.ready.eq(count != 0),
            self.value.eq(o_value.shift_left(self.config.formats.weight.fraction)),
            self.element.unit.eq(o_unit),
            self.element.slot.eq(o_pattern[: len(self.slot)]),
            self.element.bank.eq(o_pattern[len(self.slot)]),
            self.element.fresh.eq(o_pattern[len(self.slot) + 1]),
            self.element.backward.eq(1),
            self.element.last.eq(o_unit == self.config.units - 1),
            self.done.eq(self.accept & self.element.last),
        ]


class _Wider:
    """A format's words and one bit more."""

    def __init__(self, fmt):
        self.width, self.min, self.max = fmt.width + 1, 2 * fmt.min, 2 * fmt.max + 1
