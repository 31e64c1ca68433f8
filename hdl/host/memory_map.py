"""The memory map, once: the hardware, the driver and the documentation are made from it.

Addresses count 32-bit words. The upper three bits choose the area:

    0  registers    offset, as in REGISTERS; from 32 on, what was built, as in DESCRIPTION
    1  state        {lane, region, slot, unit}    pattern a is slot a div L of lane a mod L
    2  weights      {bank, entry}                 bank p has row p of an entry; written only
    3  velocities   the same, where momentum is built in
    4  program      a word, see rbp.hdl.layouts.word_layout; written only
    5  products     of a column, its factors; in a higher order; written only
    6  folds        two words a term; in a higher order; written only
    7  log          word n since the last CLEAR at n modulo its words; read only

Regions of the state are those of :class:`rbp.hdl.layouts.Region`; :data:`STATE` says what each
holds. A word of the state is read with its sign in all upper bits.

An access is *refused* where nothing has that address, where it cannot be read or written, while a
run is under way (but for CONTROL, LOG_READ, IRQ_ENABLE, the log, and the state of a core that can
be refilled), where a start's settings do not fit, and where LOG_READ is beyond what was
written. Then nothing happens, a read gives 0, and STATUS has the bit
``refused`` until a CLEAR. A register that was given a value beyond its range refuses starts until
it has one within.

A core that can be refilled takes writes to the state while it runs, too, of patterns that are not
of the batch under way.

*Every access can be repeated*, since a link may lose an answer: the second one does no harm. A read
changes nothing: the log keeps its words until LOG_READ says that they are read. What is started, a
run or a column, has a tag: a start with the tag of the last one is not done again, nor refused. All
else writes plain words.

Units are numbered so that those that are held come first, which have no rows. The program and ROWS
come before the weights. CLEAR makes the velocities of the program's entries 0, too, which
takes a turn of the carousel.

A column j of W is read by writing j to COLUMN: N words of log follow, w[H][j] … w[N−1][j]; of the
velocities, with bit 16. A weight that is written, or a run that is started, waits for them.
"""

from amaranth.lib import enum

from rbp.hdl.host.description import DESCRIPTION
from rbp.hdl.host.register import Field, Register
from rbp.hdl.layouts import Region

__all__ = [
    "ADDRESSED",
    "DESCRIBES",
    "IDENTITY",
    "LOG_FIELDS",
    "REGISTERS",
    "STATE",
    "TAG",
    "AddressMap",
    "Area",
    "greatest",
]

AREA_BITS = 3
IDENTITY = 0x52425034
"""``RBP``, and the version of this map."""


TAG = Field("TAG", 24, 4, "what is started: not done again where it is that of the last; 0: none")

REGISTERS = (
    Register("IDENTITY", "ro", f"0x{IDENTITY:08x}: RBP in its upper bits, then the map's version"),
    Register(
        "CONTROL",
        "wo",
        "commands, one in a write",
        (
            Field("TRAIN", 0, 1, "start a training"),
            Field("RECALL", 1, 1, "start a recall, in which no unit is clamped"),
            Field("CLEAR", 2, 1, "end a run at once; counters, STATUS, log and FIRST become 0"),
            Field("STOP", 3, 1, "end the training after the update under way"),
            TAG,
        ),
    ),
    Register(
        "STATUS",
        "ro",
        "what the core does, and what has happened since the last CLEAR",
        (
            Field("PHASE", 0, 2, "0 idle, 1 relaxing, 2 updating, 3 the last weights are coming"),
            Field("SATURATED_STATE", 2, 1, "a word of the state was clamped to its format"),
            Field("SATURATED_ERROR", 3, 1, "the same of y, J or b"),
            Field("SATURATED_NET", 4, 1, "the same of u"),
            Field("SATURATED_WEIGHT", 5, 1, "the same of a weight"),
            Field("REFUSED", 6, 1, "an access was refused"),
            Field("SATURATED_VELOCITY", 7, 1, "a velocity was clamped", "momentum"),
            Field("DONE", 8, 1, "the run that was started last has ended"),
            Field("LOG_HALF", 9, 1, "the log is half full"),
            Field("TAG", 24, 4, "of the last start; 0: none"),
        ),
    ),
    Register("UPDATES", "rw", "updates still to make, up to 16777215; 0: until stopped"),
    Register("PATTERNS", "wo", "A, 1 ... lanes * slots"),
    Register("BATCH", "wo", "B, patterns of an update, 1 ... A; 1 where they are drawn"),
    Register(
        "FIRST",
        "wo",
        "the next pattern a, less than A",
        (
            Field("LANE", 0, 3, "a mod L"),
            Field("SLOT", 16, 8, "a div L"),
        ),
    ),
    Register(
        "MODE",
        "wo",
        "how it settles and learns",
        (
            Field("DT", 0, 2, "k of dt = 2^-k"),
            Field("ETA", 4, 4, "log2 eta above its least"),
            Field("NEAREST", 8, 1, "round weights to nearest, else with noise"),
            Field("FIXED", 9, 1, "take LIMIT steps, settled or not"),
            Field("LOG", 10, 1, "write the log"),
            Field("KEEP", 11, 1, "go on from the last x and y"),
            Field("DRAW", 12, 1, "draw the pattern of each update"),
            Field("RANDOM", 13, 1, "draw x(t0)", "random_start"),
            Field("FRICTION", 16, 3, "k of a momentum of 1 - 2^-k", "momentum"),
        ),
    ),
    Register("LIMIT", "wo", "steps of a relaxation, 1 ... 32767"),
    Register("TOLERANCE", "wo", "settled when max|step| is at most this, in ulp, up to 32767"),
    Register("USE_WITHIN", "wo", "an unsettled relaxation counts up to this, in ulp, up to 32767"),
    Register("NOISE", "wo", "seed + t * 0x9E3779B9, t the draws so far"),
    Register("UNSETTLED", "ro", "relaxations at their limit, modulo 2^24"),
    Register("SKIPPED", "ro", "rank-1 updates left out, modulo 2^24"),
    Register("CYCLES", "ro", "cycles busy, bits 0-31"),
    Register("CYCLES_HIGH", "ro", "bits 32-47"),
    Register(
        "ROWS",
        "wo",
        "which units have rows",
        (
            Field("FIRST_UNIT", 0, 11, "H, how many units are held"),
            Field("LAST_UNIT", 16, 11, "the last one whose x(t0) is drawn", "random_start"),
        ),
    ),
    Register(
        "COLUMN",
        "wo",
        "what to write to the log",
        (
            Field("COLUMN", 0, 16, "column of W"),
            Field("VELOCITIES", 16, 1, "of the velocities instead", "momentum"),
            TAG,
        ),
    ),
    Register("LOG_COUNT", "ro", "words in the log that are not yet read"),
    Register(
        "LOG_READ",
        "rw",
        "words of the log that the host has read since the last CLEAR, modulo twice its words",
    ),
    Register(
        "IRQ_ENABLE",
        "rw",
        "when irq is high",
        (
            Field("DONE", 0, 1, "while STATUS has DONE"),
            Field("LOG_HALF", 1, 1, "while STATUS has LOG_HALF"),
        ),
    ),
)
"""In order of their addresses."""

DESCRIBES = 32
"""The address of the first word of :data:`~rbp.hdl.host.description.DESCRIPTION`."""

ADDRESSED = dict(enumerate(REGISTERS)) | dict(enumerate(DESCRIPTION, start=DESCRIBES))
"""All words of the register area, by address."""

LOG_FIELDS = (
    Field("X_STEPS", 0, 15, "Euler steps of x"),
    Field("X_UNSETTLED", 15, 1, "x reached LIMIT"),
    Field("Y_STEPS", 16, 15, "Euler steps of y; 0 in a recall"),
    Field("Y_UNSETTLED", 31, 1, "y reached LIMIT"),
)
"""A word of the log for each pattern of a batch, in order; behind them, after an update, two words
for each lane: the lower and the upper half of its sum of J*J."""

STATE = {
    Region.X_START: ("rw", "x(t0), and what a relaxation starts from"),
    Region.X: ("rw", "x at the end of the last relaxation; what one goes on from (KEEP)"),
    Region.Y: ("rw", "y"),
    Region.TARGET: ("wo", "T of a unit that is not clamped"),
    Region.CLAMPED: ("wo", "T of a clamped unit, behind its X_START and X; x of a held unit"),
    Region.INPUT: ("wo", "I"),
    Region.FLAGS: ("wo", "of a unit, for all patterns: written at pattern 0"),
}
"""The regions that a host may use: access, and what is there."""


def greatest(config):
    """The greatest value of each register that holds a number, by name."""
    held, steps = config.lanes * config.slots, (1 << 15) - 1
    return {
        "UPDATES": (1 << 24) - 1,
        "PATTERNS": held,
        "BATCH": held,
        "LIMIT": steps,
        "TOLERANCE": steps,
        "USE_WITHIN": steps,
    }


class Area(enum.Enum, shape=3):
    REGISTERS = 0
    STATE = 1
    WEIGHTS = 2
    VELOCITIES = 3
    PROGRAM = 4
    PRODUCTS = 5
    FOLDS = 6
    LOG = 7


def _bits(count):
    return max(1, (count - 1).bit_length())


class AddressMap:
    """Addresses of one configuration."""

    def __init__(self, config):
        self.config = config
        self.unit_bits = _bits(config.units)
        self.slot_bits = _bits(config.slots)
        self.lane_bits = _bits(config.lanes)
        self.region_bits = 3
        self.word_bits = _bits(config.entries)
        self.bank_bits = _bits(config.macs)
        self.tables = {Area.PROGRAM: config.words}
        if config.higher:
            self.tables |= {Area.PRODUCTS: config.products, Area.FOLDS: 2 * config.folds}
        self.log_bits = _bits(config.log_depth)
        self.offset_bits = max(
            6,
            self.log_bits,
            self.unit_bits + self.slot_bits + self.lane_bits + self.region_bits,
            self.word_bits + self.bank_bits,
            *map(_bits, self.tables.values()),
        )

    @property
    def areas(self):
        """Those that a core has."""
        absent = set() if self.config.higher else {Area.PRODUCTS, Area.FOLDS}
        absent |= set() if self.config.momentum else {Area.VELOCITIES}
        return [area for area in Area if area not in absent]

    @property
    def width(self):
        """Bits of an address."""
        return self.offset_bits + AREA_BITS

    def register(self, name):
        """Address of a register, or of a word of the description."""
        return {r.name: k for k, r in ADDRESSED.items()}[name]

    def log(self, n):
        """Address of word n of the log since the last CLEAR."""
        return self.at(Area.LOG, n % self.config.log_depth)

    def state(self, region, pattern, unit):
        """Address of a word of a pattern's state; the unit by its number in the machine.

        Raises ValueError where the core has no such word.
        """
        lane, slot = pattern % self.config.lanes, pattern // self.config.lanes
        if not (0 <= slot < self.config.slots and 0 <= unit < self.config.units):
            raise ValueError(
                f"pattern must be 0 … {self.config.lanes * self.config.slots - 1} and unit "
                f"0 … {self.config.units - 1}, not {pattern} and {unit}"
            )
        offset = (lane << self.region_bits) | region.value
        offset = (((offset << self.slot_bits) | slot) << self.unit_bits) | unit
        return self.at(Area.STATE, offset)

    def weight(self, bank, entry, area=Area.WEIGHTS):
        """Address of a word of an entry, or of its velocity."""
        return self.at(area, (bank << self.word_bits) | entry)

    def at(self, area, offset):
        """Address of a word of an area."""
        return (area.value << self.offset_bits) | offset
