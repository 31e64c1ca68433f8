"""Folders kept by the content that they are made from."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from pathlib import Path

import platformdirs

import rbp.golden
import rbp.hdl

__all__ = ["CACHE", "SOURCES", "cached"]

CACHE = Path(os.environ.get("RBP_CACHE") or platformdirs.user_cache_path("rbp")).absolute()
_FOLDERS = [Path(package.__file__).parent for package in (rbp.golden, rbp.hdl)]
# What a core is made from, as it was when this process read it.
SOURCES = [path.read_bytes() for folder in _FOLDERS for path in sorted(folder.glob("*.py"))]


def cached(root, kind, content, make):
    """The folder ``root/kind-…`` of this content, made by ``make(folder)`` if it is not there.

    It is made beside and renamed, under a lock, so that several processes may ask for the same one.
    """
    name = f"{kind}-{hashlib.sha256(repr(content).encode()).hexdigest()[:20]}"
    folder = root / name
    if folder.exists():
        return folder
    root.mkdir(parents=True, exist_ok=True)
    with open(root / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            beside = Path(tempfile.mkdtemp(prefix=f"{name}.", dir=root))
            try:
                make(beside)
                beside.rename(folder)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    return folder
