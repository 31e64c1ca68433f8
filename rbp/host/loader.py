"""The loader: a whole machine into a core, word by word."""

from dataclasses import replace

from rbp.checks import integer
from rbp.golden.noise import start_word
from rbp.golden.structure.numbering import NOBODY
from rbp.hdl.host.memory_map import TAG, AddressMap, Area
from rbp.hdl.layouts import PLACE, Region
from rbp.hdl.program import compiled
from rbp.host.requests import Read, Write

__all__ = ["CLEAR", "Loader"]

CLEAR = 4
NEAREST, FIXED, LOG, KEEP, DRAWN, RANDOM = (1 << k for k in range(8, 14))


class Loader:
    """Procedures that load one core of ``config`` with the raw words of a golden machine."""

    def __init__(self, config):
        self.config, self.map = config, AddressMap(config)
        self.limit = self.expected = 1
        self.saturated, self.refused = set(), False
        self.tag = self.log_read = 0  # of the last start; words of the log that were read
        self.structure = self.program = None
        self.there = {}  # words of the state that stay: by region, place and number
        self.resting = {}  # x(t0) of the pattern at a place

    def write(self, register, value):
        yield Write(self.map.register(register), int(value) & 0xFFFFFFFF)

    def read(self, register):
        return (yield Read(self.map.register(register)))

    def clear(self):
        """End a run at once; forget counters, flags, the log and the last start."""
        self.tag = self.log_read = 0
        yield from self.write("CONTROL", CLEAR)

    def start(self, register, word):
        """Write what starts something, with the next tag."""
        self.tag = self.tag % (TAG.mask >> TAG.low) + 1
        yield from self.write(register, word | self.tag << TAG.low)

    # Loading

    def load(self, machine):
        """Everything of ``machine``: the program, settings, flags, patterns, weights.

        Raises ValueError where the core is too small, before anything is written.
        """
        self.structure = machine.structure
        self.program = compiled(self.config, machine.structure)
        self.there, self.resting = {}, {}
        tables = list(self.load_program(machine.network.features))
        yield from self.clear()  # ends a run
        yield from tables
        yield from self.clear()  # the program's velocities
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
        """x(t0), I, T of each pattern, the first one at place ``first``; of a held unit, which no
        step writes, nothing but where it rests."""
        clamp, held = machine.network.clamp_units, self.structure.first
        targets = [Region.CLAMPED if c else Region.TARGET for c in clamp]
        self.resting |= dict(enumerate(machine.start, start=first))
        yield from self.load_state(Region.CLAMPED, machine.start, first, slice(held))
        rows = slice(held, None)
        yield from self.load_state(Region.X_START, machine.start, first, rows)
        yield from self.load_state(Region.INPUT, machine.inputs, first, rows)
        yield from self.load_state(targets, machine.targets, first, rows)

    def load_state(self, region, words, first=0, numbers=slice(None)):
        """Words of a region, or of one for each unit, of some numbers of the machine; but for what
        the core has already."""
        order = self.structure.order
        regions = [region] * words.shape[1] if isinstance(region, Region) else region
        for a, row in enumerate(words, start=first):
            for number in range(len(order))[numbers]:
                if (unit := order[number]) == NOBODY:
                    continue
                at, word = (regions[unit], a, number), int(row[unit]) & 0xFFFFFFFF
                if self.there.get(at) == word:
                    continue
                if regions[unit] not in (Region.X, Region.Y):  # which the core writes, too
                    self.there[at] = word
                for other in Region if regions[unit].banks else ():  # c is what is written last
                    if other.banks and other != regions[unit]:
                        self.there.pop((other, a, number), None)
                yield Write(self.map.state(*at), word)

    def load_weights(self, weights, area=Area.WEIGHTS):
        """W, or the velocities, N×M: P words an entry, those of no connection 0."""
        numbered = self.structure.to_machine(weights)
        numbered[: self.structure.first] = 0
        for bank, words in enumerate(self.program.pack(numbered).T):  # addresses in turn
            for entry, word in enumerate(words):
                yield Write(self.map.weight(bank, entry, area), int(word) & 0xFFFFFFFF)
