"""Fold: from the sums Wᵀ y over the products to one for each unit (24) to (26)."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.fixed import delay, round_half_up, saturate
from rbp.hdl.layouts import c_place_layout, element_layout, place_layout
from rbp.hdl.primitives.arithmetic import Multiplier
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.products.product import Product
from rbp.hdl.products.walk import Walk
from rbp.hdl.timing import Timing
from rbp.hdl.wires import tables

__all__ = ["Fold"]

DEPTH = 8
"""Results that wait for the integrator."""


class Fold(wiring.Component):
    """b_k = Σ_m s_m ∂φ_m/∂c_k, exact, then rounded once.

    The sums of a BACKWARD are kept, two sweeps of them at most. When all have come, the table leads
    through what each unit adds up, a term a cycle, so a sweep takes the table's rows in cycles,
    besides the pipeline's, :attr:`rbp.hdl.timing.Timing.fold_pipeline`. No unit begins while
    :data:`DEPTH` results wait. Whatever the table is, a sweep ends. Golden model:
    ``rbp.golden.features.Features.fold``.

    Members
    -------
    table : TablePort
        Two words for each term, see :meth:`rbp.golden.features.Features.fold_words`.
    valid, column, sum : In
        Sums of a sweep, in any order.
    last, slot, bank, fresh : In
        The sweep ends, with a sum or without; its pattern, where that one's c is, its first step.
    read, c, slope_read, slope : Out, In
        To and from the state memory: f(c), f'(c).
    ready, accept, value, element, element_valid, element_last : Out, In, Out …
        A result, as the integrator takes a sum; taken. One of a unit that has no place in the
        state memory is not valid. The last one of a sweep, valid or not.
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
                "table": In(tables(config)["folds"]),
                "valid": In(1),
                "column": In(config.column_bits),
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
                "element_valid": Out(1),
                "element_last": Out(1),
                "done": Out(1),
                "clipped": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, f, device = self.config, self.config.formats, self.config.device
        memory, others = device.memory, config.order - 1
        width = config.backward_width

        # Sums: two sweeps, one that comes and one that is folded.
        bits = max(1, (config.columns - 1).bit_length())
        m.submodules.sums = sums = Ram(width=width, depth=2 << bits, device=device)
        half, folding, full = Signal(), Signal(), Signal(2)
        pattern = Cat(self.slot, self.bank, self.fresh)
        kept = Array(Signal(len(pattern), name=f"kept_{k}", reset_less=True) for k in range(2))
        m.d.comb += [
            sums.w_en.eq(self.valid),
            sums.w_addr.eq(Cat(self.column[:bits], half)),
            sums.w_data.eq(self.sum),
        ]
        with m.If(self.last):
            m.d.sync += [half.eq(~half), full.bit_select(half, 1).eq(1), kept[half].eq(pattern)]

        # The walk through the table. A unit begins where there is room for its result.
        m.submodules.walk = walk = Walk(config)
        connect(m, flipped(self.table), walk.table)
        begun = Signal(range(DEPTH + 1))
        m.d.comb += [walk.go.eq(full.bit_select(folding, 1)), walk.room.eq(begun != DEPTH)]
        m.d.sync += begun.eq(begun + (walk.valid & walk.first) - self.accept)
        with m.If(walk.valid & walk.end):
            m.d.sync += [folding.eq(~folding), full.bit_select(folding, 1).eq(0)]

        # A term: its sum, and ∂φ_m/∂c_k. Cycles count from its row.
        derived = memory + Product.latency(device, max(1, others))
        sloped = derived + (Product.latency(device, 2) if config.feature != "identity" else 0)
        pattern = kept[folding]
        slot, bank = pattern[: len(self.slot)], pattern[len(self.slot)]
        m.d.comb += [self.slope_read.unit.eq(walk.unit), self.slope_read.slot.eq(slot)]
        place = Cat(walk.column[:bits], folding)
        m.d.comb += sums.r_addr.eq(delay(m, place, sloped - memory, name="place"))
        m.submodules.product = product = Product(config, max(1, others))
        m.d.comb += [
            product.valid.eq(delay(m, walk.valid, memory, control=True, name="found")),
            self.clipped.eq(product.clipped),
        ]
        # a row without a term: a factor 0
        some = delay(m, ~walk.bare, memory, name="some").shift_left(f.state.fraction)
        if others == 0:
            m.d.comb += product.factors[0].eq(some)
        for k in range(others):
            one = delay(m, walk.one[k] | (walk.bare if k == 0 else 0), memory, name=f"one_{k}")
            m.d.comb += [
                self.read[k].unit.eq(walk.others[k]),
                self.read[k].slot.eq(slot),
                self.read[k].bank.eq(bank),
                product.factors[k].eq(
                    Mux(one, some if k == 0 else 1 << f.state.fraction, self.c[k])
                ),
            ]
        derivative = product.product
        if config.feature != "identity":
            m.submodules.by_slope = by_slope = Product(config, 2)
            m.d.comb += [
                by_slope.factors[0].eq(derivative),
                by_slope.factors[1].eq(delay(m, self.slope, derived - memory, name="slope")),
            ]
            derivative = by_slope.product

        total, multiplied = self._multiply(m, sums.r_data.as_signed(), derivative, sloped)

        # The sum over a unit's terms, rounded to ERROR and one bit more, so that it can saturate
        starts = delay(m, walk.first, multiplied, name="starts")
        issued = delay(m, walk.valid, multiplied, control=True, name="issued")
        arrives = delay(m, walk.valid & walk.last, multiplied + 2, control=True, name="arrives")
        b = Signal(signed(width + f.state.width + config.folds.bit_length()), reset_less=True)
        with m.If(issued):
            m.d.sync += b.eq(Mux(starts, 0, b) + total)
        rounded = Signal(signed(len(b)), reset_less=True)
        m.d.sync += rounded.eq(round_half_up(b, f.weight.fraction + f.state.fraction))
        clamped, _ = saturate(rounded, _Wider(f.error))
        units = len(self.element.unit)
        is_unit = ~walk.unit[units:].any()
        tag = Cat(walk.unit[:units], is_unit, walk.end, pattern)
        tag = delay(m, tag, multiplied + 2, name="tag")
        self._keep(m, arrives, clamped, tag)
        assert memory + 1 + multiplied + 3 == Timing(config).fold_pipeline
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
        results = Array(
            Signal(len(value) + len(tag), name=f"result_{k}", reset_less=True) for k in range(DEPTH)
        )
        put, taken = Signal(range(DEPTH)), Signal(range(DEPTH))
        count = Signal(range(DEPTH + 1))
        with m.If(arrives):
            m.d.sync += [results[put].eq(Cat(value, tag)), put.eq(put + 1)]
        m.d.sync += count.eq(count + arrives - self.accept)
        with m.If(self.accept):
            m.d.sync += taken.eq(taken + 1)
        out = Signal(len(value) + len(tag))
        o_value, o_tag = out[: len(value)].as_signed(), out[len(value) :]
        units = len(self.element.unit)
        o_pattern = o_tag[units + 2 :]
        m.d.comb += [
            out.eq(results[taken]),
            self.ready.eq(count != 0),
            self.value.eq(o_value.shift_left(self.config.formats.weight.fraction)),
            self.element.unit.eq(o_tag[:units]),
            self.element.slot.eq(o_pattern[: len(self.slot)]),
            self.element.bank.eq(o_pattern[len(self.slot)]),
            self.element.fresh.eq(o_pattern[len(self.slot) + 1]),
            self.element.backward.eq(1),
            self.element_valid.eq(o_tag[units]),
            self.element_last.eq(o_tag[units + 1]),
            self.done.eq(self.accept & self.element_last),
        ]


class _Wider:
    """A format's words and one bit more."""

    def __init__(self, fmt):
        self.width, self.min, self.max = fmt.width + 1, 2 * fmt.min, 2 * fmt.max + 1
