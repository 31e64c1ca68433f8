"""A problem: a network, its start weights, and the patterns that it is to learn."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np

from rbp.checks import (
    Frozen,
    boolean,
    choice,
    degrees,
    finite,
    numbers,
    plain,
    products,
    raw_words,
    read_only,
    sampled,
)
from rbp.errors import InputError
from rbp.files import check_keys, read_npz, write_npz
from rbp.golden.features import Features, count, monomials
from rbp.golden.reference import Products
from rbp.golden.relaxation import Network
from rbp.golden.tables import ACTIVATIONS, SAMPLES, register
from rbp.golden.training import Machine

if TYPE_CHECKING:
    from rbp.settings import Settings

__all__ = ["Problem"]


@dataclass(frozen=True, eq=False)
class Problem(Frozen):
    """N units and A patterns, in floats; see :meth:`to_raw` for the machine made of them.

    Everything is checked at once and copied into read-only arrays. It can be pickled, functions of
    the user's own included, which are kept as samples. Ranges depend on the formats
    and are checked by :meth:`to_raw`. Raises :class:`~rbp.errors.InputError`.

    Parameters
    ----------
    weights : N×M float
        Start weights w, w[i, j] from unit j to unit i; of a higher-order network from product j.
    targets : A×N float
        T, one row a pattern; read only at target and clamp units, elsewhere anything (NaN too).
    target_units : N bool
        Ω (or V): where J ≠ 0; at least one.
    clamp_units : N bool, optional
        V of the master network (30); by default none.
    inputs : A×N float, optional
        I; by default 0.
    initial_state : N or A×N float, optional
        x(t0); by default 0.5. Held units rest from the start: at T if clamped, else at g(0) + I.
    connected : N×M bool, optional
        Which connections exist; weights must be 0 elsewhere. By default all.
    activation : str or N str
        ``logistic``, ``tanh`` or ``sin``, for all units or for each; or, in either place, a pair of
        functions g and g' of float arrays, which are sampled and named by their content.
    tables : K×2×16385 float, optional
        Samples of g and g' at ``rbp.golden.tables.SAMPLES``, of the functions that ``activation``
        names besides; needed only where a file is made by other means than :meth:`save`.
    order : int or several, optional
        Degrees of the products that a unit sums, in the order of ``rbp features``: one of 1 … 3, or
        several of 0 … 3. By default 1; None where there are ``products``.
    products : M tuples of int, or M×n int, optional
        In place of ``order``, the products themselves: each a tuple of 0 … 3 numbers of units,
        multiplied as they stand. The same unit may come more than once. () is the constant 1. A
        product that is listed twice has two weights. Rows of an array end with -1.
    feature : str
        f, of which they are made (22): ``identity``, ``logistic``, ``tanh`` or ``sin``.
    """

    weights: Any
    targets: Any
    target_units: Any
    clamp_units: Any = None
    inputs: Any = None
    initial_state: Any = None
    connected: Any = None
    activation: Any = "logistic"
    order: Any = None
    feature: Any = "identity"
    tables: Any = None
    products: Any = None

    def __post_init__(self):
        n, a = self._sizes()
        if self.products is None:
            found = degrees(_or(self.order, 1))
            object.__setattr__(self, "order", found if len(found) > 1 else found[0])
        elif self.order is not None:
            raise InputError("order and products must not both be given: expected one of them")
        else:
            object.__setattr__(self, "products", products(self.products, n))
        terms, start = (n, self.terms), _or(self.initial_state, np.full(n, 0.5))
        given = {
            "feature": choice("feature", str(self.feature), ("identity", *ACTIVATIONS)),
            "weights": numbers("weights", self.weights, terms),
            "targets": numbers("targets", self.targets, (a, n)),
            "target_units": boolean("target_units", self.target_units, (n,)),
            "clamp_units": boolean("clamp_units", _or(self.clamp_units, np.zeros(n, bool)), (n,)),
            "inputs": numbers("inputs", _or(self.inputs, np.zeros((a, n))), (a, n)),
            "initial_state": numbers("initial_state", start, (n,), (a, n)),
            "connected": boolean("connected", _or(self.connected, np.ones(terms, bool)), terms),
        }
        given["activation"], given["tables"] = _activation(self.activation, self.tables, n)
        for name, value in given.items():
            object.__setattr__(self, name, value)
        for name in ("weights", "inputs", "initial_state"):
            finite(name, given[name])
        finite("targets", self.targets, self.read_units)
        if not self.target_units.any():
            raise InputError(f"target_units must name at least one of {n} units, not none")
        absent = np.argwhere(~self.connected & (self.weights != 0))
        if len(absent):
            i, j = absent[0]
            raise InputError(
                f"weights[{i}, {j}] must be 0, where nothing is connected, not {self.weights[i, j]}"
            )

    def __setstate__(self, state):
        super().__setstate__(state)
        for samples in self.tables:
            register(samples)

    def _sizes(self):
        """N and A."""
        shapes = {}
        for name in ("weights", "targets"):
            object.__setattr__(self, name, plain(name, getattr(self, name)))
            shapes[name] = getattr(self, name).shape
            if len(shapes[name]) != 2:
                size = "N×M" if name == "weights" else "A×N"
                raise InputError(f"{name} must have shape {size}, not {shapes[name]}")
        n, a = shapes["weights"][0], shapes["targets"][0]
        if n < 1:
            raise InputError("weights must be of at least one unit, not of 0")
        if a < 1:
            raise InputError("targets must hold at least one pattern, not 0")
        return n, a

    @property
    def monomials(self) -> tuple[tuple[int, ...], ...] | None:
        """The products, M tuples of units; None in a first-order network, which sums states."""
        if self.products is not None or (self.order, self.feature) == (1, "identity"):
            return self.products
        return monomials(len(self.weights), np.ravel(self.order).tolist())

    @property
    def terms(self) -> int:
        """The columns of W, M; N in a first-order network."""
        found = np.ravel(self.order).tolist()
        return count(self.units, found) if self.products is None else len(self.products)

    @property
    def units(self) -> int:
        """N."""
        return len(self.weights)

    @property
    def patterns(self) -> int:
        """A."""
        return len(self.targets)

    @property
    def read_units(self) -> np.ndarray:
        """Where targets are read, N bool."""
        return self.target_units | self.clamp_units

    @property
    def start(self) -> np.ndarray:
        """x(t0) of each pattern, A×N float."""
        return np.broadcast_to(self.initial_state, self.targets.shape)

    @property
    def phi(self) -> Products | None:
        """φ in floating point, or None where it is c."""
        return None if self.monomials is None else Products(self.monomials, self.feature)

    def to_raw(self, settings: "Settings") -> Machine:
        """The machine in raw words, before its first update.

        A weight that rounds to 0 where a connection exists is loaded as one unit, since 0 means
        none. Refuses a value outside its format, and a problem that does not fit the machine.
        """
        config = settings.config(self)
        f = config.formats
        weights = raw_words("weights", self.weights, f.weight)
        inputs = raw_words("inputs", self.inputs, f.state)
        features, listed = None, self.monomials
        if listed is not None:
            features = Features(self.units, listed, f.state, *config.factor_tables)
        network = Network(
            formats=f,
            tables=config.tables,
            activation=np.array([config.activations.index(a) for a in self.activation]),
            clamp_units=self.clamp_units,
            target_units=self.target_units,
            input_units=(inputs != 0).any(axis=0),
            features=features,
        )
        # Named in the shape in which it was given, so that the index in a message is the user's.
        start = raw_words("initial_state", self.initial_state, f.state)
        return Machine(
            network=network,
            weights=np.where(self.connected & (weights == 0), 1, weights),
            targets=raw_words("targets", self.targets, f.state, self.read_units),
            inputs=inputs,
            start=np.broadcast_to(start, inputs.shape).copy(),
            settling=settings.settling(),
            learning=settings.learning(),
        )

    def __repr__(self):
        return f"Problem({self.units} units, {self.patterns} patterns)"

    def arrays(self) -> dict[str, np.ndarray]:
        """What is saved, by key: ``order``, or ``products`` as M×n int."""
        found = {f.name: getattr(self, f.name) for f in fields(self)}
        if self.products is not None:
            found["products"] = Products(self.products).index
        return {name: np.asarray(value) for name, value in found.items() if value is not None}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> "Problem":
        """The inverse of :meth:`arrays`; refuses a missing and an unknown key."""
        names = [f.name for f in fields(cls)]
        check_keys(arrays, names[:3], names[3:])
        return cls(**arrays)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an ``.npz`` file, whole or not at all."""
        write_npz(path, self.arrays())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Problem":
        """Read an ``.npz`` file; a refusal names it."""
        arrays = read_npz(path)
        try:
            if "weights_raw" in arrays:
                raise InputError("holds a result: expected a problem, see rbp.Result.load")
            return cls.from_arrays(arrays)
        except InputError as error:
            raise InputError(f"{path}: {error}") from error


def _or(value, default):
    return default if value is None else value


def _activation(value, tables, n):
    """The name of each unit's g, and the samples of those that are the user's own."""
    shape = (2, len(SAMPLES))
    tables = np.zeros((0, *shape)) if tables is None else plain("tables", tables)
    if tables.ndim != 3:
        raise InputError(f"tables must have shape K×2×{shape[1]}, not {tables.shape}")

    def pair(of):
        return isinstance(of, tuple) and len(of) == 2 and all(map(callable, of))

    known = {}
    for k, samples in enumerate(numbers("tables", tables, (len(tables), *shape))):
        known[_own(f"tables[{k}]", samples)] = samples

    def name(of):
        if pair(of):
            samples = np.array([sampled(f, SAMPLES) for f in of])
            own = _own("activation", samples)
            known[own] = samples
            return own
        if isinstance(of, str):
            return choice("activation", str(of), (*ACTIVATIONS, *known))
        raise InputError(f"activation must be one str or {n} str, not {value!r:.60}")

    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, str) or pair(value):
        value = [value] * n
    if not isinstance(value, list | tuple) or len(value) != n:
        raise InputError(f"activation must be one str or {n} str, not {value!r:.60}")
    names = tuple(map(name, value))
    used = [known[own] for own in sorted(set(names) & set(known))]
    return names, read_only(np.array(used).reshape(-1, *shape))


def _own(what, samples):
    """The name of a pair g, g'; refuses what no format holds."""
    for function, values, high in zip(("g", "g'"), samples, (2, 1), strict=True):
        bad = np.flatnonzero(~(np.abs(values) <= high))
        if len(bad):
            raise InputError(
                f"{what}: {function}({SAMPLES[bad[0]]:g}) must be a number, -{high} … {high}, "
                f"not {values[bad[0]]:g}"
            )
    return register(samples)
