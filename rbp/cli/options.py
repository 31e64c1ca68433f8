"""Flags that several verbs share, and what is read from them."""

import argparse
import os
import zipfile
from contextlib import contextmanager
from dataclasses import fields

from rbp.cli import info
from rbp.cli.watch import notice, tell
from rbp.errors import InputError
from rbp.files import check_output
from rbp.fpga.machines import MACHINE
from rbp.result import ENGINES
from rbp.settings import Settings

__all__ = [
    "add_verb",
    "check_kind",
    "complain",
    "core_flags",
    "engine_flag",
    "flag",
    "given_flags",
    "given_machine",
    "grade_flag",
    "learning_flags",
    "machine_flags",
    "name_flag",
    "option",
    "order_flag",
    "port_flags",
    "prepare",
    "reading",
    "remark",
    "result_in",
    "settling_flags",
    "size_flags",
    "source_in",
    "stage",
    "threads_flag",
]


def add_verb(verbs, name, run, summary, details, example):
    """A verb, and its page of help."""
    verb = verbs.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}. {details}",
        epilog=f"example: {example}",
        allow_abbrev=False,
    )
    verb.set_defaults(run=run)
    return verb


def option(verb, option, default, metavar, text):
    """An option with a default, of its type."""
    verb.add_argument(
        option,
        type=type(default),
        default=default,
        metavar=metavar,
        help=f"{text} (default: %(default)s)",
    )


def flag(group, name, kind, metavar, text):
    """A flag that is absent from the arguments unless given."""
    option = "--" + name.replace("_", "-")
    group.add_argument(
        option, dest=name, type=kind, default=argparse.SUPPRESS, metavar=metavar, help=text
    )


def engine_flag(verb, default, described, engines=ENGINES):
    """``--engine``."""
    verb.add_argument(
        "--engine",
        default=default,
        metavar="E",
        help=f"{', '.join(engines)} (default: {described})",
    )


def port_flags(verb):
    """``--port`` and ``--baud``, of engine board."""
    verb.add_argument(
        "--port", metavar="P", help="of the board: a serial device, or sim:NAME, simulated"
    )
    verb.add_argument(
        "--baud", type=int, metavar="B", help="bits a second of the port (default: 1000000)"
    )


def threads_flag(verb):
    """``--threads``."""
    option(verb, "--threads", 1, "T", "of the model, which share a batch's patterns")


def learning_flags(verb):
    """How the weights move: those of :class:`~rbp.settings.Settings`."""
    group = verb.add_argument_group("learning flags")
    flag(group, "method", str, "NAME", "deterministic (default), stochastic, concurrent")
    flag(group, "batch", int, "B", "patterns of an update (default: all; 1 for the other methods)")
    flag(group, "eta_shift", int, "K", "η = 2^K, K in -6 … 1 (default: 0)")
    flag(group, "rounding", str, "NAME", "stochastic or nearest (default: stochastic)")
    settling_flags(group)
    flag(group, "use_within", int, "ULP", "unsettled relaxations still used (default: 64)")
    flag(group, "fixed_steps", int, "K", "take K steps, no early exit")
    flag(
        group, "start", str, "NAME", "where relaxations start: fixed, last, random (default: fixed)"
    )
    flag(group, "seed", int, "S", "of the rounding noise, 0 … 2^32-1 (default: 1)")
    flag(
        group,
        "momentum_shift",
        int,
        "K",
        "momentum of 1 − 2^-K, K in 0 … 7 (default: none); not with w8",
    )


def settling_flags(group):
    """How a relaxation proceeds, in training and in recall."""
    flag(group, "dt_shift", int, "K", "Δt = 2^-K, K in 0 … 3 (default: 0)")
    flag(group, "tolerance", int, "ULP", "settled when no step is greater (default: 4 >> K, w8 2)")
    flag(group, "step_limit", int, "K", "at most so many steps (default: 64, recall 512, << K)")


def machine_flags(group, slots):
    """How large a machine is, whatever it is to learn."""
    size_flags(group, "the smaller of N and 5", "1", slots)
    flag(group, "preset", str, "NAME", "formats: w16, w18 or w8 (default: w16)")


def size_flags(group, macs, lanes, slots):
    """P, L and the slots; the texts say what they are by default."""
    of_a_lane = f"multipliers in a lane, P, 1 … N (default: {macs})"
    flag(group, "macs", int, "P", of_a_lane)
    flag(group, "lanes", int, "L", f"lanes (default: {lanes})")
    flag(group, "slots", int, "S", f"patterns held by a lane (default: {slots})")


def order_flag(group):
    """``--order``."""
    flag(group, "order", str, "n", "degrees of the products, 1 … 3, several as 0,1,2 (default: 1)")


def core_flags(verb):
    """Flags of a core that no problem asks for."""
    group = verb.add_argument_group("machine flags")
    flag(group, "units", int, "N", "units, 1 … 1024; needed without --like")
    group.add_argument(
        "--like",
        metavar="FILE.npz",
        help="the core for this problem or result; other flags override it",
    )
    machine_flags(group, "4, or as many as --like needs")
    flag(group, "eta", str, "LOW:HIGH", "least and greatest log2 η (default: -6:1, on iCE40 -2:1)")
    flag(group, "activation", str, "NAMES", "logistic, tanh, sin, with commas (default: logistic)")
    flag(group, "order", int, "n", "factors of the longest product, 1 … 3 (default: 1)")
    for name, metavar, text in (
        ("products", "M", "of a higher order (default: all of n factors)"),
        (
            "folds",
            "F",
            "terms of the derivatives of all products (default: enough for any products)",
        ),
        ("entries", "E", "of a program, P weights each (default: those of a dense network)"),
        ("words", "W", "of the program memory (default: at least 256)"),
    ):
        flag(group, name, int, metavar, text)
    flag(group, "feature", str, "F", "f of (22): identity (default), logistic, tanh, sin")
    for name, text in (
        ("momentum", "with a velocity for each weight; not with w8"),
        ("random_start", "able to draw x(t0)"),
        ("refill", "able to take new patterns while others are learned"),
        ("spram", "weights in memories with one port, as UP5K's SPRAM; an UPDATE takes two turns"),
    ):
        group.add_argument(
            "--" + name.replace("_", "-"),
            dest=name,
            action="store_true",
            default=argparse.SUPPRESS,
            help=text,
        )


def grade_flag(verb):
    """Of a device."""
    verb.add_argument(
        "--grade", type=int, metavar="G", help="speed grade of an ECP5: 6, 7 or 8 (default: 6)"
    )


def name_flag(verb):
    """Of verbs that write a core."""
    option(verb, "--name", "rbp_core", "NAME", "of the module, and so of macros and functions")
    verb.add_argument("--force", action="store_true", help="replace files that rbp did not make")


def given_flags(arguments):
    """The flags that were given, and no others: what was not given keeps its default."""
    given = vars(arguments)
    return {f.name: given[f.name] for f in fields(Settings) if f.name in given}


def given_machine(arguments):
    """The same of the flags of a core."""
    given = vars(arguments)
    flags = {name: given[name] for name in MACHINE if name in given}
    if arguments.like is not None:
        flags["like"] = source_in(arguments.like)
    return flags


def source_in(path):
    """The problem or the result in a file."""
    kind, made, _ = info.describe(path)
    if kind not in ("problem", "result"):
        raise InputError(f"{path} holds {kind}: expected a problem or a result")
    return made


def result_in(path):
    """The result in a file."""
    kind, made, _ = info.describe(path)
    if kind != "result":
        raise InputError(f"{path} holds {'a ' * (kind == 'problem')}{kind}: expected a result")
    return made


def check_kind(path, kind, *, force=False):
    """Refuse to replace a file that holds anything else than ``kind``, as
    :func:`rbp.cli.info.kind_of` names it, unless by force. An empty file holds nothing."""
    check_output(path)
    if force or not os.path.exists(path) or os.path.getsize(path) == 0:
        return
    try:
        with zipfile.ZipFile(path) as archive:
            found = info.kind_of([name.removesuffix(".npy") for name in archive.namelist()])
    except (OSError, zipfile.BadZipFile):
        found = None
    if found is None:
        raise InputError(f"{path} was not made by rbp: --force replaces it")
    if found != kind:
        raise InputError(f"{path} holds a {found}, not a {kind}: --force replaces it")


def remark(target):
    """What should be known of a device's core, on standard error."""
    if target.remark:
        tell(f"rbp: {target.remark}")


def stage(text):
    """What a long job is at, on standard error, where that is a terminal."""
    notice(text)


@contextmanager
def reading(path):
    """A refusal of what is in a file names it."""
    try:
        yield
    except InputError as error:
        if not str(error).startswith(("initial_state", "inputs", "targets", "missing", "unknown")):
            raise
        raise type(error)(f"{path}: {error}") from error


def prepare(engine):
    """Say what is waited for before the first update."""
    if engine == "rtl":
        notice("preparing the core; to compile a new one takes some 20 seconds")


def complain(message, code):
    """One line on standard error; returns the exit code."""
    tell("rbp: " + " ".join(str(message).split()))  # one line, whatever is quoted in it
    return code
