"""How fast: an update on a device beside CPU programs, and a simulated cycle by three ways.

Every figure is measured in one run, on this machine, and given as a ratio besides. A device's time
is exact cycles (:mod:`rbp.hdl.schedule`) over the Fmax that ``synth/baselines.json`` has for its
core, there with its own slots.
"""

import ctypes
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from rbp.cosim import run, tools
from rbp.cosim.build import BUILD, library
from rbp.cosim.cache import cached
from rbp.cosim.driver import Driver
from rbp.cosim.simulator import Simulator
from rbp.fpga import baselines, flow
from rbp.fpga.devices import block_rams
from rbp.golden.training import Learning
from rbp.hdl.schedule import Schedule
from rbp.machine import machine
from rbp.paper import figure1
from rbp.settings import Settings

__all__ = ["FLAGS", "cpu", "rival", "simulation"]

FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
TOLERANCE = 4 * 2.0**-14
"""Of a relaxation at w16 and Δt = 1, as a value."""


def rival():
    """The C++ program ``rival.cpp``, compiled for this machine, as a function."""
    source = Path(__file__).parent / "rival.cpp"

    def make(folder):
        shutil.copyfile(source, folder / source.name)
        tools.run(["g++", *FLAGS, "-o", "rival.so", source.name], folder)

    lib = ctypes.CDLL(cached(BUILD, "rival", (source.read_bytes(), FLAGS), make) / "rival.so")
    array = np.ctypeslib.ndpointer
    floats, bytes_ = array(np.float32, flags="C"), array(np.uint8, flags="C")
    lib.rival_train.restype = ctypes.c_long
    lib.rival_train.argtypes = [
        *[ctypes.c_int] * 3,
        floats,
        floats,
        bytes_,
        bytes_,
        ctypes.c_float,
        ctypes.c_int,
        ctypes.c_float,
    ]

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


def _seconds(job, least=0.3):
    """Of a job, the best of a few."""
    best, begun = float("inf"), time.perf_counter()
    while time.perf_counter() - begun < least or best == float("inf"):
        start = time.perf_counter()
        job()
        best = min(best, time.perf_counter() - start)
    return best


def cpu(problems):
    """A row a problem and way: µs an update, and how many times that of C++.

    ``problems`` are (name, Problem, updates); devices are those rows of the baselines whose core
    learns such a problem and, with its patterns, still fits by its block RAMs.
    """
    train, measured = rival(), baselines.load()
    for name, problem, updates in problems:
        reference = machine(problem, Settings(slots=problem.patterns), "float64")
        golden = machine(problem, Settings(slots=problem.patterns), "golden")
        steps = np.stack([golden.update().steps for _ in range(updates)])
        ways = {
            "C++, float32": _seconds(lambda p=problem, u=updates: train(p, u)) / updates,
            "NumPy, float64": _seconds(lambda r=reference, u=updates: _update(r, u), 0) / updates,
        }
        for row in baselines.ROWS:
            found = measured.get(row.command)
            other = row.units != problem.units or row.order > 1 or row.momentum
            if other or not (found and found["fits"]):
                continue
            slots = -(-problem.patterns // row.lanes)
            config, device = replace(row.target.config, slots=slots), row.target.device
            if block_rams(device, flow.design(config, device)) > device.brams:
                continue
            cycles = Schedule(config).cycles(steps, Learning(), problem.patterns) / updates
            way = f"{row.device}, {row.lanes} × {row.macs} multipliers"
            ways[way] = cycles / found["fmax_mhz"]["median"] * 1e-6
        for way, seconds in ways.items():
            yield {
                "name": name,
                "way": way,
                "us_per_update": seconds * 1e6,
                "times_cpp": seconds / ways["C++, float32"],
            }


def _update(reference, updates):
    for _ in range(updates):
        reference.update()


def simulation():
    """A row a way of simulating Figure 1 at P = 5: kilocycles a second, and a ratio to C++'s."""
    problem, settings = figure1.problem(), Settings(macs=5)
    config, golden = settings.config(problem), machine(problem, settings, "golden")
    driver, cycles = Driver(config), 200_000
    with Simulator(library(config)) as core:
        core.do(driver.load(golden))
        core.do(driver.write("MODE", 0))  # no log, so that nothing waits for the host
        core.do(driver.start_training(0))
        bare = cycles / _seconds(lambda: core.run(cycles))

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
