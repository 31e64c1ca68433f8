"""Boards that are simulated: their whole top, serial pins included, at the real cycles a bit."""

import os
import select
import tty
from contextlib import suppress

from rbp.boards.build import design
from rbp.cosim import build
from rbp.cosim.line import Line
from rbp.errors import InputError

__all__ = ["behind", "serve", "simulated"]

AT_ONCE = 20_000
"""Cycles between two looks at the terminal."""

QUIET = 300_000
"""Cycles without a bit on the line after which time stands still until a byte comes."""


def simulated(name, baud=None, **flags):
    """A :class:`rbp.cosim.line.Line` to a board's default core, or another."""
    made = design(name, baud=baud, **flags)

    def top(config):
        return made.top(simulated=True)

    top.__name__ = f"{made.command}, simulated"
    source = build.build(made.target.config, top) / "core.v"
    return behind(build.verilated([source], wrapper="line"), made)


def behind(path, made):
    """A line to a Verilated :class:`~rbp.boards.build.Design`, which is out of its reset."""
    line = Line(path, made.divisor, patience=400 * 10 * made.divisor)
    line.run(cycles=4 * made.clock // 100_000)
    return line


def serve(line, link, ready, ended=lambda: False):
    """Put a line behind a pseudo-terminal, of which ``link`` becomes a name, until ``ended()``.

    ``ready(path)`` is called once it can be opened.
    """
    master, slave = os.openpty()
    tty.setraw(slave)
    os.set_blocking(master, False)
    path = os.ttyname(slave)
    try:
        if link is not None:
            _name(path, link)
        ready(link or path)
        _pump(line, master, ended)
    finally:
        if link is not None and os.path.islink(link) and os.readlink(link) == path:
            os.unlink(link)
        os.close(master)
        os.close(slave)


def _name(path, link):
    """Make ``link`` a name of the terminal; what a server that was killed has left is replaced."""
    try:
        if os.path.islink(link) and (os.readlink(link) == path or not os.path.exists(link)):
            os.unlink(link)
        os.symlink(path, link)
    except OSError as error:
        raise InputError(f"cannot make {link or repr(link)}: {error.strerror}") from error


def _pump(line, master, ended):
    """Bytes to and fro; simulated time passes while there is something to do."""
    quiet, out = 0, b""
    while not ended():
        try:
            data = os.read(master, 256)
        except BlockingIOError:
            data = b""
        came = line.run(data, 0 if data else AT_ONCE, 2_000)
        quiet = 0 if data or came else quiet + AT_ONCE
        out += came
        if out:
            with suppress(BlockingIOError):
                out = out[os.write(master, out) :]
        if quiet > QUIET and not out:
            select.select([master], [], [], 0.1)
