"""Runs of the core under Verilator: the same call and the same arrays as the golden model's."""

import pickle
import tempfile
import threading
from pathlib import Path

from rbp.cosim.build import bench, library
from rbp.cosim.simulator import Simulator
from rbp.cosim.tools import ToolFailed
from rbp.golden.training import Machine
from rbp.hdl.schedule import utilisation
from rbp.host import session
from rbp.host.session import Run

__all__ = ["Mismatch", "Run", "lockstep", "recall", "train"]


class Mismatch(Exception):
    """The core and the golden model differ; the message names the first word."""


def train(config, machine: Machine, updates, progress=None, *, core=None, **watched) -> Run:
    """:func:`rbp.host.session.train` on the simulated core of ``config``, or another ``core``."""
    with core or Simulator(library(config)) as core:
        return session.train(core, config, machine, updates, progress, **watched)


def recall(config, machine: Machine, progress=None) -> Run:
    """:func:`rbp.host.session.recall` on the simulated core of ``config``."""
    with Simulator(library(config)) as core:
        return session.recall(core, config, machine, progress)


def lockstep(
    config, machine: Machine, updates, progress=None, *, stalls=False, seed=1, plant=()
) -> Run:
    """As :func:`train`, under cocotb, every word compared with golden after each phase.

    ``stalls``: the host hesitates at random (``seed``). ``plant``: requests to the core alone, once
    it is loaded, to see the difference found. Raises :class:`Mismatch`.
    """
    runner = bench(config)
    with tempfile.TemporaryDirectory(prefix="rbp-lockstep-") as folder:
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
            said = runner(folder, "rbp.cosim.core_bench", [f"+job={folder / 'job'}"])
        if not (folder / "outcome").exists():
            raise _without_outcome(said)
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
        utilisation=utilisation(
            machine.structure, config.macs * config.lanes, steps, outcome["cycles"]
        ),
        words_compared=outcome["compared"],
    )


def _without_outcome(said):
    """What to raise of a bench that ended by itself; its log is kept."""
    with tempfile.NamedTemporaryFile("w", prefix="rbp-", suffix=".log", delete=False) as log:
        log.write(said)
    last = " / ".join(said.strip().splitlines()[-3:])
    return ToolFailed(f"the bench ended without an outcome: {last}; its log is kept: {log.name}")


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
