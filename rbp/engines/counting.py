"""``cycles``: how long a core takes for a result, without simulating it."""

from dataclasses import replace

from rbp.errors import InputError
from rbp.extras import named
from rbp.golden.config import Config
from rbp.machine import check_type, structures
from rbp.result import Result

__all__ = ["cycles"]


def cycles(
    result: Result,
    core: Config | None = None,
    *,
    macs: int | None = None,
    lanes: int | None = None,
    slots: int | None = None,
) -> int:
    """Clock cycles of a core for all updates of a result, from its steps; exact.

    Patterns that the core does not hold are loaded by the host, each batch in its turn. The host is
    as quick as it has to be. A result of several calls counts as one run.

    Parameters
    ----------
    result : Result
        Of any engine; of ``float64``, the steps are its own.
    core : rbp.golden.config.Config, optional
        By default the one that engine ``rtl`` takes.
    macs, lanes, slots : int, optional
        Of that one, other than those of the result; not with ``core``.

    Returns
    -------
    int

    Raises
    ------
    InputError
        The core does not hold the network, or a batch of its patterns.
    """
    check_type("result", result, Result)
    if core is not None and (macs, lanes, slots) != (None, None, None):
        raise InputError("core and macs, lanes or slots were given: expected one or the other")
    with named():
        from rbp.engines.timetable import Timetable
        from rbp.hdl.program import holding

    settings = result.settings.sized(macs=macs, lanes=lanes, slots=slots)
    structure = structures(result.problem)[0]
    try:
        if core is None:
            core = holding(settings.config(result.problem), structure, rounded=True)
        schedule = Timetable(core, structure)
    except ValueError as error:
        raise InputError(f"no core holds the network: {error}") from error
    learning, patterns = settings.learning(), result.problem.patterns
    if patterns <= core.lanes * core.slots:
        return schedule.cycles(result.settle_steps, learning, patterns)
    batch, learning = result.settle_steps.shape[1], replace(learning, batch=None)
    if batch > core.lanes * core.slots:
        raise InputError(
            f"a batch of {batch} patterns does not fit: the core holds {core.lanes * core.slots}"
        )
    return int(schedule.runs(result.settle_steps, learning, batch).sum())
