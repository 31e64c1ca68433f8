"""The house: what each folder may import is in its ``__init__``; its rooms stay small."""

import ast
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAPPED = ("cmodel", "cosim", "driver", "golden", "hdl")
TOP = {"rbp": "rbp"} | {name: f"rbp.{name}" for name in MAPPED}
FOLDERS = sorted({path.parent for top in TOP for path in (ROOT / top).rglob("*.py")}, key=str)
MOST_LINES, MOST_IN_ELABORATE, MOST_FILES = 300, 120, 12


def package(folder):
    """The dotted name of a folder of the checkout."""
    top, *rest = folder.relative_to(ROOT).parts
    return ".".join([TOP[top], *rest])


def imports(path):
    """Dotted names of what a file imports of the project."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name for name in names if name.partition(".")[0] == "rbp")


def allowed(folder):
    """Prefixes that a folder may import, from its own words."""
    text = ast.get_docstring(ast.parse((folder / "__init__.py").read_text())) or ""
    rule = re.search(r"May import: (.*?)\.?(?:\n\n|\Z)", text, re.DOTALL)
    assert rule, f"{folder}/__init__.py does not say what it may import"
    return [package(folder), *re.split(r",\s+", rule[1].strip())]


def forbidden(folder):
    """(file, name) of each import that is not allowed."""
    may = allowed(folder)
    return [
        (path.name, name)
        for path in sorted(folder.glob("*.py"))
        for name in imports(path)
        if not any(f"{name}.".startswith(f"{prefix}.") for prefix in may)
    ]


@pytest.mark.parametrize("folder", FOLDERS, ids=package)
def test_imports(folder):
    assert forbidden(folder) == []


def test_a_forbidden_import_is_found(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    room = tmp_path / "hdl" / "room"
    room.mkdir(parents=True)
    (room / "__init__.py").write_text(
        '"""A room.\n\nMay import: rbp.hdl.fixed,\nrbp.golden.\n"""\n'
    )
    (room / "block.py").write_text(
        "from rbp.golden.pe import x\nfrom rbp.hdl import fixed, fixed_other, lane\n"
        "def late():\n    import rbp.cosim.run\n"
    )
    names = ("rbp.hdl.fixed_other", "rbp.hdl.lane", "rbp.cosim.run")
    assert forbidden(room) == [("block.py", name) for name in names]


@pytest.mark.parametrize("folder", FOLDERS, ids=package)
def test_sizes(folder):
    """A stranger reads a file in one go, and a folder at a glance."""
    files = [path for path in folder.iterdir() if path.is_file()]
    assert len(files) <= MOST_FILES
    for path in folder.glob("*.py"):
        text = path.read_text()
        assert len(text.splitlines()) <= MOST_LINES, path.name
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.name == "elaborate":
                assert node.end_lineno - node.lineno < MOST_IN_ELABORATE, path.name


def test_every_folder_is_packaged():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert sorted(project["tool"]["setuptools"]["packages"]) == sorted(map(package, FOLDERS))
