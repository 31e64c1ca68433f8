"""State memory of a lane: c, x, y, g', T, I of each of its patterns, and the units' flags."""

from amaranth.hdl import Cat, Const, Module, Mux, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, gate, unreset
from rbp.hdl.layouts import Region, c_place_layout, flags_layout, place_layout
from rbp.hdl.memories.factor import Factor
from rbp.hdl.primitives.ram import Ram
from rbp.hdl.timing import Timing
from rbp.hdl.wires import StatePort

__all__ = ["StateMemory"]


class StateMemory(wiring.Component):
    """Everything a lane knows of its patterns.

    c, which a FORWARD streams while its results are written, has two banks, and the start values a
    third; x(t0) lies beside x, so a relaxation starts by a flag and not by copying. Of y there are
    two copies: one streams to the PEs, one is the integrator's. Of x there are two as well: J takes
    it early, the Euler step late, which costs a block RAM and saves a word's way through all stages
    between. The rest is updated in place. An Euler step takes x(t0), x or y and writes one of them,
    so they share a memory. A
    clamped unit's c is T, in all three banks; while the core learns, it is never written here.

    A higher-order network needs a copy of c for each factor of a product, and for each of a
    derivative; and it keeps f(c) in place of c, and f'(c), by way of
    :class:`rbp.hdl.memories.factor.Factor`.

    Latency of every read is that of the family's memory. What is written can be read a cycle later,
    or two where the family's memory is slow: there is a register before it then. The host writes
    and reads only while the core is idle; but where the core can be refilled, a word may be written
    in a cycle in which the integrator writes none. Addresses are (slot, unit), the unit in ⌈log₂ N⌉
    bits.

    Members
    -------
    c_read, c : c of a unit, from bank 0, 1 or 2 (start) of a slot; a port for each copy
    row_*, y_row : y for distribution
    read_*, x, target, flags : the integrator's operands, of one unit
    slope_read, slope, input_read, input : {slot, unit} and what the integrator needs later of it
    before_read, before_region, x_before, y_before : the same; of x(t0), x or y
    write_* : x and c, or y, of one unit
    slope_* : g' of one unit
    factor_slope_read, factor_slope : f' of one unit, where f is not the identity
    host : StatePort
        One word, with the bank of c; a read takes a cycle more, to leave by a register.
    """

    def __init__(self, config):
        self.config = config
        f = config.formats
        self.slot = range(max(2, config.slots))
        self.unit = range(max(2, config.units))
        self.word = max(f.state.width, f.error.width)
        self.copies = 2 * config.order - 1 if config.higher else 1
        place = place_layout(config)
        factor = {"factor_slope_read": In(place), "factor_slope": Out(signed(f.state.width))}
        super().__init__(
            {
                "c_read": In(c_place_layout(config)).array(self.copies),
                "row_slot": In(self.slot),
                "row_unit": In(self.unit),
                "read_slot": In(self.slot),
                "read_unit": In(self.unit),
                "slope_read": In(place),
                "input_read": In(place),
                "before_read": In(place),
                "before_region": In(Region),
                "write_x": In(1),
                "write_c": In(1),
                "write_y": In(1),
                "write_bank": In(1),
                "write_slot": In(self.slot),
                "write_unit": In(self.unit),
                "write_data": In(signed(self.word)),
                "slope_write": In(1),
                "slope_slot": In(self.slot),
                "slope_unit": In(self.unit),
                "slope_data": In(signed(f.slope.width)),
                "host": In(StatePort(config)),
                "c": Out(signed(f.state.width)).array(self.copies),
                "y_row": Out(signed(f.error.width)),
                "x": Out(signed(f.state.width)),
                "x_before": Out(signed(f.state.width)),
                "y_before": Out(signed(f.error.width)),
                "slope": Out(signed(f.slope.width)),
                "target": Out(signed(f.state.width)),
                "input": Out(signed(f.state.width)),
                "flags": Out(flags_layout(config)),
                **(factor if config.feature != "identity" else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        f = self.config.formats
        words = 1 << len(self._place(self.read_unit, self.read_slot))

        def ram(name, width, depth=words):
            m.submodules[f"{name}_ram"] = memory = Ram(
                width=width, depth=depth, device=self.config.device
            )
            return memory

        names = [f"c_{k}" if k else "c" for k in range(self.copies)]
        c = [ram(name, f.state.width, 3 * words) for name in names]
        rams = {
            "x_y": ram("x_y", self.word, 3 * words),
            "x_now": ram("x_now", f.state.width),
            "y_row": ram("y_row", f.error.width),
            "slope": ram("slope", f.slope.width),
            "target": ram("target", f.state.width),
            "input": ram("input", f.state.width),
            "flags": ram("flags", self.flags.shape().size, self.config.units),
        }
        if self.config.feature != "identity":
            rams["factor_slope"] = ram("factor_slope", f.state.width)
        self._read(m, c, **rams)
        self._write(m, c, **rams)
        return m

    def _place(self, unit, slot, *above):
        """An address. Of one slot, no bit says which."""
        return Cat(unit, *([slot] if self.config.slots > 1 else []), *above)

    def _read(self, m, c, *, x_y, x_now, y_row, slope, target, input, flags, factor_slope=None):
        """For the PEs and the integrator; the host as the Euler step does."""
        place, host = self._place, self.host
        here = place(self.read_unit, self.read_slot)
        before = place(
            Mux(host.select, host.unit, self.before_read.unit),
            Mux(host.select, host.slot, self.before_read.slot),
        )
        region = Mux(host.select, host.region, self.before_region)
        of_flags = self.read_unit
        if self.config.random_start:
            of_flags = Mux(host.select, host.unit, self.read_unit)
        m.d.comb += [
            y_row.r_addr.eq(place(self.row_unit, self.row_slot)),
            x_now.r_addr.eq(here),
            x_y.r_addr.eq(Cat(before, region[:2])),
            slope.r_addr.eq(self.slope_read),
            target.r_addr.eq(here),
            input.r_addr.eq(self.input_read),
            flags.r_addr.eq(of_flags),
            self.y_row.eq(y_row.r_data),
            self.x.eq(x_now.r_data),
            self.x_before.eq(x_y.r_data),
            self.y_before.eq(x_y.r_data),
            self.slope.eq(slope.r_data),
            self.target.eq(target.r_data),
            self.input.eq(input.r_data),
            self.flags.as_value().eq(flags.r_data),
        ]
        if factor_slope is not None:
            m.d.comb += [
                factor_slope.r_addr.eq(self.factor_slope_read),
                self.factor_slope.eq(factor_slope.r_data),
            ]
        for k, memory in enumerate(c):
            at = self.c_read[k]
            m.d.comb += [
                memory.r_addr.eq(place(at.unit, at.slot, at.bank)),
                self.c[k].eq(memory.r_data),
            ]
        host_word = unreset(m, host.word, "host_word_q")
        is_y = delay(m, host.region == Region.Y, self.config.device.memory, name="host_y")
        m.d.sync += host_word.eq(Mux(is_y, self.y_before, self.x_before))

    def _write(self, m, c, *, x_y, x_now, y_row, slope, target, input, flags, factor_slope=None):
        """What the integrator writes; the host through the same port."""
        host, region = self.host, self.host.region
        select, write = host.select, host.write
        if self.config.refill:
            free = ~(self.write_x | self.write_c | self.write_y)
            m.d.comb += host.filled.eq(host.fill & free)
            select, write = select | host.filled, write | host.filled

        def chosen(*regions):
            hit = Const(0, 1)
            for r in regions:
                hit = hit | (region == r)
            return hit & write

        def store(memory, enable, address, word):
            """A word, by a register where the family's memory is slow."""
            behind = self.config.device.memory - 1
            m.d.comb += [
                memory.w_en.eq(delay(m, enable, behind, control=True, name="w_en")),
                memory.w_addr.eq(delay(m, address, behind, name="w_addr")),
                memory.w_data.eq(delay(m, word, behind, name="w_data")),
            ]

        there = self._place(
            Mux(select, host.unit, self.write_unit), Mux(select, host.slot, self.write_slot)
        )
        word = Mux(select, host.data, self.write_data)
        bank = Mux(select, host.bank, self.write_bank)
        to_c = self.write_c | chosen(*(r for r in Region if r.banks))
        c_place, c_word = Cat(there, bank), word
        if factor_slope is not None:
            m.submodules.factor = factor = Factor(self.config)
            later = Timing(self.config).factor
            m.d.comb += factor.c.eq(word)
            to_c = delay(m, to_c, later, control=True, name="to_c")
            c_place, c_word = delay(m, c_place, later, name="c_place"), factor.f
            store(factor_slope, to_c, c_place[: len(there)], factor.slope)
        for memory in c:
            store(memory, to_c, c_place, c_word)
        to_x = self.write_x | chosen(Region.X)
        to_y = self.write_y | chosen(Region.Y)
        to_start = chosen(Region.X_START, Region.X_DRAWN)
        of_host = gate(region.as_value()[:2], region != Region.X_DRAWN)  # that is X_START
        part = Mux(select, of_host, Mux(self.write_y, Region.Y, Region.X))
        store(x_y, to_x | to_y | to_start, Cat(there, part[:2]), word)
        store(x_now, to_x, there, word)
        store(y_row, to_y, there, word)
        store(target, chosen(Region.TARGET, Region.CLAMPED), there, word)
        store(input, chosen(Region.INPUT), there, word)
        store(flags, chosen(Region.FLAGS), there[: len(flags.w_addr)], word)
        m.d.comb += [
            slope.w_en.eq(self.slope_write),
            slope.w_addr.eq(self._place(self.slope_unit, self.slope_slot)),
            slope.w_data.eq(self.slope_data),
        ]
