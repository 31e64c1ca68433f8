"""``rbp driver``: the driver in C, with its examples, as it was installed."""

from pathlib import Path

from rbp.files import check_files, check_folder, made_by, made_folder, write_all

__all__ = ["FOLDER", "check_outputs", "paths", "write"]

FOLDER = Path(__file__).parent / "c"
NAMES = ("rbp.h", "rbp.c", "examples/figure1.c", "examples/baremetal.c")


def paths(folder):
    """Of all files."""
    return tuple(Path(folder) / name for name in NAMES)


def check_outputs(folder, *, force=False):
    """Refuse what could not be written."""
    found = paths(folder)
    for parent in dict.fromkeys(path.parent for path in found):
        check_folder(parent, [path.name for path in found if path.parent == parent])
    check_files([path for path in found if path.exists()], force=force)


def write(folder):
    """Write the files; returns their paths."""
    mark = f"/* {made_by('rbp driver')} */\n"
    texts = ((FOLDER / name).read_text() for name in NAMES)
    contents = {path: f"{mark}{t}".encode() for path, t in zip(paths(folder), texts, strict=True)}
    with made_folder(folder), made_folder(Path(folder) / "examples"):
        return write_all(contents)
