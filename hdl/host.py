"""Host port: one synchronous word port over the memory map."""

from functools import reduce
from operator import or_

from amaranth.hdl import Array, Cat, Const, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, gate
from rbp.hdl.lane import settings_layout
from rbp.hdl.memory_map import IDENTITY, REGISTERS, AddressMap, Area
from rbp.hdl.state import Region
from rbp.hdl.timing import Timing

__all__ = ["HostPort", "HostSignature"]

REGISTER_BITS = (len(REGISTERS) - 1).bit_length()


class HostSignature(wiring.Signature):
    """A word port, seen from the master, which holds its request while ``wait`` is high.

    The request is done in the first cycle without ``wait``; ``r_data`` stands in that cycle.
    """

    def __init__(self, address_width):
        super().__init__(
            {
                "addr": Out(address_width),
                "w_data": Out(32),
                "w_en": Out(1),
                "r_en": Out(1),
                "r_data": In(32),
                "wait": In(1),
            }
        )


class HostPort(wiring.Component):
    """Decodes the memory map (:mod:`rbp.hdl.memory_map`) and keeps the settings.

    A read takes :attr:`latency` cycles, a write two; a weight, a column and a start wait for the
    carousel. While a run is under way, writes but to CONTROL and reads of the state do nothing,
    read as 0, and are noted in STATUS; registers and the log can be read at any time. A core that
    can be refilled takes writes to the state then as well, as soon as there is room.

    Members
    -------
    bus : HostSignature
        To the master.
    settings, patterns, batch, drawn, logging : Out
        What the host has set.
    train, recall, clear, stop : Out
        Commands; ``stop`` stays until the run ends. A reset clears, too, so that most of what
        ``clear`` forgets needs no other reset: two would meet in a slow gate.
    noise_write, updates_write, first_write, set : Out
        Counters of :mod:`rbp.hdl.training`, and what to set them to.
    values : In
        The registers that the core keeps, in the order of :attr:`READ_BY_CORE`.
    phase, saturated, busy, resting : In
        For STATUS; a run is under way; the carousel rests.
    host_* : to the state memories of all lanes; ``host_write`` chooses one
    host_fill, host_filled : the same, while a run is under way
    store_*, write, started : a weight, to the carousel
    probe, probe_column : a column, to the carousel
    velocity : with momentum, that the weight or column is one of the velocities
    log_count, log_head, log_pop : the log's
    """

    READ_BY_CORE = ("UPDATES", "UNSETTLED", "SKIPPED", "CYCLES", "CYCLES_HIGH")

    def __init__(self, config, *, word):
        self.config, self.map = config, AddressMap(config)
        lanes = config.lanes
        super().__init__(
            {
                "bus": In(HostSignature(self.map.width)),
                "settings": Out(settings_layout(config)),
                "patterns": Out(range(config.lanes * config.slots + 1)),
                "batch": Out(range(config.lanes * config.slots + 1)),
                "drawn": Out(1),
                "logging": Out(1),
                "train": Out(1),
                "recall": Out(1),
                "clear": Out(1, init=1),
                "stop": Out(1),
                "noise_write": Out(1),
                "updates_write": Out(1),
                "first_write": Out(1),
                "set": Out(32),
                "values": In(32).array(len(self.READ_BY_CORE)),
                "phase": In(2),
                "saturated": In(5 if config.momentum else 4),
                "busy": In(1),
                "resting": In(1),
                "host_select": Out(1),
                "host_write": Out(lanes),
                "host_region": Out(Region),
                "host_slot": Out(range(max(2, config.slots))),
                "host_unit": Out(range(max(2, config.units))),
                "host_data": Out(word),
                "host_words": In(word).array(lanes),
                "store_bank": Out(range(max(2, config.macs))),
                "store_address": Out(range(max(2, config.blocks * config.terms))),
                "store": Out(config.formats.weight.width),
                "write": Out(1),
                "probe": Out(1),
                "probe_column": Out(range(max(2, config.terms))),
                "started": In(1),
                "log_count": In(range(config.log_depth + 1)),
                "log_head": In(32),
                "log_pop": Out(1),
                **({"host_fill": Out(lanes), "host_filled": In(1)} if config.refill else {}),
                **({"velocity": Out(1)} if config.momentum else {}),
            }
        )

    @property
    def latency(self):
        """Cycles of a read, the first included: a word of a lane's, or the log's next, and two
        registers."""
        return Timing(self.config).look + 4

    def elaborate(self, platform):
        m = Module()
        config, bus, amap, time = self.config, self.bus, self.map, Timing(self.config)
        settings = self.settings
        # the master holds its address: all but the decoding of a write sees it a cycle later
        address = Signal(len(bus.addr), reset_less=True)
        m.d.sync += address.eq(bus.addr)
        offset, area = address[: amap.offset_bits], Signal(Area)
        m.d.comb += area.eq(address[amap.offset_bits :])
        refused, quiet = Signal(), Signal()
        m.d.sync += quiet.eq(~self.busy)

        fields = {
            "PATTERNS": self.patterns,
            "BATCH": self.batch,
            "LIMIT": settings.limit,
            "TOLERANCE": settings.tolerance,
            "USE_WITHIN": settings.use_within,
        }

        # the state memories
        unit, slot = amap.unit_bits, amap.unit_bits + amap.slot_bits
        region = slot + amap.region_bits
        lane = Signal(range(max(2, config.lanes)))
        m.d.comb += [
            lane.eq(offset[region : region + amap.lane_bits]),
            self.host_select.eq(quiet),
            self.host_region.eq(offset[slot:region]),
            self.host_slot.eq(offset[unit:slot]),
            self.host_unit.eq(offset[:unit]),
        ]
        # a word goes where it is to a cycle after it is taken, when the address still stands
        word = Signal(32, reset_less=True)
        writing = Signal(config.lanes)
        m.d.sync += word.eq(bus.w_data)
        m.d.comb += [self.host_data.eq(word), self.host_write.eq(writing)]

        # reading: everything after the same time; registers are chosen in a cycle of their own
        elapsed = Signal(range(self.latency))
        saturated = self.saturated
        values = {
            "IDENTITY": Const(IDENTITY, 32),
            "SHAPE": Const(config.units | config.macs << 11 | config.lanes << 22),
            "SLOTS": Const(config.slots),
            "STATUS": Cat(self.phase, saturated[:4], refused, saturated[4:]),
            "LOG_COUNT": self.log_count,
            "LOG": self.log_head,
            **dict(zip(self.READ_BY_CORE, self.values, strict=True)),
        }
        register = Signal(32, reset_less=True)
        chosen = {}
        for name in values:
            chosen[name] = Signal(name=f"reads_{name.lower()}", reset_less=True)
            m.d.sync += chosen[name].eq(offset[:REGISTER_BITS] == amap.register(name))
        m.d.sync += register.eq(
            reduce(or_, (gate(value, chosen[name]) for name, value in values.items()))
        )
        reading = bus.r_en & ~bus.w_en
        arrived = elapsed == self.latency - 1
        awaiting = reading & ~arrived
        m.d.sync += elapsed.eq(gate(elapsed + 1, awaiting))
        with m.If(awaiting):
            m.d.comb += bus.wait.eq(1)
        # a word of the state is the host's if no run was under way when its memory took the address
        asked_quietly = delay(m, quiet, time.look, name="asked_quietly")
        from_state, from_register = Signal(reset_less=True), Signal(reset_less=True)
        of_state, read = Signal(reset_less=True), Signal(32, reset_less=True)
        found = Array(self.host_words)[lane].as_unsigned()
        m.d.sync += [
            from_state.eq((area == Area.STATE) & asked_quietly),
            from_register.eq((area == Area.REGISTERS) & (offset[REGISTER_BITS:] == 0)),
            read.eq(gate(found, from_state) | gate(register, from_register)),
            of_state.eq(from_state),
        ]
        m.d.comb += bus.r_data.eq(read)
        with m.If(reading & arrived):
            with m.If((area == Area.STATE) & ~of_state):
                m.d.sync += refused.eq(1)
            m.d.comb += self.log_pop.eq(from_register & chosen["LOG"] & (self.log_count != 0))

        # writing: decoded in a cycle of its own, then done, and kept a cycle later; a weight or a
        # column is handed to the carousel
        decoded = Signal()
        m.d.sync += decoded.eq(bus.w_en & bus.wait)
        coming, asked = bus.addr[: amap.offset_bits], bus.addr[amap.offset_bits :]
        hit = {
            r.name: Signal(name=f"hit_{r.name.lower()}", reset_less=True)
            for r in REGISTERS
            if r.access != "ro"
        }
        for name, signal in hit.items():
            at = (asked == Area.REGISTERS.value) & (coming == amap.register(name))
            m.d.sync += signal.eq(at)
        to_state, to_weights = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            to_state.eq(asked == Area.STATE.value),
            to_weights.eq(asked[1] if config.momentum else asked == Area.WEIGHTS.value),
        ]

        pending, pending_probe = Signal(), Signal()
        m.d.comb += [self.write.eq(pending), self.probe.eq(pending_probe)]
        with m.If(self.started):
            m.d.sync += [pending.eq(0), pending_probe.eq(0)]
        control = hit.pop("CONTROL")  # done at once
        # A run starts when the weights have arrived, so it takes the same time whatever came
        # before.
        to_carousel = to_weights | hit["COLUMN"] | control
        blocked = pending | pending_probe | (to_carousel & ~self.resting)
        doing = Signal()
        with m.If(self.phase == 0):
            m.d.sync += self.stop.eq(0)
        with m.If(bus.w_en):
            m.d.comb += [
                doing.eq(decoded & quiet & ~blocked),
                bus.wait.eq(~decoded | (quiet & blocked)),
            ]
        fills = Signal()
        if config.refill:
            stood = delay(m, fills, time.reach, control=True, name="fills")
            m.d.comb += [
                fills.eq(bus.w_en & decoded & ~quiet & to_state),
                self.host_fill.eq(gate(1 << lane, fills & stood)),
            ]
            with m.If(fills):
                m.d.comb += bus.wait.eq(~self.host_filled)
        with m.If(bus.w_en & decoded & ~quiet & ~fills):
            with m.If(~control):
                m.d.sync += refused.eq(1)
            with m.Elif(bus.w_data[3]):
                m.d.sync += self.stop.eq(1)
        commands = doing & control
        train, recall, clear = bus.w_data[:3]
        m.d.sync += [
            self.train.eq(commands & train),
            self.recall.eq(commands & recall & ~train),
            self.clear.eq(commands & clear),
        ]
        with m.If(commands):
            with m.If(train | recall):
                m.d.sync += settings.errors.eq(train)
            with m.If(clear):
                m.d.sync += refused.eq(0)

        done = {}
        for name, signal in (*hit.items(), ("weights", to_weights)):
            done[name] = Signal(name=f"done_{name.lower()}")
            m.d.sync += done[name].eq(doing & signal)
        for name, signal in fields.items():
            with m.If(done[name]):
                m.d.sync += signal.eq(word)
        with m.If(done["MODE"]):
            m.d.sync += [
                settings.dt_shift.eq(word[0:2]),
                settings.eta.eq(word[4:8]),
                settings.nearest.eq(word[8]),
                settings.fixed.eq(word[9]),
                self.logging.eq(word[10]),
                settings.keep.eq(word[11]),
                self.drawn.eq(word[12]),
            ]
            if config.random_start:
                m.d.sync += settings.random.eq(word[13])
            if config.momentum:
                m.d.sync += settings.friction.eq(word[16:])
        with m.If(done["weights"]):
            m.d.sync += [
                pending.eq(1),
                self.store.eq(word),
                self.store_address.eq(offset[: amap.word_bits]),
                self.store_bank.eq(offset[amap.word_bits :][: amap.bank_bits]),
            ]
            if config.momentum:
                m.d.sync += self.velocity.eq(area == Area.VELOCITIES)
        with m.If(done["COLUMN"]):
            m.d.sync += [pending_probe.eq(1), self.probe_column.eq(word)]
            if config.momentum:
                m.d.sync += self.velocity.eq(word[16])
        m.d.comb += [
            self.noise_write.eq(done["NOISE"]),
            self.updates_write.eq(done["UPDATES"]),
            self.first_write.eq(done["FIRST"]),
            self.set.eq(word),
        ]
        m.d.sync += writing.eq(gate(1 << lane, doing & to_state))
        return m
