"""The command ``rbp``, or ``python -m rbp``: what must be right before anything is imported."""

import os
import signal
import sys

__all__ = ["main"]


def _is_closed(number):
    try:
        os.fstat(number)
        return False
    except OSError:
        return True


def main() -> int:
    """Run the command line; returns the exit code.

    While it is imported an interrupt ends the process at once. A standard stream that is closed
    becomes the null device, so that no file that is opened later gets its number.
    """
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if any(map(_is_closed, range(3))):
        while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
            pass
        os.close(spare)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))
    from rbp.cli import main as run

    try:
        if interruptible:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        for asked in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(asked) is signal.SIG_DFL:
                signal.signal(asked, signal.default_int_handler)  # nothing is left half made
        return run()
    except KeyboardInterrupt:  # between two lines that catch it
        return 130


if __name__ == "__main__":
    sys.exit(main())
