"""Host port: one synchronous word port over the memory map."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import gate, within
from rbp.hdl.host.decode import Decoder
from rbp.hdl.host.memory_map import IDENTITY, REGISTERS, AddressMap, Area
from rbp.hdl.host.read import READABLE, Reader
from rbp.hdl.host.settings import SettingsRegisters
from rbp.hdl.layouts import Region, settings_layout
from rbp.hdl.timing import Timing
from rbp.hdl.wires import HostSignature, LogPort, Run, StatePort, Store, tables

__all__ = ["HostPort"]


COPIED = ("patterns", "batch", "drawn", "logging")
"""Settings of a run."""


class HostPort(wiring.Component):
    """Does what the memory map (:mod:`rbp.hdl.host.memory_map`) says, and keeps the settings.

    A read takes :attr:`rbp.hdl.host.read.Reader.latency` cycles, a write two, of X and CLAMPED
    three and four; a word of the program, a weight, a column and a start wait for the carousel, a
    CLEAR until a run has ended. What is refused does
    nothing, reads as 0, and is noted in STATUS. While a run is under way, that is all but CONTROL,
    and reads of registers and the log. A core that can be refilled takes writes to the state then
    as well, as soon as there is room.

    Members
    -------
    bus : HostSignature
        To the master.
    settings : Out
        What the host has set.
    run : Run
        To training. ``stop`` and ``abort``, for a CLEAR, stay until the run ends. A reset clears,
        too, so that most of what ``clear`` resets needs no other reset: two would meet in a slow
        gate.
    states : StatePort, array of L
        To the lanes.
    store, write, started : Store, Out, In
        A weight, to the carousel.
    probe, probe_column : Out
        A column, to the carousel.
    program, products, folds : TablePort
        Words of the program; in a higher order, of the products and the folds.
    resting, saturated : In
        The carousel rests; flags, for STATUS.
    log : LogPort
    """

    def __init__(self, config):
        self.config, self.map = config, AddressMap(config)
        super().__init__(
            {
                "bus": In(HostSignature(self.map.width)),
                "settings": Out(settings_layout(config)),
                "run": Out(Run(config)),
                "states": Out(StatePort(config)).array(config.lanes),
                "store": Out(Store(config)),
                "write": Out(1),
                "probe": Out(1),
                "probe_column": Out(config.column_bits),
                **{name: Out(port) for name, port in tables(config).items()},
                "started": In(1),
                "resting": In(1),
                "saturated": In(5 if config.momentum else 4),
                "log": Out(LogPort(config)),
            }
        )
        self.decoder, self.reader = Decoder(config), Reader(config)
        self.registers = SettingsRegisters(config)
        self.refused, self.refuses = Signal(), Signal()  # since a CLEAR; the latter an event
        self.refusals = []
        names = [r.name for r in REGISTERS if r.access != "ro" and r.name != "CONTROL"]
        names += ["WEIGHTS", *(area.name for area in self.map.tables)]
        self.done = {name: Signal(name=f"done_{name.lower()}") for name in names}
        self.quiet = Signal()  # no run is under way
        self.asked = Signal(2)  # a start, while it is looked at
        self.train, self.recall, self.clear = Signal(), Signal(), Signal(init=1)
        # what is written, a cycle after it is taken, when the address is still there; with it a
        # bank of c, so a word that several banks hold is taken as many times
        self.word, self.turn = Signal(32, reset_less=True), Signal(2)
        self.taken, self.goes_on = Signal(), Signal()
        self.doing, self.running, self.fills = Signal(), Signal(), Signal()
        self.pending, self.pending_probe = Signal(), Signal()  # to be handed to the carousel

    def elaborate(self, platform):
        m = Module()
        m.submodules.decoder, m.submodules.registers = self.decoder, self.registers
        bus, run = self.bus, self.run
        m.d.sync += [
            self.quiet.eq(~(run.busy | self.train | self.recall | self.asked.any())),
            self.word.eq(bus.w_data),
        ]
        m.d.comb += [
            self.decoder.addr.eq(bus.addr),
            bus.refused.eq(self.refuses),
            run.start.eq(self.train | self.recall),
            run.clear.eq(self.clear),
            run.set.eq(self.word),
        ]
        self._states(m)
        self._read(m)
        self._write(m)
        if self.config.refill:
            self._fill(m)
        self._run(m)
        self._command(m)
        self._keep(m)
        return m

    def _states(self, m):
        """The lanes' state memories: read at the present address, written a cycle later."""
        at, region = self.decoder, self.decoder.region
        bank, writing = Signal(2, reset_less=True), Signal(self.config.lanes)
        last_turn = Mux(region == Region.X, 1, gate(Const(2), region == Region.CLAMPED))
        m.d.comb += self.goes_on.eq(self.turn != last_turn)
        with m.If(self.taken):
            m.d.sync += self.turn.eq(gate(self.turn + 1, self.goes_on))
        everywhere = at.to_flags.replicate(self.config.lanes)
        m.d.sync += [
            bank.eq(Mux(region == Region.X_START, 2, self.turn)),
            writing.eq(gate((1 << at.lane) | everywhere, self.doing & at.to_state)),
        ]
        for k, state in enumerate(self.states):
            m.d.comb += [
                state.select.eq(self.quiet),
                state.write.eq(writing[k]),
                state.region.eq(region),
                state.bank.eq(bank),
                state.slot.eq(at.slot),
                state.unit.eq(at.unit),
                state.data.eq(self.word),
            ]

    def _read(self, m):
        """By way of the reader; a word of the log is taken out."""
        config, bus, run, hit = self.config, self.bus, self.run, self.decoder.hit
        values = {
            "IDENTITY": Const(IDENTITY, 32),
            "SHAPE": Const(config.units | config.macs << 11 | config.lanes << 22),
            "SLOTS": Const(config.slots),
            "STATUS": Cat(run.phase, self.saturated[:4], self.refused, self.saturated[4:]),
            "LOG_COUNT": self.log.count,
            "LOG": self.log.head,
            "UPDATES": run.updates,
            "UNSETTLED": run.unsettled,
            "SKIPPED": run.skipped,
            "CYCLES": run.cycles[:32],
            "CYCLES_HIGH": run.cycles[32:],
        }
        m.submodules.reader = reader = self.reader
        reading = bus.r_en & ~bus.w_en
        m.d.comb += [
            reader.reading.eq(reading),
            reader.starting.eq(self.asked.any() | run.start),
            reader.from_state.eq(self.decoder.from_state),
            reader.lane.eq(self.decoder.lane),
            reader.quiet.eq(self.quiet),
            *(reader.hit[name].eq(hit[name]) for name in READABLE),
            *(reader.registers[name].eq(values[name]) for name in READABLE),
            *(reader.words[k].eq(state.word) for k, state in enumerate(self.states)),
            bus.r_data.eq(reader.word),
        ]
        with m.If(reading & ~reader.arrived):
            m.d.comb += bus.wait.eq(1)
        self.refusals.append(reader.arrived & ~reader.found)
        with m.If(reader.arrived):
            m.d.comb += self.log.pop.eq(hit.LOG & (self.log.count != 0))

    def _write(self, m):
        """Done in the cycle after it was decoded, and kept a cycle later; a weight or a column is
        handed to the carousel."""
        bus, at = self.bus, self.decoder
        decoded, pending, pending_probe = Signal(), self.pending, self.pending_probe
        m.d.sync += decoded.eq(bus.w_en & bus.wait)
        m.d.comb += [self.write.eq(pending), self.probe.eq(pending_probe)]
        with m.If(self.started):
            m.d.sync += [pending.eq(0), pending_probe.eq(0)]
        written = [at.hit[r.name] for r in REGISTERS if r.access != "ro"]
        # A run starts when the weights have arrived, so it takes the same time whatever came
        # before.
        to_carousel = at.to_weights | at.to_table.PROGRAM | at.hit.COLUMN | at.hit.CONTROL
        blocked = pending | pending_probe | (to_carousel & ~self.resting)
        m.d.comb += self.running.eq(bus.w_en & decoded & ~self.quiet)
        with m.If(bus.w_en):
            m.d.comb += [
                self.doing.eq(decoded & self.quiet & ~blocked),
                self.taken.eq(self.doing & at.to_state),
                bus.wait.eq(~decoded | (self.quiet & (blocked | (at.to_state & self.goes_on)))),
            ]
        mapped = at.to_state | at.to_weights | at.to_table.as_value().any() | reduce(or_, written)
        asks = Signal()  # for a column, which a cycle later is pending, or not one
        m.d.sync += asks.eq(self.done["COLUMN"])
        self.refusals += [self.doing & ~mapped, asks & ~pending_probe]

    def _fill(self, m):
        """Words of the state while a run is under way."""
        at, stood = self.decoder, self.fills  # long enough for all of it to have reached the lane
        for k in range(1 + Timing(self.config).reach):
            stood_q = Signal(name=f"fills_q{k + 1}")
            m.d.sync += stood_q.eq(stood & ~self.taken)
            stood = stood_q
        m.d.comb += self.fills.eq(self.running & at.to_state & ~at.to_flags)
        for k, state in enumerate(self.states):
            m.d.comb += state.fill.eq(self.fills & stood & (at.lane == k))
        filled = Cat(state.filled for state in self.states).any()
        with m.If(self.fills):
            m.d.comb += [self.taken.eq(filled), self.bus.wait.eq(~filled | self.goes_on)]

    def _run(self, m):
        """Of all else, a run takes STOP, and CLEAR, which waits until it has ended."""
        run, control, data = self.run, self.decoder.hit.CONTROL, self.bus.w_data
        clears = control & data[2]
        with m.If(self.quiet):
            m.d.sync += run.stop.eq(0)
        m.d.sync += run.abort.eq(~self.quiet & (run.abort | (self.running & clears)))
        mine, stops = self.running & ~self.fills, control & data[2:4].any()
        with m.If(mine & clears):
            m.d.comb += self.bus.wait.eq(1)
        with m.If(mine & stops):
            m.d.sync += run.stop.eq(1)
        self.refusals.append(mine & ~stops & (~control | data[:2].any()))

    def _command(self, m):
        """CONTROL is done at once; a start that fits, two cycles later."""
        data, registers = self.bus.w_data, self.registers
        commands = self.doing & self.decoder.hit.CONTROL
        train, recall, clear = data[:3]
        start = commands & (train | recall) & ~clear
        errors = self.settings.errors
        m.d.comb += [registers.errors.eq(train), registers.set_errors.eq(start)]
        m.d.sync += [
            self.clear.eq(commands & clear),
            self.asked.eq(Cat(start, self.asked[0])),
            self.train.eq(self.asked[1] & registers.fit & errors),
            self.recall.eq(self.asked[1] & registers.fit & ~errors),
        ]
        unknown = data[4:].any() | (clear & (train | recall))
        unfit = self.asked[1] & ~registers.fit
        self.refusals += [commands & unknown, unfit, registers.refused]
        m.d.sync += [
            self.refuses.eq(reduce(or_, self.refusals)),
            self.refused.eq((self.refused & ~(commands & clear)) | self.refuses),
        ]

    def _keep(self, m):
        """What was written, by where to."""
        config, run, at, word = self.config, self.run, self.decoder, self.word
        registers, done = self.registers, self.done
        here = {name: at.hit[name] for name in at.hit.shape().members}
        here |= {name: at.to_table[name] for name in at.to_table.shape().members}
        here |= {"WEIGHTS": at.to_weights}
        m.d.sync += [signal.eq(self.doing & here[name]) for name, signal in done.items()]
        for area in self.map.tables:
            table = getattr(self, area.name.lower())
            m.d.comb += [
                table.w_en.eq(done[area.name]),
                table.w_addr.eq(at.address),
                table.w_data.eq(word),
            ]
        m.d.comb += [
            registers.word.eq(word),
            *(registers.done[name].eq(done[name]) for name in registers.done.shape().members),
            registers.fits.eq(run.fits),
            self.settings.eq(registers.settings),
            run.errors.eq(registers.settings.errors),
            *(getattr(run, name).eq(getattr(registers, name)) for name in COPIED),
            run.noise_write.eq(done["NOISE"]),
            run.updates_write.eq(done["UPDATES"]),
            run.first_write.eq(done["FIRST"]),
        ]
        if config.random_start:
            m.d.comb += run.random.eq(registers.settings.random)
        with m.If(done["WEIGHTS"]):
            m.d.sync += [
                self.pending.eq(1),
                self.store.word.eq(word),
                self.store.address.eq(at.word),
                self.store.bank.eq(at.bank),
            ]
            if config.momentum:
                m.d.sync += self.store.velocity.eq(at.area == Area.VELOCITIES)
        with m.If(done["COLUMN"]):
            other = word[16 + config.momentum :].any()
            fits = within(word[:16], config.columns - 1) & ~other
            m.d.sync += [self.pending_probe.eq(fits), self.probe_column.eq(word)]
            if config.momentum:
                m.d.sync += self.store.velocity.eq(word[16])
