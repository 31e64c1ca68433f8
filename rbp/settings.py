"""How a machine is built and how it learns: the machine flags and the learning flags."""

import json
from dataclasses import asdict, dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from rbp.checks import choice, integer
from rbp.errors import InputError
from rbp.golden.config import FAMILIES, Config
from rbp.golden.formats import PRESETS
from rbp.golden.relaxation import Settling
from rbp.golden.tables import ACTIVATIONS
from rbp.golden.training import Learning

if TYPE_CHECKING:
    from rbp.problem import Problem

__all__ = ["GREATEST_SLOTS", "Settings"]

GREATEST_SLOTS = 256
"""That a lane holds."""

_RANGES = {
    "macs": (1, 2**31 - 1),
    "lanes": (1, 2**31 - 1),
    "slots": (1, 2**31 - 1),
    "batch": (1, 2**31 - 1),
    "eta_shift": FAMILIES["generic"].eta_shifts,
    "dt_shift": (0, Config.dt_shifts),
    "tolerance": (0, 32767),
    "step_limit": (1, 32767),
    "fixed_steps": (1, 32767),
    "use_within": (0, 32767),
    "seed": (0, 2**32 - 1),
    "momentum_shift": (0, Config.frictions),
}
_CHOICES = {
    "preset": tuple(PRESETS),
    "method": ("deterministic", "stochastic", "concurrent"),
    "rounding": ("stochastic", "nearest"),
    "start": ("fixed", "last", "random"),
}


def _in_order(names):
    """Each name once, those of the project in its order, then others."""
    known = tuple(ACTIVATIONS)
    return tuple(sorted(set(names), key=lambda a: (known.index(a) if a in known else 9, a)))


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
        L, how many patterns are computed at once, by default 1.
    slots : int, optional
        Patterns that a lane holds; by default all that the problem has. Where they are more than
        L·slots, the host loads each batch in its turn; while the one before is learned, where there
        is room for both.
    preset : str
        Formats: ``w16``, ``w18`` or ``w8``.
    method : str
        Which patterns an update takes, and how far they settle: ``deterministic``, a batch in turn
        (19); ``stochastic``, one that is drawn (20); ``concurrent``, one in turn, whose x and y are
        kept and take one Euler step.
    batch : int, optional
        Patterns of an update; by default all, or 1 where the method says one.
    start : str, optional
        Where relaxations start: ``fixed``, at ``initial_state`` and y = 0; ``last``, at the
        pattern's last x and y; ``random``, at x drawn on the chip from [0, 1) and y = 0. By default
        ``fixed``, for ``concurrent`` ``last``.
    momentum_shift : int, optional
        k of a momentum of 1 − 2**-k, 0 … 7, with a velocity for each weight; by default without.
    eta_shift : int
        log2(η), -6 … 1.
    dt_shift : int
        k of Δt = 2**-k, 0 … 3.
    rounding : str
        Of weight updates: ``stochastic`` or ``nearest``.
    tolerance : int, optional
        A relaxation has settled when its greatest step is at most this many ulp; by
        default max(1, 4 >> k), for ``w8`` 2.
    step_limit : int, optional
        Euler steps after which a relaxation ends anyway; by default 64 << k in training and
        512 << k in recall.
    fixed_steps : int, optional
        Take just so many steps instead, settled or not.
    use_within : int
        An unsettled relaxation still counts where its last step was at most this many ulp.
    seed : int
        Of the rounding noise and of what is drawn, 0 … 2**32 - 1.
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
    start: str | None = None
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
        one_step = {"batch": 1, "start": "last", "fixed_steps": 1}
        needs = {"concurrent": one_step, "stochastic": {"batch": 1}}.get(self.method, {})
        for name, needed in needs.items():
            if getattr(self, name) not in (None, needed):
                raise InputError(
                    f"method {self.method} needs {name} {needed}, not {getattr(self, name)}"
                )
        if self.method == "concurrent" and self.step_limit is not None:
            raise InputError(f"method concurrent takes one step, not step_limit {self.step_limit}")
        if self.step_limit is not None and self.fixed_steps is not None:
            raise InputError(
                f"step_limit {self.step_limit} and fixed_steps {self.fixed_steps} exclude each "
                "other: expected one of them"
            )

    def config(self, problem: "Problem") -> Config:
        """The core for a problem; refuses what does not fit it."""
        units, patterns = problem.units, problem.patterns
        batch = self.batch_of(problem)
        if batch > patterns:
            raise InputError(f"batch must be 1 … {patterns} (the patterns), not {batch}")
        slots, most = self.slots or -(-patterns // self.lanes), GREATEST_SLOTS * self.lanes
        if self.slots is None and patterns > most:
            slots = -(-batch // self.lanes)
        held = f"slots × lanes = {slots} × {self.lanes} = {slots * self.lanes}"
        if self.slots is None and batch > most:
            raise InputError(
                f"{batch} patterns do not fit in one batch: expected a batch (--batch) of at most "
                f"{most}"
            )
        if batch > slots * self.lanes:
            raise InputError(
                f"a batch of {batch} patterns does not fit: {held}, expected slots of at least "
                f"{-(-batch // self.lanes)}, or a smaller batch"
            )
        if patterns > slots * self.lanes and (self.keep or self.method != "deterministic"):
            raise InputError(
                f"{patterns} patterns do not fit, which method {self.method} with start "
                f"{'last' if self.keep else 'fixed'} needs at once: {held}, expected slots of at "
                f"least {-(-patterns // self.lanes)}"
            )
        try:
            return Config(
                units=units,
                macs=self.macs or min(units, 5),
                lanes=self.lanes,
                slots=slots,
                preset=self.preset,
                activations=_in_order(problem.activation),
                **self._products(problem),
                momentum=self.momentum_shift is not None,
                random_start=self.start == "random",
                refill=2 * batch <= slots * self.lanes < patterns,
            )
        except ValueError as error:
            raise InputError(f"{error} ({units} units, {patterns} patterns)") from error

    @staticmethod
    def _products(problem):
        """What a core of higher order needs."""
        products = problem.monomials
        if products is None:
            return {}
        order = max(1, *map(len, products))
        return {"order": order, "products": len(products), "feature": problem.feature}

    def settling(self, *, recall=False) -> Settling:
        """When a relaxation ends, in training or in recall."""
        one = self.method == "concurrent" and not recall
        fixed = 1 if one else self.fixed_steps
        tolerance, limit = self.tolerance, fixed or self.step_limit
        if tolerance is None:
            tolerance = 2 if self.preset == "w8" else max(1, 4 >> self.dt_shift)
        if limit is None:
            limit = (512 if recall else 64) << self.dt_shift
        return Settling(
            dt_shift=self.dt_shift,
            tolerance=tolerance,
            limit=limit,
            use_within=self.use_within,
            fixed=fixed is not None,
        )

    def batch_of(self, problem: "Problem") -> int:
        """B, the patterns of an update."""
        return self.learning().batch or problem.patterns

    @property
    def keep(self) -> bool:
        """Whether relaxations go on from the last x and y."""
        return self.start == "last" or self.method == "concurrent"

    def learning(self) -> Learning:
        """How the weights move."""
        return Learning(
            eta_shift=self.eta_shift,
            seed=self.seed if self.rounding == "stochastic" else None,
            batch=self.batch if self.method == "deterministic" else 1,
            draw=self.seed if self.method == "stochastic" else None,
            keep=self.keep,
            friction=self.momentum_shift,
            start_seed=self.seed if self.start == "random" else None,
        )

    def overridden(self, **flags: Any) -> "Settings":
        """These settings but for some; one limit of steps takes the place of the other."""
        if "fixed_steps" in flags:
            flags = {"step_limit": None} | flags
        elif "step_limit" in flags:
            flags = {"fixed_steps": None} | flags
        return replace(self, **flags)

    def sized(self, **sizes: int | None) -> "Settings":
        """These with another machine, which changes no bit: those of ``macs``, ``lanes`` and
        ``slots`` that are not None."""
        return replace(self, **{name: size for name, size in sizes.items() if size is not None})  # type: ignore[arg-type]

    def for_recall(self) -> "Settings":
        """The same without what belongs to training."""
        none = dict.fromkeys(("step_limit", "fixed_steps", "start"))
        batch = self.batch if self.method == "deterministic" else 1
        return replace(self, method="deterministic", batch=batch, **none)  # type: ignore[arg-type]

    def resolved(self, problem: "Problem") -> dict[str, Any]:
        """Every setting by name, defaults filled in for a problem."""
        config, settling = self.config(problem), self.settling()
        limit = "fixed_steps" if settling.fixed else "step_limit"
        return asdict(self) | {
            "macs": config.macs,
            "slots": config.slots,
            "batch": self.batch_of(problem),
            "start": self.start or ("last" if self.keep else "fixed"),
            "tolerance": settling.tolerance,
            limit: settling.limit,
        }

    def to_json(self, problem: "Problem") -> str:
        """All values, and under ``default`` the names of those that were left to it."""
        default = [name for name, value in asdict(self).items() if value is None]
        return json.dumps(self.resolved(problem) | {"default": default})

    @classmethod
    def from_json(cls, text: str) -> "Settings":
        """The inverse of :meth:`to_json`."""
        try:
            values = json.loads(text)
            default = values.pop("default")
            return cls(**{k: v for k, v in values.items() if k not in default})
        except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"settings must be those of a result, not {text!r:.60}: {error}"
            ) from error
