"""Runs of the core under Verilator: the same call and the same arrays as the golden model's."""

import pickle
import tempfile
import threading
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from rbp.cosim.build import BUILD, bench, library
from rbp.cosim.driver import Driver
from rbp.cosim.simulator import Simulator
from rbp.golden.training import Machine
from rbp.hdl.memory_map import Area
from rbp.hdl.schedule import utilisation
from rbp.hdl.state import Region

__all__ = ["Mismatch", "Run", "lockstep", "recall", "train"]


class Mismatch(Exception):
    """The core and the golden model differ; the message names the first word."""


@dataclass
class Run:
    """What a run of the core gives back (raw words)."""

    weights: np.ndarray
    states: np.ndarray
    """A×N: x of each pattern, where its last relaxation ended."""
    energy: list[int]
    """Σ J² at each update, before it."""
    settle_steps: np.ndarray
    """updates × B × 2 (training) or A (recall)."""
    unsettled: int
    skipped: int
    saturated: set = field(default_factory=set)
    cycles: int = 0
    utilisation: float = 0.0
    words_compared: int = 0
    settled: np.ndarray | None = None
    """Recall: A bool."""
    errors: np.ndarray | None = None
    """Training: A×N, the same of y."""
    velocity: np.ndarray | None = None
    """Training: N×M, 0 without momentum."""


def train(config, machine: Machine, updates, progress=None, *, core=None) -> Run:
    """Whole training on the core: load, start, wait, read out. ``machine`` stays as it is.

    Where the patterns are more than the core holds, each batch is loaded in its turn; while the one
    before is learned, if the core can be refilled.

    ``progress(done, total)`` is called now and then. ``core`` is a Simulator other than that of
    ``config``.
    """
    driver, reports = Driver(config), []

    def sink(report):
        reports.append(report)
        if progress:
            progress(len(reports), updates)

    x, y = machine.x.copy(), machine.y.copy()
    total, left, place = len(machine.targets), updates, 0
    capacity = config.lanes * config.slots
    if len(machine.patterns()) > capacity:
        raise ValueError(f"Patterns of an update must be at most {capacity}, the places")
    refill = config.refill and total > capacity  # two halves of the places, by turns
    parts = _parts(machine, capacity, updates)
    with core or Simulator(library(config)) as core:
        part, held, count = next(parts)
        core.do(driver.load(part))
        if refill:
            core.do(driver.write("PATTERNS", 2 * len(held)))
        while part:
            core.do(driver.start_training(count))
            following, next_held, next_count = next(parts, (None, None, None))
            next_place = len(held) - place if refill else 0
            if following and refill:
                core.do(driver.load_patterns(following, next_place))
            core.do(driver.reports(len(part.patterns()), sink))
            left -= count
            if left * len(held) < total:  # else each pattern has its turn again
                x[held] = core.do(driver.read_state(Region.X, len(held), place))
                y[held] = core.do(driver.read_state(Region.Y, len(held), place))
            if following and not refill:
                core.do(driver.load_patterns(following))
            part, held, count, place = following, next_held, next_count, next_place
        unsettled, skipped, cycles, saturated = core.do(driver.counters())
        steps = np.stack([r.steps for r in reports])
        velocity = machine.velocity
        if config.momentum:
            velocity = core.do(driver.read_weights(Area.VELOCITIES))
        return Run(
            weights=core.do(driver.read_weights()),
            velocity=velocity,
            states=x,
            errors=y,
            energy=[r.energy for r in reports],
            settle_steps=steps,
            unsettled=unsettled,
            skipped=skipped,
            saturated=saturated,
            cycles=cycles,
            utilisation=utilisation(config, steps, cycles),
        )


def _parts(machine, capacity, updates):
    """(machine, its patterns, updates to make) for each load of a core that holds ``capacity``.

    All at once where they fit, else a machine of one batch for each update.
    """
    total = len(machine.targets)
    if total <= capacity:
        yield machine, np.arange(total), updates
        return
    learning, t = replace(machine.learning, batch=None), machine.t
    for _ in range(updates):
        held = machine.learning.patterns(total, t)
        words = {name: getattr(machine, name)[held] for name in ("targets", "inputs", "start")}
        yield replace(machine, learning=learning, t=t, x=None, y=None, **words), held, 1
        t += len(held)


def recall(config, machine: Machine, progress=None) -> Run:
    """Let x settle from ``machine.start``; no y, no update."""
    driver, reports = Driver(config), []
    patterns = len(machine.targets)
    with Simulator(library(config)) as core:
        core.do(driver.load(machine))
        core.do(driver.start_recall())
        core.do(driver.reports(patterns, reports.append, training=False))
        unsettled, _, cycles, saturated = core.do(driver.counters())
        if progress:
            progress(1, 1)
        (report,) = reports
        return Run(
            weights=machine.weights,
            states=core.do(driver.read_state(Region.X, patterns)),
            energy=[],
            settle_steps=report.steps[:, 0],
            unsettled=unsettled,
            skipped=0,
            saturated=saturated,
            cycles=cycles,
            settled=~report.unsettled[:, 0],
        )


def lockstep(
    config, machine: Machine, updates, progress=None, *, stalls=False, seed=1, plant=()
) -> Run:
    """As :func:`train`, under cocotb, every word compared with golden after each phase.

    ``stalls``: the host hesitates at random (``seed``). ``plant``: requests to the core alone, once
    it is loaded, to see the difference found. Raises :class:`Mismatch`.
    """
    runner = bench(config)
    with tempfile.TemporaryDirectory(prefix="lockstep-", dir=BUILD) as folder:
        folder = Path(folder)
        job = {
            "config": config,
            "machine": machine,
            "updates": updates,
            "stalls": stalls,
            "seed": seed,
            "plant": list(plant),
            "progress": str(folder / "progress"),
            "outcome": str(folder / "outcome"),
        }
        (folder / "job").write_bytes(pickle.dumps(job))
        with _watching(folder / "progress", updates, progress):
            runner(folder, "rbp.cosim.core_bench", [f"+job={folder / 'job'}"])
        if not (folder / "outcome").exists():
            log = (folder / "log").read_text(errors="replace")
            raise RuntimeError(f"The bench ended without an outcome:\n{log}")
        outcome = pickle.loads((folder / "outcome").read_bytes())
    if "mismatch" in outcome:
        raise Mismatch(outcome["mismatch"])
    end, steps = outcome["machine"], outcome["steps"]
    return Run(
        weights=end.weights,
        velocity=end.velocity,
        states=end.x,
        errors=end.y,
        energy=outcome["energy"],
        settle_steps=steps,
        unsettled=end.unsettled - machine.unsettled,
        skipped=end.skipped - machine.skipped,
        saturated=end.saturated,
        cycles=outcome["cycles"],
        utilisation=utilisation(config, steps, outcome["cycles"]),
        words_compared=outcome["compared"],
    )


class _watching:
    """Reports the number in a file now and then, while the body runs."""

    def __init__(self, path, total, progress):
        self.path, self.total, self.progress = path, total, progress
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self):
        while not self.ended.wait(0.2):
            if self.path.exists() and (text := self.path.read_text()):
                self.progress(int(text), self.total)

    def __enter__(self):
        if self.progress:
            self.thread.start()

    def __exit__(self, *_):
        self.ended.set()
        if self.progress:
            self.thread.join()
