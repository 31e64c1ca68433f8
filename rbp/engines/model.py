"""Engine ``model``: golden as compiled software; golden itself where there is no compiler."""

import warnings

from rbp.checks import integer
from rbp.cmodel.build import NoCompiler
from rbp.cmodel.model import Model
from rbp.errors import InputError

__all__ = ["check_threads", "runner"]

MOST_THREADS = 256


def check_threads(threads, engine):
    """Refuses what is no number of threads, and several of an engine that has but one."""
    threads = integer("threads", threads, 1, MOST_THREADS)
    if threads > 1 and engine != "model":
        raise InputError(f"threads are for engine model, not for {engine}")
    return threads


def runner(machine, engine, threads):
    """(what runs a machine, the engine that it is): the compiled model where that is asked for;
    golden, and a warning, where it cannot be made; for other engines the machine itself."""
    if engine != "model":
        return machine, engine
    try:
        return Model(machine, threads), engine
    except NoCompiler as error:
        why = str(error)
    except OSError as error:  # there is no room for it, or what was kept is of no use
        why = f"cannot keep the compiled model: {error}"
    warnings.warn(f"{why}; golden runs instead, with the same bits", RuntimeWarning, stacklevel=3)
    return machine, "golden"
