"""The memory map, once: the hardware, the driver and the documentation are made from it.

Addresses count 32-bit words. The upper two bits choose the area:

    0  registers    offset, as in REGISTERS
    1  state        {lane, region, slot, unit}    pattern a is slot a div L of lane a mod L
    2  weights      {bank, (i div P)·M + j}       w[i][j] is in bank i mod P; written only
    3  velocities   the same, where momentum is built in

A core that can be refilled takes writes to the state while it runs, too, of patterns that are not
of the batch under way.

Regions of the state are those of :class:`rbp.hdl.state.Region`: T, I, x(t0) and the start of c, x,
y of each pattern, and the flags of each unit, one copy a lane (slot 0). x, x(t0) and y can be read.

A column j of W is read by writing j to COLUMN: N words of log follow, w[0][j] … w[N−1][j]; of the
velocities, with bit 16. A weight that is written, or a run that is started, waits for them.
What a run writes to the log is said in :class:`rbp.hdl.training.Training`.
"""

from dataclasses import dataclass

from amaranth.lib import enum

__all__ = ["IDENTITY", "REGISTERS", "AddressMap", "Area", "Register"]

IDENTITY = 0x52425031  # "RBP1"


@dataclass(frozen=True)
class Register:
    """A word of the register area. Access: ``ro``, ``rw``, ``wo``. A run refuses writes but to
    CONTROL."""

    name: str
    access: str
    doc: str


REGISTERS = (
    Register("IDENTITY", "ro", "0x52425031"),
    Register("SHAPE", "ro", "bits 0-10 units, 11-21 macs, 22-25 lanes"),
    Register("SLOTS", "ro", "bits 0-8 slots of a lane"),
    Register("CONTROL", "wo", "bit 0 train, 1 recall, 2 clear counters, flags and log, 3 stop"),
    Register(
        "STATUS",
        "ro",
        "bits 0-1 phase (0 idle), 2-5 saturated: state, error, net, weight; 6 refused an access; "
        "7 saturated: velocity",
    ),
    Register("UPDATES", "rw", "updates still to make, 24 bits; 0: until stopped"),
    Register("PATTERNS", "wo", "A, 1 ... lanes * slots"),
    Register("BATCH", "wo", "B, patterns of an update, 1 ... A; 1 where they are drawn"),
    Register(
        "FIRST",
        "wo",
        "the next pattern a: bits 0-2 its lane a mod L, 16-23 its slot a div L",
    ),
    Register(
        "MODE",
        "wo",
        "bits 0-1 k of dt = 2^-k, 4-7 log2 eta above its least, 8 round to nearest, "
        "9 fixed steps, 10 log, 11 go on from the last x and y, 12 draw patterns, "
        "13 draw x(t0), where built in, "
        "16-18 k of a momentum of 1 - 2^-k, where built in",
    ),
    Register("LIMIT", "wo", "steps of a relaxation, 1 ... 32767"),
    Register("TOLERANCE", "wo", "settled when max|step| is at most this, in units"),
    Register("USE_WITHIN", "wo", "an unsettled relaxation counts up to this, in units"),
    Register("NOISE", "wo", "seed + t * 0x9E3779B9, t the rank-1 updates so far"),
    Register("UNSETTLED", "ro", "relaxations at their limit, 24 bits"),
    Register("SKIPPED", "ro", "rank-1 updates left out, 24 bits"),
    Register("CYCLES", "ro", "cycles busy, bits 0-31"),
    Register("CYCLES_HIGH", "ro", "bits 32-47"),
    Register("COLUMN", "wo", "bits 0-15 a column of W to the log; 16 of the velocities instead"),
    Register("LOG_COUNT", "ro", "words in the log"),
    Register("LOG", "ro", "the oldest word, which is taken out"),
)
"""In order of their addresses."""


class Area(enum.Enum, shape=2):
    REGISTERS = 0
    STATE = 1
    WEIGHTS = 2
    VELOCITIES = 3


def _bits(count):
    return max(1, (count - 1).bit_length())


class AddressMap:
    """Addresses of one configuration."""

    def __init__(self, config):
        self.config = config
        self.unit_bits = _bits(config.units)
        self.slot_bits = _bits(config.slots)
        self.lane_bits = _bits(config.lanes)
        self.region_bits = 4
        self.word_bits = _bits(config.blocks * config.terms)
        self.bank_bits = _bits(config.macs)
        self.offset_bits = max(
            5,
            self.unit_bits + self.slot_bits + self.lane_bits + self.region_bits,
            self.word_bits + self.bank_bits,
        )

    @property
    def width(self):
        """Bits of an address."""
        return self.offset_bits + 2

    def register(self, name):
        """Address of a register."""
        return next(k for k, r in enumerate(REGISTERS) if r.name == name)

    def state(self, region, pattern, unit):
        """Address of a word of a pattern's state."""
        lane, slot = pattern % self.config.lanes, pattern // self.config.lanes
        offset = (lane << self.region_bits) | region.value
        offset = (((offset << self.slot_bits) | slot) << self.unit_bits) | unit
        return (Area.STATE.value << self.offset_bits) | offset

    def weight(self, i, j, area=Area.WEIGHTS):
        """Address of w[i][j], or of its velocity."""
        bank, block = i % self.config.macs, i // self.config.macs
        offset = (bank << self.word_bits) | (block * self.config.terms + j)
        return (area.value << self.offset_bits) | offset
