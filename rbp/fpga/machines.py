"""The core that machine flags ask for, and the flags that ask for a core."""

import re
from dataclasses import fields, replace
from itertools import takewhile

from rbp.checks import choice, degrees, integer
from rbp.errors import InputError
from rbp.golden.config import FAMILIES, GREATEST_COLUMNS, GREATEST_FACTORS, GREATEST_UNITS, Config
from rbp.golden.features import GREATEST_ORDER, count
from rbp.golden.tables import ACTIVATIONS
from rbp.machine import machine as start
from rbp.machine import origin, unclamped
from rbp.result import Result

__all__ = ["MACHINE", "flags", "machine"]

MACHINE = (
    "units",
    "macs",
    "lanes",
    "slots",
    "entries",
    "words",
    "preset",
    "activation",
    "order",
    "products",
    "folds",
    "feature",
    "eta",
    "momentum",
    "random_start",
    "refill",
    "spram",
)
"""The flags that :func:`machine` takes."""

LEAST_ETA, GREATEST_ETA = -8, 3

GREATEST = {
    "entries": 1 << 20,
    "words": 1 << 20,
    "products": GREATEST_COLUMNS,
    "folds": GREATEST_COLUMNS * GREATEST_ORDER + GREATEST_FACTORS,
}
"""Of the memories that a flag gives, what anything can need; what is the least, Config says."""

_OF_THE_DEVICE = ("family", "eta_shifts", "log_depth")
_OF_THE_NETWORK = ("entries", "words", "order", "products", "folds")


def machine(*, like=None, family="generic", **given) -> Config:
    """The core that machine flags ask for.

    Parameters
    ----------
    like : Problem or Result, optional
        What it is to learn and to recall: the core is as ``rbp train`` asks for, but for the other
        flags, and its memories hold the programs of both.
    family : str
        Of :data:`rbp.golden.config.FAMILIES`.
    given
        By the names of :data:`MACHINE`. ``units`` is needed without ``like``; ``macs`` is by
        default the smaller of N and 5; ``order`` the factors of the longest product, or degrees, of
        which ``products`` are by default all; ``activation`` names the tables built in, with commas
        between; ``eta`` is ``LOW:HIGH``, by default the family's.

    Raises :class:`~rbp.errors.InputError`, also where what is given is too small for ``like``.
    """
    if ("units" in given) == (like is not None):
        raise InputError("a core needs either units, or like: a problem or a result")
    values = {} if like is None else _like(like)
    for name, value in given.items():
        values |= _of_flag(name, value)
    values.setdefault("macs", min(values["units"], 5))
    integer("macs", values["macs"], 1, values["units"])
    found = values.get("order", (1,))
    values["order"] = max(found)
    if found != (1,) or values.get("feature", "identity") != "identity":
        values.setdefault("products", count(values["units"], found))
    try:
        if like is None:
            return Config(**values, family=family)
        config = _holding({**values, "family": family}, like, given)
    except ValueError as error:
        raise InputError(str(error)) from error
    if isinstance(like, Result):
        _check_eta(config, like.settings.eta_shift)
    return config


def _like(source):
    """What does not depend on a device, of the core that trains a problem or a result."""
    problem, settings, _ = origin(source)
    config = settings.config(problem)
    without = (*_OF_THE_DEVICE, "entries", "words", "folds")
    names = [f.name for f in fields(Config) if f.name not in without]
    return {name: getattr(config, name) for name in names} | {"order": (config.order,)}


def _holding(values, source, given):
    """The core of some values, with memories for a problem or a result unless they are given."""
    from rbp.cosim.driver import Driver  # the hardware description takes half a second to import
    from rbp.hdl.program import holding

    problem, settings, earlier = origin(source)
    learning = start(problem, settings, "golden", earlier)
    other = learning.start, learning.inputs, learning.settling
    machines = [learning, unclamped(learning, *other)]
    chosen = {name: values[name] for name in ("entries", "words", "folds") if name in values}
    config = Config(**values | {"entries": values["macs"], "words": 4, "folds": None})
    if config.higher != (problem.monomials is not None):
        raise InputError("products, order and feature are for a network of products, not for this")
    config = replace(holding(config, *(m.structure for m in machines)), **chosen)
    if not {*given}.isdisjoint(_OF_THE_NETWORK):
        for each in machines:
            writes = Driver(config).load(each)
            clear = next(writes)  # the program is between two of them
            list(takewhile(clear.__ne__, writes))
    return config


def _of_flag(name, value):
    """The field of a Config that a flag gives."""
    match name:
        case "units":
            return {"units": integer("units", value, 1, GREATEST_UNITS)}
        case "activation":
            named = [choice("activation", word, tuple(ACTIVATIONS)) for word in value.split(",")]
            return {"activations": tuple(word for word in ACTIVATIONS if word in named)}
        case "order":
            return {"order": degrees(value)}
        case "feature":
            return {"feature": choice("feature", value, ("identity", *ACTIVATIONS))}
        case "eta":
            return {"eta_shifts": _eta_range(value)}
        case _ if name in GREATEST:
            return {name: integer(name, value, 1, GREATEST[name])}
        case _:
            return {name: value}


def _eta_range(text):
    found = re.fullmatch(r"(-?\d):(-?\d)", text)
    low, high = map(int, found.groups()) if found else (1, 0)
    if not LEAST_ETA <= low <= high <= GREATEST_ETA:
        raise InputError(
            f"eta must be LOW:HIGH, log2 of the least and the greatest η, within "
            f"{LEAST_ETA}:{GREATEST_ETA}, not {text!r}"
        )
    return low, high


def _check_eta(config, shift):
    """Refuse a core that lacks the η that it is to learn with."""
    low, high = config.eta_shifts
    if not low <= shift <= high:
        raise InputError(
            f"eta_shift {shift} of the result is none of the core's, {low} … {high}: "
            f"--eta {min(low, shift)}:{max(high, shift)} builds it in"
        )


def flags(config):
    """The machine flags that ask for a core, but for what is so anyway."""
    numbers = ("units", "macs", "lanes", "slots", "entries", "words", "preset", "order")
    given = {name: getattr(config, name) for name in (*numbers, "products", "folds")}
    given |= {
        "activation": ",".join(config.activations),
        "feature": config.feature,
        "eta": "{}:{}".format(*config.eta_shifts),
    }
    plain = replace(config, entries=None, words=None, folds=None, log_depth=None, spram=False)
    usual = {name: getattr(plain, name) for name in ("entries", "words", "folds")}
    usual |= {"lanes": 1, "slots": 4, "preset": "w16", "activation": "logistic"}
    usual |= {"order": 1, "products": None, "feature": "identity"}
    usual |= {"eta": "{}:{}".format(*FAMILIES[config.family].eta_shifts)}
    if config.order > 1 or config.feature != "identity":
        usual["products"] = count(config.units, (config.order,))
    words = [f"--{name} {given[name]}" for name in given if given[name] != usual.get(name)]
    words += ["--momentum"] * config.momentum + ["--random-start"] * config.random_start
    words += ["--refill"] * config.refill + ["--spram"] * config.spram
    return " ".join(words)
