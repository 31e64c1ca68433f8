"""Progress of a long job: a bar of tqdm, where there is a terminal or a notebook."""

import os
import sys
import time
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import Any

from rbp.checks import shown
from rbp.errors import InputError

__all__ = ["Progress", "bar", "check_progress"]

SOON = 0.5
"""Seconds of a job that has no bar yet; shorter ones have none."""

FORMAT = "{l_bar}{bar}| {n_fmt}/{total_fmt} [{remaining} left, {rate_fmt}{postfix}]"
"""Of tqdm: what matters has room in 80 columns."""

SIZE = {"ncols": 80, "nrows": 20}
"""Of a terminal that does not say one of them, or both."""

LATELY = 20
"""Updates of which the settled share is a mean."""


def check_progress(progress):
    """Refuse what is neither None, nor a bool, nor callable."""
    if progress is not None and not isinstance(progress, bool) and not callable(progress):
        raise InputError(f"progress must be callable, True or False, not {shown(progress)}")


def bar(progress: Any, what: str) -> AbstractContextManager[Any]:
    """A context with what ``progress`` asks for: a bar where it is True, itself where it is
    callable, else None."""
    return Progress(what) if progress is True else nullcontext(progress or None)


class Progress:
    """`` 40%|████      | 120/300 [00:04 left, 41.00update/s, E 0.0123, settled 98%]``.

    A context, at whose end the bar stays as it is. Called as ``progress(done, total)``.

    Parameters
    ----------
    what : str
        What is counted.
    """

    def __init__(self, what):
        self.what, self.begun, self.done = what, time.monotonic(), 0
        self.energy, self.settled, self.count, self._bar = None, 1.0, 0, None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._bar is not None:
            self._bar.close()

    def __call__(self, done, total):
        self.done = done
        if self._bar is not None:
            self._bar.update(done - self._bar.n)
        elif sys.stderr.isatty() or "ipykernel" in sys.modules:  # else tqdm is not even imported
            self._bar = self._made(done, total)

    def seen(self, energy, unsettled, saturated=()):
        """E of an update, and the share of its relaxations that reached the limit."""
        self.energy, self.count = energy, self.count + 1
        self.settled += (1 - unsettled - self.settled) / min(self.count, LATELY)

    def _made(self, done, total):
        from tqdm.auto import tqdm

        progress = self

        class Bar(tqdm):
            monitor_interval = 0  # no thread: each update looks at the clock

            @property
            def format_dict(self):
                return super().format_dict | {"postfix": progress.numbers}

        return Bar(
            total=total,
            initial=done,
            unit=self.what,
            bar_format=FORMAT,
            miniters=1,
            delay=max(0, SOON - (time.monotonic() - self.begun)),
            **_size(),
        )

    @property
    def numbers(self):
        """E and the settled share, of a training."""
        if self.energy is None:
            return ""
        return f"E {self.energy:.3g}, settled {self.settled:.0%}"


def _size():
    """For tqdm, which draws nothing where a terminal has no columns, or no lines."""
    with suppress(OSError, ValueError, AttributeError):  # of a notebook's standard error
        columns, lines = os.get_terminal_size(sys.stderr.fileno())
        if not (columns and lines):
            return SIZE | ({"ncols": columns} if columns else {})
    return {"dynamic_ncols": True}
