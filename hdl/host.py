"""Host port: one synchronous word port over the memory map."""

from functools import reduce
from operator import and_, or_

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, gate, within
from rbp.hdl.lane import settings_layout
from rbp.hdl.memory_map import IDENTITY, REGISTERS, STATE, AddressMap, Area, greatest
from rbp.hdl.state import Region
from rbp.hdl.timing import Timing

__all__ = ["HostPort", "HostSignature"]

READABLE = {region for region, (access, _) in STATE.items() if "r" in access}


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

    A read takes :attr:`latency` cycles, a write two, of X and CLAMPED three and four; a weight, a
    column and a start wait for the carousel, a CLEAR until a run has ended. What is refused does
    nothing, reads as 0, and is noted in STATUS. While a run is under way, that is all but CONTROL,
    and reads of registers and the log. A core that can be refilled takes writes to the state then
    as well, as soon as there is room.

    Members
    -------
    bus : HostSignature
        To the master.
    settings, patterns, batch, drawn, logging : Out
        What the host has set.
    train, recall, clear, stop, abort : Out
        Commands; ``stop`` and ``abort``, for a CLEAR, stay until the run ends. A reset clears, too,
        so that most of what ``clear`` forgets needs no other reset: two would meet in a slow gate.
    fits : In
        The next pattern is one of A.
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
                "abort": Out(1),
                "fits": In(1),
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
                "host_bank": Out(2),
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
        start, asked = Signal(), Signal(2)  # a start, while it is looked at
        m.d.sync += quiet.eq(~(self.busy | start | asked.any()))

        fields = {
            "PATTERNS": self.patterns,
            "BATCH": self.batch,
            "LIMIT": settings.limit,
            "TOLERANCE": settings.tolerance,
            "USE_WITHIN": settings.use_within,
        }

        # what has an address, decoded in a cycle of its own
        coming, wanted = bus.addr[: amap.offset_bits], bus.addr[amap.offset_bits :]
        hit = {}
        for r in REGISTERS:
            hit[r.name] = Signal(name=f"hit_{r.name.lower()}", reset_less=True)
            at = (wanted == Area.REGISTERS.value) & (coming == amap.register(r.name))
            m.d.sync += hit[r.name].eq(at)
        to_state, to_weights = Signal(reset_less=True), Signal(reset_less=True)
        from_state, to_flags = Signal(reset_less=True), Signal(reset_less=True)
        of_state, of_flags, of_weights = self._mapped(coming)
        m.d.sync += [
            to_state.eq((wanted == Area.STATE.value) & of_state),
            to_flags.eq(of_flags),
            to_weights.eq(
                (wanted[1] if config.momentum else wanted == Area.WEIGHTS.value) & of_weights
            ),
        ]

        # the state memories
        unit, slot = amap.unit_bits, amap.unit_bits + amap.slot_bits
        region = Region(offset[slot : slot + amap.region_bits])
        lane = Signal(range(max(2, config.lanes)))
        m.d.comb += [
            lane.eq(offset[slot + amap.region_bits :][: amap.lane_bits]),
            self.host_select.eq(quiet),
            self.host_region.eq(region),
            self.host_slot.eq(offset[unit:slot]),
            self.host_unit.eq(offset[:unit]),
            from_state.eq(to_state & reduce(or_, (region == r for r in Region if r in READABLE))),
        ]
        # a word goes where it is to a cycle after it is taken, when the address still stands; with
        # it a bank of c, so a word that several banks hold is taken as many times
        word = Signal(32, reset_less=True)
        writing = Signal(config.lanes)
        turn, bank = Signal(2), Signal(2, reset_less=True)
        last_turn = Mux(region == Region.X, 1, gate(Const(2), region == Region.CLAMPED))
        goes_on, taken = turn != last_turn, Signal()
        m.d.sync += [
            word.eq(bus.w_data),
            bank.eq(Mux(region == Region.X_START, 2, turn)),
        ]
        with m.If(taken):
            m.d.sync += turn.eq(gate(turn + 1, goes_on))
        m.d.comb += [
            self.host_data.eq(word),
            self.host_write.eq(writing),
            self.host_bank.eq(bank),
        ]

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
        m.d.sync += register.eq(
            reduce(or_, (gate(value, hit[name]) for name, value in values.items()))
        )
        reading = bus.r_en & ~bus.w_en
        arrived = elapsed == self.latency - 1
        awaiting = reading & ~arrived
        starting = (
            start | asked.any() | self.train | self.recall
        )  # what a read should see the end of
        m.d.sync += elapsed.eq(gate(elapsed + 1, awaiting & ~starting))
        with m.If(awaiting):
            m.d.comb += bus.wait.eq(1)
        # a word of the state is the host's if no run was under way when its memory took the address
        asked_quietly = delay(m, quiet, time.look, name="asked_quietly")
        found_state, found_register = Signal(reset_less=True), Signal(reset_less=True)
        found, read = Signal(reset_less=True), Signal(32, reset_less=True)
        of_lane = Array(self.host_words)[lane]
        signed_word = Cat(of_lane, of_lane[-1].replicate(32 - len(of_lane)))
        m.d.sync += [
            found_state.eq(from_state & asked_quietly),
            found_register.eq(reduce(or_, (hit[name] for name in values))),
            read.eq(gate(signed_word, found_state) | register),
            found.eq(found_state | found_register),
        ]
        m.d.comb += bus.r_data.eq(read)
        with m.If(reading & arrived):
            with m.If(~found):
                m.d.sync += refused.eq(1)
            m.d.comb += self.log_pop.eq(hit["LOG"] & (self.log_count != 0))

        # writing: done in the cycle after it was decoded, and kept a cycle later; a weight or a
        # column is handed to the carousel
        decoded = Signal()
        m.d.sync += decoded.eq(bus.w_en & bus.wait)
        pending, pending_probe = Signal(), Signal()
        m.d.comb += [self.write.eq(pending), self.probe.eq(pending_probe)]
        with m.If(self.started):
            m.d.sync += [pending.eq(0), pending_probe.eq(0)]
        written = {r.name: hit[r.name] for r in REGISTERS if r.access != "ro"}
        control = written.pop("CONTROL")  # done at once
        mapped = to_state | to_weights | control | reduce(or_, written.values())
        # A run starts when the weights have arrived, so it takes the same time whatever came
        # before.
        to_carousel = to_weights | written["COLUMN"] | control
        blocked = pending | pending_probe | (to_carousel & ~self.resting)
        doing, running = Signal(), Signal()
        with m.If(quiet):
            m.d.sync += self.stop.eq(0)
        m.d.comb += running.eq(bus.w_en & decoded & ~quiet)
        with m.If(bus.w_en):
            m.d.comb += [
                doing.eq(decoded & quiet & ~blocked),
                taken.eq(doing & to_state),
                bus.wait.eq(~decoded | (quiet & (blocked | (to_state & goes_on)))),
            ]
        fills = Signal()
        if config.refill:
            stood = fills  # long enough for all of it to have reached the lane
            for k in range(1 + time.reach):
                stood_q = Signal(name=f"fills_q{k + 1}")
                m.d.sync += stood_q.eq(stood & ~taken)
                stood = stood_q
            m.d.comb += [
                fills.eq(running & to_state & ~to_flags),
                self.host_fill.eq(gate(1 << lane, fills & stood)),
            ]
            with m.If(fills):
                m.d.comb += [taken.eq(self.host_filled), bus.wait.eq(~self.host_filled | goes_on)]
        # of all else, a run takes STOP, and CLEAR, which waits until it has ended
        clears = control & word[2]  # the master has held it for a cycle
        m.d.sync += self.abort.eq(~quiet & (self.abort | (running & clears)))
        with m.If(running & ~fills):
            with m.If(clears):
                m.d.comb += bus.wait.eq(1)
                m.d.sync += self.stop.eq(1)
            with m.Elif(control & word[3]):
                m.d.sync += self.stop.eq(1)
            with m.Elif(~control | word[:2].any()):
                m.d.sync += refused.eq(1)
        with m.If(doing & ~mapped):
            m.d.sync += refused.eq(1)

        # commands
        commands = Signal()
        train, recall, clear = word[:3]
        m.d.comb += start.eq(commands & (train | recall) & ~clear)
        m.d.sync += [
            commands.eq(doing & control),
            self.clear.eq(doing & control & clear),
            asked.eq(Cat(start, asked[0])),
        ]
        with m.If(start):
            m.d.sync += settings.errors.eq(train)
        with m.If(commands):
            with m.If(clear):
                m.d.sync += refused.eq(0)
            with m.If(word[4:].any() | (clear & (train | recall))):
                m.d.sync += refused.eq(1)

        # settings, each with whether it fits
        done = {}
        for name, signal in (*written.items(), ("weights", to_weights)):
            done[name] = Signal(name=f"done_{name.lower()}")
            m.d.sync += done[name].eq(doing & signal)
        for name, signal in fields.items():
            with m.If(done[name]):
                m.d.sync += signal.eq(word)
        unfit = {}
        low, high = config.eta_shifts
        beyond = {name: ~within(word, most) for name, most in greatest(config).items()}
        modes = next(r.fields for r in REGISTERS if r.name == "MODE")
        built = sum(f.mask for f in modes if not f.option or getattr(config, f.option))
        beyond["MODE"] = (word & Const(~built & 0xFFFFFFFF, 32)).any() | ~within(
            word[4:8], high - low
        )
        for name, out in beyond.items():
            unfit[name] = Signal(name=f"unfit_{name.lower()}")
            with m.If(done[name]):
                m.d.sync += unfit[name].eq(out)
                with m.If(out):
                    m.d.sync += refused.eq(1)
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

        # a start that fits, two cycles after the last setting at the earliest
        checks, fit = Signal(4), Signal()
        one = Signal()
        m.d.sync += [
            one.eq(self.batch == 1),
            checks.eq(
                Cat(
                    ~Cat(unfit.values()).any(),
                    self.batch != 0,
                    self.batch <= self.patterns,
                    settings.limit != 0,
                )
            ),
            fit.eq(checks.all() & self.fits & (one | ~self.drawn | ~settings.errors)),
            self.train.eq(asked[1] & fit & settings.errors),
            self.recall.eq(asked[1] & fit & ~settings.errors),
        ]
        with m.If(asked[1] & ~fit):
            m.d.sync += refused.eq(1)

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
            other = word[16 + config.momentum :].any()
            with m.If(within(word[:16], config.terms - 1) & ~other):
                m.d.sync += [pending_probe.eq(1), self.probe_column.eq(word)]
            with m.Else():
                m.d.sync += refused.eq(1)
            if config.momentum:
                m.d.sync += self.velocity.eq(word[16])
        m.d.comb += [
            self.noise_write.eq(done["NOISE"]),
            self.updates_write.eq(done["UPDATES"]),
            self.first_write.eq(done["FIRST"]),
            self.set.eq(word),
        ]
        m.d.sync += writing.eq(
            gate((1 << lane) | to_flags.replicate(config.lanes), doing & to_state)
        )
        return m

    def _mapped(self, offset):
        """Whether a word of the state, one of FLAGS, and one of the weights has this offset."""
        config, amap = self.config, self.map

        def split(*bits):
            at = 0
            for n in bits:
                yield offset[at : at + n]
                at += n
            yield offset[at:]

        unit, slot, region, lane, rest = split(
            amap.unit_bits, amap.slot_bits, amap.region_bits, amap.lane_bits
        )
        flags = region == Region.FLAGS.value
        counts = ((unit, config.units), (slot, config.slots), (lane, config.lanes))
        inside = reduce(and_, (within(field, count - 1) for field, count in counts))
        state = inside & ~rest.any() & (region != Region.X_DRAWN.value)
        state = state & ~(flags & Cat(slot, lane).any())

        word, bank, rest = split(amap.word_bits, amap.bank_bits)
        before = (config.blocks - 1) * config.terms  # the first word of the last block
        rows = config.units - (config.blocks - 1) * config.macs  # there
        real = within(bank, config.macs - 1)
        if rows < config.macs:
            real = real & ((word < before) | (bank < rows))
        weights = real & within(word, config.blocks * config.terms - 1) & ~rest.any()
        return state, flags, weights
