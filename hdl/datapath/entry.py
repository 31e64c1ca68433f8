"""Entry: what a step of the carousel is for one lane, as the token that enters its first PE."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.datapath.noise import NoiseHead
from rbp.hdl.datapath.pe import token_layout
from rbp.hdl.fixed import delay, gate
from rbp.hdl.layouts import (
    Kind,
    c_place_layout,
    place_layout,
    settings_layout,
    step_layout,
    sweep_layout,
)
from rbp.hdl.products.features import Features
from rbp.hdl.timing import Timing
from rbp.hdl.wires import tables

__all__ = ["Entry"]


class Entry(wiring.Component):
    """Looks up φ and y of a step, and sends each field of the token when its stage needs it.

    φ is c of the pattern, or its products; one-hot for a PROBE; 0 for whatever takes no part. y is
    the next PE's in each of a block's first P cycles; of padding rows, whose weights are 0,
    anything. Times are those of
    :class:`rbp.hdl.timing.Timing`; throughput one step a cycle.

    Parameters
    ----------
    config : Config
    first : bool
        Of lane 0: a WRITE enters there, and passes the others as an UPDATE by nothing.

    Members
    -------
    step, sweep, active : In
        The carousel; the lane's sweep in this turn, and whether it takes part.
    settings, keep : In
        The host's; go on from the last x and y.
    c_read, c : to and from the state memory, one for each factor of a product
    row_slot, row_unit, y_row : the same of y
    noise_load, noise_z : In
        Start of the next UPDATE's rounding noise.
    probe_column : In
        Column of a PROBE.
    table : TablePort
        In a higher order, the host to the factors of each product.
    token, y : Out
        To the column of PEs.
    clipped : Out
        A product saturated.
    """

    def __init__(self, config, *, first=True):
        self.config, self.first = config, first
        f, factors = config.formats, config.order if config.higher else 1
        place = place_layout(config)
        higher = {}
        if config.higher:
            higher = {"table": In(tables(config)["products"]), "clipped": Out(1)}
        super().__init__(
            {
                "step": In(step_layout(config)),
                "sweep": In(sweep_layout(config)),
                "active": In(1),
                "settings": In(settings_layout(config)),
                "keep": In(1),
                "c_read": Out(c_place_layout(config)).array(factors),
                "c": In(signed(f.state.width)).array(factors),
                "row_slot": Out(place["slot"].shape),
                "row_unit": Out(place["unit"].shape),
                "y_row": In(signed(f.error.width)),
                "noise_load": In(1),
                "noise_z": In(32),
                "probe_column": In(config.column_bits),
                "token": Out(token_layout(config)),
                "y": Out(signed(f.error.width)),
                **higher,
            }
        )

    def elaborate(self, platform):
        m = Module()
        time, step, settings = Timing(self.config), self.step, self.settings
        relaxing = step.valid & (step.kind == Kind.RELAX) & self.active
        probing = step.valid & (step.kind == Kind.PROBE) & Const(int(self.first), 1)
        storing = step.valid & (step.kind == Kind.WRITE)
        update = step.valid & (step.kind == Kind.UPDATE)
        forward = (relaxing & ~self.sweep.backward) | probing
        backward = relaxing & self.sweep.backward

        def field(value, cycle, name, *, control=False):
            """A field in the cycle before its stage, in which it enters PE 0."""
            return delay(m, value, cycle - 1, name=name, control=control)

        token = self.token
        learn = update if self.first else update | storing
        take = backward | update | storing
        wanted = (relaxing | update) & self.active
        m.d.comb += [
            token.latch.eq(field(step.first, time.operand - 1, "latch")),
            token.phi.eq(self._phi(m, wanted, backward, probing)),
            token.update.eq(field(update, time.operand, "update")),
            token.backward.eq(field(backward, time.operand - 1, "backward")),
            token.shift.eq(field(Mux(update, settings.eta, 0), time.shift, "shift")),
            token.first.eq(field(Mux(forward, step.first, backward), time.add, "first")),
            token.take.eq(field(take, time.add, "take")),
            token.store.eq(field(storing, time.add, "store")),
            token.learn.eq(field(learn, time.add, "learn", control=True)),
            token.half.eq(settings.nearest),
            token.noise.eq(self._noise(m, update)),
            token.forward.eq(field(forward & step.last, time.result, "forward", control=True)),
            token.column.eq(field(backward, time.result, "column", control=True)),
            self.y.eq(self._y(m)),
        ]
        if self.config.spram:
            m.d.comb += token.due.eq(field(step.due, time.add, "due"))
        return m

    def _phi(self, m, wanted, backward, probing):
        """φ of this column, of the pattern that is ``wanted``, else 0; 1 where a PROBE is."""
        config, step, sweep, time = self.config, self.step, self.sweep, Timing(self.config)
        bank = Mux(sweep.fresh & ~self.keep, 2, sweep.bank)
        if config.higher:
            m.submodules.features = features = Features(config)
            m.d.comb += [
                features.column.eq(step.column),
                features.slot.eq(sweep.slot),
                features.bank.eq(bank),
                features.valid.eq(wanted & ~backward),
                self.clipped.eq(features.clipped),
            ]
            connect(m, flipped(self.table), features.table)
            for k in range(config.order):
                m.d.comb += [self.c_read[k].eq(features.read[k]), features.c[k].eq(self.c[k])]
            value = features.phi
        else:
            place = self.c_read[0]
            m.d.comb += [
                place.unit.eq(step.column),
                place.slot.eq(sweep.slot),
                place.bank.eq(bank),
            ]
            value = self.c[0]
        valued, one = time.feature + time.memory, config.formats.state.fraction
        streaming = delay(m, wanted, valued, name="streaming")
        hot = delay(m, probing & (step.column == self.probe_column), valued, name="probe_hot")
        phi = Signal(signed(config.formats.state.width), reset_less=True)
        m.d.sync += phi.eq(gate(value, streaming) | (hot << one))  # or 1
        return phi

    def _y(self, m):
        """y of the row whose PE is next."""
        config, step, time = self.config, self.step, Timing(self.config)
        row = Signal(range(config.blocks * config.macs + 1), reset_less=True)
        with m.If(step.start):
            m.d.sync += row.eq(self.settings.first_unit)
        with m.Elif(step.valid & step.row):
            m.d.sync += row.eq(row + 1)
        m.d.comb += [
            self.row_slot.eq(delay(m, self.sweep.slot, time.feature, name="row_slot")),
            self.row_unit.eq(delay(m, row, time.feature, name="row")),
        ]
        begun = ~self.sweep.fresh | self.keep
        return gate(self.y_row, delay(m, begun, time.feature + time.memory, name="row_begun"))

    def _noise(self, m, update):
        """Rounding noise of an UPDATE, 0 where it rounds to nearest."""
        step, time = self.step, Timing(self.config)
        m.submodules.noise = noise = NoiseHead(
            column_bits=self.config.column_bits,
            stages=time.add - time.feature - 1,
            deep=self.config.device.memory > 1,
            # the hash of one lane is not made anew before its UPDATE has begun
            keeps=bool(time.reach) or self.config.higher or time.multiplier > 3,
            soon=self.config.higher,
        )
        begin = delay(m, update & step.begin, time.feature, control=True, name="noise_begin")
        entry = Cat(step.column, step.first, step.valid & step.row)
        m.d.comb += [
            noise.load.eq(self.noise_load),
            noise.z.eq(self.noise_z),
            noise.begin.eq(begin),
            noise.nearest.eq(self.settings.nearest),
            Cat(noise.column, noise.first, noise.row).eq(
                delay(m, entry, time.feature, name="noise_entry")
            ),
        ]
        return noise.noise
