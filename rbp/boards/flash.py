"""``rbp board flash``: configure a board by its own programmer."""

import hashlib
import json
import shlex
import shutil
import subprocess
from pathlib import Path

from rbp.boards.boards import board
from rbp.errors import CheckFailed, InputError

__all__ = ["command", "flash"]


def command(name, folder):
    """The programmer's command for what ``rbp board build`` has written into a folder.

    Refuses what was built for another board, is not whole, or has no programmer here.
    """
    chosen = board(name)
    image, report = (Path(folder) / f"{name}{end}" for end in (chosen.image, ".json"))
    hint = f"expected a folder of rbp board build {name}"
    try:
        content, record = image.read_bytes(), json.loads(report.read_text())
        built = record["board"], record["image"]["sha256"]
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}; {hint}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{report} is no report of a board; {hint}") from error
    if built != (name, hashlib.sha256(content).hexdigest()):
        raise InputError(f"{image} is not what {report} says; {hint}")
    program = chosen.programmer[0]
    if shutil.which(program) is None:
        raise InputError(f"{program} is not installed, expected: {chosen.package}")
    return [word.format(image) for word in chosen.programmer]


def flash(name, folder):
    """Run it, with its output where ours is.

    Raises :class:`~rbp.errors.CheckFailed` where it fails.
    """
    words = command(name, folder)
    code = subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode
    if code:
        raise CheckFailed(f"{words[0]} failed, exit {code}; the command was {shlex.join(words)}")
