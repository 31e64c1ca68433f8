"""A job of a sweep, wherever it runs: from settings to a row of numbers."""

import hashlib
import time

import numpy as np

from rbp.engines import train
from rbp.errors import InputError
from rbp.paper import examples
from rbp.problem import Problem

__all__ = ["run", "training"]


def run(job):
    """A row of a job: its settings, what came out, ``seconds``, and ``error``, which is empty where
    all was well. Never raises."""
    row, begun = {"key": job.key, "kind": job.kind, **dict(job.settings)}, time.perf_counter()
    try:
        row |= _row(training(job)) if job.kind == "train" else _synthesis(job)
        row["error"] = ""
    except Exception as error:  # noqa: BLE001 a failure is a row, and the others go on
        row["error"] = f"{type(error).__name__}: {error}"
    return row | {"seconds": time.perf_counter() - begun}


def training(job):
    """The :class:`rbp.Result` of a job."""
    settings = dict(job.settings)
    if "example" in settings:
        problem = examples.find(settings.pop("example")).problem()
    else:
        problem = Problem.load(settings.pop("problem"))
    updates, engine = settings.pop("updates"), settings.pop("engine", "model")
    return train(problem, updates, engine, False, **settings)  # a row says what went wrong


def _row(result):
    """``weights`` is a digest of the words: two are equal only where all words are."""
    words = np.ascontiguousarray(result.weights_raw, "<i8").tobytes()
    return {
        "first_energy": float(result.energy[0]),
        "energy": float(result.energy[-1]),
        "least_energy": float(result.energy.min()),
        "steps": float(result.settle_steps.sum(axis=2).mean()),
        "unsettled": result.unsettled / result.settle_steps.size,
        "skipped": result.skipped,
        "saturated": " ".join(role for role, is_so in result.saturated.items() if is_so),
        "cycles": result.cycles,
        "weights": hashlib.sha256(words).hexdigest()[:16],
    }


def _synthesis(job):
    from rbp.fpga import synth

    settings = dict(job.settings)
    device, grade = settings.pop("device"), settings.pop("grade", None)
    seeds = settings.pop("seeds", 1)
    record = synth.run(synth.target(device, grade=grade, **settings), seeds=seeds)
    if not record["fits"]:
        raise InputError("the core does not fit")
    return {
        "fmax_mhz": record["fmax_mhz"]["median"],
        "critical_path": record["critical_path"],
        **{kind: cell["used"] for kind, cell in record["cells"].items()},
    }
