"""What looks at a training while it runs: progress, warnings, and what is kept of it."""

import signal
import sys
import time
from contextlib import suppress

__all__ = ["Keeper", "Progress", "notice", "tell"]

WARMED_UP = 20
"""Updates before anything is called a trend."""


def tell(text, end="\n"):
    """Write to standard error; what nobody can read stops no job."""
    over_progress = "\r\033[K" if sys.stderr.isatty() else ""
    with suppress(OSError):
        print(f"{over_progress}{text}", end=end, file=sys.stderr, flush=True)


def notice(text):
    """The same, only where standard error is a terminal."""
    if sys.stderr.isatty():
        tell(text)


class Progress:
    """``update 120/300  E 0.0123  settled 98 %  41/s  4 s left``, a few times a second.

    Only where standard error is a terminal. Warnings are written in any case, each once.

    Parameters
    ----------
    what : str
        What is counted.
    dt_shift : int, optional
        Of a training, for what is advised.
    """

    def __init__(self, what, dt_shift=None):
        self.what, self.dt_shift = what, dt_shift
        self.shown, self.begun, self.done = 0.0, None, 0
        self.energy = self.mean = self.first = None
        self.settled, self.warned, self.count = 1.0, set(), 0

    def __call__(self, done, total):
        now = time.monotonic()
        if self.begun is None:
            self.begun, self.done = now, done
        if sys.stderr.isatty() and (done == total or now - self.shown > 0.1):
            self.shown = now
            end = "\n" if done == total else ""
            line = f"{self.what} {done}/{total}{self._numbers(done, total, now)}"
            tell(line, end)

    def _numbers(self, done, total, now):
        numbers = []
        if self.energy is not None:
            numbers += [f"E {self.energy:.4g}", f"settled {100 * self.settled:.0f} %"]
        if now - self.begun > 0.5 and done > self.done:
            rate = (done - self.done) / (now - self.begun)
            numbers += [f"{rate:.3g}/s", f"{(total - done) / rate:.0f} s left"]
        return "".join(f"  {number}" for number in numbers)

    def seen(self, energy, unsettled, saturated):
        """E, the share of relaxations that reached the limit, the roles that have saturated."""
        self.count, self.energy = self.count + 1, energy
        mean = energy if self.mean is None else self.mean
        self.mean = mean + (energy - mean) / min(self.count, WARMED_UP)
        if self.count == WARMED_UP:
            self.first = self.mean
        self.settled += (1 - unsettled - self.settled) / min(self.count, WARMED_UP)
        if self.first and self.mean > 2 * self.first:
            self._warn("E", "E has doubled since the start: a smaller --eta-shift may help")
        if self.count >= WARMED_UP and self.settled < 0.5:
            finer = (
                f"--dt-shift {self.dt_shift + 1}" if (self.dt_shift or 0) < 3 else "other weights"
            )
            self._warn("settled", f"most relaxations do not settle: {finer} may help")
        harmful = {"weight", "error", "state", "velocity"} if self.count >= WARMED_UP else set()
        for role in sorted(harmful & set(saturated)):
            self._warn(role, f"{role} has saturated: its format clamped a value")

    def _warn(self, kind, text):
        if kind not in self.warned:
            self.warned.add(kind)
            tell(f"rbp: {text} (after {self.count} updates)")


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
        if self.wanted or self.progress.begun is None:
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
