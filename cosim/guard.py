"""Run a command that ends with whoever started it, together with all that it starts itself.

    python guard.py FD command …

``FD`` is the reading end of a pipe whose other end the starter holds. It closes when the starter
ends, however that happens; then the whole process group is killed. Imports nothing of ours.
"""

import os
import signal
import subprocess
import sys
import threading


def _watch(fd):
    os.read(fd, 1)
    os.killpg(0, signal.SIGKILL)


def main():
    fd, *command = sys.argv[1:]
    threading.Thread(target=_watch, args=(int(fd),), daemon=True).start()
    try:
        code = subprocess.call(command)
    except OSError as error:
        print(f"{error.strerror}: {command[0]}", file=sys.stderr)
        code = 127
    sys.exit(code if code >= 0 else 128 - code)  # as a shell has it


if __name__ == "__main__":
    main()
