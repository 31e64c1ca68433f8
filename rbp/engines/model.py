"""Engine ``model``: golden as compiled software; golden itself where there is no compiler."""

import warnings

from rbp.cmodel.build import NoCompiler
from rbp.cmodel.model import Model

__all__ = ["MOST_THREADS", "modelled"]

MOST_THREADS = 256


def modelled(machine, threads):
    """The compiled model of a golden machine; None, and a warning, where it cannot be made."""
    try:
        return Model(machine, threads)
    except NoCompiler as error:
        why = str(error)
    except OSError as error:  # there is no room for it, or what was kept is of no use
        why = f"cannot keep the compiled model: {error}"
    warnings.warn(f"{why}; golden runs instead, with the same bits", RuntimeWarning, stacklevel=3)
    return None
