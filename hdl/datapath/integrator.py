"""Integrator: one Euler step of one element a cycle."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.datapath.table import Tables
from rbp.hdl.fixed import delay, gate, round_half_up, saturate, stages, sticky, unreset
from rbp.hdl.layouts import Region, element_layout, energy_bits, flags_layout, place_layout
from rbp.hdl.primitives.arithmetic import Multiplier
from rbp.hdl.timing import Timing

__all__ = ["Integrator"]


class Integrator(wiring.Component):
    """Euler steps of (1) and (17).

    FORWARD   x ← x + round((sat(g(u) + I) − x) >> k),  and g'(u), from sum = Σ w·φ
    BACKWARD  y ← y + round((sat(round(g'·e)) − y) >> k),  e = sat(b + J),  J = sat(T − x)

    b is 0 where the unit is clamped, J where it is no target; Δt = 2**-k. Two multipliers: FORWARD
    interpolates g and g' with them, BACKWARD multiplies g'·e and J·J.

    Latency from a sum to the writing of its state is :attr:`rbp.hdl.timing.Timing.integrator`;
    throughput one a cycle, never stalled. What saturates is said by role. Golden model:
    :mod:`rbp.golden.integrator`.

    Members
    -------
    dt_shift, tolerance, use_within, keep, errors, clear_energy, clear : In
        k; limits of a step in ulp; go on from the last x and y; learn: clamped c stays T; set the
        energy to 0; the flags of saturation.
    valid, sum, element, last : In
        A result; with or without one, the last of its sweep. ``x``, ``target``, ``flags`` of it
        follow the memory's latency later; only units that move are written.
    *_read, slope, input, … : where to read what is needed later; it comes that latency after
    write_*, slope_* : to the state memory
    finishing, finish, done, moved, far, closing : Out
        With the end of a sweep (``finish``): which it was, and whether any step was above
        ``tolerance`` and ``use_within``. ``finishing`` is ``finish`` ahead by
        :attr:`rbp.hdl.timing.Timing.notice`; ``closing`` is ``done`` ahead by a memory and one.
    energy, saturated : Out
        Σ J² over the first steps of y; sticky flags ``state``, ``error``, ``net``.
    """

    def __init__(self, config):
        self.config = config
        f = config.formats
        self.word = max(f.state.width, f.error.width)
        element, place = element_layout(config), place_layout(config)
        super().__init__(
            {
                "dt_shift": In(range(config.dt_shifts + 1)),
                "tolerance": In(15),
                "use_within": In(15),
                "keep": In(1),
                "errors": In(1),
                "clear_energy": In(1),
                "clear": In(1),
                "valid": In(1),
                "sum": In(signed(config.sum_width)),
                "element": In(element),
                "last": In(1),
                "x": In(signed(f.state.width)),
                "x_before": In(signed(f.state.width)),
                "y_before": In(signed(f.error.width)),
                "slope": In(signed(f.slope.width)),
                "target": In(signed(f.state.width)),
                "input": In(signed(f.state.width)),
                "flags": In(flags_layout(config)),
                "slope_read": Out(place),
                "input_read": Out(place),
                "before_read": Out(place),
                "before_region": Out(Region),
                "write_x": Out(1),
                "write_c": Out(1),
                "write_y": Out(1),
                "write_bank": Out(1),
                "write_slot": Out(place["slot"].shape),
                "write_unit": Out(place["unit"].shape),
                "write_data": Out(signed(self.word)),
                "slope_write": Out(1),
                "slope_slot": Out(place["slot"].shape),
                "slope_unit": Out(place["unit"].shape),
                "slope_data": Out(signed(f.slope.width)),
                "finishing": Out(1),
                "finish": Out(1),
                "done": Out(element),
                "moved": Out(1),
                "far": Out(1),
                "closing": Out(element),
                "energy": Out(energy_bits(config)),
                "saturated": Out(data.StructLayout({"state": 1, "error": 1, "net": 1})),
            }
        )

    def elaborate(self, platform):
        m = Module()
        f, device = self.config.formats, self.config.device
        time, narrow = Timing(self.config), device.narrow
        # The cycles, counted from the sum's.
        write = time.integrator
        step, aim = write - 1, write - 1 - narrow
        value, product = aim - narrow, aim - 2 * narrow
        operate = product - device.multiplier
        look_up, meet = operate - device.memory, operate - (narrow - 1)

        element, valid, flags = self._stages(m, write, device.memory)
        last = stages(m, self.last, write, control=True, name="last")
        forward = [v & ~e.backward for v, e in zip(valid, element, strict=True)]
        backward = [v & e.backward for v, e in zip(valid, element, strict=True)]

        self._read(m, *(element[cycle - device.memory] for cycle in (operate, value, aim)))

        def until(value, start, end, name):
            """``value``, which is there in cycle ``start``, in cycle ``end``."""
            return delay(m, value, end - start, name=name)

        def register(value, name):
            return delay(m, value, 1, name=name)

        def added(value, name):
            """A sum to be saturated: where narrowing takes two cycles, in the second."""
            return delay(m, value, narrow - 1, name=f"{name}_added")

        # u or b
        shift = f.weight.fraction + f.state.fraction - f.net.fraction
        u, net_clipped = saturate(added(round_half_up(self.sum, shift), "u"), f.net)
        b, b_clipped = saturate(added(round_half_up(self.sum, f.weight.fraction), "b"), f.error)
        u, b = register(u, "u"), register(b, "b")
        b_clipped = register(b_clipped, "b_clipped")

        # look up g(u) and g'(u)
        g, g_slope = self._look_up(m, until(u, narrow, look_up, "u_look_up"), flags[look_up])

        # J
        j, j_clipped = saturate(
            round_half_up(self.target - self.x, f.state.fraction - f.error.fraction), f.error
        )
        is_target = flags[device.memory].target
        j = register(Mux(is_target, j, 0).as_signed(), "j")
        j = until(j, device.memory + 1, meet, "j_meet")

        # g'·e and J·J, or the interpolation of g and g'
        b = until(b, narrow, meet - 1, "b_meet")
        b = register(gate(b, ~flags[meet - 1].clamp), "b_fed")
        e, e_clipped = saturate(added(b + j, "e"), f.error)
        j = until(j, meet, operate, "j_operate")
        first, second = self._multiply(m, g, g_slope, e, j, element[operate].backward)

        # value: g'·e narrowed, or g and g'; the energy
        m.d.comb += [g.product.eq(first.product), g_slope.product.eq(second.product)]
        ge = added(first.product.shift_right(f.slope.fraction), "ge")  # rounded by the addend
        ge, ge_clipped = saturate(ge, f.error)
        g_or_ge = register(Mux(element[value - 1].backward, ge, g.value), "value")
        square = until(second.product.as_unsigned(), product, value - 1, "square")
        m.d.comb += [
            self.slope_data.eq(register(g_slope.value, "slope_data")),
            self.slope_write.eq(forward[value]),
            self.slope_slot.eq(element[value].slot),
            self.slope_unit.eq(element[value].unit),
        ]
        self._add_energy(m, backward[value - 1] & element[value - 1].fresh, square)

        # goal: g(u) + I, or g'·e
        goal = added(g_or_ge + Mux(flags[value].input, self.input, 0), "goal")
        goal, goal_clipped = saturate(goal, f.state)
        ge = until(g_or_ge, value, aim - 1, "ge")
        goal = register(Mux(element[aim - 1].backward, ge, goal), "goal")

        # step: (goal − x or y), times Δt with three more bits
        from_zero = register(element[aim - 1].fresh & ~self.keep, "from_zero")
        y = Mux(from_zero, 0, self.y_before)
        state = Mux(element[aim].backward, y, self.x_before)
        difference = until(goal - state, aim, step - 1, "difference")
        state_q = until(state, aim, step, "state")
        greatest = self.config.dt_shifts
        shifts = Array(difference.shift_left(greatest - k) for k in range(greatest + 1))
        scaled = register(shifts[self.dt_shift], "scaled")

        # write: the new state, rounded half up; |step| against its limits
        moved = Cat(Const(1 << (greatest - 1), greatest), state_q).as_signed() + scaled
        done = element[write]
        m.d.comb += [
            self.write_data.eq(register(moved.shift_right(greatest), "write_data")),
            self.write_x.eq(forward[write]),
            self.write_c.eq(forward[write] & ~(flags[write].clamp & self.errors)),
            self.write_y.eq(backward[write]),
            self.write_bank.eq(done.bank),
            self.write_slot.eq(done.slot),
            self.write_unit.eq(done.unit),
            self.done.eq(done),
            self.closing.eq(element[write - device.memory - 1]),
        ]
        self._finish(m, last, forward, backward, element, scaled)
        # saturation, each in the cycle of its word
        memory = device.memory
        flag_b = until(b_clipped, narrow, operate, "b_clipped_operate")
        clipped = {
            "net": net_clipped & forward[narrow - 1],
            "error": (
                (register(j_clipped & is_target, "j_clipped") & backward[memory + 1])
                | (((flag_b & ~flags[operate].clamp) | e_clipped) & backward[operate])
                | (ge_clipped & backward[value - 1])
            ),
            "state": goal_clipped & forward[aim - 1],
        }
        self._remember(m, clipped)
        return m

    def _stages(self, m, write, memory):
        """The element, whether it is valid and moves, and its flags, in each cycle."""
        element = stages(m, self.element.as_value(), write, name="element")
        valid = stages(m, self.valid, memory, control=True, name="valid")
        moves = valid.pop() & self.flags.moves
        valid += stages(m, moves, write - memory, control=True, name="moves")
        flags = stages(m, self.flags.as_value(), write - memory, name="flags")
        flags = [None] * memory + [data.View(self.flags.shape(), v) for v in flags]
        return [data.View(self.element.shape(), e) for e in element], valid, flags

    def _read(self, m, slope, input_, before):
        """What is needed later, of these elements."""
        ports = (self.slope_read, self.input_read, self.before_read)
        for port, element in zip(ports, (slope, input_, before), strict=True):
            m.d.comb += [port.unit.eq(element.unit), port.slot.eq(element.slot)]
        x = Mux(before.fresh & ~self.keep, Region.X_START, Region.X)
        m.d.comb += self.before_region.eq(Mux(before.backward, Region.Y, x))

    def _look_up(self, m, u, flags):
        """The tables of g and g'."""
        of = self.config.tables
        m.submodules.tables = tables = Tables(of.g, of.slope, self.config.device)
        m.d.comb += tables.u.eq(u)
        if len(self.config.activations) > 1:
            m.d.comb += tables.select.eq(flags.activation)
        return tables.g, tables.slope

    def _add_energy(self, m, enable, square):
        energy = unreset(m, self.energy, "energy")
        with m.If(self.clear_energy):
            m.d.sync += energy.eq(0)
        with m.Elif(enable):
            m.d.sync += energy.eq(energy + square)

    def _finish(self, m, last, forward, backward, element, scaled):
        """With the last element of a sweep: whether any step was above the limits."""
        write, greatest = len(last) - 1, self.config.dt_shifts
        ahead = write - Timing(self.config).notice
        m.d.comb += [self.finishing.eq(last[ahead]), self.finish.eq(last[write])]
        # round(s / 2³) lies beyond ±limit where s, or −s − 1, is at least 2³·limit + 2²
        size = (scaled.as_unsigned() ^ scaled[-1].replicate(len(scaled))) >> (greatest - 1)
        width = max(len(size), len(self.tolerance) + 1)
        room = Const((1 << width) - 1) ^ size  # a limit to which this is added has a carry or not
        backward_now = element[write - 1].backward  # in a higher order they come mixed
        kinds = [(forward, ~backward_now), (backward, backward_now)]
        if not self.config.higher:
            kinds = [([f | b for f, b in zip(forward, backward, strict=True)], Const(1, 1))]
        for k, (mine, of_kind) in enumerate(kinds):
            moved, far, begun = (Signal(name=f"{name}_{k}") for name in ("moved", "far", "begun"))
            now, ends = mine[write - 1], last[write - 1] & of_kind
            with m.If(now | ends):  # begun: an element before was of the same sweep
                m.d.sync += begun.eq(~ends)
                for flag, limit in ((moved, self.tolerance), (far, self.use_within)):
                    beyond = ~(room + Cat(Const(1, 1), limit))[width]  # size ≥ 2·limit + 1
                    m.d.sync += flag.eq((flag & begun) | (beyond & now))
            with m.If((element[write].backward == k) if len(kinds) > 1 else Const(1)):
                m.d.comb += [self.moved.eq(moved), self.far.eq(far)]

    def _remember(self, m, clipped):
        """What saturates, by role."""
        saturated = unreset(m, self.saturated, "saturated")
        for role, event in clipped.items():
            event_q = delay(m, event, 1, control=True, name=f"clipped_{role}")
            sticky(m, saturated[role], event_q, self.clear)

    def _multiply(self, m, g, g_slope, e, j, is_backward):
        """g'·e, with the half that rounds, and J·J; or the interpolation of g and g'."""
        f, device = self.config.formats, self.config.device
        m.submodules.first = first = Multiplier(
            a_width=max(f.error.width, len(g.difference)),
            b_width=max(f.slope.width, len(g.fraction)),
            addend_width=max(f.slope.fraction + 1, len(g.knot)),
            device=device,
        )
        m.submodules.second = second = Multiplier(
            a_width=max(f.error.width, len(g_slope.difference)),
            b_width=max(f.error.width, len(g_slope.fraction)),
            addend_width=len(g_slope.knot),
            device=device,
        )
        m.d.comb += [
            first.a.eq(Mux(is_backward, e, g.difference)),
            first.b.eq(Mux(is_backward, self.slope, g.fraction)),
            first.addend.eq(Mux(is_backward, (1 << f.slope.fraction) >> 1, g.knot)),
            second.a.eq(Mux(is_backward, j, g_slope.difference)),
            second.b.eq(Mux(is_backward, j, g_slope.fraction)),
            second.addend.eq(Mux(is_backward, 0, g_slope.knot)),
        ]
        return first, second
