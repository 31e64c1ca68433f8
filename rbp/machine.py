"""From a problem, or a result to continue, to the machine that learns."""

import difflib
from collections.abc import Mapping
from dataclasses import fields, replace

import numpy as np

from rbp.checks import choice, shown
from rbp.errors import InputError
from rbp.golden.formats import saturate
from rbp.golden.reference import Reference
from rbp.golden.structure import Structure
from rbp.golden.training import Learning
from rbp.problem import Problem
from rbp.result import ENGINES, NOISE, Result
from rbp.settings import Settings

__all__ = [
    "check_callable",
    "check_flags",
    "check_mapping",
    "check_preset",
    "check_type",
    "machine",
    "origin",
    "rounded",
    "structures",
    "unclamped",
]


def origin(source, engine=None, **flags):
    """(problem, settings, earlier result or None) of a problem, or of a result to continue.

    ``flags`` override the settings of a result; what must stay as it was is refused. ``engine`` is
    by default one of words.
    """
    check_flags(flags)
    earlier = source if isinstance(source, Result) else None
    if earlier is None:
        check_type("source", source, Problem, Result)
        problem, settings = source, Settings(**flags)
    else:
        problem, settings = earlier.problem, earlier.settings.overridden(**flags)
        check_preset(settings, earlier)
        batch, before = settings.batch_of(problem), earlier.settings.batch_of(problem)
        if batch != before:
            raise InputError(f"batch {batch} is not that of the result: expected {before}")
        _check_noise(settings, earlier, engine)
    return problem, settings, earlier


def _check_noise(settings, earlier, engine):
    """Refuse to go on with another noise than a result has had, where any is taken."""
    learning = settings.learning()
    taken = {
        "rounding stochastic": ("rounding nearest", learning.seed is not None),
        "method stochastic": ("method deterministic and batch 1", learning.draw is not None),
        "start random": ("start fixed", learning.start_seed is not None),
    }
    if engine == "float64":  # it does not round
        del taken["rounding stochastic"]
    found = {name: instead for name, (instead, here) in taken.items() if here}
    if found and earlier.noise != NOISE:
        raise InputError(
            f"the result cannot go on with {' and '.join(found)}: the noise is another one since "
            "it was made; train its problem anew (result.problem in Python), or expected "
            f"{' and '.join(found.values())}"
        )


def check_type(name, value, *types):
    """Refuse what is none of the types."""
    if not isinstance(value, types):
        expected = " or ".join(f"a {t.__name__}" for t in types)
        raise InputError(f"{name} must be {expected}, not of type {type(value).__name__}")


def check_mapping(name, value):
    """Refuse what has no arrays by name."""
    if not isinstance(value, Mapping):
        raise InputError(f"{name} must be a mapping of arrays by name, not {shown(value)}")


def check_flags(flags):
    """Refuse what is no flag, as Python does, naming the one that was meant."""
    known = [field.name for field in fields(Settings)]
    for name in flags:
        if name not in known:
            longer = [k for k in known if k.startswith(f"{name}_")]
            close = longer or difflib.get_close_matches(name, known, 1)
            meant = f"did you mean {' or '.join(close)}?"
            said = meant if close else f"expected one of {', '.join(known)}"
            raise TypeError(f"there is no flag {name!r}: {said}")


def check_callable(**given):
    """Refuse what is given, and cannot be called."""
    for name, value in given.items():
        if value is not None and not callable(value):
            raise InputError(f"{name} must be callable, not {shown(value)}")


def check_preset(settings, result):
    """Refuse another preset: words are read with the formats in which they were written."""
    if settings.preset != result.settings.preset:
        raise InputError(
            f"preset {settings.preset} is not that of the result: expected {result.settings.preset}"
        )


def machine(problem, settings, engine, earlier=None):
    """What learns: ``rbp.golden.reference.Reference`` for float64, else
    ``rbp.golden.training.Machine``.

    It begins where ``earlier`` ended, or at the start. All that can be refused is refused here.
    """
    choice("engine", engine, ENGINES)
    raw = problem.to_raw(settings)
    # Noise and patterns go on where they stopped: t counts the rank-1 updates so far.
    t = earlier.updates * settings.batch_of(problem) if earlier else 0
    if engine == "float64":
        if earlier and settings.keep:
            raise InputError(
                "engine float64 cannot go on from the last states, which a result holds as words: "
                "expected start fixed, or golden or rtl"
            )
        return Reference(
            activation=problem.activation,
            clamp_units=problem.clamp_units,
            target_units=problem.target_units,
            weights=earlier.weights if earlier else problem.weights,
            connected=problem.connected,
            targets=np.where(problem.read_units, problem.targets, 0.0),
            inputs=problem.inputs,
            start=problem.start,
            settling=raw.settling,
            unit=2.0**-raw.network.formats.state.fraction,
            eta=2.0**settings.eta_shift,
            learning=raw.learning,
            t=t,
            velocity=earlier and earlier.velocities,
            products=problem.phi,
        )
    if earlier:
        # without momentum there is none, and a preset may have no format for it
        fmt = raw.network.formats.velocity
        velocity = fmt and rounded(earlier.velocities, fmt, raw.saturated)
        kept = {"x": earlier.states, "y": earlier.errors, "velocity": velocity}
        return replace(raw, weights=earlier.weights_raw, t=t, **kept)
    return raw


def structures(problem):
    """Those of a problem's network: as it learns, and unclamped, as it recalls."""
    none = np.zeros(problem.units, bool)
    flags = ((problem.clamp_units, problem.target_units), (none, none))
    return [Structure.of(problem.connected, *pair, problem.monomials) for pair in flags]


def unclamped(trained, start, inputs, settling):
    """The slave: a machine's network without clamps and targets, from other states (C×N)."""
    none = np.zeros(start.shape[1], bool)
    other = {
        "targets": np.zeros_like(start),
        "start": start,
        "inputs": inputs,
        "settling": settling,
        "learning": Learning(),
        "t": 0,
        "x": None,
        "y": None,
        "unsettled": 0,
    }
    flags = {"clamp_units": none, "target_units": none}
    if isinstance(trained, Reference):
        return replace(trained, **flags, **other)
    network = replace(trained.network, **flags, input_units=(inputs != 0).any(axis=0))
    return replace(trained, network=network, structure=None, saturated=set(), **other)


def rounded(values, fmt, saturated):
    """The words nearest to floats, clamped."""
    return saturate(fmt.to_raw(np.clip(values, -1e3, 1e3)), fmt, saturated)
