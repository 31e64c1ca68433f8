"""Engine ``board``: a core on a board, or on a simulated one, behind a serial port."""

import os
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from rbp.checks import integer, shown
from rbp.engines.core import on_core
from rbp.errors import CheckFailed, InputError
from rbp.extras import named

__all__ = ["BAUD", "HARDWARE", "check_port", "core_at", "on_board"]

BAUD = 1_000_000
"""Bits a second, unless another is asked for."""

LATE = 0.25
"""Seconds after which an answer is late: a USB adapter takes up to 16 ms each way."""

SIMULATED = "sim:"


def check_port(engine, port, baud):
    """The two as keywords for :func:`on_board`; refuses those that the engine has not."""
    if engine != "board":
        for name, value in (("port", port), ("baud", baud)):
            if value is not None:
                raise InputError(f"{name} is for engine board, not for {engine}")
        return {}
    if not isinstance(port, str) or not port:
        raise InputError(
            f"engine board needs a port, a serial device or {SIMULATED}NAME, not {shown(port)}"
        )
    if baud is not None:
        baud = integer("baud", baud, 9600, 3_000_000)
    return {"port": port, "baud": baud}


def on_board(job, wanted, machine, *arguments, port, baud=None, **options):
    """A job of :mod:`rbp.host.session` on the core behind a port.

    The core says what it is. Raises :class:`InputError` where it is no core, or cannot do what
    ``wanted`` says, before anything is written to it.
    """
    with named():
        from rbp.host import session
        from rbp.host.link import LinkError
        from rbp.host.requests import BadAnswer

    own = [name for name in wanted.activations if name.startswith("table-")]
    with _linked(port, baud) as link:
        core = _described(link, port, own)
        machine = _fitted(core, wanted, machine)
        try:
            if job == "recall":
                return _recall(session.recall, link, core, machine, *arguments)
            _check_batch(core, machine)
            return session.train(link, core, machine, *arguments, **options)
        except (LinkError, BadAnswer, TimeoutError) as error:
            raise CheckFailed(str(error)) from error


def _check_batch(core, machine):
    """Refuse an update of more patterns than a core holds."""
    needs, places = len(machine.patterns()), core.lanes * core.slots
    if needs > places:
        raise InputError(f"an update has {needs} patterns, the board holds {places}: give batch")


def _recall(recall, link, core, machine, progress=None):
    """As many patterns at a time as the core holds."""
    runs, count, places = [], len(machine.targets), core.lanes * core.slots
    for first in range(0, count, places):
        rows = slice(first, first + places)
        words = {name: getattr(machine, name)[rows] for name in ("targets", "inputs", "start")}
        runs.append(recall(link, core, replace(machine, x=None, y=None, **words)))
        if progress:
            progress(min(rows.stop, count), count)
    joined = ("states", "settle_steps", "settled")
    whole = {name: np.concatenate([getattr(run, name) for run in runs]) for name in joined}
    return replace(runs[-1], **whole)


def core_at(port, baud=None):
    """The Config of the core behind a port."""
    with _linked(port, baud) as link:
        return _described(link, port)


def _described(link, port, own=()):
    from rbp.host.requests import BadAnswer, describe

    try:
        return link.do(describe(own))
    except BadAnswer as error:
        raise InputError(f"{port}: {error}") from error


@contextmanager
def _linked(port, baud):
    """The link to a port."""
    with named():
        from rbp.host.link import Link, LinkError
    with _opened(port, baud) as (line, name):
        try:
            link = Link(line, name)
        except LinkError as error:
            raise InputError(str(error)) from error
        yield link


@contextmanager
def _opened(port, baud):
    """A line, and its name."""
    if port.startswith(SIMULATED):
        with named():
            from rbp.boards.virtual import simulated
        line = simulated(port.removeprefix(SIMULATED), baud)
        try:
            yield line, port
        finally:
            line.close()
        return
    with named():
        import serial
    baud = baud or BAUD
    try:
        line = serial.Serial(port, baud, timeout=LATE, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        raise InputError(f"cannot open port {port}: {_why(error)}") from error
    with line:
        try:
            yield _Port(line), f"{port} at {baud} baud"
        except serial.SerialException as error:
            raise CheckFailed(f"{port} is gone: {error}") from error


def _why(error):
    if "exclusively lock" in str(error):
        return "another program has it"
    if "Inappropriate ioctl" in str(error):
        return "it is not a serial port"
    number = getattr(error, "errno", None)
    return os.strerror(number) if number else str(error)


class _Port:
    """A serial port whose reads give what is there, and wait for one byte only."""

    def __init__(self, line):
        self.line, self.write = line, line.write

    def read(self, size=1):
        return self.line.read(min(size, max(1, self.line.in_waiting)))


def _fitted(core, wanted, machine):
    """The machine for this core: the same words, its activations by the core's codes."""
    from rbp.hdl.program import compiled

    for name in ("preset", "momentum", "feature"):
        has, needs = getattr(core, name), getattr(wanted, name)
        if has != needs:
            raise InputError(f"the training needs {name} {needs}: the board has {has}")
    if wanted.random_start and not core.random_start:
        raise InputError("the training draws x(t0): the board's core cannot")
    if wanted.order > core.order:
        raise InputError(f"the network has products of {wanted.order}: the board, {core.order}")
    for name in wanted.activations:
        if name not in core.activations:
            raise InputError(
                f"the network has activation {name}: the board has {', '.join(core.activations)}"
            )
    low, high = core.eta_shifts
    integer("eta_shift of the board's core", machine.learning.eta_shift, low, high)
    try:
        compiled(core, machine.structure)
    except ValueError as error:
        raise InputError(str(error).replace("the core holds", "the board has")) from error
    codes = np.array([core.activations.index(name) for name in wanted.activations])
    network = replace(machine.network, activation=codes[machine.network.activation])
    return replace(machine, network=network)


HARDWARE: dict[str, Callable[..., Any]] = {"rtl": on_core, "board": on_board}
"""What does a job on a core, by engine."""
