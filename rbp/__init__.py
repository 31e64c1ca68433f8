"""A recurrent network that learns inside an FPGA: what users call.

::

    problem = rbp.Problem(weights=w, targets=t, target_units=visible, clamp_units=visible)
    result = rbp.train(problem, updates=300, engine="rtl", macs=5)
    states = rbp.recall(result, cues, engine="rtl")

May import: rbp.golden, rbp.cosim, rbp.cli.
"""

from importlib import import_module

TYPE_CHECKING = False  # as typing's, which takes a while to import
if TYPE_CHECKING:
    from rbp.engines import cycles, recall, score, train, verify
    from rbp.errors import InputError
    from rbp.problem import Problem
    from rbp.result import Result, States
    from rbp.settings import Settings

__all__ = [
    "InputError",
    "Problem",
    "Result",
    "Settings",
    "States",
    "cycles",
    "recall",
    "score",
    "train",
    "verify",
]

_HOMES = {
    "InputError": "errors",
    "Problem": "problem",
    "Result": "result",
    "Settings": "settings",
    "States": "result",
    "cycles": "engines",
    "recall": "engines",
    "score": "engines",
    "train": "engines",
    "verify": "engines",
}


def __getattr__(name: str) -> object:
    """Imported when first asked for, so that the command can catch an interrupt before that."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = found = getattr(import_module(f"rbp.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
