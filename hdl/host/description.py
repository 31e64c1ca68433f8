"""What a core says of itself: eight words, from which a host knows all that was built."""

import zlib
from dataclasses import fields

from rbp.golden.config import FAMILIES, Config
from rbp.golden.formats import PRESETS
from rbp.golden.tables import ACTIVATIONS
from rbp.hdl.host.register import Field, Register
from rbp.hdl.timing import Timing

__all__ = ["DESCRIPTION", "Unknown", "core_key", "described", "description"]

OWN = 15
"""Code of a function that is not one of :data:`rbp.golden.tables.ACTIVATIONS`."""

ETA_ZERO = 8
"""Code of log2(η) = 0."""


class Unknown(ValueError):
    """Words that describe no core that this program knows."""


def _codes(names, first=0):
    return ", ".join(f"{k} {name}" for k, name in enumerate(names, start=first))


DESCRIPTION = (
    Register(
        "SHAPE",
        "ro",
        "what is built",
        (
            Field("UNITS", 0, 11, "the greatest N"),
            Field("MACS", 11, 11, "P"),
            Field("LANES", 22, 4, "L"),
        ),
    ),
    Register(
        "OPTIONS",
        "ro",
        "what is built in",
        (
            Field("SLOTS", 0, 9, "patterns that a lane holds"),
            Field("LOG_BITS", 9, 5, "log2 of the words of the log"),
            Field("PRESET", 14, 3, f"formats: {_codes(PRESETS)}"),
            Field("FAMILY", 17, 3, f"primitives: {_codes(FAMILIES)}"),
            Field("MOMENTUM", 20, 1, "momentum"),
            Field("RANDOM_START", 21, 1, "x(t0) can be drawn"),
            Field("REFILL", 22, 1, "patterns can be written during a run"),
            Field("SPRAM", 23, 1, "weights in memories with one port"),
            Field("ETA_LEAST", 24, 4, f"the least log2 eta, plus {ETA_ZERO}"),
            Field("ETA_GREATEST", 28, 4, f"the greatest log2 eta, plus {ETA_ZERO}"),
        ),
    ),
    Register("ENTRIES", "ro", "entries of a program, P weights each"),
    Register("WORDS", "ro", "words of the program memory"),
    Register(
        "PRODUCTS",
        "ro",
        "of a higher order; 0: sums of states",
        (
            Field("PRODUCTS", 0, 16, "the greatest M"),
            Field("ORDER", 16, 4, "factors of the longest product"),
            Field("FEATURE", 20, 4, f"f of a factor: {_codes(('identity', *ACTIVATIONS))}"),
        ),
    ),
    Register("FOLDS", "ro", "terms of the derivatives"),
    Register(
        "ACTIVATIONS",
        "ro",
        f"functions of units: {_codes(ACTIVATIONS, 1)}, {OWN} one of the user's own; 0 none",
        tuple(Field(f"ACTIVATION_{k}", 4 * k, 4, f"function {k}") for k in range(8)),
    ),
    Register("KEY", "ro", "what a network's words depend on; that of its header and its program"),
)
"""In order of their addresses, the first of which is a multiple of 8."""


def _code(name):
    """Of a function, 1 …"""
    known = list(ACTIVATIONS)
    return known.index(name) + 1 if name in known else OWN


def _parts(register):
    """Its fields; or one, of its name."""
    return register.fields or (Field(register.name, 0, 32, register.doc),)


def core_key(config):
    """A number that two cores share only where they take the same words of a network.

    Slots, the range of η, the log and the memories' kind do not count.
    """
    names = ("units", "macs", "entries", "words", "preset", "activations", "order", "products")
    names += ("folds", "feature", "momentum", "random_start")
    rules = Timing(config).rules
    found = {name: getattr(config, name) for name in names}
    found |= {name: getattr(rules, name) for name in ("gap", "late", "shortest", "ahead")}
    return zlib.crc32(repr(found).encode())


def description(config):
    """The eight words of a core. A field is the attribute of ``config`` that has its name, but for
    those that are said here."""
    low, high = config.eta_shifts
    values = {
        "LOG_BITS": config.log_depth.bit_length() - 1,
        "PRESET": list(PRESETS).index(config.preset),
        "FAMILY": list(FAMILIES).index(config.family),
        "ETA_LEAST": low + ETA_ZERO,
        "ETA_GREATEST": high + ETA_ZERO,
        "FEATURE": 0 if config.feature == "identity" else _code(config.feature),
        **{f"ACTIVATION_{k}": 0 for k in range(8)},
        **{f"ACTIVATION_{k}": _code(name) for k, name in enumerate(config.activations)},
        "KEY": core_key(config),
    }

    def number(name):
        return values[name] if name in values else int(getattr(config, name.lower()) or 0)

    return [sum(number(f.name) << f.low for f in _parts(register)) for register in DESCRIPTION]


def described(words, own=()):
    """The Config of eight words that a core gives; the inverse of :func:`description`.

    ``own`` names functions that are not built into this program, in the order of the units' codes.
    Raises :class:`Unknown` where no core that this program knows says so.
    """
    found = {}
    for register, word in zip(DESCRIPTION, words, strict=True):
        for part in _parts(register):
            number = (word & part.mask) >> part.low
            found[part.name.lower()] = bool(number) if part.width == 1 else number
    functions, own = dict(enumerate(ACTIVATIONS, start=1)), iter(own)

    def function(code):
        name = next(own, None) if code == OWN else functions.get(code)
        if name is None:
            raise Unknown(f"a function of code {code} is not known here")
        return name

    try:
        codes = [code for k in range(8) if (code := found[f"activation_{k}"])]
        values = {
            "preset": list(PRESETS)[found["preset"]],
            "activations": tuple(map(function, codes)),
            "products": found["products"] or None,
            "folds": found["folds"] if found["products"] else None,
            "feature": function(found["feature"]) if found["feature"] else "identity",
            "family": list(FAMILIES)[found["family"]],
            "eta_shifts": (found["eta_least"] - ETA_ZERO, found["eta_greatest"] - ETA_ZERO),
            "log_depth": 1 << found["log_bits"],
        }
        known = {field.name for field in fields(Config)}
        config = Config(**{name: n for name, n in found.items() if name in known} | values)
    except (ValueError, IndexError) as error:
        if isinstance(error, Unknown):
            raise
        said = " ".join(f"{word:08x}" for word in words)
        raise Unknown(f"{said} describes no core: {error}") from error
    for register, said, word in zip(DESCRIPTION, words, description(config), strict=True):
        if word != said:
            told = f"{said:#x}, where such a core says {word:#x}"
            raise Unknown(f"another version made the core: its {register.name} is {told}")
    return config
