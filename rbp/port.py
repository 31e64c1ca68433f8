"""What the words of a core's port mean, bit by bit: for the manual and the header."""

from typing import NamedTuple

__all__ = ["FIELDS", "LOG", "PORTS", "Field"]


PORTS = (
    ("clk", "in", "clock, rising edge"),
    ("rst", "in", "reset, synchronous, active high"),
    ("bus_addr", "in", "address of a 32-bit word, see the manual"),
    ("bus_w_data", "in", "word to write"),
    ("bus_w_en", "in", "write; held while bus_wait is high"),
    ("bus_r_en", "in", "read; held while bus_wait is high"),
    ("bus_r_data", "out", "word read, in the first cycle without bus_wait"),
    ("bus_wait", "out", "the request is not done yet"),
    ("phase", "out", "what the core is doing; 0: idle"),
)
"""Name, direction, meaning."""


class Field(NamedTuple):
    """Some bits of a word."""

    name: str
    first: int
    width: int
    meaning: str
    needs: str = ""
    """What of a Config must be built in, else the bits are ignored."""

    @property
    def bits(self):
        last = self.first + self.width - 1
        return str(self.first) if self.width == 1 else f"{self.first}-{last}"


def _row(word, *fields):
    return {word: tuple(Field(*field) for field in fields)}


FIELDS = {
    **_row(
        "SHAPE",
        ("UNITS", 0, 11, "N, units"),
        ("MACS", 11, 11, "P, multipliers of a lane"),
        ("LANES", 22, 4, "L, lanes"),
    ),
    **_row("SLOTS", ("SLOTS", 0, 9, "places for patterns in a lane")),
    **_row(
        "CONTROL",
        ("TRAIN", 0, 1, "start a training"),
        ("RECALL", 1, 1, "start a recall"),
        ("CLEAR", 2, 1, "zero the counters, the flags and the log"),
        ("STOP", 3, 1, "end the training after the update under way"),
    ),
    **_row(
        "STATUS",
        ("PHASE", 0, 2, "0 idle, 1 relaxing, 2 updating, 3 the last weights are on their way"),
        ("SATURATED_STATE", 2, 1, "a word of x was clamped to its format, since the last CLEAR"),
        ("SATURATED_ERROR", 3, 1, "a word of y was"),
        ("SATURATED_NET", 4, 1, "a net input u was"),
        ("SATURATED_WEIGHT", 5, 1, "a weight was"),
        ("REFUSED", 6, 1, "an access was refused, since the last CLEAR"),
        ("SATURATED_VELOCITY", 7, 1, "a velocity was clamped", "momentum"),
    ),
    **_row("UPDATES", ("UPDATES", 0, 24, "updates still to make; 0: until STOP")),
    **_row(
        "FIRST",
        ("LANE", 0, 3, "lane of the next pattern, a mod L"),
        ("SLOT", 16, 8, "its slot, a div L"),
    ),
    **_row(
        "MODE",
        ("DT_SHIFT", 0, 2, "k of dt = 2^-k"),
        ("ETA", 4, 4, "log2 eta, above the least that is built in"),
        ("NEAREST", 8, 1, "round updates to nearest; 0: at random"),
        ("FIXED", 9, 1, "each relaxation takes exactly LIMIT steps"),
        ("LOG", 10, 1, "write reports to the log"),
        ("KEEP", 11, 1, "relaxations go on from the pattern's last x and y, not from x(t0) and 0"),
        ("DRAWN", 12, 1, "each update takes one pattern that is drawn; BATCH is 1 then"),
        ("RANDOM", 13, 1, "x(t0) is drawn from [0, 1)", "random_start"),
        ("FRICTION", 16, 3, "k of a momentum of 1 - 2^-k", "momentum"),
    ),
    **_row("LIMIT", ("LIMIT", 0, 15, "steps of a relaxation at most, 1 ... 32767")),
    **_row("TOLERANCE", ("TOLERANCE", 0, 15, "settled when no step of a word is greater")),
    **_row("USE_WITHIN", ("USE_WITHIN", 0, 15, "unsettled, but used where no step is greater")),
    **_row("UNSETTLED", ("UNSETTLED", 0, 24, "relaxations that reached LIMIT, since CLEAR")),
    **_row("SKIPPED", ("SKIPPED", 0, 24, "updates left out, being unsettled, since CLEAR")),
    **_row(
        "COLUMN",
        ("COLUMN", 0, 16, "which column of W is to be written to the log"),
        ("VELOCITIES", 16, 1, "of the velocities instead", "momentum"),
    ),
}
"""Fields of the registers; a register that is not here is one number of up to 32 bits."""

LOG = (
    Field("X_STEPS", 0, 15, "Euler steps of x"),
    Field("X_UNSETTLED", 15, 1, "x reached LIMIT unsettled"),
    Field("Y_STEPS", 16, 15, "Euler steps of y; 0 in a recall"),
    Field("Y_UNSETTLED", 31, 1, "y reached LIMIT unsettled; 0 in a recall"),
)
"""A word of steps, one a pattern, in the log."""
