"""Build the site: ``python docs/build.py [FOLDER]``, by default into build/site.

Beside the pages of this folder: the front page, the flags of all verbs, from the parser; the
Python interface, from its docstrings; and the manual of a core's port.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from sphinx.cmd.build import main as sphinx

import rbp
from rbp.cli import parser
from rbp.export.manual import manual
from rbp.fpga.machines import machine

ROOT = Path(__file__).resolve().parents[1]

CONTENTS = {
    "Start": [
        "docs/tutorial",
        "docs/mnist",
        *(
            f"docs/howto/{name}"
            for name in ("data", "estimators", "watch", "sweeps", "classifier", "recall")
        ),
    ],
    "Boards": ["docs/boards", "docs/integration"],
    "How to": [
        f"docs/howto/{name}" for name in ("engines", "machine", "trouble", "verilog", "c-driver")
    ],
    "Background": [
        "docs/paper",
        "docs/glossary",
        "docs/verification",
        "docs/roadmap",
        "CONTRIBUTING",
    ],
    "Reference": [
        f"docs/reference/{name}"
        for name in ("commands", "verbs", "python", "files", "formats", "timing", "port")
    ],
    "Design": [
        f"docs/design/{name}" for name in ("architecture", "program", "area", "higher-order")
    ],
}
"""The side bar."""


def front_page():
    """The README, and the side bar."""
    trees = (
        f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(pages) + "\n```\n"
        for title, pages in CONTENTS.items()
    )
    return "\n".join([(ROOT / "README.md").read_text(), *trees])


def verbs():
    """What ``rbp VERB --help`` says, for each verb."""
    found, of = parser()
    pages = (f"## rbp {name}\n\n```text\n{verb.format_help()}```\n" for name, verb in of.items())
    return "\n".join([f"# Flags of all verbs\n\n```text\n{found.format_help()}```\n", *pages])


def python():
    """What ``import rbp`` gives."""
    lines = ["# Python", "", "```{eval-rst}"]
    for name in rbp.__all__:
        made = getattr(rbp, name)
        kind = "autoclass" if isinstance(made, type) else "autofunction"
        lines += [f".. {kind}:: rbp.{name}"]
        if kind == "autoclass" and not issubclass(made, Exception):
            # fields of a dataclass are in its docstring
            lines += [
                "   :members:",
                "   :exclude-members: " + ", ".join(made.__dataclass_fields__),
            ]
        lines += [""]
    return "\n".join([*lines, "```", ""])


def build(out):
    """Build the site into a folder; returns Sphinx' exit code, not 0 where it warns."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        shutil.copytree(
            ROOT / "docs", source / "docs", ignore=shutil.ignore_patterns("__pycache__")
        )
        for name in ("CONTRIBUTING.md", "LICENSE", "CITATION.cff"):
            shutil.copy(ROOT / name, source)
        shutil.copy(ROOT / "docs" / "conf.py", source)
        reference = source / "docs" / "reference"
        (source / "index.md").write_text(front_page())
        (reference / "verbs.md").write_text(verbs())
        (reference / "python.md").write_text(python())
        (reference / "port.md").write_text(manual(machine(units=15, macs=5)))
        doctrees = str(Path(folder) / "doctrees")
        return sphinx(["-q", "-W", "--keep-going", "-E", "-d", doctrees, str(source), str(out)])


if __name__ == "__main__":
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    code = build(out)
    if code == 0:
        print(f"wrote {out}/index.html")
    sys.exit(code)
