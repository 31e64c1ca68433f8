"""What ``rbp plan`` prints of its numbers."""

import numpy as np

__all__ = ["summary"]

_LEGEND = (
    "P: multipliers of a lane (--macs). entries: cycles of a sweep; short: of one for y alone.",
    "words: of the program. padding: share of the weights that belong to no connection.",
)
_LEGEND_OF_CORES = "L: lanes. slots: patterns of a lane. used: share of the multipliers' cycles."
_LEGEND_OF_A_DEVICE = (
    "mults: hardware multipliers. BRAMs: block RAMs. cells: of a LUT and a register. µs: an update."
)


def summary(record, source="PROBLEM.npz"):
    """Lines for the terminal; ``source`` is the file of what was planned."""
    plain = "{units} units: {held} held, {rows} with rows; {connections} connections"
    yield plain.format(**record) + (
        f"; {record['not_computed']} more of held units are not computed"
        if record["not_computed"]
        else ""
    )
    x, y = np.mean(record["steps"], axis=0)
    of = "one golden update" if record["steps_are"] == "golden" else "--steps"
    yield f"{record['batch']} patterns an update; {x:.1f} steps of x, {y:.1f} of y (of {of})"
    yield ""
    yield f"{'P':>3} {'entries':>8} {'short':>7} {'words':>6} {'padding':>8}"
    for p in record["programs"]:
        yield (
            f"{p['macs']:3} {p['entries']:8} {p['short']:7} {p['words']:6} "
            f"{100 * p['padding']:6.1f} %"
        )
    yield ""
    title = f"{'P':>3} {'L':>2} {'slots':>5} {'cycles':>9} {'used':>6}"
    if record["device"] is None:
        yield title
        yield from map(_plain, record["cores"])
        yield from ("", *_LEGEND, _LEGEND_OF_CORES)
        return
    yield f"{title} {'mults':>5} {'BRAMs':>5} {'cells':>6} {'MHz':>5} {'µs':>9}  an estimate"
    has = {name: count or "–" for name, count in record["has"].items()}
    yield f"{record['device'] + ' has':29} {has['dsps']:>5} {has['brams']:>5} {has['luts']:>6}"
    cores = sorted(record["cores"], key=_rank)
    yield from (_line(core, record) for core in cores)
    yield from ("", *_LEGEND, _LEGEND_OF_CORES, _LEGEND_OF_A_DEVICE)
    yield from _remarks(record)
    yield _best(record, source)


def _rank(core):
    """0 fits, 1 is not known, 2 does not fit."""
    return {True: 0, None: 1, False: 2}[core["fits"]]


def _plain(core):
    return (
        f"{core['macs']:3} {core['lanes']:2} {core['slots']:5} {core['cycles']:9} "
        f"{100 * core['utilisation']:4.0f} %"
    )


def _line(core, record):
    mhz = "?" if core["us"] is None else f"{'~' * (not core['like'])}{core['fmax_mhz']:.0f}"
    us = "?" if core["us"] is None else f"{core['us']:.1f}"
    cells = "?" if core["cells"] is None else core["cells"]
    multipliers = core["multipliers"] if record["has"]["dsps"] else "–"
    verdict = (
        "fits" + " with --spram" * core["spram"],
        "cells not known",
        f"needs {next(iter(core['short_of']), '')}",
    )[_rank(core)]
    return (
        f"{_plain(core)} {multipliers:>5} {core['block_rams']:5} {cells:>6} {mhz:>5} {us:>9}  "
        f"{verdict}"
    )


def _remarks(record):
    """What should be known of MHz and cells."""
    cores = [core for core in record["cores"] if core["measured"]]
    grades = sorted({core["measured_grade"] for core in cores} - {None, record["grade"]})
    if grades and record["grade"]:
        yield f"grade {record['grade']} was not measured: figures of grade {grades[0]}"
    if any(not core["like"] for core in cores):
        yield "~ no such core was measured: MHz and cells by the nearest"


def _best(record, source):
    device, found = record["device"], record["best"]
    if found is None:
        if any(core["fits"] is None for core in record["cores"]):
            return f"whether any fits {device} is not known: no core of its family was measured"
        return f"none fits {device}"
    (core,) = (c for c in record["cores"] if {n: c[n] for n in found} == found)
    return f"best: rbp verilog --like {source} --device {device} {core['flags']} --out core.v"
