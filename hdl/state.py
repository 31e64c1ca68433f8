"""State memory of a lane: c, x, y, g', T, I of each of its patterns, and the units' flags."""

from amaranth.hdl import Cat, Const, Module, Mux, signed
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.factor import Factor
from rbp.hdl.fixed import delay, unreset
from rbp.hdl.primitives import Ram
from rbp.hdl.timing import Timing

__all__ = ["Region", "StateMemory", "c_place_layout", "flags_layout", "place_layout"]


class Region(enum.Enum, shape=3):
    """What the host may write, for each pattern and unit; it reads X_START, X and Y.

    A write of X_START, X or CLAMPED fills c as well. Of a unit, what is written last is what the
    next relaxation starts from: so CLAMPED comes behind X_START and X.
    """

    X_START = 0
    """x(t0), and c of a relaxation's start."""
    X = 1
    """x, and c of a relaxation that goes on."""
    Y = 2
    TARGET = 3
    """T of a unit that is not clamped."""
    CLAMPED = 4
    """T of a clamped unit, and its c."""
    INPUT = 5
    FLAGS = 6
    """Of a unit, the same for all patterns: written at pattern 0, for all lanes."""
    X_DRAWN = 7
    """x(t0) without c: of a random start, not of the host."""

    @property
    def banks(self):
        """Banks of c that a write fills, one in a cycle: 0 and 1, and 2, the start's."""
        return {Region.X_START: (2,), Region.X: (0, 1), Region.CLAMPED: (0, 1, 2)}.get(self, ())


def flags_layout(config):
    """What a unit is: clamped to T, a target, an input; and which activation it has."""
    layout = {"clamp": 1, "target": 1, "input": 1}
    if len(config.activations) > 1:
        layout["activation"] = range(len(config.activations))
    return data.StructLayout(layout)


def place_layout(config):
    """Address of a word of a pattern's state."""
    return data.StructLayout(
        {"unit": range(max(2, config.units)), "slot": range(max(2, config.slots))}
    )


def c_place_layout(config):
    """The same of a word of c, in one of its banks."""
    return data.StructLayout({**place_layout(config).members, "bank": 2})


class StateMemory(wiring.Component):
    """Everything a lane knows of its patterns.

    c, which a FORWARD streams while its results are written, has two banks, and the start values a
    third; x(t0) lies beside x, so a relaxation starts by a flag and not by copying. Of y there are
    two copies: one streams to the PEs, one is the integrator's. Of x there are two as well: J takes
    it early, the Euler step late, which costs a block RAM and saves a word's way through all stages
    between. The rest is updated in place. A
    clamped unit's c is T, in all three banks; while the core learns, it is never written here.

    A higher-order network needs a copy of c for each factor of a product, and for each of a
    derivative; and it keeps f(c) in place of c, and f'(c), by way of
    :class:`rbp.hdl.factor.Factor`.

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
    before_read, before_start, x_before, y_before : the same; x(t0) instead of x
    write_* : x and c, or y, of one unit
    slope_* : g' of one unit
    factor_slope_read, factor_slope : f' of one unit, where f is not the identity
    host_* : one word by :class:`Region`, with the bank of c; a read takes a cycle more, to leave by
        a register
    host_fill, host_filled : In, Out
        Write it when there is room, while the core runs; it is written.
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
                "before_start": In(1),
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
                "host_select": In(1),
                "host_write": In(1),
                "host_region": In(Region),
                "host_bank": In(2),
                "host_slot": In(self.slot),
                "host_unit": In(self.unit),
                "host_data": In(signed(self.word)),
                "c": Out(signed(f.state.width)).array(self.copies),
                "y_row": Out(signed(f.error.width)),
                "x": Out(signed(f.state.width)),
                "x_before": Out(signed(f.state.width)),
                "y_before": Out(signed(f.error.width)),
                "slope": Out(signed(f.slope.width)),
                "target": Out(signed(f.state.width)),
                "input": Out(signed(f.state.width)),
                "flags": Out(flags_layout(config)),
                "host_word": Out(signed(self.word)),
                **({"host_fill": In(1), "host_filled": Out(1)} if config.refill else {}),
                **(factor if config.feature != "identity" else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        f, latency = self.config.formats, self.config.device.memory

        def place(unit, slot, *above):
            """An address. Of one slot, no bit says which."""
            return Cat(unit, *([slot] if self.config.slots > 1 else []), *above)

        words = 1 << len(place(self.read_unit, self.read_slot))
        host, region = self.host_select, self.host_region
        host_writes, host_write = host, self.host_write
        if self.config.refill:
            free = ~(self.write_x | self.write_c | self.write_y)
            m.d.comb += self.host_filled.eq(self.host_fill & free)
            host_writes, host_write = host | self.host_filled, host_write | self.host_filled

        def chosen(*regions):
            hit = Const(0, 1)
            for r in regions:
                hit = hit | (region == r)
            return hit & host_write

        def ram(name, width, depth):
            m.submodules[name] = memory = Ram(width=width, depth=depth, device=self.config.device)
            return memory

        c = [
            ram(f"c_{k}_ram" if k else "c_ram", f.state.width, 3 * words)
            for k in range(self.copies)
        ]
        x = ram("x_ram", f.state.width, 2 * words)
        x_now = ram("x_now_ram", f.state.width, words)
        y = ram("y_ram", f.error.width, words)
        y_row = ram("y_row_ram", f.error.width, words)
        slope = ram("slope_ram", f.slope.width, words)
        target = ram("target_ram", f.state.width, words)
        inputs = ram("input_ram", f.state.width, words)
        flags = ram("flags_ram", self.flags.shape().size, self.config.units)

        # reading: the host as the Euler step does
        here = place(self.read_unit, self.read_slot)
        before = place(
            Mux(host, self.host_unit, self.before_read.unit),
            Mux(host, self.host_slot, self.before_read.slot),
        )
        start = Mux(host, region == Region.X_START, self.before_start)
        m.d.comb += [
            y_row.r_addr.eq(place(self.row_unit, self.row_slot)),
            x_now.r_addr.eq(here),
            x.r_addr.eq(Cat(before, start)),
            y.r_addr.eq(before),
            slope.r_addr.eq(self.slope_read),
            target.r_addr.eq(here),
            inputs.r_addr.eq(self.input_read),
            flags.r_addr.eq(
                Mux(host, self.host_unit, self.read_unit)
                if self.config.random_start
                else self.read_unit
            ),
            self.y_row.eq(y_row.r_data),
            self.x.eq(x_now.r_data),
            self.x_before.eq(x.r_data),
            self.y_before.eq(y.r_data),
            self.slope.eq(slope.r_data),
            self.target.eq(target.r_data),
            self.input.eq(inputs.r_data),
            self.flags.as_value().eq(flags.r_data),
        ]
        for k, memory in enumerate(c):
            at = self.c_read[k]
            m.d.comb += [
                memory.r_addr.eq(place(at.unit, at.slot, at.bank)),
                self.c[k].eq(memory.r_data),
            ]
        host_word = unreset(m, self.host_word, "host_word_q")
        is_y = delay(m, region == Region.Y, latency, name="host_y")
        m.d.sync += host_word.eq(Mux(is_y, y.r_data, x.r_data))

        # writing: the host through the integrator's port
        there = place(
            Mux(host_writes, self.host_unit, self.write_unit),
            Mux(host_writes, self.host_slot, self.write_slot),
        )
        word = Mux(host_writes, self.host_data, self.write_data)
        bank = Mux(host_writes, self.host_bank, self.write_bank)
        to_start = host_writes & (region != Region.X)
        to_c = self.write_c | chosen(*(r for r in Region if r.banks))
        to_y = self.write_y | chosen(Region.Y)
        behind = latency - 1
        c_place, c_word = Cat(there, bank), word
        if self.config.feature != "identity":
            m.submodules.factor = factor = Factor(self.config)
            slope_f = ram("factor_slope_ram", f.state.width, words)
            later = Timing(self.config).factor
            m.d.comb += factor.c.eq(word)
            to_c = delay(m, to_c, later, control=True, name="to_c")
            c_place, c_word = delay(m, c_place, later, name="c_place"), factor.f
            m.d.comb += [
                slope_f.r_addr.eq(self.factor_slope_read),
                self.factor_slope.eq(slope_f.r_data),
                slope_f.w_en.eq(delay(m, to_c, behind, control=True, name="w_en")),
                slope_f.w_addr.eq(delay(m, c_place[: len(there)], behind, name="w_addr")),
                slope_f.w_data.eq(delay(m, factor.slope, behind, name="w_data")),
            ]
        for memory in c:
            m.d.comb += [
                memory.w_en.eq(delay(m, to_c, behind, control=True, name="w_en")),
                memory.w_addr.eq(delay(m, c_place, behind, name="w_addr")),
                memory.w_data.eq(delay(m, c_word, behind, name="w_data")),
            ]
        for memory, enable, addr in (
            (
                x,
                self.write_x | chosen(Region.X, Region.X_START, Region.X_DRAWN),
                Cat(there, to_start),
            ),
            (x_now, self.write_x | chosen(Region.X), there),
            (y, to_y, there),
            (y_row, to_y, there),
            (target, chosen(Region.TARGET, Region.CLAMPED), there),
            (inputs, chosen(Region.INPUT), there),
            (flags, chosen(Region.FLAGS), there[: len(flags.w_addr)]),
        ):
            m.d.comb += [
                memory.w_en.eq(delay(m, enable, behind, control=True, name="w_en")),
                memory.w_addr.eq(delay(m, addr, behind, name="w_addr")),
                memory.w_data.eq(delay(m, word, behind, name="w_data")),
            ]
        m.d.comb += [
            slope.w_en.eq(self.slope_write),
            slope.w_addr.eq(place(self.slope_unit, self.slope_slot)),
            slope.w_data.eq(self.slope_data),
        ]
        return m
