"""Files that are read with suspicion and that appear whole or not at all."""

import io
import math
import os
import secrets
import stat
import zipfile
from contextlib import ExitStack, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import numpy as np

from rbp.errors import InputError

__all__ = [
    "check_files",
    "check_folder",
    "check_keys",
    "check_output",
    "made_by",
    "made_folder",
    "not_ours",
    "npz",
    "output_name",
    "read_npz",
    "write_all",
    "write_npz",
    "written",
]

LARGEST = 1 << 31
"""Bytes of an array that is read."""

KEYS = set(
    "weights targets target_units clamp_units inputs initial_state connected activation order "
    "feature tables products weights_raw velocities states errors energy updates settle_steps "
    "unsettled skipped saturated cycles utilisation settings engine noise values "
    "settled".split()
)
"""Of problems, results, cues and states; those of a result's problem with a prefix."""


def read_npz(path):
    """The arrays of an ``.npz`` file by key; pickles are never loaded.

    Raises :class:`InputError` where the file is missing or is not a readable ``.npz``.
    """
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise InputError(f"cannot read {path}: expected a regular file")
        with zipfile.ZipFile(path) as archive:
            members = {name.removesuffix(".npy"): name for name in archive.namelist()}
            if len(members) < len(archive.namelist()):
                raise InputError(f"{path} has two arrays of one name: expected each once")
            for key, name in members.items():
                _check_header(path, key, archive, name)
            arrays = {}
            for key, name in members.items():
                with archive.open(name) as member:
                    arrays[key] = np.lib.format.read_array(member, allow_pickle=False)
            return arrays
    except InputError:
        raise
    except MemoryError as error:
        raise InputError(f"{path} does not fit into the memory") from error
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # zipfile, zlib and NumPy have a dozen ways to refuse bad bytes
        raise InputError(
            f"{path} is not a readable .npz file of plain arrays (pickles are never loaded)"
        ) from error


def _check_header(path, key, archive, name):
    """Refuse an array by its header, before it is unpacked: unknown, or absurdly large."""
    if key.removeprefix("problem_") not in KEYS:
        raise InputError(f"{path}: unknown key {key!r}: expected {', '.join(sorted(KEYS))}")
    with archive.open(name) as member:
        version = np.lib.format.read_magic(member)
        read = {(1, 0): np.lib.format.read_array_header_1_0}.get(
            version, np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = read(member)
    size = math.prod(shape) * dtype.itemsize
    if size > LARGEST:
        raise InputError(
            f"{path}: {key} of shape {shape} would take {size} bytes: expected at most {LARGEST}"
        )


def check_keys(arrays, required, optional=()):
    """Refuse missing and unknown keys."""
    for key in required:
        if key not in arrays:
            raise InputError(f"missing key {key!r}: expected {', '.join(required)}")
    for key in arrays:
        if key not in required and key not in optional:
            raise InputError(f"unknown key {key!r}: expected {', '.join((*required, *optional))}")


def _beside(path):
    """A new name in the same folder, so that renaming to ``path`` is one step.

    It is short: the name itself may be as long as the disk takes.
    """
    return path.with_name(f".rbp-{secrets.token_hex(8)}.part")


def output_name(path):
    """The path as text; refuses what names no file."""
    name = os.fsdecode(path)
    if not name or name.endswith(os.sep):
        raise InputError(f"cannot write {name!r}: expected the name of a file")
    return name


def _target(path):
    """Where a path leads, links followed."""
    name = output_name(path)
    try:
        return Path(os.path.realpath(name))
    except (OSError, ValueError) as error:  # the folder is gone; a byte of 0
        raise InputError(f"cannot write {name!r}: {error}") from error


def check_output(path, shown=None):
    """Refuse, before a long job starts, an output file that could not be written at its end.

    The refusal names ``shown``, by default the path.
    """
    shown = path if shown is None else shown
    target = _target(path)
    try:
        if target.is_dir():
            raise InputError(f"cannot write {shown}: it is a folder, expected a file name")
        if target.is_symlink():
            raise InputError(f"cannot write {shown}: its link leads in a circle")
        if not target.parent.is_dir():
            raise InputError(f"cannot write {shown}: there is no folder {target.parent}")
        if target.exists() and not (target.is_file() and os.access(target, os.W_OK)):
            raise InputError(f"cannot write {shown}: it is not a writable regular file")
        if os.path.ismount(target) or not _may_replace(target):
            raise InputError(f"cannot write {shown}: it cannot be replaced, expected another name")
        # os.access() tells root that a read-only file system is writable: only a trial tells.
        part = _beside(target)
        part.touch(exist_ok=False)
        part.unlink()
    except OSError as error:
        raise InputError(f"cannot write {shown}: {error.strerror}") from error


def _may_replace(target):
    """Whether a file's folder lets this user take its place: a sticky one, as /tmp, may not."""
    folder = target.parent.stat()
    if not target.exists() or not folder.st_mode & stat.S_ISVTX:
        return True
    return os.geteuid() in (0, folder.st_uid, target.stat().st_uid)


def check_folder(path, names):
    """As :func:`check_output`, for files in a folder that is made when they are written."""
    folder = _target(os.fspath(path).rstrip(os.sep) or path)
    existing = folder
    try:
        while not existing.exists():
            if existing.is_symlink():
                raise InputError(f"cannot write to {path}: the link {existing} leads in a circle")
            existing = existing.parent
    except OSError as error:  # a name too long, a folder that may not be entered
        raise InputError(f"cannot write to {path}: {error.strerror}") from error
    if not existing.is_dir():
        raise InputError(f"cannot write to {path}: {existing} is not a folder")
    for name in names:
        check_output((folder if folder.exists() else existing) / name, Path(path) / name)


@contextmanager
def made_folder(path):
    """A folder, made if need be; if its body fails, it is removed again. A link to what is not
    there leads to it from now on."""
    folder = Path(os.path.realpath(path))
    made = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    try:
        yield Path(path)
    except BaseException:
        with suppress(OSError):  # somebody has put something there
            for each in made:
                each.rmdir()
        raise


def write_all(contents):
    """Write ``{path: bytes}``, all complete before the first takes its name; returns the paths."""
    with ExitStack() as files:
        for path, content in contents.items():
            file = files.enter_context(written(path))
            file.write(content)
            file.flush()  # a full disk is found before any has its name
    return [os.fspath(path) for path in contents]


DONE: dict[str, None] = {}
"""Files that this process has written, in order: what an interrupt leaves is said truly."""


@contextmanager
def written(path):
    """A binary file that takes the name ``path`` once it is complete, and else leaves nothing.

    A file that is replaced keeps its mode.
    """
    target = _target(path)
    part = _beside(target)
    try:
        with open(part, "xb") as file:
            with suppress(FileNotFoundError):
                part.chmod(stat.S_IMODE(target.stat().st_mode))
            yield file
        os.replace(part, target)
        DONE[os.fsdecode(path)] = None
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.filename in (None, os.fspath(part)):  # a write has no name, a new file another
            error.filename = os.fspath(path)
        raise
    except BaseException:  # an interrupt too must leave no half file
        part.unlink(missing_ok=True)
        raise


def npz(arrays):
    """The bytes of arrays by key."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()


def write_npz(path, arrays):
    """Write arrays by key, atomically."""
    with written(path) as file:
        np.savez(file, allow_pickle=False, **arrays)


_MARK = "Made by rbp "
_HEAD = 400  # bytes in which the mark is looked for: it is in the first lines


def made_by(command):
    """The mark: which ``rbp`` made a file, and by which command."""
    return f"{_MARK}{version('rbp')}: {command}"


def check_files(paths, *, force=False):
    """Refuse, before a long job, what could not be written at its end, or is not ours.

    A file that bears no mark is replaced only by ``force``.
    """
    for path in paths:
        check_output(path)
        if force or not os.path.exists(path):
            continue
        with open(path, "rb") as file:
            if _MARK.encode() not in file.read(_HEAD):
                raise not_ours(path)


def not_ours(path):
    """The error of a file that somebody else wrote."""
    return InputError(f"{path} was not made by rbp: --force replaces it")
