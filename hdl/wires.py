"""Interfaces between blocks, by name; each seen from the block that asks."""

from amaranth.hdl import signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.layouts import (
    STEP_BITS,
    Region,
    energy_bits,
    patterns,
    place_of_pattern,
    slots,
    unit,
    word_layout,
)

__all__ = [
    "Deal",
    "Draw",
    "HostSignature",
    "LogPort",
    "LookUp",
    "Report",
    "Run",
    "StatePort",
    "Store",
    "TablePort",
    "Turn",
    "tables",
]


class HostSignature(wiring.Signature):
    """A word port, seen from the master, which holds its request while ``wait`` is high.

    The request is done in the first cycle without ``wait``; ``r_data`` is valid in that cycle.
    ``refused`` is high for a cycle where it was refused, 1 … :attr:`VERDICT` cycles after it.
    """

    VERDICT = 3

    def __init__(self, address_width):
        super().__init__(
            {
                "addr": Out(address_width),
                "w_data": Out(32),
                "w_en": Out(1),
                "r_en": Out(1),
                "r_data": In(32),
                "wait": In(1),
                "refused": In(1),
            }
        )


class Deal(wiring.Signature):
    """Training to a lane: take a pattern. None comes beside a finish, which is said in time."""

    def __init__(self, config):
        super().__init__(
            {
                "go": Out(1),
                "slot": Out(slots(config)),
                "finishing": In(1),  # Timing.notice cycles ahead
                "idle": In(1),  # every pattern dealt has settled
            }
        )


class Turn(wiring.Signature):
    """Training to a lane: an UPDATE. ``slot`` is whose turn it is, ``use`` to take part in it."""

    def __init__(self, config):
        super().__init__(
            {
                "slot": Out(slots(config)),
                "use": Out(1),
                "skip": In(1),  # the pattern is left out
                "noise_load": Out(1),  # start of the next UPDATE's rounding noise
                "noise_z": Out(32),
            }
        )


class Draw(wiring.Signature):
    """Training to the random start: draw x(t0) of a pattern from the hash z."""

    def __init__(self, config):
        super().__init__(
            {"go": Out(1), "z": Out(32), "place": Out(place_of_pattern(config)), "ready": In(1)}
        )


class LookUp(wiring.Signature):
    """Training to a lane: what is to be reported of a settled pattern, Timing.look later."""

    def __init__(self, config):
        super().__init__(
            {
                "slot": Out(slots(config)),
                "backward": Out(1),  # of y, else of x
                "steps": In(STEP_BITS),
                "unsettled": In(1),
                "clear": Out(1),  # set the energy to 0
                "energy": In(energy_bits(config)),
            }
        )


class StatePort(wiring.Signature):
    """The host, or a random start, to a lane's state: one word by :class:`Region`.

    Written and read while the core is idle, where ``select``; with a refill ``fill`` asks that the
    word be written where there is room, ``filled`` that it is.
    """

    def __init__(self, config):
        word = signed(max(config.formats.state.width, config.formats.error.width))
        super().__init__(
            {
                "select": Out(1),
                "write": Out(1),
                "region": Out(Region),
                "bank": Out(2),
                "slot": Out(slots(config)),
                "unit": Out(unit(config)),
                "data": Out(word),
                "word": In(word),
                **({"fill": Out(1), "filled": In(1)} if config.refill else {}),
            }
        )


class Store(wiring.Signature):
    """The host to the weights: where a WRITE goes; held until it is done. With momentum, whether
    that, or a PROBE, is of the velocities."""

    def __init__(self, config):
        super().__init__(
            {
                "bank": Out(range(max(2, config.macs))),
                "address": Out(range(max(2, config.entries))),
                "word": Out(config.formats.weight.width),
                **({"velocity": Out(1)} if config.momentum else {}),
            }
        )


class TablePort(wiring.Signature):
    """The host to a memory that it alone writes, while the core is idle."""

    def __init__(self, depth, width):
        super().__init__(
            {"w_en": Out(1), "w_addr": Out(range(max(2, depth))), "w_data": Out(width)}
        )


def tables(config):
    """The memories that the host alone writes, by name: the program; in a higher order the factors
    of each product, and the terms of the fold, two words each."""
    ports = {"program": TablePort(config.words, word_layout(config).size)}
    if config.higher:
        factors = config.order * config.unit_bits
        ports["products"] = TablePort(config.columns, factors)
        ports["folds"] = TablePort(2 * config.folds, max(config.column_bits + 2, factors))
    return ports


class Report(wiring.Signature):
    """Training to the log: a word comes a cycle after there was ``space``."""

    def __init__(self):
        super().__init__({"push": Out(1), "word": Out(32), "space": In(1)})


class LogPort(wiring.Signature):
    """The host to the log: any of its words, and up to where they are read."""

    def __init__(self, config):
        super().__init__(
            {
                "address": Out(range(config.log_depth)),
                "word": In(32),
                "count": In(range(config.log_depth + 1)),  # not yet read
                "read": In(range(2 * config.log_depth)),
                "set": Out(1),  # up to where: ``upto``
                "upto": Out(32),
                "refused": In(1),  # a cycle later: there are not so many
            }
        )


class Run(wiring.Signature):
    """The host to training: a run, what it is made of, and what it has come to."""

    COUNT = 24
    """Bits of what is counted."""

    def __init__(self, config):
        pattern = patterns(config)
        super().__init__(
            {
                "start": Out(1),
                "errors": Out(1),  # train, else recall
                "patterns": Out(pattern),
                "batch": Out(pattern),
                "drawn": Out(1),
                "logging": Out(1),
                **({"random": Out(1)} if config.random_start else {}),
                "stop": Out(1),  # after the update under way
                "abort": Out(1),  # as soon as possible, whatever that leaves
                "clear": Out(1),
                "noise_write": Out(1),
                "updates_write": Out(1),
                "first_write": Out(1),
                "set": Out(32),
                "fits": In(1),  # the next pattern is one of A, two cycles after either is set
                "busy": In(1),
                "phase": In(2),
                "updates": In(self.COUNT),
                "unsettled": In(self.COUNT),
                "skipped": In(self.COUNT),
                "cycles": In(48),
            }
        )
