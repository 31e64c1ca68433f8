"""What is said while a job runs, and what is kept of a training."""

import logging
import signal
import sys
import time
from contextlib import suppress

__all__ = ["Keeper", "Told", "notice", "tell"]

_log = logging.getLogger("rbp")


def tell(text):
    """Write to standard error, above the bar of progress; what nobody can read stops no job."""
    with suppress(OSError):
        if sys.stderr.isatty() and "tqdm" in sys.modules:
            sys.modules["tqdm"].tqdm.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)


def notice(text):
    """The same, only where standard error is a terminal."""
    if sys.stderr.isatty():
        tell(text)


class Told(logging.Handler):
    """What the library logs while it works, as this program says it; a context that listens."""

    def emit(self, record):
        tell(f"rbp: {self.format(record)}")

    def __enter__(self):
        _log.addHandler(self)
        return self

    def __exit__(self, *_):
        _log.removeHandler(self)


class Keeper:
    """Saves what a training has come to, every so many seconds and when it is interrupted.

    A context: in it SIGINT, SIGTERM and SIGHUP, unless they are ignored, end the training after the
    update under way; a second one, or one before the first update, raises KeyboardInterrupt at
    once, but not while it saves. A checkpoint that cannot be written is a warning; the next one
    follows.

    Parameters
    ----------
    save : callable
        ``save(result)``.
    seconds : float
        Between two checkpoints; 0: none.
    progress : Progress
        It knows whether an update was made.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, save, seconds, progress):
        self.save, self.seconds, self.progress = save, seconds, progress
        self.wanted = self.saving = False
        self.kept = 0
        """Updates of the result that was saved last."""
        self.next = time.monotonic() + seconds

    def __enter__(self):
        heard = [s for s in self.SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
        self.before = {s: signal.signal(s, self._signal) for s in heard}
        return self

    def __exit__(self, *_):
        for which, handler in self.before.items():
            signal.signal(which, handler)

    def _signal(self, *_):
        if self.saving:
            self.wanted = True
            return
        if self.wanted or not self.progress.done:
            raise KeyboardInterrupt
        self.wanted = True
        notice("stopping after the update under way; once more to stop at once")

    def pause(self):
        """Whether the training is to stop after the update under way, to be saved."""
        return self.wanted or (self.seconds > 0 and time.monotonic() >= self.next)

    def reached(self, result):
        """Save; whether that was all."""
        try:
            self.keep(result)
        except OSError as error:
            if self.wanted:
                raise
            tell(f"rbp: no checkpoint: {error.filename}: {error.strerror}; the training goes on")
        self.next = time.monotonic() + self.seconds
        return self.wanted

    def keep(self, result):
        """Save, unless that was done."""
        if self.kept != result.updates:
            self.saving = True
            try:
                self.save(result)
                self.kept = result.updates
            finally:
                self.saving = False
