"""``rbp info``: what is in a file of the project's."""

import re

import numpy as np

from rbp.checks import boolean, finite, numbers
from rbp.errors import InputError
from rbp.files import check_keys, read_npz
from rbp.problem import Problem
from rbp.result import NOISE, Result

__all__ = ["describe", "energies", "fields", "kind_of", "plot"]

STATES = ("states", "values", "settle_steps", "settled")


def kind_of(arrays):
    """``result``, ``problem``, ``states``, ``test set``, ``cues``, or None: what has such keys."""
    if Result.describes(arrays):
        return "result"
    if "weights" in arrays or "target_units" in arrays:
        return "problem"
    if set(arrays) == set(STATES):
        return "states"
    if "targets" in arrays:
        return "test set"
    return "cues" if "initial_state" in arrays else None


def describe(path):
    """(kind, what it is made of, lines that say what is in it)."""
    arrays = read_npz(path)
    kind = kind_of(arrays)
    try:
        if kind == "result":
            made = Result.from_arrays(arrays)
            return kind, made, [*_problem(made.problem), *_result(made)]
        if kind == "problem":
            made = Problem.from_arrays(arrays)
            return kind, made, list(_problem(made))
        if kind is not None:
            made = _rows(kind, arrays)
            return kind, made, [f"{name}: {_shape(array)}" for name, array in arrays.items()]
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    found = ", ".join(sorted(arrays)) or "nothing"
    raise InputError(
        f"{path} must hold a problem, a result, cues, states or a test set of rbp, not {found}"
    )


def _rows(kind, arrays):
    """The arrays of cues or states, C×N or C, checked; one cue may be N."""
    first = {"cues": "initial_state", "test set": "targets", "states": "states"}[kind]
    shape = np.atleast_2d(arrays[first]).shape
    if arrays[first].ndim not in (1, 2) or 0 in shape:
        raise InputError(f"{first} must have shape C×N, C and N ≥ 1, not {arrays[first].shape}")
    if kind in ("cues", "test set"):
        others = tuple({"initial_state", "inputs"} - {first})
        check_keys(arrays, (first,), others)
        made = {first: numbers(first, arrays[first], arrays[first].shape)}
        made |= {name: numbers(name, arrays[name], shape) for name in others if name in arrays}
        for name in {*made} - {"targets"}:
            finite(name, made[name])
        return made
    made = {name: numbers(name, arrays[name], shape) for name in ("states", "values")}
    finite("values", made["values"])
    made["settle_steps"] = numbers("settle_steps", arrays["settle_steps"], shape[:1])
    made["settled"] = boolean("settled", arrays["settled"], shape[:1])
    return made


def _shape(array):
    return f"{'×'.join(map(str, array.shape)) or 'one'} {array.dtype}"


def _problem(problem):
    connections = int(problem.connected.sum())
    yield f"{problem.units} units, {problem.patterns} patterns"
    yield f"{connections} of {problem.connected.size} connections"
    for name in ("target_units", "clamp_units"):
        yield f"{int(getattr(problem, name).sum())} {name.replace('_', ' ')}"
    yield f"{int((problem.inputs != 0).any(axis=0).sum())} units with inputs"
    yield f"activation {', '.join(sorted(set(problem.activation)))}"
    if problem.products is not None:
        longest = max(map(len, problem.products))
        yield f"{problem.terms} products of up to {longest} factors, feature {problem.feature}"
    elif problem.monomials is not None:
        yield f"order {problem.order}, feature {problem.feature}"
    low, high = problem.weights.min(), problem.weights.max()
    yield f"start weights {low:.4g} … {high:.4g}"


def _result(result):
    yield f"{result.updates} updates on engine {result.engine}"
    yield energies(result)
    yield f"weights {result.weights.min():.4g} … {result.weights.max():.4g}"
    relaxations = result.settle_steps.size
    yield f"{result.unsettled} of {relaxations} relaxations reached the limit"
    yield f"{result.skipped} pattern updates skipped"
    roles = [role for role, flag in result.saturated.items() if flag]
    yield f"saturated: {', '.join(roles) or 'nothing'}"
    if result.cycles:
        yield f"{result.cycles} cycles, utilisation {result.utilisation:.3f}"
    if result.noise != NOISE:
        yield "made with the noise of an earlier version"
    settings = result.settings.resolved(result.problem)
    yield "settings: " + ", ".join(f"{k} {v}" for k, v in settings.items() if v is not None)


def energies(result):
    """E of the first and of the last update; where that is of a few patterns, it says so."""
    batch, patterns = result.settings.batch_of(result.problem), result.problem.patterns
    some = f" (each of {batch} of {patterns} patterns)" if batch < patterns else ""
    return f"E {result.energy[0]:.6g} -> {result.energy[-1]:.6g}{some}"


def plot(kind, made, path):
    """Draw E, weights or states into a picture."""
    from rbp.paper import plots

    with plots.figure_file(path) as axes:
        if kind == "result":
            axes.semilogy(np.arange(1, made.updates + 1), np.maximum(made.energy, 1e-12))
            axes.set(xlabel="number of updates", ylabel="E")
            return
        values = {"problem": "weights", "states": "values", "cues": "initial_state"}.get(
            kind, "targets"
        )
        shown = made.weights if kind == "problem" else np.atleast_2d(made[values])
        axes.figure.colorbar(axes.imshow(shown, cmap="RdBu", aspect="auto"))
        across = "from unit" if kind == "problem" else "unit"
        axes.set(title=values, xlabel=across, ylabel="to unit" if kind == "problem" else "pattern")


def fields(kind, made, size):
    """(K×H×W float, K units): receptive fields in the weights of a problem or a result.

    Of each unit that all units with inputs feed, the weights from them as a picture. ``size`` is
    ``HxW``. Raises :class:`~rbp.errors.InputError`.
    """
    if kind not in ("problem", "result"):
        raise InputError(f"fields are of weights: expected a problem or a result, not {kind}")
    problem = made.problem if kind == "result" else made
    found, inputs = re.fullmatch(r"(\d+)x(\d+)", size), (problem.inputs != 0).any(axis=0)
    height, width = map(int, found.groups()) if found else (0, 0)
    if not 0 < height * width == inputs.sum():
        raise InputError(
            f"fields must be HxW, with H·W = {inputs.sum()}, the units with inputs, not {size!r}"
        )
    if problem.monomials is not None:
        raise InputError("fields are of a network of first order, not of one that sums products")
    units = np.flatnonzero(problem.connected[:, inputs].all(axis=1))
    if not len(units):
        raise InputError("fields are of units that all units with inputs feed: there is none")
    return made.weights[np.ix_(units, np.flatnonzero(inputs))].reshape(-1, height, width), units
