"""The driver: what a host does with a core, word by word, whatever carries the words.

Each procedure is a generator that yields requests and is sent their answers, so that the same code
runs under ctypes, under cocotb, and over a board's link:

    Write(address, data) → None      Read(address) → word      Idle(cycles) → None
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from rbp.checks import integer
from rbp.golden.noise import start_word
from rbp.golden.structure.numbering import NOBODY
from rbp.hdl.host.memory_map import AddressMap, Area
from rbp.hdl.layouts import PLACE, Region
from rbp.hdl.program import compiled
from rbp.hdl.timing import Timing

__all__ = ["BadAnswer", "Driver", "Idle", "Read", "Report", "Write"]


class Write(NamedTuple):
    """Write a 32-bit word."""

    address: int
    data: int


class Read(NamedTuple):
    """Read a 32-bit word."""

    address: int


class Idle(NamedTuple):
    """Let cycles pass."""

    cycles: int


class Report(NamedTuple):
    """What the log says of one update, or of a recall."""

    energy: int
    """Σ J² before the update."""
    steps: np.ndarray
    """A×2: of x and of y."""
    unsettled: np.ndarray
    """A×2 bool."""


class BadAnswer(Exception):
    """A core, or the way to it, answers what no core says."""


TRAIN, RECALL, CLEAR, STOP = 1, 2, 4, 8
NEAREST, FIXED, LOG, KEEP, DRAWN, RANDOM = (1 << k for k in range(8, 14))
STATUS_ROLES = {"state": 2, "error": 3, "net": 4, "weight": 5, "velocity": 7}
"""By role, the bit of STATUS that says that a word saturated."""


def _signed(word, width):
    word &= (1 << width) - 1
    return word - ((word >> (width - 1)) << width)


class Driver:
    """Procedures for one core of ``config``, from and to the raw words of a golden machine."""

    def __init__(self, config):
        self.config, self.map = config, AddressMap(config)
        self.limit = self.expected = 1
        self.saturated = set()
        self.structure = self.program = None

    def write(self, register, value):
        yield Write(self.map.register(register), int(value) & 0xFFFFFFFF)

    def read(self, register):
        return (yield Read(self.map.register(register)))

    # Loading

    def load(self, machine):
        """Everything of ``machine``: the program, settings, flags, patterns, weights.

        Raises ValueError where the core is too small, before anything is written.
        """
        self.structure = machine.structure
        self.program = compiled(self.config, machine.structure)
        tables = list(self.load_program(machine.network.features))
        yield from self.write("CONTROL", CLEAR)  # ends a run
        yield from tables
        yield from self.write("CONTROL", CLEAR)  # the program's velocities
        yield from self.load_settings(machine)
        yield from self.load_flags(machine.network)
        for region, words in ((Region.X, machine.x), (Region.Y, machine.y)):
            yield from self.load_state(region, words)
        yield from self.load_patterns(machine)
        yield from self.load_weights(machine.weights)
        if self.config.momentum and machine.velocity.any():  # else CLEAR has made them 0
            yield from self.load_weights(machine.velocity, Area.VELOCITIES)

    def load_program(self, features):
        """The network's structure: what the carousel plays, and which units have rows."""
        config, structure = self.config, self.structure
        last = (len(structure.order) - 1) * config.random_start
        yield from self.write("ROWS", structure.first | last << 16)
        tables = {Area.PROGRAM: self.program.encode(config.columns)}
        if config.higher:
            units, products = len(structure.order), structure.numbered_products
            numbered = replace(features, units=units, products=products)
            connected = structure.numbered.any(axis=0)
            tables[Area.PRODUCTS] = numbered.product_words(config)
            tables[Area.FOLDS] = numbered.fold_words(config, connected, structure.first)
        for area, words in tables.items():
            for k, word in enumerate(words):
                yield Write(self.map.at(area, k), int(word))

    def load_settings(self, machine):
        settling, learning = machine.settling, machine.learning
        low, high = self.config.eta_shifts
        integer("eta_shift", learning.eta_shift, low, high)
        self.limit = settling.limit
        mode = settling.dt_shift | (learning.eta_shift - low) << 4 | LOG
        if learning.seed is None:
            mode |= NEAREST
        if settling.fixed:
            mode |= FIXED
        if learning.keep:
            mode |= KEEP
        if learning.draw is not None:
            mode |= DRAWN
        if learning.start_seed is not None:
            mode |= RANDOM
        mode |= (learning.friction or 0) << 16
        yield from self.write("MODE", mode)
        yield from self.write("LIMIT", settling.limit)
        yield from self.write("TOLERANCE", settling.tolerance)
        yield from self.write("USE_WITHIN", settling.use_within)
        yield from self.write("PATTERNS", len(machine.targets))
        yield from self.write("BATCH", len(machine.patterns()))
        lanes, first = self.config.lanes, machine.t % len(machine.targets)
        place = {"lane": first % lanes, "slot": first // lanes}
        yield from self.write("FIRST", sum(place[name] << low for name, low in PLACE.items()))
        seeds = {learning.seed, learning.draw, learning.start_seed} - {None}
        first = learning.first_draw(len(machine.targets), machine.t)
        yield from self.write("NOISE", start_word(seeds.pop() if seeds else 0, first - 1))

    def load_flags(self, network):
        flags = network.clamp_units | network.target_units << 1 | network.input_units << 2
        flags = flags | ~self.structure.held << 3 | network.activation << 4
        order = self.structure.order
        for number in range(self.config.units):  # whatever was there before
            unit = order[number] if number < len(order) else NOBODY
            word = 0 if unit == NOBODY else int(flags[unit])
            yield Write(self.map.state(Region.FLAGS, 0, number), word)

    def load_patterns(self, machine, first=0):
        """x(t0), I, T of each pattern, the first one at place ``first``; of held units, which no
        step writes, x too; T last, of a clamped unit to a region of its own."""
        clamp = machine.network.clamp_units
        targets = [Region.CLAMPED if c else Region.TARGET for c in clamp]
        held = self.structure.first
        yield from self.load_state(Region.X, machine.start, first, held)
        yield from self.load_state(Region.X_START, machine.start, first)
        yield from self.load_state(Region.INPUT, machine.inputs, first)
        yield from self.load_state(targets, machine.targets, first)

    def load_state(self, region, words, first=0, numbers=None):
        """Words of a region, or of one for each unit; of the first ``numbers``, by default all."""
        order = self.structure.order[:numbers]
        regions = [region] * words.shape[1] if isinstance(region, Region) else region
        for a, row in enumerate(words, start=first):
            for number, unit in enumerate(order):
                if unit != NOBODY:
                    where = self.map.state(regions[unit], a, number)
                    yield Write(where, int(row[unit]) & 0xFFFFFFFF)

    def load_weights(self, weights, area=Area.WEIGHTS):
        """W, or the velocities, N×M: P words an entry, those of no connection 0."""
        numbered = self.structure.to_machine(weights)
        numbered[: self.structure.first] = 0
        for entry, row in enumerate(self.program.pack(numbered)):
            for bank, word in enumerate(row):
                yield Write(self.map.weight(bank, entry, area), int(word) & 0xFFFFFFFF)

    # Running

    def start_training(self, updates):
        self.expected = updates
        yield from self.write("UPDATES", updates)
        yield from self.write("CONTROL", TRAIN)

    def start_recall(self):
        self.expected = 1
        yield from self.write("CONTROL", RECALL)

    def stop(self):
        """End after the update under way."""
        yield from self.write("CONTROL", STOP)

    def busy(self):
        """Whether a run is under way; keeps the roles that have saturated."""
        status = yield from self.read("STATUS")
        self.saturated = {role for role, bit in STATUS_ROLES.items() if status >> bit & 1}
        return status & 3 != 0

    def reports(self, patterns, sink, *, training=True, pause=None):
        """Fetch the log until the run has ended; each Report goes to ``sink``.

        Where ``pause()`` becomes true, the core is told to stop after the update under way.
        Raises TimeoutError where no report comes for longer than relaxations at their limit take,
        or one more than was asked for.
        """
        length = patterns + (2 * self.config.lanes if training else 0)
        words, done, waited = [], 0, 0
        patience = 2 * patterns * (self.limit + 2) + 10
        time = Timing(self.config)
        while True:
            if pause and pause():
                pause = None
                yield from self.stop()
            busy = yield from self.busy()
            count = yield from self._log_count()
            for _ in range(count):
                words.append((yield from self.read("LOG")))
                if len(words) == length:
                    sink(self._report(words, patterns, training))
                    words, done, waited = [], done + 1, 0
            if not busy and count == 0:
                return
            waited += 1
            if waited > patience or done > self.expected:
                raise TimeoutError(f"the core is still busy after {done} reports, then {words}")
            if count < length:
                yield Idle(len(self.program) + time.drain)

    def _log_count(self):
        """Words in the log, as many as it can hold; raises :class:`BadAnswer`."""
        count, most = (yield from self.read("LOG_COUNT")), self.config.log_depth
        if count > most:
            raise BadAnswer(f"the core says that its log holds {count} words, of at most {most}")
        return count

    def _report(self, words, patterns, training):
        steps = np.array([[w & 0x7FFF, w >> 16 & 0x7FFF] for w in words[:patterns]])
        unsettled = np.array([[w >> 15 & 1, w >> 31 & 1] for w in words[:patterns]], bool)
        parts = words[patterns:]
        energy = sum(low | high << 32 for low, high in zip(parts[::2], parts[1::2], strict=True))
        if not training:
            steps, unsettled = steps[:, :1], unsettled[:, :1]
        return Report(energy, steps, unsettled)

    # Reading out

    def read_state(self, region, patterns, first=0):
        """A×N words of x(t0), x or y, of patterns from place ``first`` on."""
        formats = self.config.formats
        width = formats.error.width if region == Region.Y else formats.state.width
        numbers = self.structure.numbers
        words = np.empty((patterns, len(numbers)), np.int64)
        for a in range(patterns):
            for unit, number in enumerate(numbers):
                word = yield Read(self.map.state(region, first + a, number))
                words[a, unit] = _signed(word, width)
        return words

    def read_weights(self, area=Area.WEIGHTS):
        """W, or the velocities, column by column by way of the log, which must be empty; 0 in the
        rows of held units.

        Raises TimeoutError where a column does not come.
        """
        structure, width = self.structure, self.config.formats.weight.width
        rows = self.program.blocks * self.config.macs  # the last ones of which are nobody's
        weights = np.zeros((structure.first + rows, len(structure.columns)), np.int64)
        for column in range(len(structure.columns)):
            yield from self.write("COLUMN", column | (area == Area.VELOCITIES) << 16)
            waited = 0
            while (count := (yield from self._log_count())) < rows:
                if (waited := waited + 1) > 10:
                    raise TimeoutError(f"column {column}: the log holds {count} of {rows} weights")
                yield Idle(len(self.program))
            for row in range(rows):
                word = yield from self.read("LOG")
                weights[structure.first + row, column] = _signed(word, width)
        return structure.from_machine(weights[: len(structure.order)])

    def counters(self):
        """(unsettled, skipped, cycles, set of the roles that saturated)."""
        unsettled = yield from self.read("UNSETTLED")
        skipped = yield from self.read("SKIPPED")
        low = yield from self.read("CYCLES")
        high = yield from self.read("CYCLES_HIGH")
        yield from self.busy()
        return unsettled, skipped, low | high << 32, self.saturated
