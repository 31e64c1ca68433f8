"""A whole training, or a recall, on one core: the same arrays as the golden model's."""

from dataclasses import dataclass, field, replace

import numpy as np

from rbp.golden.training import Machine
from rbp.hdl.host.memory_map import Area
from rbp.hdl.layouts import Region
from rbp.hdl.schedule import utilisation
from rbp.host.driver import Driver
from rbp.host.requests import BadAnswer

__all__ = ["Run", "recall", "train"]


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


COUNTED = 1 << 24
"""UPDATES, UNSETTLED and SKIPPED count modulo this."""


def train(
    core,
    config,
    machine: Machine,
    updates,
    progress=None,
    *,
    seen=None,
    pause=None,
    reached=None,
    portion=None,
) -> Run:
    """Whole training on the core: load, start, wait, read out. ``machine`` stays as it is.

    Where the patterns are more than the core holds, each batch is loaded in its turn; while the one
    before is learned, if the core can be refilled. More updates than the core's counters hold are
    given to it in portions, of at most ``portion``.

    ``progress(done, total)`` and ``seen(energy, share of relaxations at the limit, roles that have
    saturated)`` are called after each update. Where ``pause()``, which is asked now and then, is
    true, the core stops after the update under way, and ``reached(run)`` is called with what it has
    come to: it says whether the training ends there.

    ``core`` carries out procedures, as :meth:`rbp.cosim.simulator.Simulator.do` does.
    """
    session = _Session(core, config, machine)

    def sink(report):
        session.reports.append(report)
        if seen:
            seen(report.energy, report.unsettled.mean(), session.driver.saturated)
        if progress:
            progress(len(session.reports), updates)

    # so few that no counter goes round
    most = min(portion or COUNTED, (COUNTED - 1) // (2 * len(machine.patterns())))
    for wanted in session.parts(updates):
        while wanted:
            wanted -= session.portion(min(wanted, most), sink, pause)
            if pause and pause():
                run = session.run()
                if reached(run):
                    return run
    return session.run()


class _Session:
    """A training on one core, portion by portion, and what it has come to."""

    def __init__(self, core, config, machine):
        self.core, self.config, self.machine = core, config, machine
        self.driver, self.reports = Driver(config), []
        self.x, self.y = machine.x.copy(), machine.y.copy()
        self.total, capacity = len(machine.targets), config.lanes * config.slots
        if len(machine.patterns()) > capacity:
            raise ValueError(f"Patterns of an update must be at most {capacity}, the places")
        self.whole = self.total <= capacity
        # else a machine of one batch for each update; two halves of the places, by turns
        self.refill = config.refill and not self.whole
        self.counted, self.before = np.zeros(2, np.int64), np.zeros(2, np.int64)

    def parts(self, updates):
        """Loads what is to be learned next; yields of how many updates that is."""
        self.updates = updates
        parts = _parts(self.machine, self.whole, updates)
        part, self.held, count = next(parts)
        self.place, self.batch = 0, len(part.patterns())
        self.core.do(self.driver.load(part))
        if self.refill:
            self.core.do(self.driver.write("PATTERNS", 2 * len(self.held)))
        while part:
            following, held, next_count = next(parts, (None, None, None))
            place = len(self.held) - self.place if self.refill else 0
            self.load = self.driver.load_patterns(following, place) if following else None
            yield count
            if self.load:
                self.core.do(self.load)
            part, self.held, count, self.place = following, held, next_count, place

    def portion(self, updates, sink, pause):
        """Some updates, fewer where ``pause()``; returns how many."""
        begun = len(self.reports)
        self.core.do(self.driver.start_training(updates))
        if self.refill and self.load:
            self.core.do(self.load)
            self.load = None
        self.core.do(self.driver.reports(self.batch, sink, pause=pause))
        _refuses_nothing(self.driver)
        if len(self.reports) == begun:
            raise TimeoutError(f"the core has ended, and reported none of {updates} updates")
        *now, self.cycles, self.saturated = self.core.do(self.driver.counters())
        self.counted += (np.array(now) - self.before) % COUNTED
        self.before[:] = now
        left = self.updates - len(self.reports)
        if pause or left * len(self.held) < self.total:  # else each pattern has its turn again
            places = len(self.held), self.place
            self.x[self.held] = self.core.do(self.driver.read_state(Region.X, *places))
            self.y[self.held] = self.core.do(self.driver.read_state(Region.Y, *places))
        return len(self.reports) - begun

    def run(self) -> Run:
        config, steps = self.config, np.stack([r.steps for r in self.reports])
        velocity = self.machine.velocity.copy()
        if config.momentum:
            velocity = self.core.do(self.driver.read_weights(Area.VELOCITIES))
        weights = self.core.do(self.driver.read_weights())
        held = self.machine.structure.held
        weights[held], velocity[held] = self.machine.weights[held], self.machine.velocity[held]
        return Run(
            weights=weights,
            velocity=velocity,
            states=self.x.copy(),
            errors=self.y.copy(),
            energy=[r.energy for r in self.reports],
            settle_steps=steps,
            unsettled=int(self.counted[0]),
            skipped=int(self.counted[1]),
            saturated=self.saturated | self.machine.saturated,
            cycles=self.cycles,
            utilisation=utilisation(
                self.machine.structure, config.macs * config.lanes, steps, self.cycles
            ),
        )


def _refuses_nothing(driver):
    """Else the core does not hold what it was told to. Raises :class:`BadAnswer`."""
    if driver.refused:
        raise BadAnswer("the core has refused an access: what it has learned is not used")


def _parts(machine, whole, updates):
    """(machine, its patterns, updates to make) for each load of a core.

    All at once where the core holds them, else a machine of one batch for each update.
    """
    total = len(machine.targets)
    if whole:
        yield machine, np.arange(total), updates
        return
    learning, t = replace(machine.learning, batch=None), machine.t
    for _ in range(updates):
        held = machine.learning.patterns(total, t)
        words = {name: getattr(machine, name)[held] for name in ("targets", "inputs", "start")}
        yield replace(machine, learning=learning, t=t, x=None, y=None, **words), held, 1
        t += len(held)


def recall(core, config, machine: Machine, progress=None) -> Run:
    """Let x settle from ``machine.start``; no y, no update."""
    driver, reports = Driver(config), []
    patterns = len(machine.targets)
    core.do(driver.load(machine))
    core.do(driver.start_recall())
    core.do(driver.reports(patterns, reports.append, training=False))
    _refuses_nothing(driver)
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
