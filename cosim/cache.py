"""Folders kept by the content that they are made from."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import platformdirs

from rbp.errors import CheckFailed, InputError

__all__ = ["CACHE", "SOURCES", "Unusable", "cached", "clear", "made_folder", "size"]

CACHE = Path(os.environ.get("RBP_CACHE") or platformdirs.user_cache_path("rbp")).absolute()
# Not imported: what is kept can be listed and cleared where the packages that they need are not.
_FOLDERS = [Path(find_spec(name).origin).parent for name in ("rbp.golden", "rbp.hdl")]
_MADE_BY = [path for folder in _FOLDERS for path in sorted(folder.rglob("*.py"))]
# What a core is made from, as it was when this process read it.
SOURCES = [path.read_bytes() for path in (*_MADE_BY, Path(__file__).with_name("convert.py"))]
ROOMS = ("sim", "synth", "tools")
"""Folders of CACHE that are ours; RBP_CACHE may name one that holds other things as well."""
SUM, FAILED, LOCK = ".checksum", "failed-", ".lock"


class Unusable(InputError):
    """The folder of the cache is of no use."""


def cached(root, kind, content, make):
    """The folder ``root/kind-…`` of this content, made by ``make(folder)`` if it is not there.

    It is made beside and renamed, under a lock, so that several processes may ask for the same one.
    A folder whose files are not as they were made is made again. Where ``make`` raises CheckFailed,
    the folder is kept as ``failed-kind-…``, with the tools' logs, and the message says so.
    """
    name = f"{kind}-{hashlib.sha256(repr(content).encode()).hexdigest()[:20]}"
    folder = root / name
    with _refused(root):
        if _sound(folder):
            return folder
        root.mkdir(parents=True, exist_ok=True)
        _sweep(root)
        with _locked(root / f"{name}{LOCK}"):
            if not _sound(folder):
                shutil.rmtree(folder, ignore_errors=True)
                _make(folder, make)
    return folder


def made_folder(folder):
    """A folder of the cache, made if need be."""
    with _refused(folder):
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def size():
    """Bytes of all that is kept."""
    with _refused(CACHE):
        total = 0
        for room in ROOMS:
            for folder, _, names in os.walk(CACHE / room):
                for name in names:
                    with suppress(FileNotFoundError):  # another process has removed it
                        total += os.lstat(os.path.join(folder, name)).st_size
        return total


def clear():
    """Remove all that is kept, and nothing else that lies there."""
    with _refused(CACHE):
        for path in (CACHE / room for room in ROOMS):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)


@contextmanager
def _refused(folder):
    try:
        yield
    except OSError as error:
        raise Unusable(
            f"cannot use the cache {folder}: {error.strerror}; "
            "the environment variable RBP_CACHE chooses another folder"
        ) from error


@contextmanager
def _locked(path, how=fcntl.LOCK_EX):
    with open(path, "w") as lock:
        fcntl.flock(lock, how)
        yield


def _checksum(folder):
    """Of the names and bytes of a folder's files."""
    total = hashlib.blake2b(digest_size=20)
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != SUM:
            total.update(f"{path.relative_to(folder)}\0{path.stat().st_size}\0".encode())
            total.update(path.read_bytes())
    return total.hexdigest()


def _sound(folder):
    """Whether a folder is there, with its files as they were made."""
    try:
        return (folder / SUM).read_text() == _checksum(folder)
    except FileNotFoundError:
        return False
    except ValueError:  # not even text
        return False


def _make(folder, make):
    beside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    failed = folder.with_name(f"{FAILED}{folder.name}")
    shutil.rmtree(failed, ignore_errors=True)
    try:
        make(beside)
        (beside / SUM).write_text(_checksum(beside))
        beside.chmod(0o755)
        beside.rename(folder)
    except CheckFailed as error:
        beside.rename(failed)
        raise type(error)(f"{error}; its folder is kept: {failed}") from error
    except OSError as error:  # the disk is full
        line = f"cannot build in the cache {folder.parent}: {error.strerror}"
        raise CheckFailed(f"{line}: {error.filename}" if error.filename else line) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


@cache  # once in a process
def _sweep(root):
    """Remove what runs that were killed left half made: nobody holds the lock of its name."""
    for beside in root.glob("*-*.*"):
        if beside.is_dir():
            try:
                lock = root / f"{beside.name.partition('.')[0]}{LOCK}"
                with _locked(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
                    shutil.rmtree(beside, ignore_errors=True)
            except OSError:  # somebody is at it
                pass
