"""How fast: an update on a device beside CPU programs, and a simulated cycle by three ways.

Every figure is measured in one run, on this machine, and given as a ratio besides. A device's time
is exact cycles (:mod:`rbp.hdl.schedule`) over the Fmax that ``synth/baselines.json`` has for its
core, there with its own slots. A layered network has two C++ programs: one settles, as the core
does; one makes no steps, it passes each layer once.
"""

import copy
import ctypes
import time
import warnings
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from rbp.cmodel.build import compiled
from rbp.cmodel.model import Model
from rbp.cosim import run
from rbp.cosim.build import library
from rbp.cosim.simulator import Simulator
from rbp.fpga import baselines
from rbp.fpga.memories import block_rams
from rbp.golden.training import Learning
from rbp.hdl.schedule import Schedule
from rbp.host.driver import Driver
from rbp.machine import machine, structures
from rbp.paper import figure1
from rbp.settings import Settings

__all__ = [
    "FLAGS",
    "Job",
    "cpu",
    "growth",
    "layered_rival",
    "rival",
    "settling_rival",
    "simulation",
]

FLAGS = ("-O3", "-march=native", "-ffast-math", "-fPIC")
TOLERANCE = 4 * 2.0**-14
"""Of a relaxation at w16 and Δt = 1, as a value."""


@dataclass(frozen=True)
class Job:
    """A network that learns, by all ways.

    Parameters
    ----------
    updates : int
    flags : dict
        Those of :class:`rbp.Settings`.
    layers : tuple of int, optional
        Of a layered network, by :func:`rbp.paper.networks.layered`; else it is dense.
    """

    name: str
    problem: Any
    updates: int
    flags: dict = field(default_factory=dict)
    layers: tuple | None = None


def _compiled(name, **functions):
    """A C++ program beside this file, for this machine; its functions as given: (result, types)."""
    lib = ctypes.CDLL(compiled([Path(__file__).parent / f"{name}.cpp"], FLAGS))
    for function, (result, types) in functions.items():
        getattr(lib, function).restype, getattr(lib, function).argtypes = result, types
    return lib


def _array(kind):
    return np.ctypeslib.ndpointer(kind, flags="C")


def rival():
    """The C++ program ``rival.cpp``, of dense networks, as a function."""
    floats, flags, number = _array(np.float32), _array(np.uint8), ctypes.c_int
    types = [*[number] * 3, floats, floats, flags, flags, ctypes.c_float, number, ctypes.c_float]
    lib = _compiled("rival", rival_train=(ctypes.c_long, types))

    def train(problem, updates):
        """(weights, sweeps) after so many updates at η = 1."""
        weights = problem.weights.astype(np.float32)
        flags = (f.astype(np.uint8) for f in (problem.clamp_units, problem.target_units))
        targets = np.where(problem.read_units, problem.targets, 0).astype(np.float32)
        sweeps = lib.rival_train(
            problem.units, problem.patterns, updates, weights, targets, *flags, TOLERANCE, 64, 1.0
        )
        return weights, sweeps

    return train


def settling_rival():
    """The C++ program ``settling.cpp``, of layered networks, as a function."""
    floats, rows, number = _array(np.float32), _array(np.int32), ctypes.c_int
    types = [*[number] * 4, *[floats] * 3, rows, rows, number, _array(np.uint8)]
    types += [ctypes.c_float, number, ctypes.c_float]
    lib = _compiled("settling", settling_train=(ctypes.c_long, types))

    def train(problem, layers, updates, batch=None, eta_shift=0):
        """(weights, sweeps) after so many updates of ``batch`` patterns, by default all."""
        n, patterns = problem.units, problem.patterns
        borders = 1 + np.cumsum((0, *layers))
        begin, end = np.zeros((2, n), np.int32)
        for low, middle, high in zip(borders, borders[1:], borders[2:], strict=False):
            begin[middle:high], end[middle:high] = low, middle
        weights = problem.weights.astype(np.float32)
        start = (0.5 + problem.inputs).astype(np.float32)
        targets = np.where(problem.read_units, problem.targets, 0).astype(np.float32)
        sizes = (n, patterns, batch or patterns, updates)
        rows = (begin, end, int(borders[2]), problem.target_units.astype(np.uint8))
        rest = (TOLERANCE, 64, 2.0**eta_shift)
        sweeps = lib.settling_train(*sizes, weights, start, targets, *rows, *rest)
        return weights, sweeps

    return train


def layered_rival():
    """The C++ program ``layered.cpp``, of layered networks, as a function."""
    floats, number = _array(np.float32), ctypes.c_int
    types = [number, _array(np.int32), *[number] * 3, *[floats] * 3, ctypes.c_float]
    lib = _compiled("layered", layered_train=(None, types))

    def train(problem, layers, updates, batch=None, eta_shift=0):
        """Weights, N×N, after so many updates of ``batch`` patterns, by default all."""
        ends = 1 + np.cumsum((0, *layers))
        at = [np.arange(*pair) for pair in zip(ends[:-1], ends[1:], strict=True)]
        blocks = [np.ix_(u, [0, *b]) for u, b in zip(at[1:], at[:-1], strict=True)]
        packed = [problem.weights[block].ravel() for block in blocks]
        words = np.concatenate(packed).astype(np.float32)
        shown = np.ascontiguousarray(0.5 + problem.inputs[:, at[0]], np.float32)
        targets = np.ascontiguousarray(problem.targets[:, at[-1]], np.float32)
        sizes, patterns = np.array(layers, np.int32), problem.patterns
        rest = (patterns, batch or patterns, updates, words, shown, targets, 2.0**eta_shift)
        lib.layered_train(len(layers), sizes, *rest)
        weights = problem.weights.astype(np.float32)
        cuts = np.cumsum([len(block) for block in packed])[:-1]
        for block, found in zip(blocks, np.split(words, cuts), strict=True):
            weights[block] = found.reshape(weights[block].shape)
        return weights

    return train


def _seconds(job, least=0.3, before=lambda: (), clock=time.process_time):
    """Of a job, the best of a few; it takes what ``before`` makes, which is not timed. They are
    the processor's by default, of which other work beside the job takes none."""
    best, begun = float("inf"), clock()
    while clock() - begun < least or best == float("inf"):
        made = before()
        start = clock()
        job(*made)
        best = min(best, clock() - start)
    return best


def _classifier(problem, layers, batch, epochs=10):
    """Seconds of an update of scikit-learn's, a network of the same layers; None where it is not
    installed. It learns all patterns in batches, so many times."""
    try:
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.neural_network import MLPClassifier
    except ImportError:
        return None
    first, last = 1 + np.cumsum((0, *layers))[[0, -2]]
    shown = 0.5 + problem.inputs[:, first : first + layers[0]]
    answers = problem.targets[:, last : last + layers[-1]].argmax(axis=1)
    made = {"activation": "logistic", "solver": "sgd", "n_iter_no_change": epochs + 1}
    learner = MLPClassifier(layers[1:-1], batch_size=batch, max_iter=epochs, **made)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        seconds = _seconds(lambda: learner.fit(shown, answers))
    return seconds / (epochs * -(-len(shown) // batch))


def cpu(jobs):
    """A row a job and way: µs an update, and how many times that of the compiled model, which has
    the core's bits.

    The other C++ has none of them; it is written for what the network is: dense, or layered.
    Devices are those rows of the baselines whose core is the smallest that holds the network and,
    with an update's patterns, fits by its block RAMs. Their patterns are there: a core loads those
    of the next update meanwhile.
    """
    dense, settling, passing = rival(), settling_rival(), layered_rival()
    measured = baselines.load()
    for job in jobs:
        problem, updates = job.problem, job.updates
        settings = Settings(**{"slots": problem.patterns} | job.flags)
        reference, golden = (machine(problem, settings, e) for e in ("float64", "golden"))
        steps = Model(copy.deepcopy(golden)).train(updates).steps
        flags = {name: job.flags[name] for name in ("batch", "eta_shift") if name in job.flags}
        cpp = partial(dense, problem, updates)
        if job.layers is not None:
            cpp = partial(settling, problem, job.layers, updates, **flags)
        anew = partial(_anew, golden)
        ways = {
            "model": _seconds(lambda model, u=updates: model.train(u), before=anew),
            "golden, NumPy": _seconds(_update, before=partial(_copy, golden, updates)),
            "C++, float32": _seconds(cpp),
            "NumPy, float64": _seconds(_update, before=partial(_copy, reference, updates)),
        }
        ways = {way: seconds / updates for way, seconds in ways.items()}
        if job.layers is not None:
            once = partial(passing, problem, job.layers, updates, **flags)
            ways["C++, float32, without steps"] = _seconds(once) / updates
            other = _classifier(problem, job.layers, settings.batch_of(problem))
            ways |= {"scikit-learn, MLPClassifier": other} if other else {}
        for row, cycles in _cores(structures(problem)[0], steps, measured):
            way = f"{row.device}, {row.lanes} × {row.macs} multipliers"
            ways[way] = cycles / updates / measured[row.command]["fmax_mhz"]["median"] * 1e-6
        for way, seconds in ways.items():
            yield {
                "name": job.name,
                "way": way,
                "us_per_update": seconds * 1e6,
                "times_model": seconds / ways["model"],
            }


def _cores(structure, steps, measured):
    """(row of the baselines, cycles) of the smallest cores of each device that hold a network."""
    batch, found = steps.shape[1], []
    for row in baselines.ROWS:
        other = row.order > 1 or row.momentum or row.units < len(structure.order)
        if other or not measured.get(row.command, {"fits": False})["fits"]:
            continue
        config = replace(row.target.config, slots=-(-batch // row.lanes))
        try:
            schedule = Schedule(config, structure)
        except ValueError:  # its program does not fit
            continue
        if block_rams(config, row.target.device) <= row.target.device.brams:
            found.append((row, schedule.cycles(steps, Learning(), batch)))
    least = {}
    for row, _ in found:
        least[row.device] = min(row.units, least.get(row.device, row.units))
    return [(row, cycles) for row, cycles in found if row.units == least[row.device]]


def growth(problems, steps=20):
    """A row a problem: its connections, and µs of the compiled model for an update of ``steps``
    steps of x and of y, however soon they settle."""
    for problem in problems:
        golden = machine(problem, Settings(fixed_steps=steps), "golden")
        connections = problem.connected.sum()
        updates = max(2, 500_000 // connections)
        anew = partial(_anew, golden)
        seconds = _seconds(lambda model, u=updates: model.train(u), 1, anew)
        yield {"connections": int(connections), "us_per_update": seconds / updates * 1e6}


def _anew(golden):
    """The compiled model of a copy, as what a job takes."""
    return (Model(copy.deepcopy(golden)),)


def _copy(learner, updates):
    """What :func:`_update` takes, of a copy."""
    return copy.deepcopy(learner), updates


def _update(learner, updates):
    for _ in range(updates):
        learner.update()


def simulation():
    """A row a way of simulating Figure 1 at P = 5: kilocycles a second, and a ratio to C++'s."""
    problem, settings = figure1.problem(), Settings(macs=5)
    config, golden = settings.config(problem), machine(problem, settings, "golden")
    driver, cycles = Driver(config), 200_000
    with Simulator(library(config)) as core:
        core.do(driver.load(golden))
        core.do(driver.write("MODE", 0))  # no log, so that nothing waits for the host
        core.do(driver.start_training(0))
        bare = cycles / _seconds(lambda: core.run(cycles), clock=time.perf_counter)

    def rate(job, updates):
        start = time.perf_counter()
        return job(config, golden, updates).cycles / (time.perf_counter() - start)

    rates = {
        "bare C++ loop": bare,
        "fast engine, log fetched": rate(run.train, 100),
        "cocotb, every word compared": rate(run.lockstep, 10),
    }
    for way, value in rates.items():
        yield {"way": way, "kilocycles_per_second": value / 1e3, "times_cpp": value / bare}
