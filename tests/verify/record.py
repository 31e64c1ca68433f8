"""Results, a JSON for each row: how far it is, of which sources, and what came out."""

import datetime
import hashlib
import json
import os
import subprocess
from collections import Counter
from pathlib import Path

__all__ = ["FOLDER", "added", "fresh", "load", "save", "still_holds"]

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).parent / "results"
HERE = Path(__file__).parent.relative_to(ROOT)
MOST_FAULTS = 20
"""That are kept; all are counted."""


def _git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip()


def _sources(row):
    """A digest of what is verified, and of the row."""
    total = hashlib.blake2b(digest_size=6)
    paths = [
        p
        for folder in row.of
        for p in (ROOT / folder).rglob("*")
        if p.suffix in (".py", ".cpp", ".hpp")
    ]
    module = row.work.__module__.rpartition(".")[2]
    for path in sorted([*paths, ROOT / HERE / "rows" / f"{module}.py"]):
        total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return total.hexdigest()


def fresh(row):
    """The result of a row of which nothing has been done."""
    changed = _git("status", "--porcelain", "--", *row.of)
    commit = _git("log", "-1", "--format=%h", "--", *row.of)
    return {
        "row": row.name,
        "date": None,
        "commit": commit + "+" * bool(changed),
        "sources": _sources(row),
        "shares": 0,
        "seconds": 0,
        "amounts": {},
        "differences": 0,
        "faults": [],
        "control": None,
    }


def load(row):
    """The result that is kept; None where there is none."""
    path = FOLDER / f"{row.name}.json"
    return json.loads(path.read_text()) if path.exists() else None


def still_holds(row, result):
    """Whether the sources are those of a result, so that it can be gone on with."""
    return result["sources"] == _sources(row)


def added(result, found, seconds):
    """A result with one share more."""
    amounts = Counter(result["amounts"])
    amounts.update(found.amounts)
    return result | {
        "date": datetime.date.today().isoformat(),
        "shares": result["shares"] + 1,
        "seconds": round(result["seconds"] + seconds, 1),
        "amounts": {name: amounts[name] for name in sorted(amounts)},
        "differences": result["differences"] + len(found.faults),
        "faults": (result["faults"] + found.faults)[:MOST_FAULTS],
    }


def save(row, result):
    """Whole or not at all."""
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{row.name}.json"
    part = path.with_suffix(".part")
    part.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    os.replace(part, path)
