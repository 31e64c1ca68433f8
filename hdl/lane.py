"""Lane: a column of PEs and everything that serves its patterns; all but the weights."""

from amaranth.hdl import Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.carousel import Kind, step_layout
from rbp.hdl.features import Features
from rbp.hdl.fixed import delay, gate
from rbp.hdl.fold import Fold
from rbp.hdl.integrator import Integrator
from rbp.hdl.noise import NoiseStream
from rbp.hdl.pe import PE, token_layout
from rbp.hdl.primitives import Ram
from rbp.hdl.relaxation import STEP_BITS, RelaxationControl, sweep_layout
from rbp.hdl.state import Region, StateMemory
from rbp.hdl.timing import Timing
from rbp.hdl.tree import ResultTree

__all__ = ["DelayLine", "Lane", "settings_layout"]


NEIGHBOURS = 4
"""PEs that share a register of the distribution bus."""


def settings_layout(config):
    """What the host sets and nothing changes while the core runs."""
    low, high = config.eta_shifts
    return data.StructLayout(
        {
            "dt_shift": range(config.dt_shifts + 1),
            "eta": range(high - low + 1),  # log2 of η over its least value
            "nearest": 1,
            "fixed": 1,
            "errors": 1,
            "keep": 1,  # go on from the last x and y
            "limit": STEP_BITS,
            "tolerance": STEP_BITS,
            "use_within": STEP_BITS,
            **({"random": 1} if config.random_start else {}),
            **({"friction": range(config.frictions + 1)} if config.momentum else {}),
        }
    )


class DelayLine(wiring.Component):
    """A word, ``cycles`` later: registers where it is short, else a memory that goes round, behind
    a register, since the last PE is far from it."""

    def __init__(self, *, width, cycles, device):
        self.width, self.cycles, self.device = width, cycles, device
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        words = self.cycles - self.device.memory
        if words < 2:
            m.d.comb += self.o.eq(delay(m, self.i, self.cycles))
            return m
        here, after = Signal(range(words)), Signal(range(words), init=1)
        m.submodules.ram = ram = Ram(width=self.width, depth=words, device=self.device)
        m.d.sync += [after.eq(gate(after + 1, after != words - 1)), here.eq(after)]
        m.d.comb += [
            ram.w_en.eq(1),
            ram.w_addr.eq(here),
            ram.w_data.eq(delay(m, self.i, 1)),
            ram.r_addr.eq(after),
            self.o.eq(ram.r_data),
        ]
        return m


class Distributor(wiring.Component):
    """A register of the bus to a few PEs, near which it can lie if synthesis keeps it apart."""

    def __init__(self, shape):
        super().__init__({"i": In(shape), "o": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        q = Signal.like(self.i, reset_less=True)
        m.d.sync += q.eq(self.i)
        m.d.comb += self.o.eq(q)
        return m


class Lane(wiring.Component):
    """Relaxes its patterns, and takes part in the UPDATE that is common to all lanes.

    At each start of the carousel it picks one of its patterns that is ready, and FORWARD or
    BACKWARD as that pattern needs; else it idles. It lives :meth:`rbp.hdl.timing.Timing.behind`
    cycles behind the carousel, which is what the delays of ``step`` and of the weights outside
    amount to. Of several lanes, each may lie far away: control reaches it, and is reached, by a
    register, :attr:`rbp.hdl.timing.Timing.reach`.

    Parameters
    ----------
    config : Config
    first : bool
        Lane 0, which a WRITE enters by.

    Members
    -------
    step, settings : In
        The carousel, in the lane's time; the host's settings.
    weights, written : In, Out, arrays of P
        From the lane before or the memory; to the next or the memory.
    store : In
        The word of a WRITE.
    abort : In
        Let no relaxation go on.
    deal, deal_slot, finishing : In, In, Out
        A batch: take these patterns; none comes beside a finish, which is said in time for that.
    use_slot, use : In
        The slot whose turn it is in an UPDATE; take part.
    noise_load, noise_z : In
        Start of the next UPDATE's rounding noise.
    probe_column, probe_valid, probe : column of a PROBE; its words of W, in order
    ready, idle, skip, energy : Out
    look_slot, look_backward, look_steps, look_unsettled : steps of a settled pattern, the memory's
        latency and ``reach`` later
    clear_energy, clear, saturated, overflow : sticky flags; a weight, or velocity, saturated
    noise : with momentum, the PEs' rounding noise
    host_* : the state memory's, ``reach`` later
    host_fill, host_filled : where the core can be refilled, the state memory's; of what has been
        there for ``reach``
    host_clamp : with a random start, of ``host_unit``, the memory's latency and ``reach`` later
    """

    def __init__(self, config, *, first=True):
        self.config, self.first = config, first
        f = config.formats
        slot, unit = range(max(2, config.slots)), range(max(2, config.units))
        self.state = StateMemory(config)
        self.integrator = Integrator(config)
        word = signed(f.weight.width)
        super().__init__(
            {
                "step": In(step_layout(config)),
                "settings": In(settings_layout(config)),
                "weights": In(word).array(config.macs),
                "written": Out(word).array(config.macs),
                "store": In(word),
                "abort": In(1),
                "deal": In(1),
                "deal_slot": In(slot),
                "finishing": Out(1),
                "use_slot": In(slot),
                "use": In(1),
                "noise_load": In(1),
                "noise_z": In(32),
                "probe_column": In(range(max(2, config.terms))),
                "probe_valid": Out(1),
                "probe": Out(word),
                "ready": Out(1),
                "idle": Out(1),
                "skip": Out(1),
                "look_slot": In(slot),
                "look_backward": In(1),
                "look_steps": Out(STEP_BITS),
                "look_unsettled": Out(1),
                "clear_energy": In(1),
                "clear": In(1),
                "energy": Out(self.integrator.energy_width),
                "saturated": Out(self.integrator.saturated.shape()),
                "overflow": Out(1),
                **({"noise": Out(16).array(config.macs)} if config.momentum else {}),
                "host_select": In(1),
                "host_write": In(1),
                "host_region": In(Region),
                "host_bank": In(2),
                "host_slot": In(slot),
                "host_unit": In(unit),
                "host_data": In(signed(self.state.word)),
                "host_word": Out(signed(self.state.word)),
                **({"host_fill": In(1), "host_filled": Out(1)} if config.refill else {}),
                **({"host_clamp": Out(1)} if config.random_start else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, f, time = self.config, self.config.formats, Timing(self.config)
        step = self.step

        def near(value, name, *, control=False):
            """From or to what is common to all lanes, by a register if there are several."""
            return delay(m, value, time.reach, name=name, control=control)

        settings = settings_layout(config)(near(self.settings, "settings"))
        use_slot, use = near(self.use_slot, "use_slot"), near(self.use, "use")
        m.submodules.relaxation = relaxation = RelaxationControl(config)
        m.submodules.state = state = self.state
        m.submodules.noise = noise = NoiseStream()
        m.submodules.tree = tree = ResultTree(config)
        m.submodules.integrator = integrator = self.integrator

        keep, fixed, errors = (Signal(name=n, reset_less=True) for n in ("keep", "fixed", "errors"))
        m.d.sync += [  # static while the core runs
            keep.eq(settings.keep & settings.errors),
            fixed.eq(settings.fixed),
            errors.eq(settings.errors),
        ]

        # Pick: a sweep of the ring, or the slot whose turn it is in an UPDATE.
        ready = relaxation.ready
        if config.higher:  # a third BACKWARD waits for the fold
            m.submodules.fold = fold = Fold(config)
            unfolded = Signal(range(3))
            ready = ready & ~(relaxation.sweep.backward & (unfolded == 2))
            picked = relaxation.take & relaxation.sweep.backward
            m.d.sync += unfolded.eq(unfolded + picked - fold.done)
        sweep = Signal(sweep_layout(config), reset_less=True)
        active = Signal()
        relax = step.start_kind == Kind.RELAX
        with m.If(step.start):
            m.d.sync += [
                sweep.slot.eq(Mux(relax, relaxation.sweep.slot, use_slot)),
                sweep.bank.eq(Mux(relax, relaxation.sweep.bank, relaxation.use_bank)),
                sweep.fresh.eq(relaxation.sweep.fresh & relax),
                sweep.backward.eq(relaxation.sweep.backward & relax),
                active.eq(Mux(relax, ready, use & ~relaxation.skip)),
            ]
        m.d.comb += [
            relaxation.take.eq(step.start_relax & ready),
            relaxation.limit.eq(settings.limit),
            relaxation.fixed.eq(fixed),
            relaxation.errors.eq(errors),
            relaxation.keep.eq(keep),
            relaxation.abort.eq(near(self.abort, "abort", control=True)),
            relaxation.deal.eq(near(self.deal, "deal", control=True)),
            relaxation.deal_slot.eq(near(self.deal_slot, "deal_slot")),
            relaxation.look_slot.eq(near(self.look_slot, "look_slot")),
            relaxation.look_backward.eq(near(self.look_backward, "look_backward")),
            self.look_steps.eq(relaxation.look_steps),
            self.look_unsettled.eq(relaxation.look_unsettled),
            relaxation.use_slot.eq(use_slot),
            self.skip.eq(relaxation.skip),
            self.ready.eq(ready),
            self.idle.eq(near(relaxation.idle, "idle", control=True)),
        ]

        # What this step is, for this lane.
        relaxing = step.valid & (step.kind == Kind.RELAX) & active
        probing = step.valid & (step.kind == Kind.PROBE) & Const(int(self.first), 1)
        storing = step.valid & (step.kind == Kind.WRITE)
        update = step.valid & (step.kind == Kind.UPDATE)
        forward = (relaxing & ~sweep.backward) | probing
        backward = relaxing & sweep.backward

        # φ: c of the pattern, or products; one-hot for a PROBE; 0 for whatever takes no part.
        bank = Mux(sweep.fresh & ~keep, 2, sweep.bank)
        wanted = (relaxing | update) & active
        if config.higher:
            m.submodules.features = features = Features(config)
            m.d.comb += [
                features.column.eq(step.column),
                features.slot.eq(sweep.slot),
                features.bank.eq(bank),
                features.valid.eq(wanted & ~backward),
            ]
            for k in range(config.order):
                m.d.comb += [state.c_read[k].eq(features.read[k]), features.c[k].eq(state.c[k])]
            value = features.phi
        else:
            place = state.c_read[0]
            m.d.comb += [
                place.unit.eq(step.column),
                place.slot.eq(sweep.slot),
                place.bank.eq(bank),
            ]
            value = state.c[0]
        valued = time.feature + time.memory
        streaming = delay(m, wanted, valued, name="streaming")
        hot = delay(m, probing & (step.column == self.probe_column), valued, name="probe_hot")
        phi = Signal(signed(f.state.width), reset_less=True)
        m.d.sync += phi.eq(gate(value, streaming) | (hot << f.state.fraction))  # or 1

        # y: the next PE's in each of a block's first P cycles; 0 in padding rows.
        rows = config.blocks * config.macs
        row = Signal(range(max(2, rows)), reset_less=True)
        with m.If(step.start):
            m.d.sync += row.eq(0)
        with m.Elif(step.valid & step.row):
            m.d.sync += row.eq(row + 1)
        m.d.comb += [
            state.row_slot.eq(delay(m, sweep.slot, time.feature, name="row_slot")),
            state.row_unit.eq(delay(m, row, time.feature, name="row")),
        ]
        nonzero = delay(m, (row < config.units) & (~sweep.fresh | keep), valued, name="row_real")
        y_row = gate(state.y_row, nonzero)

        # The token, each field when its stage needs it: a cycle before it stands in PE 0.
        token = Signal(token_layout(config))

        def field(value, cycle, name, *, control=False):
            return delay(m, value, cycle - 1, name=name, control=control)

        drawing = field(update & step.first_block, time.add, "drawing", control=True)
        noise_z = self.noise_z
        if config.higher:  # the present UPDATE draws later: the next hash waits so long
            noise_z = Signal(32, reset_less=True)
            with m.If(self.noise_load):
                m.d.sync += noise_z.eq(self.noise_z)
        m.d.comb += [
            noise.load.eq(delay(m, self.noise_load, time.feature, control=True, name="load")),
            noise.z.eq(noise_z),
            noise.begin.eq(
                field(update & step.first & step.first_block, time.add - 1, "draw", control=True)
            ),
            noise.step.eq(drawing),
        ]
        # A WRITE enters by lane 0, and passes the others as an UPDATE by nothing.
        learn = update if self.first else update | storing
        take = backward | update | storing
        m.d.comb += [
            token.latch.eq(field(step.first, time.operand - 1, "latch")),
            token.phi.eq(phi),
            token.update.eq(field(update, time.operand, "update")),
            token.backward.eq(field(backward, time.operand - 1, "backward")),
            token.shift.eq(field(Mux(update, settings.eta, 0), time.shift, "shift")),
            token.first.eq(
                field(Mux(forward, step.first, backward & step.first_block), time.add, "first")
            ),
            token.take.eq(field(take, time.add, "take")),
            token.store.eq(field(storing, time.add, "store")),
            token.learn.eq(field(learn, time.add, "learn", control=True)),
            token.half.eq(settings.nearest),
            token.forward.eq(field(forward & step.last, time.result, "forward", control=True)),
            token.column.eq(field(backward & step.last_block, time.result, "column", control=True)),
        ]
        if config.spram:
            m.d.comb += token.due.eq(field(step.due, time.add, "due"))
        first_noise = Mux(settings.nearest, 0, noise.noise)

        # PEs
        pes = []
        for p in range(config.macs):
            if p % NEIGHBOURS == 0:
                m.submodules[f"y_{p}"] = y = Distributor(signed(f.error.width))
                m.d.comb += y.i.eq(y_row)
            pe = PE(config, head=p == 0, tail=p == config.macs - 1)
            m.submodules[f"pe_{p}"] = pe
            m.d.comb += [
                pe.i.eq(pes[-1].o if pes else token),
                pe.y.eq(y.o),
                pe.weight.eq(self.weights[p]),
                self.written[p].eq(pe.weight_o),
                tree.sums[p].eq(pe.sum),
                tree.valids[p].eq(pe.valid),
            ]
            if config.momentum:
                m.d.comb += self.noise[p].eq(pe.rounding)
            if pes:
                m.d.comb += pe.partial.eq(pes[-1].sum)
            pes.append(pe)
        head, tail = pes[0], pes[-1]
        overflow = Signal()
        m.d.sync += overflow.eq(0)
        for pe in pes:
            with m.If(pe.clipped):
                m.d.sync += overflow.eq(1)
        m.d.comb += self.overflow.eq(overflow)

        # Between blocks: BACKWARD's partial sums wait, or an UPDATE's noise.
        store = self.store.shift_left(config.update_fraction)
        if config.blocks == 1:
            m.d.comb += [token.noise.eq(first_noise), head.partial.eq(store)]
        else:
            m.submodules.between = between = DelayLine(
                width=config.sum_width, cycles=config.terms - config.macs - 1, device=config.device
            )
            waited = Signal(signed(config.sum_width), reset_less=True)
            m.d.sync += waited.eq(Mux(field(storing, time.add, "storing"), store, between.o))
            m.d.comb += [
                between.i.eq(Mux(tail.o.learn, tail.o.noise, tail.sum)),
                token.noise.eq(Mux(drawing, first_noise, waited[:16])),
                head.partial.eq(waited),
            ]

        # Results: count the units of the sweep that arrives.
        arriving = relaxation.arriving
        from_start = arriving.fresh & ~keep
        probe = Signal()
        with m.If(step.start):
            m.d.sync += probe.eq(step.start_kind == Kind.PROBE)
        towards = Signal()
        m.d.comb += towards.eq(arriving.backward & ~probe)
        unit = Signal(range(max(2, rows, config.terms)))
        ending = Mux(towards, unit == config.terms - 1, unit == rows - 1)
        with m.If(tree.valid):
            m.d.sync += unit.eq(Mux(ending, 0, unit + 1))
        result = tree.valid & (unit < config.units)
        element = Signal.like(integrator.element)
        m.d.comb += [
            relaxation.arrive.eq(tree.valid & ending & ~probe),
            self.probe_valid.eq(result & probe),
            self.probe.eq(tree.sum >> f.state.fraction),
            element.unit.eq(unit),
            element.slot.eq(arriving.slot),
            element.backward.eq(arriving.backward),
            element.fresh.eq(arriving.fresh),
            element.bank.eq(Mux(arriving.backward, arriving.bank, ~from_start & ~arriving.bank)),
            element.last.eq(unit == config.units - 1),
        ]
        valid, total = result & ~probe, tree.sum
        if config.higher:  # a BACKWARD's by way of the fold, whose results take turns with the rest
            direct = tree.valid & ~towards
            m.d.comb += [
                fold.valid.eq(tree.valid & towards),
                fold.sum.eq(tree.sum),
                fold.last.eq(ending),
                fold.slot.eq(arriving.slot),
                fold.bank.eq(arriving.bank),
                fold.fresh.eq(arriving.fresh),
                fold.accept.eq(fold.ready & ~direct),
            ]
            for k in range(config.order - 1):
                port = config.order + k
                m.d.comb += [state.c_read[port].eq(fold.read[k]), fold.c[k].eq(state.c[port])]
            if config.feature != "identity":
                m.d.comb += [
                    state.factor_slope_read.eq(fold.slope_read),
                    fold.slope.eq(state.factor_slope),
                ]
            valid = fold.accept | (valid & ~towards)
            total, element = (
                Mux(direct, mine, other)
                for mine, other in ((total, fold.value), (element.as_value(), fold.element))
            )
        m.d.comb += [
            integrator.valid.eq(delay(m, valid, time.merge, control=True, name="result_valid")),
            integrator.sum.eq(delay(m, total, time.merge, name="result")),
            integrator.element.as_value().eq(delay(m, element, time.merge, name="element")),
            state.read_slot.eq(integrator.element.slot),
            state.read_unit.eq(integrator.element.unit),
        ]

        # Integrator, state memory, relaxation
        for name in ("x", "x_before", "y_before", "slope", "target", "input", "flags"):
            m.d.comb += getattr(integrator, name).eq(getattr(state, name))
        for name in (
            "write_x write_c write_y write_bank write_slot write_unit write_data "
            "slope_write slope_slot slope_unit slope_data slope_read input_read "
            "before_read before_start"
        ).split():
            m.d.comb += getattr(state, name).eq(getattr(integrator, name))
        for name in ("finish", "done", "moved", "far", "closing"):  # c is kept a little later
            ends = delay(m, getattr(integrator, name), time.factor, control=True, name=name)
            m.d.comb += Value.cast(getattr(relaxation, name)).eq(ends)
        finishing = delay(m, integrator.finishing, time.factor, control=True, name="finishing")
        m.d.comb += self.finishing.eq(finishing)
        for name in ("dt_shift", "tolerance", "use_within"):
            m.d.comb += getattr(integrator, name).eq(settings[name])
        m.d.comb += [
            integrator.keep.eq(keep),
            integrator.errors.eq(errors),
            integrator.clear.eq(self.clear),
            integrator.clear_energy.eq(self.clear_energy),
            self.energy.eq(near(integrator.energy, "energy_out")),
            self.saturated.eq(integrator.saturated),
        ]
        if config.higher:
            clipped = Signal()
            with m.If(self.clear):
                m.d.sync += clipped.eq(0)
            with m.Elif(features.clipped | fold.clipped):
                m.d.sync += clipped.eq(1)
            m.d.comb += self.saturated.state.eq(integrator.saturated.state | clipped)
        for name in "select write region bank slot unit data".split():
            host = near(getattr(self, f"host_{name}"), f"host_{name}_in", control=name == "write")
            m.d.comb += getattr(state, f"host_{name}").eq(host)
        m.d.comb += self.host_word.eq(near(state.host_word, "host_word_out"))
        if config.refill:
            m.d.comb += [
                state.host_fill.eq(self.host_fill),
                self.host_filled.eq(state.host_filled),
            ]
        if config.random_start:
            m.d.comb += self.host_clamp.eq(state.flags.clamp)
        return m
