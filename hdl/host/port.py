"""Host port: one synchronous word port over the memory map."""

from functools import reduce
from operator import or_

from amaranth.hdl import Array, Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.host.commands import Commands
from rbp.hdl.host.decode import Decoder
from rbp.hdl.host.description import description
from rbp.hdl.host.handing import Handing
from rbp.hdl.host.interrupt import Interrupt
from rbp.hdl.host.memory_map import IDENTITY, REGISTERS, AddressMap, Area
from rbp.hdl.host.read import READABLE, Reader
from rbp.hdl.host.settings import SettingsRegisters
from rbp.hdl.host.states import StateAccess
from rbp.hdl.layouts import settings_layout
from rbp.hdl.wires import HostSignature, LogPort, Run, StatePort, Store, tables

__all__ = ["HostPort"]


COPIED = ("patterns", "batch", "drawn", "logging")
"""Settings of a run."""


class HostPort(wiring.Component):
    """Does what the memory map (:mod:`rbp.hdl.host.memory_map`) says, and keeps the settings.

    A read takes :attr:`rbp.hdl.host.read.Reader.latency` cycles, a write two, of X and CLAMPED
    three and four; a word of the program, a weight, a column and a start wait for the carousel, a
    CLEAR until a run has ended. What is refused does nothing, reads as 0, and is noted in STATUS.
    While a run is under way, that is all but CONTROL, LOG_READ, IRQ_ENABLE, and reads of registers
    and the log. A core that can be refilled takes writes to the state then as well, as soon as
    there is room.

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
        The carousel rested a cycle ago, asked for nothing; flags, for STATUS.
    log : LogPort
    irq : Out
        What the host waits for is there.
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
                "irq": Out(1),
            }
        )
        self.decoder, self.reader = Decoder(config), Reader(config)
        self.registers = SettingsRegisters(config)
        self.commands, self.interrupt = Commands(), Interrupt()
        self.handing, self.access = Handing(config), StateAccess(config)
        self.train, self.recall = self.commands.train, self.commands.recall
        self.clear, self.asked = self.commands.clear, self.commands.asked
        self.refused, self.refuses = Signal(), Signal()  # since a CLEAR; the latter an event
        self.refusals = []
        names = [r.name for r in REGISTERS if r.access != "ro" and r.name != "CONTROL"]
        names += ["WEIGHTS", *(area.name for area in self.map.tables)]
        self.done = {name: Signal(name=f"done_{name.lower()}") for name in names}
        self.quiet = Signal()  # no run is under way
        self.always = self.decoder.hit.LOG_READ | self.decoder.hit.IRQ_ENABLE
        # what is written, a cycle after it is taken, when the address is still there
        self.word, self.doing, self.running = Signal(32, reset_less=True), Signal(), Signal()
        self.storing = Signal()  # `doing`, of what is not the carousel's, which is known sooner

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
            run.set.eq(self.word),
        ]
        self._read(m)
        self._write(m)
        self._states(m)
        self._command(m)
        self._keep(m)
        self._hand(m)
        self._events(m)
        return m

    def _states(self, m):
        """Words of the state."""
        m.submodules.access = access = self.access
        for name in "region slot unit lane to_state to_flags".split():
            m.d.comb += getattr(access, name).eq(getattr(self.decoder, name))
        for name in "word running quiet".split():
            m.d.comb += getattr(access, name).eq(getattr(self, name))
        m.d.comb += access.doing.eq(self.storing)
        for mine, theirs in zip(access.states, self.states, strict=True):
            connect(m, mine, flipped(theirs))
        with m.If(access.fills):
            m.d.comb += self.bus.wait.eq(access.waits)

    def _read(self, m):
        """By way of the reader."""
        config, bus, run, hit = self.config, self.bus, self.run, self.decoder.hit
        built = Array(Const(word, 32) for word in description(config))
        values = {
            "IDENTITY": Const(IDENTITY, 32),
            "STATUS": Cat(
                run.phase,
                self.saturated[:4],
                self.refused,
                self.saturated[4:] if config.momentum else Const(0, 1),
                self.interrupt.events,
                Const(0, 14),
                self.commands.tag,
            ),
            "LOG_COUNT": self.log.count,
            "LOG_READ": self.log.read,
            "IRQ_ENABLE": self.interrupt.enable,
            "DESCRIPTION": built[self.decoder.address[:3]],
            "LOG": self.log.word,
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
        m.d.comb += self.log.address.eq(self.decoder.address)

    def _write(self, m):
        """Done in the cycle after it was decoded, and kept a cycle later; a weight or a column is
        handed to the carousel."""
        bus, at = self.bus, self.decoder
        decoded, handing = Signal(), self.handing
        m.d.sync += decoded.eq(bus.w_en & bus.wait)
        written = [at.hit[r.name] for r in REGISTERS if r.access != "ro"]
        serving = self.write | self.probe | handing.asks
        held = at.to_carousel & ~self.resting
        blocked = serving | held
        m.d.comb += self.running.eq(bus.w_en & decoded & ~self.quiet)
        with m.If(bus.w_en):
            m.d.comb += [
                self.storing.eq(decoded & self.quiet & ~serving),
                self.doing.eq(self.storing & ~held),
                bus.wait.eq(
                    ~decoded | (self.quiet & (blocked | (at.to_state & self.access.goes_on)))
                ),
            ]
        mapped = at.to_state | at.to_weights | at.to_table.as_value().any() | reduce(or_, written)
        nowhere = Signal()
        m.d.sync += nowhere.eq(self.doing & ~mapped)
        self.refusals += [nowhere, handing.refused]

    def _command(self, m):
        """CONTROL; of a run, its end."""
        m.submodules.commands = commands = self.commands
        run, control, registers = self.run, self.decoder.hit.CONTROL, self.registers
        mine = self.running & ~self.access.fills
        m.d.comb += [
            commands.data.eq(self.bus.w_data),
            commands.word.eq(self.word),
            commands.doing.eq(self.doing & control),
            commands.running.eq(mine & control),
            commands.quiet.eq(self.quiet),
            commands.fit.eq(registers.fit),
            commands.errors.eq(self.settings.errors),
            registers.errors.eq(self.bus.w_data[0]),
            registers.set_errors.eq(commands.set_errors),
            run.start.eq(self.train | self.recall),
            run.clear.eq(self.clear),
            run.stop.eq(commands.stop),
            run.abort.eq(commands.abort),
        ]
        with m.If(commands.waits):
            m.d.comb += self.bus.wait.eq(1)
        self.refusals += [mine & ~control & ~self.always, commands.refused, registers.refused]

    def _keep(self, m):
        """What was written, by where to."""
        config, run, at, word = self.config, self.run, self.decoder, self.word
        registers, done = self.registers, self.done
        here = {name: at.hit[name] for name in at.hit.shape().members}
        here |= {name: at.to_table[name] for name in at.to_table.shape().members}
        here |= {"WEIGHTS": at.to_weights}
        written = self.doing | (self.running & self.always)
        m.d.sync += [signal.eq(written & here[name]) for name, signal in done.items()]
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

    def _hand(self, m):
        """To the carousel."""
        m.submodules.handing = handing = self.handing
        at = self.decoder
        m.d.comb += [
            handing.word.eq(self.word),
            handing.weight.eq(self.done["WEIGHTS"]),
            handing.column.eq(self.done["COLUMN"]),
            handing.bank.eq(at.bank),
            handing.entry.eq(at.word),
            handing.velocity.eq(at.area == Area.VELOCITIES),
            handing.again.eq(self.commands.again),
            handing.started.eq(self.started),
            self.commands.column.eq(handing.is_column),
            self.write.eq(handing.write),
            self.probe.eq(handing.probe),
            self.probe_column.eq(handing.probe_column),
        ]
        connect(m, handing.store, flipped(self.store))

    def _events(self, m):
        """How far the log is read, what the host waits for, and what was refused."""
        m.submodules.interrupt = interrupt = self.interrupt
        log, enables, word = self.log, self.done["IRQ_ENABLE"], self.word
        unknown = word[2:].any()
        m.d.comb += [
            log.set.eq(self.done["LOG_READ"]),
            log.upto.eq(word),
            interrupt.busy.eq(self.run.busy),
            interrupt.start.eq(self.run.start),
            interrupt.clear.eq(self.clear),
            interrupt.half.eq(log.count[-2:].any()),
            interrupt.set.eq(enables & ~unknown),
            interrupt.word.eq(word),
            self.irq.eq(interrupt.irq),
        ]
        self.refusals += [log.refused, enables & unknown]
        m.d.sync += [
            self.refuses.eq(reduce(or_, self.refusals)),
            self.refused.eq((self.refused & ~self.commands.forgets) | self.refuses),
        ]
