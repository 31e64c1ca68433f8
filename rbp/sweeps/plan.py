"""A sweep's file: which jobs there are."""

import hashlib
import itertools
import json
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from rbp.checks import choice, integer, shown
from rbp.engines import GREATEST_UPDATES
from rbp.errors import InputError
from rbp.extras import named
from rbp.fpga.devices import DEVICES
from rbp.fpga.machines import MACHINE
from rbp.paper import examples
from rbp.problem import Problem
from rbp.result import ENGINES
from rbp.settings import Settings

__all__ = ["MOST_JOBS", "SETTINGS", "Job", "check_setting", "read"]

MOST_JOBS = 100_000

TRAINING = ("engine", "updates", *(field.name for field in fields(Settings)))
SYNTHESIS = ("device", "grade", "seeds", *MACHINE)
SETTINGS = ("example", "problem", *dict.fromkeys((*TRAINING, *SYNTHESIS)))
"""Of any job, by name."""
OF_DRAWS = {"count", "draw_seed"}
HEADS = ("kind", "problem", "example", "grid", "draws")


@dataclass(frozen=True)
class Job:
    """One training, or one synthesis: settings by name, JSON values."""

    kind: str
    settings: tuple[tuple[str, object], ...]

    @property
    def key(self):
        """What is the same for the same job only."""
        text = json.dumps([self.kind, *self.settings], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read(path):
    """The jobs of a TOML file, each once, in the order of the file.

    ``problem`` (a file beside it) or ``example`` (a name) says what is trained; with ``kind =
    "synth"`` neither. Other keys at the top are settings that all jobs have. ``[grid]`` has lists,
    of which every combination is a job. ``[draws]`` has ``count`` and ``draw_seed``, and for each
    setting a list or ``{low, high}`` (both ends included), of which each draw takes one at random;
    every draw is combined with every point of the grid. Raises
    :class:`~rbp.errors.InputError`.
    """
    try:
        with open(path, "rb") as file:
            found = tomllib.load(file)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
    try:
        return _jobs(found, Path(path).resolve().parent)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def check_setting(name, jobs):
    """Refuse what is no setting of a job."""
    return choice("plot", name, tuple(dict.fromkeys(n for job in jobs for n, _ in job.settings)))


def _jobs(found, folder):
    kind = choice("kind", found.get("kind", "train"), ("train", "synth"))
    known = TRAINING if kind == "train" else SYNTHESIS
    grid, draws = _table(found, "grid"), _table(found, "draws")
    fixed = {name: value for name, value in found.items() if name not in HEADS}
    for name in (*fixed, *grid, *(set(draws) - OF_DRAWS)):
        if name not in known:
            raise InputError(f"there is no setting {name}: expected one of {', '.join(known)}")
    _once(fixed, grid, set(draws) - OF_DRAWS)
    fixed |= _source(found, kind, folder)
    for name, values in grid.items():
        if not isinstance(values, list) or not values:
            raise InputError(f"grid.{name} must be a list of values, not {shown(values)}")
    jobs = {}
    drawn = _drawn(draws)
    if len(drawn) * np.prod([len(values) for values in grid.values()], dtype=float) > MOST_JOBS:
        raise InputError(f"there must be at most {MOST_JOBS:,} jobs")
    for draw in drawn:
        for point in itertools.product(*grid.values()):
            settings = fixed | dict(zip(grid, point, strict=True)) | draw
            job = Job(kind, tuple(sorted(settings.items())))
            _check(job)
            jobs[job.key] = job
    return list(jobs.values())


def _table(found, name):
    table = found.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"{name} must be a table, [{name}], not {shown(table)}")
    return table


def _once(*tables):
    seen = set()
    for name in itertools.chain(*tables):
        if name in seen:
            raise InputError(f"{name} is given twice")
        seen.add(name)


def _source(found, kind, folder):
    """What is trained, by name."""
    given = {name: found[name] for name in ("problem", "example") if name in found}
    if kind == "synth":
        if given:
            raise InputError(f"kind synth takes no {next(iter(given))}")
        return {}
    if len(given) != 1:
        raise InputError("expected one of problem, a file, and example, a name")
    if "example" in given:
        return {"example": examples.find(given["example"]).name}
    path = str(folder / str(given["problem"]))
    Problem.load(path)
    return {"problem": path}


def _drawn(draws):
    """Settings of each draw."""
    if not draws:
        return [{}]
    count = integer("draws.count", draws.get("count"), 1, MOST_JOBS)
    rng = np.random.default_rng(integer("draws.draw_seed", draws.get("draw_seed", 1), 0))
    ranges = {name: value for name, value in draws.items() if name not in OF_DRAWS}
    if not ranges:
        raise InputError("draws must have a setting that is drawn, besides count")
    return [{name: _one(rng, name, of) for name, of in ranges.items()} for _ in range(count)]


def _one(rng, name, of):
    if isinstance(of, list) and of:
        return of[int(rng.integers(len(of)))]
    if isinstance(of, dict) and set(of) == {"low", "high"}:
        low = integer(f"draws.{name}.low", of["low"], -(2**31), 2**32)
        high = integer(f"draws.{name}.high", of["high"], low, 2**32)
        return int(rng.integers(low, high + 1))
    raise InputError(f"draws.{name} must be a list, or {{low, high}}, not {shown(of)}")


def _check(job):
    """Refuse what can be seen before anything runs."""
    settings = dict(job.settings)
    if job.kind == "synth":
        choice("device", settings.get("device"), tuple(DEVICES))
        integer("seeds", settings.pop("seeds", 1), 1, 100)
        with named():
            from rbp.fpga import synth
        synth.target(settings.pop("device"), grade=settings.pop("grade", None), **settings)
        return
    integer("updates", settings.pop("updates", None), 1, GREATEST_UPDATES)
    choice("engine", settings.pop("engine", "model"), ENGINES[:-1])
    Settings(**{name: v for name, v in settings.items() if name not in ("problem", "example")})
