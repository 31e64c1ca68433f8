"""The core that machine flags ask for, and the flags that ask for a core."""

import re
from dataclasses import fields, replace

from rbp.checks import choice, integer
from rbp.errors import InputError
from rbp.golden.config import FAMILIES, GREATEST_COLUMNS, GREATEST_ORDER, Config
from rbp.golden.features import Features, count
from rbp.golden.tables import ACTIVATIONS
from rbp.machine import structures
from rbp.result import Result
from rbp.settings import GREATEST_SLOTS, Settings

__all__ = ["MACHINE", "check_kind", "check_units", "flags", "flags_like", "machine", "problem_of"]

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

MOST = 1 << 20
"""Of what a core's memories hold; far more than any device has."""

_OF_THE_DEVICE = ("family", "eta_shifts", "log_depth")
_ANY = {"entries": None, "words": None, "folds": None, "spram": False}
"""Before it is known how many the program takes."""
_NO_PRODUCTS = (
    "the core sums products, and the network sums states: expected a core without --order, "
    "--products, --folds and --feature"
)
_MANY = {"batch": 16, "slots": 32}
"""Of a problem with more patterns than a lane can hold: one batch learns, the next is loaded."""


def machine(*, like=None, family="generic", **given) -> Config:
    """The core that machine flags ask for.

    Parameters
    ----------
    like : Problem or Result, optional
        What it is to learn and to recall: entries, words and units are as many as that takes, the
        rest is as in :meth:`rbp.Settings.config`, but for the other flags.
    family : str
        Of :data:`rbp.golden.config.FAMILIES`.
    given
        By the names of :data:`MACHINE`. ``units`` is needed without ``like``; ``macs`` is by
        default the smaller of N and 5; ``order`` the factors of the longest product;
        ``products`` as many as there are of ``order`` factors; ``activation`` names the tables
        built in, with commas between; ``eta`` is ``LOW:HIGH``, by default the family's.

    Raises :class:`~rbp.errors.InputError`.
    """
    values = {} if like is None else _like(like)
    if like is not None and "units" in given:
        raise InputError("units and like were both given: expected one, like says how many units")
    if like is None and "units" not in given:
        raise InputError("a core needs either units, or like: a problem or a result")
    for name, value in given.items():
        values |= _of_flag(name, value)
    values.setdefault("macs", min(values["units"], 5))
    integer("macs", values["macs"], 1, values["units"])
    _add_products(values, like)
    try:
        if like is None:
            config = Config(**values, family=family)
        else:
            config = _holding(Config(**values | _ANY, family=family), problem_of(like), values)
    except ValueError as error:
        raise InputError(str(error)) from error
    if isinstance(like, Result):
        _check_eta(config, like.settings.eta_shift)
    return config


def problem_of(source):
    """The problem of a problem or a result."""
    return source.problem if isinstance(source, Result) else source


def _like(source):
    """What depends on neither a device nor P, of the core that trains a problem or a result."""
    problem = problem_of(source)
    settings = Settings() if problem.patterns <= GREATEST_SLOTS else Settings(**_MANY)
    config = (source.settings if isinstance(source, Result) else settings).config(problem)
    others = (*_OF_THE_DEVICE, *_ANY)
    return {f.name: getattr(config, f.name) for f in fields(Config) if f.name not in others}


def _holding(config, problem, given):
    """``config`` with just what the programs of a problem take, or with what was ``given`` of it.

    Raises ValueError where that is too little.
    """
    # the hardware description takes half a second to import
    from rbp.hdl.program import compiled, holding

    of_both = structures(problem)
    stays = {name: given[name] for name in _ANY if name in given}
    config = replace(holding(config, *of_both), **stays)
    check_kind(config, problem)
    for structure in of_both:
        compiled(config, structure)
        if config.higher:
            units, products = len(structure.order), structure.numbered_products
            connected = structure.numbered.any(axis=0)
            features = Features(units, products, config.formats.state)
            features.fold_words(config, connected, structure.first)
    return config


def check_kind(config, problem):
    """Refuse a core of sums of states for a network of products, and the other way round."""
    if (listed := problem.monomials) is None:
        if config.higher:
            raise InputError(_NO_PRODUCTS)
        return
    needs = f"--order {max(1, *map(len, listed))} --products {len(listed)}"
    if not config.higher:
        feature = "" if problem.feature == "identity" else f" --feature {problem.feature}"
        raise InputError(f"the network sums products, and the core has none: add {needs}{feature}")
    if config.feature != problem.feature:
        raise InputError(
            f"feature {config.feature} of the core is not that of the network: expected "
            f"--feature {problem.feature}"
        )


def check_units(config, problem, structure):
    """Refuse a core without room for the numbers of a network's units."""
    needed = len(structure.order)
    if needed > config.units:
        free = needed - problem.units
        left = f" and {free} left free for the order" if free else ""
        raise InputError(
            f"the network needs {needed} unit numbers ({problem.units} units{left}), the core has "
            f"{config.units}: give --units {needed}"
        )


def _add_products(values, like):
    """Fill in how many products a core has; refuse what only a core of products has."""
    order, feature = values.get("order", 1), values.get("feature", "identity")
    wanted = order > 1 or feature != "identity"
    if like is None and "products" not in values:
        values["products"] = found = _all_products(values["units"], order, feature)
        if found is not None and found > GREATEST_COLUMNS:
            raise InputError(
                f"{values['units']} units have {found} products of {order} factors, a core at most "
                f"{GREATEST_COLUMNS}: expected --products, to choose fewer"
            )
    if values["products"] is not None:
        return
    if like is not None and (wanted or "folds" in values):
        raise InputError(_NO_PRODUCTS)
    if "folds" in values:
        raise InputError(
            "folds are of products, and the core sums states: expected --order, --products or "
            "--feature too, or no --folds"
        )


def _all_products(units, order, feature):
    """How many there are of ``order`` factors; None of a first-order core."""
    return count(units, (order,)) if order > 1 or feature != "identity" else None


def _of_flag(name, value):
    """The field of a Config that a flag gives."""
    match name:
        case "units":
            return {"units": integer("units", value, 1, 1024)}
        case "activation":
            named = [choice("activation", word, tuple(ACTIVATIONS)) for word in value.split(",")]
            return {"activations": tuple(word for word in ACTIVATIONS if word in named)}
        case "order":
            return {"order": integer("order", value, 1, GREATEST_ORDER)}
        case "entries" | "words" | "products" | "folds":
            return {name: integer(name, value, 1, MOST)}
        case "feature":
            return {"feature": choice("feature", value, ("identity", *ACTIVATIONS))}
        case "eta":
            return {"eta_shifts": _eta_range(value)}
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


def flags_like(config, like):
    """The machine flags that ask for a core beside ``--like`` and its device."""
    usual = _like(like)
    words = [f"--macs {config.macs}"]
    for name in ("lanes", "slots", "preset"):
        if (value := getattr(config, name)) != usual[name]:
            words.append(f"--{name} {value}")
    if config.eta_shifts != FAMILIES[config.family].eta_shifts:
        words.append("--eta {}:{}".format(*config.eta_shifts))
    for name in ("momentum", "random_start", "refill"):
        if getattr(config, name) and not usual[name]:
            words.append("--" + name.replace("_", "-"))
    return " ".join(words + ["--spram"] * config.spram)


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
    usual |= {"order": 1, "feature": "identity"}
    usual |= {"products": _all_products(config.units, config.order, config.feature)}
    usual |= {"eta": "{}:{}".format(*FAMILIES[config.family].eta_shifts)}
    words = [f"--{name} {given[name]}" for name in given if given[name] != usual.get(name)]
    words += ["--momentum"] * config.momentum + ["--random-start"] * config.random_start
    words += ["--refill"] * config.refill + ["--spram"] * config.spram
    return " ".join(words)
