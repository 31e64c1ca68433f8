"""What is seen of a network: numbers for the figures."""

from dataclasses import replace

import numpy as np

from rbp.golden.formats import PRESETS
from rbp.golden.relaxation import Settling
from rbp.machine import machine, unclamped

__all__ = ["SHOWN_STEPS", "slave_energy", "states_settling", "visits"]

SHOWN_STEPS = 40
"""Euler steps of a relaxation that are drawn."""


def slave_energy(job, problem):
    """E_total of the unclamped network, from the patterns (28); ``job`` is a
    :func:`rbp.engines.learner.learner`."""
    start = np.where(problem.read_units, problem.targets, problem.start)
    rest = job.states(start, problem.inputs)
    return float(((problem.targets - rest)[:, problem.target_units] ** 2).sum() / 2)


def states_settling(result, start, inputs):
    """x of every unit at each Euler step, 1 + SHOWN_STEPS × N float: the unclamped network with
    a result's weights from x(t0) with I, both N. The words are golden's."""
    settings = result.settings
    engine = "golden" if result.engine != "float64" else "float64"
    trained = machine(result.problem, settings, engine, None)
    trained = replace(trained, weights=result.weights_raw if engine == "golden" else result.weights)
    fmt = PRESETS[settings.preset].state
    x, given = np.atleast_2d(start), np.atleast_2d(inputs)
    if engine == "golden":
        x, given = fmt.to_raw(x), fmt.to_raw(given)
    one = Settling(dt_shift=settings.dt_shift, tolerance=1, limit=1, use_within=0, fixed=True)
    seen = []
    for _ in range(SHOWN_STEPS):
        network = unclamped(trained, x, given, one)
        seen.append(network.start.copy())
        x = network.relax(errors=False).x
    x = np.concatenate([*seen, x])
    return fmt.to_float(x) if engine == "golden" else x


def visits(problem, settings):
    """Which entry of the carousel's program, and which multiplier, has each weight: two N×M int,
    −1 where none has it. Raises ValueError where no core holds the network."""
    from rbp.hdl.program import compiled, holding

    structure = machine(problem, settings, "golden").structure
    config = holding(settings.config(problem), structure)
    program = compiled(config, structure)
    words = np.arange(1, structure.numbered.size + 1).reshape(structure.numbered.shape)
    numbered = np.where(structure.numbered, words, 0)
    packed = program.pack(numbered)  # entries × P
    found = np.full((2, numbered.size + 1), -1)
    entry, multiplier = np.nonzero(packed)
    found[0, packed[entry, multiplier]] = entry
    found[1, packed[entry, multiplier]] = multiplier
    places = structure.from_machine(numbered)
    return found[0][places], found[1][places]
