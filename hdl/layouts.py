"""Words that run between blocks: what their fields are."""

from amaranth.lib import data, enum

__all__ = [
    "PLACE",
    "STEP_BITS",
    "Kind",
    "Phase",
    "Region",
    "c_place_layout",
    "element_layout",
    "energy_bits",
    "flags_layout",
    "patterns",
    "place_layout",
    "place_of_pattern",
    "settings_layout",
    "slots",
    "step_layout",
    "sweep_layout",
    "unit",
    "word_layout",
]

STEP_BITS = 15


def slots(config):
    """Shape of a slot's number."""
    return range(max(2, config.slots))


def unit(config):
    """Shape of a unit's number."""
    return range(max(2, config.units))


def patterns(config):
    """Shape of a number of patterns."""
    return range(config.lanes * config.slots + 1)


class Kind(enum.Enum, shape=2):
    """What a turn of the carousel is for."""

    RELAX = 0
    """FORWARD or BACKWARD, as each lane chooses."""
    UPDATE = 1
    WRITE = 2
    """One token, with one weight from the host."""
    PROBE = 3
    """FORWARD with φ one-hot, whose results are a column of W."""


def word_layout(config):
    """A word of the program: an entry, or with ``more`` a run of them.

    A run is this column and one or more that follow it, up to the one before the next word's
    column. A column's value :attr:`rbp.golden.config.Config.columns` is none. Golden model:
    :meth:`rbp.golden.program.Program.encode`.
    """
    return data.StructLayout(
        {
            "column": config.column_bits,
            "more": 1,
            "last": 1,  # of a block
            "column_first": 1,  # of the column's entries in the program
            "column_last": 1,
            "end": 1,  # of the program
            "short_end": 1,  # of a turn in which all sweep BACKWARD
        }
    )


def step_layout(config):
    """The carousel's position; ``start`` comes the cycle before a turn's first step.

    With momentum, an UPDATE without patterns is an APPLY, in which the velocities move the weights,
    or makes the velocities ``zero``. Where
    weights have a single port, a word is ``due`` in one of an UPDATE's two turns.
    """
    return data.StructLayout(
        {
            **({"apply": 1, "zero": 1} if config.momentum else {}),
            **({"due": 1} if config.spram else {}),
            "start": 1,
            "start_kind": Kind,
            "start_relax": 1,  # a RELAX starts: known sooner, and much follows from it
            "start_short": 1,  # of it only what leads BACKWARD is played
            "valid": 1,
            "kind": Kind,
            "column": config.column_bits,
            "begin": 1,  # of the program
            "end": 1,  # of the turn
            "first": 1,  # of a block
            "last": 1,
            "column_first": 1,  # of the column's entries in the program
            "column_last": 1,
            "row": 1,  # one of a block's first P entries: y of the next PE is due
        }
    )


class Phase(enum.Enum, shape=2):
    """What a run is doing."""

    IDLE = 0
    RELAX = 1
    UPDATE = 2
    DRAIN = 3


class Region(enum.Enum, shape=3):
    """What the host may write, for each pattern and unit; it reads X_START, X and Y.

    A write of X_START, X or CLAMPED fills c as well. Of a unit, what is written last is what the
    next relaxation starts from: so CLAMPED comes behind X_START and X.
    """

    X_START = 0
    """x(t0), and c of a relaxation's start."""
    X = 1
    """x, and c of a relaxation that goes on."""
    Y = 2
    TARGET = 3
    """T of a unit that is not clamped."""
    CLAMPED = 4
    """T of a clamped unit, and its c; or where a held unit rests."""
    INPUT = 5
    FLAGS = 6
    """Of a unit, the same for all patterns: written at pattern 0, for all lanes."""
    X_DRAWN = 7
    """x(t0) without c: of a random start, not of the host."""

    @property
    def banks(self):
        """Banks of c that a write fills, one in a cycle: 0 and 1, and 2, the start's."""
        return {Region.X_START: (2,), Region.X: (0, 1), Region.CLAMPED: (0, 1, 2)}.get(self, ())


def flags_layout(config):
    """What a unit is: clamped to T, a target, an input; one that moves, else its words stay as they
    are; and which activation it has."""
    layout = {"clamp": 1, "target": 1, "input": 1, "moves": 1}
    if len(config.activations) > 1:
        layout["activation"] = range(len(config.activations))
    return data.StructLayout(layout)


def place_layout(config):
    """Address of a word of a pattern's state."""
    return data.StructLayout({"unit": unit(config), "slot": slots(config)})


def c_place_layout(config):
    """The same of a word of c, in one of its banks."""
    return data.StructLayout({**place_layout(config).members, "bank": 2})


def element_layout(config):
    """Which element a result is: unit, pattern, sweep; ``fresh`` in the first step of x or of y;
    ``bank`` receives c."""
    return data.StructLayout({"unit": unit(config), **sweep_layout(config).members})


def sweep_layout(config):
    """A sweep of one pattern: ``bank`` holds the c that a FORWARD reads; unless it is the first, or
    ``fresh``, and starts from x(t0)."""
    return data.StructLayout({"slot": slots(config), "backward": 1, "fresh": 1, "bank": 1})


def energy_bits(config):
    """Σ J² over the patterns of a lane."""
    return 2 * config.formats.error.width - 1 + (config.units * config.slots).bit_length()


PLACE = {"lane": 0, "slot": 16}
"""First bit of each field of the next pattern's place, as the host sets it."""


def place_of_pattern(config):
    """Pattern a is slot a div L of lane a mod L."""
    return data.StructLayout({"lane": range(max(2, config.lanes)), "slot": slots(config)})


def settings_layout(config):
    """What the host sets and nothing changes while the core runs."""
    low, high = config.eta_shifts
    return data.StructLayout(
        {
            "dt_shift": range(config.dt_shifts + 1),
            "eta": range(high - low + 1),  # log2 of η over its least value
            "nearest": 1,
            "fixed": 1,
            "errors": 1,
            "keep": 1,  # go on from the last x and y
            "limit": STEP_BITS,
            "tolerance": STEP_BITS,
            "use_within": STEP_BITS,
            "first_unit": unit(config),  # that has a row
            "rows_set": 1,  # it is new
            **({"random": 1, "last_unit": unit(config)} if config.random_start else {}),
            **({"friction": range(config.frictions + 1)} if config.momentum else {}),
        }
    )
