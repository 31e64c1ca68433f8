"""What ``rbp_model.h`` takes of golden's machine: the fields of its structures, by name."""

from functools import lru_cache

import numpy as np

from rbp.golden.formats import ROLES

__all__ = ["MOST_BITS", "NETWORK", "SHARED", "STATE", "arrays", "check", "described"]

MOST_BITS = 26
"""Of a format: tables hold a word for each word of the net input, and sums of two fit an int."""

NETWORK = """units columns patterns rows *row_units *places *numbers *held *clamp *target *input
*activation tables *g *g_slope order *products *f *f_slope dt_shift tolerance limit use_within fixed
shift seed batch draw keep friction start_seed threads"""
"""Fields of ``rbp_network`` behind the formats, which are those of ROLES; * begins a pointer's."""

STATE = "*weights *velocity *targets *inputs *start *x *y t unsettled skipped saturated"
"""Fields of ``rbp_state``."""

SHARED = tuple(name[1:] for name in STATE.split() if name.startswith("*"))
"""Its arrays."""


@lru_cache(maxsize=32)
def _whole(*tables):
    """Results of tables at every word, from the least on, one after the other."""
    words = [table(np.arange(table.i.min, table.i.max + 1)) for table in tables]
    return np.concatenate(words).astype(np.int32)


def arrays(machine):
    """The arrays of ``rbp_state``, by name: a machine's own, where they are int64 by rows."""
    return {name: np.ascontiguousarray(getattr(machine, name), np.int64) for name in SHARED}


def described(machine, threads=1):
    """Every field of ``rbp_network``, by name and in order.

    A format is (width, fraction), a number an int, an array one of the type that the header says,
    and None where there is none.
    """
    formats = machine.network.formats
    found = {name: getattr(formats, name) for name in ROLES}
    pairs = {name: (f.width, f.fraction) if f else (1, 0) for name, f in found.items()}
    return {**pairs, **_others(machine), "threads": threads}


def _others(machine):
    network, learning, settling = machine.network, machine.learning, machine.settling
    structure, features = machine.structure, network.features
    formats = network.formats
    numbers = np.empty(machine.weights.shape[1], np.int64)
    numbered = np.flatnonzero(structure.columns >= 0)
    numbers[structure.columns[numbered]] = numbered
    fmt = formats.weight if learning.friction is None else formats.velocity
    factors = [features and features.f, features and features.slope]
    return {
        "units": len(structure.held),
        "columns": len(numbers),
        "patterns": len(machine.targets),
        "rows": len(structure.rows),
        "row_units": np.ascontiguousarray(structure.rows, np.int64),
        "places": np.ascontiguousarray(structure.places, np.int64),
        "numbers": np.ascontiguousarray(numbers, np.int64),
        "held": np.ascontiguousarray(structure.held, np.uint8),
        "clamp": np.ascontiguousarray(network.clamp_units, np.uint8),
        "target": np.ascontiguousarray(network.target_units, np.uint8),
        "input": np.ascontiguousarray(network.input_units, np.uint8),
        "activation": np.ascontiguousarray(network.activation, np.int64),
        "tables": len(network.tables.g),
        "g": np.ascontiguousarray(_whole(*network.tables.g), np.int32),
        "g_slope": np.ascontiguousarray(_whole(*network.tables.slope), np.int32),
        "order": features.order if features else 0,
        "products": np.ascontiguousarray(features.index, np.int64) if features else None,
        "f": np.ascontiguousarray(_whole(factors[0]), np.int32) if factors[0] else None,
        "f_slope": np.ascontiguousarray(_whole(factors[1]), np.int32) if factors[1] else None,
        "dt_shift": min(settling.dt_shift, 30),  # no step is longer: as any greater one
        "tolerance": settling.tolerance,
        "limit": settling.limit,
        "use_within": settling.use_within,
        "fixed": settling.fixed,
        "shift": formats.update_shift(fmt) - learning.eta_shift,
        "seed": _seed(learning.seed),
        "batch": learning.batch or len(machine.targets),
        "draw": _seed(learning.draw),
        "keep": learning.keep,
        "friction": -1 if learning.friction is None else learning.friction,
        "start_seed": _seed(learning.start_seed),
    }


def _seed(seed):
    return -1 if seed is None else seed & 0xFFFFFFFF


def check(machine):
    """Refuse what the library has no room for, by a ValueError."""
    network, learning, settling = machine.network, machine.learning, machine.settling
    formats = network.formats
    for name in ROLES:
        f = getattr(formats, name)
        if f and not (1 <= f.width <= MOST_BITS and f.fraction >= 0):
            raise ValueError(f"format {name} must have 1 … {MOST_BITS} bits, not {f}")
    fmt = formats.weight if learning.friction is None else formats.velocity
    shift = formats.update_shift(fmt) - learning.eta_shift
    ranges = {
        "shift of an update": (shift, 0, 60),
        "dt_shift": (settling.dt_shift, 0, np.inf),
        "limit": (settling.limit, 1, 2**62),
    }
    if learning.friction is not None:
        ranges["friction"] = (learning.friction, 0, 30)
        bits = formats.velocity.fraction - formats.weight.fraction
        ranges["velocity's bits beyond the weight's"] = (bits, 0, 30)
    for name, (value, least, most) in ranges.items():
        if not least <= value <= most:
            raise ValueError(f"{name} must be {least} … {most}, not {value}")
    words = {"weights": formats.weight, "velocity": formats.velocity, "y": formats.error}
    words |= dict.fromkeys(("targets", "inputs", "start", "x"), formats.state)
    for name, f in words.items():
        array = getattr(machine, name)
        if f and array.size and not f.min <= array.min() <= array.max() <= f.max:
            raise ValueError(f"{name} has words that {f} does not hold")
