"""``docs/verification.md``, from the results: no row says more than its JSON."""

import textwrap

from tests.verify import record
from tests.verify.rows import ROWS

__all__ = ["PAGE", "render", "state"]

PAGE = record.ROOT / "docs" / "verification.md"

HEAD = """\
# Sign-off

The design promises bits. This page says how that promise is held: what was run, how much, and
what came out. `make verify` makes it from the results in `tests/verify/results/`; `make test`
runs a sample of each row and its control.

*Reached*: the aim is met, nothing differed, and a fault that was planted was noticed. *Partly*:
nothing differed, but less was done than the aim asks; the row below the table says what is
left. A row that is *not built* claims nothing. A result holds for its commit.

"""

COMMANDS = """\
## Run it

```text
make verify                          # all rows; hours; goes on where it stopped
make verify ROW=power-up             # one row, or some: ROW="power-up reset"
make verify ROW=bits MINUTES=30      # for at most so long
```

What stops in the middle goes on from the last share that was done, while the sources are the
same; else the row begins again.
"""


def number(value):
    return f"{value:,}"


def state(row, result):
    """A word of :data:`HEAD`."""
    if row.work is None:
        return "not built"
    if result is None or not result["shares"]:
        return "not run"
    if result["differences"] or row.judge(result["amounts"]):
        return "**fails**"
    enough = row.counted(result["amounts"]) >= row.aim
    if not enough or row.missing or not result["control"]:
        return "partly"
    return "reached"


def _line(row, result):
    cells = [f"{row.number}", f"[{row.title}](#{_anchor(row)})", state(row, result)]
    if result is None:
        aim = f"{number(row.aim)} {row.unit}" if row.work else ""
        return [*cells, "", aim, "", ""]
    amount = number(row.counted(result["amounts"]))
    aim = f"{number(row.aim)} {row.unit}"
    return [
        *cells,
        amount,
        aim,
        number(result["differences"]),
        f"{result['date']}, `{result['commit']}`",
    ]


def _anchor(row):
    """Of its heading, as GitHub and MyST make it."""
    return f"{row.number}-{row.title.replace(' ', '-')}"


def _filled(text):
    words = " ".join(text.split())
    return textwrap.fill(words, 110, break_long_words=False, break_on_hyphens=False)


def _section(row, result):
    lines = [f"### {row.number}. {row.title}", "", *([_filled(row.how), ""] if row.how else [])]
    if result is not None:
        parts = [f"{number(value)} {name}" for name, value in result["amounts"].items()]
        seconds = f"{number(round(result['seconds']))} CPU seconds"
        lines += [f"Done: {'; '.join(parts)}. {seconds}.", ""]
        lines += [f"Control: {result['control'] or 'not run'}.", ""]
        lines += [f"* {fault}" for fault in result["faults"]] + [""] * bool(result["faults"])
        if wrong := row.judge(result["amounts"]):
            lines += [f"Wrong: {wrong}.", ""]
        done, aim = row.counted(result["amounts"]), row.aim
        if done < aim:
            lines += [f"Left: {number(aim - done)} of {number(aim)} {row.unit}.", ""]
    if row.missing:
        lines += [_filled(f"Not built: {row.missing}"), ""]
    return lines


def render(results):
    """The page; ``results`` by name of the row."""
    head = ["#", "row", "state", "done", "aim", "differences", "date, commit"]
    table = [head, ["---"] * len(head)]
    table += [_line(row, results.get(row.name)) for row in ROWS]
    lines = ["| " + " | ".join(cells) + " |" for cells in table]
    lines += ["", COMMANDS, "## The rows", ""]
    for row in ROWS:
        lines += _section(row, results.get(row.name))
    return HEAD + "\n".join(lines).rstrip() + "\n"


def kept():
    """All results, by name of the row."""
    found = {row.name: record.load(row) for row in ROWS}
    return {name: result for name, result in found.items() if result}
