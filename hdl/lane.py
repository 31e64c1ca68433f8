"""Lane: a column of PEs and everything that serves its patterns; all but the weights."""

from amaranth.hdl import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.golden.noise import BITS
from rbp.hdl.control.relaxation import RelaxationControl
from rbp.hdl.datapath.column import Column
from rbp.hdl.datapath.entry import Entry
from rbp.hdl.datapath.integrator import Integrator
from rbp.hdl.datapath.noise import NoiseSeed
from rbp.hdl.datapath.results import Results
from rbp.hdl.fixed import delay, sticky
from rbp.hdl.layouts import Kind, settings_layout, step_layout, sweep_layout
from rbp.hdl.memories.state import StateMemory
from rbp.hdl.timing import Timing
from rbp.hdl.wires import Deal, LookUp, StatePort, Turn, tables

__all__ = ["Lane"]


class Lane(wiring.Component):
    """Relaxes its patterns, and takes part in the UPDATE that is common to all lanes.

                 step ──► entry ──► column of PEs ──► results ──┐
                            ▲                                   ▼
        relaxation ──► sweep│       state memory ◄────────► integrator

    At each start of the carousel it picks one of its patterns that is ready, and FORWARD or
    BACKWARD as that pattern needs; else it idles. It lives :meth:`rbp.hdl.timing.Timing.behind`
    cycles behind the carousel, which is what the delays of ``step`` and of the weights outside
    amount to. A lane may lie far away: control reaches it, and is reached, by a
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
    store, probe_column : In
        The word of a WRITE; the column of a PROBE.
    deal, turn, look : Deal, Turn, LookUp
        Training's.
    host : StatePort
        A read takes ``reach`` more, to the lane and back.
    clear, abort : In
        Set all flags to 0; let no relaxation go on.
    ready, ahead : Out
        A sweep waits for the carousel; a FORWARD.
    probe_valid, probe : Out
        Words of a column of W, in order.
    saturated, overflow : Out
        Sticky flags of states, errors and sums; a weight, or velocity, saturated (one cycle).
    noise, present, present_o : with momentum, the PEs' rounding noise; the weight is not 0
    products, folds : TablePort
        In a higher order, the host to the factors and to the fold.
    host_clamp : with a random start, of ``host.unit``, the memory's latency and ``reach`` later
    """

    def __init__(self, config, *, first=True):
        self.config, self.first = config, first
        word = signed(config.formats.weight.width)
        momentum = {
            "noise": Out(BITS + 1).array(config.macs),
            "present": In(1).array(config.macs),
            "present_o": Out(1).array(config.macs),
        }
        ports = {name: In(port) for name, port in tables(config).items() if name != "program"}
        super().__init__(
            {
                "step": In(step_layout(config)),
                "settings": In(settings_layout(config)),
                "weights": In(word).array(config.macs),
                "written": Out(word).array(config.macs),
                "store": In(word),
                "probe_column": In(config.column_bits),
                "deal": In(Deal(config)),
                "turn": In(Turn(config)),
                "look": In(LookUp(config)),
                "host": In(StatePort(config)),
                "clear": In(1),
                "abort": In(1),
                "ready": Out(1),
                "ahead": Out(1),
                "probe_valid": Out(1),
                "probe": Out(word),
                "saturated": Out(data.StructLayout({"state": 1, "error": 1, "net": 1})),
                "overflow": Out(1),
                **(momentum if config.momentum else {}),
                **ports,
                **({"host_clamp": Out(1)} if config.random_start else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, time, step = self.config, Timing(self.config), self.step
        settings = settings_layout(config)(self._near(m, self.settings, "settings"))
        keep, fixed, errors = (Signal(name=n, reset_less=True) for n in ("keep", "fixed", "errors"))
        m.d.sync += [  # static while the core runs
            keep.eq(settings.keep & settings.errors),
            fixed.eq(settings.fixed),
            errors.eq(settings.errors),
        ]
        m.submodules.relaxation = relaxation = RelaxationControl(config)
        m.submodules.entry = entry = Entry(config, first=self.first)
        m.submodules.column = column = Column(config)
        m.submodules.results = results = Results(config)
        m.submodules.integrator = integrator = Integrator(config)
        m.submodules.state = state = StateMemory(config)

        # the next noise is not there before the present one's key is taken, the same time behind
        # the carousel
        assert time.feature <= NoiseSeed.latency
        noise_load = self._near(m, self.turn.noise_load, "noise_load", control=True)
        folded = results.folded if config.higher else None
        sweep, active = self._pick(m, relaxation, settings, keep, fixed, errors, folded)
        m.d.comb += [
            entry.step.eq(step),
            entry.sweep.eq(sweep),
            entry.active.eq(active),
            entry.settings.eq(settings),
            entry.keep.eq(keep),
            entry.noise_load.eq(noise_load),
            entry.noise_z.eq(self.turn.noise_z),
            entry.probe_column.eq(self.probe_column),
            entry.y_row.eq(state.y_row),
            state.row_slot.eq(entry.row_slot),
            state.row_unit.eq(entry.row_unit),
            *(state.c_read[k].eq(place) for k, place in enumerate(entry.c_read)),
            *(c.eq(state.c[k]) for k, c in enumerate(entry.c)),
            column.token.eq(entry.token),
            column.y.eq(entry.y),
            column.store.eq(self.store),
            *(column.weights[p].eq(self.weights[p]) for p in range(config.macs)),
            *(self.written[p].eq(column.written[p]) for p in range(config.macs)),
            results.step.eq(step),
            results.settings.eq(settings),
            results.valid.eq(column.valid),
            results.of_tail.eq(column.of_tail),
            results.of_column.eq(column.of_column),
            results.coming.eq(column.coming),
            results.sum.eq(column.sum),
            results.arriving.eq(relaxation.arriving),
            relaxation.arrive.eq(results.arrive),
            results.keep.eq(keep),
            self.probe_valid.eq(results.probe_valid),
            self.probe.eq(results.probe),
            integrator.valid.eq(results.element_valid),
            integrator.sum.eq(results.element_sum),
            integrator.element.eq(results.element),
            integrator.last.eq(results.element_last),
            self.overflow.eq(column.overflow),
            self.saturated.eq(integrator.saturated),
        ]
        if config.momentum:
            for p in range(config.macs):
                m.d.comb += [
                    self.noise[p].eq(column.noise[p]),
                    column.present[p].eq(self.present[p]),
                    self.present_o[p].eq(column.present_o[p]),
                ]
        if config.higher:
            self._products(m, entry, results, state, integrator)
        self._integrate(m, integrator, state, settings, keep, errors)
        for name in ("finish", "done", "moved", "far", "closing"):  # c is kept a little later
            ends = delay(m, getattr(integrator, name), time.factor, control=True, name=name)
            m.d.comb += Value.cast(getattr(relaxation, name)).eq(ends)
        ending = delay(m, integrator.finishing, time.factor, control=True, name="finishing")
        m.d.comb += self.deal.finishing.eq(ending)
        self._host(m, state)
        return m

    def _near(self, m, value, name, *, control=False):
        """From or to what is common to all lanes, by a register if there are several."""
        return delay(m, value, Timing(self.config).reach, name=name, control=control)

    def _pick(self, m, relaxation, settings, keep, fixed, errors, folded):
        """This turn's sweep: the ring's next, or the slot whose turn it is in an UPDATE; and
        whether the lane takes part."""
        step, deal, turn, look = self.step, self.deal, self.turn, self.look

        def near(value, name, *, control=False):
            return self._near(m, value, name, control=control)

        use_slot, use = near(turn.slot, "use_slot"), near(turn.use, "use")
        ready = relaxation.ready
        if folded is not None:  # a third BACKWARD waits for the fold
            unfolded = Signal(range(3))
            ready = ready & ~(relaxation.sweep.backward & (unfolded == 2))
            picked = relaxation.take & relaxation.sweep.backward
            m.d.sync += unfolded.eq(unfolded + picked - folded)
        waits = ready
        if Timing(self.config).reach:  # what came behind the carousel's choice waits for a turn
            ready = ready & (relaxation.sweep.backward | ~step.start_short)
        sweep, active = Signal(sweep_layout(self.config), reset_less=True), Signal()
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
            self.ahead.eq(relaxation.ahead),
            relaxation.limit.eq(settings.limit),
            relaxation.fixed.eq(fixed),
            relaxation.errors.eq(errors),
            relaxation.keep.eq(keep),
            relaxation.abort.eq(near(self.abort, "abort", control=True)),
            relaxation.deal.eq(near(deal.go, "deal", control=True)),
            relaxation.deal_slot.eq(near(deal.slot, "deal_slot")),
            relaxation.look_slot.eq(near(look.slot, "look_slot")),
            relaxation.look_backward.eq(near(look.backward, "look_backward")),
            look.steps.eq(relaxation.look_steps),
            look.unsettled.eq(relaxation.look_unsettled),
            relaxation.use_slot.eq(use_slot),
            turn.skip.eq(relaxation.skip),
            self.ready.eq(waits),
            deal.idle.eq(near(relaxation.idle, "idle", control=True)),
        ]
        return sweep, active

    def _products(self, m, entry, results, state, integrator):
        """In a higher order, copies of c for the fold too; and what saturates there."""
        connect(m, flipped(self.products), entry.table)
        connect(m, flipped(self.folds), results.table)
        for k, place in enumerate(results.c_read):
            port = self.config.order + k
            m.d.comb += [state.c_read[port].eq(place), results.c[k].eq(state.c[port])]
        if self.config.feature != "identity":
            m.d.comb += [
                state.factor_slope_read.eq(results.slope_read),
                results.slope.eq(state.factor_slope),
            ]
        clipped = Signal()
        sticky(m, clipped, entry.clipped | results.clipped, self.clear)
        m.d.comb += self.saturated.state.eq(integrator.saturated.state | clipped)

    def _integrate(self, m, integrator, state, settings, keep, errors):
        """Between the integrator and the state memory."""
        for name in ("x", "x_before", "y_before", "slope", "target", "input", "flags"):
            m.d.comb += getattr(integrator, name).eq(getattr(state, name))
        for name in (
            "write_x write_c write_y write_bank write_slot write_unit write_data "
            "slope_write slope_slot slope_unit slope_data slope_read input_read "
            "before_read before_region"
        ).split():
            m.d.comb += getattr(state, name).eq(getattr(integrator, name))
        for name in ("dt_shift", "tolerance", "use_within"):
            m.d.comb += getattr(integrator, name).eq(settings[name])
        m.d.comb += [
            state.read_slot.eq(integrator.element.slot),
            state.read_unit.eq(integrator.element.unit),
            integrator.keep.eq(keep),
            integrator.errors.eq(errors),
            integrator.clear.eq(self.clear),
            integrator.clear_energy.eq(self.look.clear),
            self.look.energy.eq(self._near(m, integrator.energy, "energy_out")),
        ]

    def _host(self, m, state):
        """A word of the state, from and to the host."""
        for name in "select write region bank slot unit data".split():
            value = getattr(self.host, name)
            near = self._near(m, value, f"host_{name}_in", control=name == "write")
            m.d.comb += getattr(state.host, name).eq(near)
        m.d.comb += self.host.word.eq(self._near(m, state.host.word, "host_word_out"))
        if self.config.refill:  # what asks has been there for `reach`
            m.d.comb += [
                state.host.fill.eq(self.host.fill),
                self.host.filled.eq(state.host.filled),
            ]
        if self.config.random_start:
            m.d.comb += self.host_clamp.eq(state.flags.clamp)
