"""The pages: every block of code runs and prints what the page says, every link leads somewhere."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rbp
from rbp.cli import main, parser

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#[^)]*)?\)")


def name(page):
    return str(page.relative_to(ROOT))


def blocks(page):
    """(language, text) of the fenced blocks."""
    return BLOCK.findall(page.read_text())


def commands(text):
    """The ``rbp`` commands of a console block, without their output."""
    lines = [line[2:] for line in text.splitlines() if line.startswith("$ ")]
    return [shlex.split(line)[1:] for line in lines if re.match(r"(\.venv/bin/)?rbp ", line)]


WITH_CODE = [p for p in PAGES if any(kind in ("python", "console") for kind, _ in blocks(p))]


@pytest.mark.parametrize("page", WITH_CODE, ids=name)
def test_blocks_run(page, tmp_path, monkeypatch, capsys):
    """In order, in one Python and one folder; a ``text`` block is what the one before it prints."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "Agg")
    names, printed = {"__name__": "__main__"}, None
    for kind, text in blocks(page):
        if kind == "python":
            capsys.readouterr()
            exec(compile(text, name(page), "exec"), names)  # as a reader pastes it
            printed = capsys.readouterr().out
        elif kind == "text" and printed is not None:
            assert printed == text
        elif kind == "console":
            for arguments in commands(text):
                assert main(arguments) == 0, arguments


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links(page):
    for target in LINK.findall(re.sub(BLOCK, "", page.read_text())):
        if target and "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", [PAGES[0], *sorted((ROOT / "docs/howto").glob("*.md"))], ids=name)
def test_cells_are_short(page):
    for line in page.read_text().splitlines():
        if line.startswith("|"):
            for cell in line.strip("|").split("|"):
                assert len(cell.split()) <= 25, cell


def test_all_verbs_are_in_the_table():
    page = (ROOT / "docs/reference/commands.md").read_text()
    assert {verb for verb in parser()[1] if f"| `{verb}` |" not in page} == set()


def test_the_front_page_is_short():
    assert len(PAGES[0].read_text().splitlines()) <= 150


def test_the_site(tmp_path):
    """Without a warning; it has the flags of each verb, what Python gives, and the port."""
    program = [sys.executable, ROOT / "docs" / "build.py", tmp_path]
    done = subprocess.run(program, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    reference = tmp_path / "docs" / "reference"
    verbs = (reference / "verbs.html").read_text()
    assert all(f"rbp {name}" in verbs for name in parser()[1])
    python = (reference / "python.html").read_text()
    assert all(f'id="rbp.{name}"' in python for name in rbp.__all__)
    assert "BUS_ADDR" in (reference / "port.html").read_text().upper()


def test_a_broken_page_is_found(tmp_path):
    """The check can fail: a link to a page that is not there."""
    for name in ("docs", "README.md", "CONTRIBUTING.md", "LICENSE", "CITATION.cff"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    with open(tmp_path / "docs" / "roadmap.md", "a") as page:
        page.write("\n[nowhere](missing.md)\n")
    program = [sys.executable, tmp_path / "docs" / "build.py", tmp_path / "site"]
    done = subprocess.run(program, capture_output=True, text=True)
    assert done.returncode != 0
    assert "missing.md" in done.stderr
