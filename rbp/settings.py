"""How a machine is built and how it learns: the machine flags and the learning flags."""

import json
from dataclasses import asdict, dataclass, fields, replace

from golden.config import FAMILIES, Config
from golden.formats import PRESETS
from golden.relaxation import Settling
from golden.tables import ACTIVATIONS
from golden.training import Learning
from rbp.checks import choice, integer
from rbp.errors import InputError

__all__ = ["Settings"]

_RANGES = {
    "macs": (1, None),
    "lanes": (1, None),
    "slots": (1, None),
    "batch": (1, None),
    "eta_shift": FAMILIES["generic"].eta_shifts,
    "dt_shift": (0, Config.dt_shifts),
    "tolerance": (0, 32767),
    "step_limit": (1, 32767),
    "fixed_steps": (1, 32767),
    "use_within": (0, 32767),
    "seed": (0, 2**32 - 1),
    "momentum_shift": (0, None),
}
_CHOICES = {
    "preset": tuple(PRESETS),
    "method": ("deterministic", "stochastic", "concurrent"),
    "rounding": ("stochastic", "nearest"),
    "start": ("fixed", "last", "random"),
}
_BUILT = {"method": "deterministic", "start": "fixed", "momentum_shift": None}
"""What stands behind these names so far."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Flags of the machine and of learning; None is the default that follows from the others.

    Each is checked at once, by itself; :meth:`config` checks them against a problem. Raises
    :class:`~rbp.errors.InputError`. No bit of a result depends on ``macs``, ``lanes``, ``slots``.

    Parameters
    ----------
    macs : int, optional
        P, the processing elements of a lane, 1 … N; by default the smaller of N and 5.
    lanes : int
        L.
    slots : int, optional
        Patterns that a lane holds; by default what the problem needs.
    preset : str
        Formats: ``w16``, ``w18`` or ``w8``.
    method, batch, start, momentum_shift : str, int, str, int
        Only ``deterministic``, all patterns, ``fixed`` and none are built so far.
    eta_shift : int
        log2(η), -6 … 1.
    dt_shift : int
        k of Δt = 2**-k, 0 … 3.
    rounding : str
        Of weight updates: ``stochastic`` or ``nearest``.
    tolerance : int, optional
        A relaxation has settled when its greatest step is at most this many units of the last
        place; by default max(1, 4 >> k), for ``w8`` 2.
    step_limit : int, optional
        Euler steps after which a relaxation ends anyway; by default 64 << k in training and
        512 << k in recall.
    fixed_steps : int, optional
        Take just so many steps instead, settled or not.
    use_within : int
        An unsettled relaxation still counts where its last step was at most this many units.
    seed : int
        Of the rounding noise, 0 … 2**32 - 1.
    """

    macs: int | None = None
    lanes: int = 1
    slots: int | None = None
    preset: str = "w16"
    method: str = "deterministic"
    batch: int | None = None
    eta_shift: int = 0
    dt_shift: int = 0
    rounding: str = "stochastic"
    tolerance: int | None = None
    step_limit: int | None = None
    fixed_steps: int | None = None
    use_within: int = 64
    start: str = "fixed"
    seed: int = 1
    momentum_shift: int | None = None

    def __post_init__(self):
        for field in fields(self):
            name, value = field.name, getattr(self, field.name)
            if value is None and field.default is None:
                continue
            if name in _RANGES:
                object.__setattr__(self, name, integer(name, value, *_RANGES[name]))
            else:
                choice(name, value, _CHOICES[name])
        for name, built in _BUILT.items():
            value = getattr(self, name)
            if value != built:
                expected = built or "none"
                raise InputError(f"{name} {value} is not built yet: expected {expected}")
        if self.step_limit is not None and self.fixed_steps is not None:
            raise InputError(
                f"step_limit {self.step_limit} and fixed_steps {self.fixed_steps} exclude each "
                "other: expected one of them"
            )

    def config(self, problem) -> Config:
        """The core for a problem; refuses what does not fit it."""
        units, patterns = problem.units, problem.patterns
        if self.batch not in (None, patterns):
            raise InputError(
                f"batch {self.batch} is not built yet: expected {patterns}, all patterns"
            )
        slots = self.slots or -(-patterns // self.lanes)
        if patterns > slots * self.lanes:
            raise InputError(
                f"{patterns} patterns do not fit: slots × lanes = {slots} × {self.lanes} = "
                f"{slots * self.lanes}, expected at least {patterns}"
            )
        try:
            return Config(
                units=units,
                macs=self.macs or min(units, 5),
                lanes=self.lanes,
                slots=slots,
                preset=self.preset,
                activations=tuple(a for a in ACTIVATIONS if a in problem.activation),
            )
        except ValueError as error:
            raise InputError(f"{error} ({units} units, {patterns} patterns)") from error

    def settling(self, *, recall=False) -> Settling:
        """When a relaxation ends, in training or in recall."""
        tolerance, limit = self.tolerance, self.fixed_steps or self.step_limit
        if tolerance is None:
            tolerance = 2 if self.preset == "w8" else max(1, 4 >> self.dt_shift)
        if limit is None:
            limit = (512 if recall else 64) << self.dt_shift
        return Settling(
            dt_shift=self.dt_shift,
            tolerance=tolerance,
            limit=limit,
            use_within=self.use_within,
            fixed=self.fixed_steps is not None,
        )

    def learning(self) -> Learning:
        seed = self.seed if self.rounding == "stochastic" else None
        return Learning(eta_shift=self.eta_shift, seed=seed)

    def overridden(self, **flags) -> "Settings":
        """These settings but for some; one limit of steps takes the place of the other."""
        if "fixed_steps" in flags:
            flags = {"step_limit": None} | flags
        elif "step_limit" in flags:
            flags = {"fixed_steps": None} | flags
        return replace(self, **flags)

    def for_recall(self) -> "Settings":
        """The same without the limits of training."""
        return replace(self, step_limit=None, fixed_steps=None)

    def resolved(self, problem) -> dict:
        """Every setting by name, defaults filled in for a problem."""
        config, settling = self.config(problem), self.settling()
        limit = "fixed_steps" if settling.fixed else "step_limit"
        return asdict(self) | {
            "macs": config.macs,
            "slots": config.slots,
            "batch": problem.patterns,
            "tolerance": settling.tolerance,
            limit: settling.limit,
        }

    def to_json(self, problem) -> str:
        """All values, and under ``default`` the names of those that were left to it."""
        default = [name for name, value in asdict(self).items() if value is None]
        return json.dumps(self.resolved(problem) | {"default": default})

    @classmethod
    def from_json(cls, text) -> "Settings":
        """The inverse of :meth:`to_json`."""
        try:
            values = json.loads(text)
            default = values.pop("default")
            return cls(**{k: v for k, v in values.items() if k not in default})
        except (ValueError, TypeError, AttributeError, KeyError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"settings must be those of a result, not {text!r:.60}") from error
