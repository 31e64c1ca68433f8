"""What is fixed when a core is generated."""

from dataclasses import dataclass

from rbp.golden.features import GREATEST_ORDER
from rbp.golden.formats import PRESETS
from rbp.golden.tables import ACTIVATIONS, activation, feature_tables, tables_for

__all__ = ["FAMILIES", "SPRAM_WORDS", "Config", "Family"]


@dataclass(frozen=True)
class Family:
    """A device family: latencies in cycles, on which no bit of a result depends, and its η."""

    name: str
    memory: int
    """From address to data of a block RAM."""
    multiplier: int
    """From operands to product."""
    narrow: int
    """To narrow a sum: 2 where the addition and the saturation take a cycle each."""
    eta_shifts: tuple[int, int]
    """Least and greatest log2(η) that the core's shifters offer by default."""
    shifter: int = 1
    """From a product to its shift by η."""
    adders: int = 1
    """Of a PE: 2 where a FORWARD has one of its own."""


GREATEST_UNITS = 1024
GREATEST_ACTIVATIONS = 8  # which a core's description has room for
GREATEST_COLUMNS = 4096  # M, which the memory map's columns and a device's memories hold
GREATEST_FACTORS = 1023  # N of a core with products: three numbers of units make a word
SPRAM_WORDS = 16384  # of 16 bits, that a single-ported RAM of UP5K holds

FAMILIES = {
    f.name: f
    for f in (
        Family("generic", memory=1, multiplier=2, narrow=1, eta_shifts=(-6, 1)),
        Family("ice40", memory=1, multiplier=2, narrow=1, eta_shifts=(-2, 1)),
        Family("ice40hx", memory=1, multiplier=5, narrow=1, eta_shifts=(-2, 1)),
        Family("ecp5", memory=2, multiplier=3, narrow=2, eta_shifts=(-6, 1), shifter=2, adders=2),
    )
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """One core.

    Parameters
    ----------
    units : int
        The greatest N, the number of units.
    macs : int
        P, the multiply-accumulates of a lane, 1 … N.
    lanes : int
        L, the lanes that ride on one weight memory.
    slots : int
        Patterns that a lane holds.
    entries : int, optional
        Of a program, P weights each; by default those of a dense network.
    words : int, optional
        Of the program memory; by default at least 256, and those of a dense network.
    preset : str
        Formats: one of ``w16``, ``w18``, ``w8``.
    activations : tuple of str
        Tables built in, by :func:`rbp.golden.tables.activation`; each unit names one by its index.
    order : int
        Factors of the longest product, 1 … 3.
    products : int, optional
        The greatest M, where a unit sums products (22); None where it sums states.
    folds : int, optional
        Terms of all derivatives ∂φ/∂c, at least one of each unit; by default the most.
    feature : str
        f of (22): ``identity``, or an activation.
    family : str
        Whose primitives: ``generic`` for simulation and any device, else see :data:`FAMILIES`.
    momentum : bool
        With a velocity for each weight: a second memory, and updates by way of it.
    random_start : bool
        Able to draw x(t0).
    refill : bool
        Able to take new patterns while others are learned.
    spram : bool
        Weights in memories with a single port, such as UP5K's SPRAM; an UPDATE takes two turns.
    eta_shifts : (int, int), optional
        Least and greatest log2(η); by default the family's.
    log_depth : int, optional
        Words of the log memory, a power of two, at least N + P + 2; by default at least 256.
    """

    units: int
    macs: int
    lanes: int = 1
    slots: int = 4
    entries: int | None = None
    words: int | None = None
    preset: str = "w16"
    activations: tuple[str, ...] = ("logistic",)
    order: int = 1
    products: int | None = None
    folds: int | None = None
    feature: str = "identity"
    family: str = "generic"
    momentum: bool = False
    random_start: bool = False
    refill: bool = False
    spram: bool = False
    eta_shifts: tuple[int, int] | None = None
    log_depth: int | None = None

    def __post_init__(self):
        for name in ("units", "macs", "lanes", "slots"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"{name} must be a positive integer, not {value!r}")
        if self.macs > self.units:
            raise ValueError(f"macs must be 1 … {self.units} (the units), not {self.macs}")
        if self.units > GREATEST_UNITS:
            raise ValueError(f"units must be at most {GREATEST_UNITS}, not {self.units}")
        if self.lanes > 8:
            raise ValueError(f"lanes must be 1 … 8, not {self.lanes}")
        if self.slots > 256:
            raise ValueError(f"slots must be 1 … 256, not {self.slots}")
        if self.preset not in PRESETS:
            raise ValueError(f"preset must be one of {', '.join(PRESETS)}, not {self.preset!r}")
        self._check_products()
        self._check_program()
        if self.momentum and self.formats.velocity is None:
            raise ValueError(f"preset {self.preset} has no format for momentum")
        if self.family not in FAMILIES:
            raise ValueError(f"family must be one of {', '.join(FAMILIES)}, not {self.family!r}")
        if self.spram and self.device.memory != 1:
            raise ValueError(f"spram is for memories of one cycle, not those of {self.family}")
        if (count := len(self.activations)) > GREATEST_ACTIVATIONS:
            raise ValueError(f"activations must be at most {GREATEST_ACTIVATIONS}, not {count}")
        try:
            assert [activation(name) for name in self.activations]
        except (KeyError, AssertionError) as error:
            raise ValueError(
                f"activations must be of {', '.join(ACTIVATIONS)}, not {self.activations!r}"
            ) from error
        if self.eta_shifts is None:
            object.__setattr__(self, "eta_shifts", self.device.eta_shifts)
        low, high = self.eta_shifts
        if not -8 <= low <= high <= 3:
            raise ValueError(f"eta_shifts must lie in -8 … 3, not {self.eta_shifts!r}")
        if self.log_depth is None:
            object.__setattr__(
                self, "log_depth", 1 << max(8, (self.units + self.macs + 1).bit_length())
            )
        least = self.units + self.macs + 2  # a column of W, and what is kept free
        if self.log_depth < least or self.log_depth & (self.log_depth - 1):
            raise ValueError(
                f"log_depth must be a power of two of at least {least}, not {self.log_depth}"
            )

    def _check_products(self):
        """Refuse products that no table holds; fill in what they need."""
        if self.order not in range(1, GREATEST_ORDER + 1):
            raise ValueError(f"order must be 1 … {GREATEST_ORDER}, not {self.order!r}")
        if self.feature != "identity":
            try:
                activation(self.feature)
            except KeyError as error:
                known = ", ".join(("identity", *ACTIVATIONS))
                raise ValueError(f"feature must be one of {known}, not {self.feature!r}") from error
        if not self.higher:
            if self.order > 1 or self.feature != "identity":
                raise ValueError(
                    f"order {self.order} and feature {self.feature} need products, not None"
                )
            return
        if not 1 <= self.products <= GREATEST_COLUMNS:
            raise ValueError(f"products must be 1 … {GREATEST_COLUMNS}, not {self.products!r}")
        if self.units > GREATEST_FACTORS:
            raise ValueError(
                f"units must be at most {GREATEST_FACTORS} where there are products, not "
                f"{self.units}"
            )
        if self.folds is None:
            object.__setattr__(self, "folds", self.products * self.order + self.units)
        if self.folds < self.units:
            raise ValueError(f"folds must be at least {self.units} (the units), not {self.folds!r}")

    def _check_program(self):
        """Refuse memories too small to be any; by default a dense network fits."""
        dense = max(32, self.blocks * max(self.columns, self.macs, 4))
        for name, least, default in (
            ("entries", self.macs, dense),
            ("words", 4, max(256, 1 << (2 * self.blocks - 1).bit_length())),
        ):
            if getattr(self, name) is None:
                object.__setattr__(self, name, default)
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, not {getattr(self, name)!r}")
        if self.spram and self.entries > SPRAM_WORDS:
            raise ValueError(
                f"{self.units} units with {self.macs} macs have {self.entries} entries: "
                f"spram holds at most {SPRAM_WORDS}"
            )

    dt_shifts = 3
    """Greatest k of Δt = 2**-k."""
    frictions = 7
    """Greatest k of a momentum of 1 − 2**-k."""

    @property
    def device(self):
        return FAMILIES[self.family]

    @property
    def formats(self):
        return PRESETS[self.preset]

    @property
    def tables(self):
        return tables_for(self.preset, self.formats, self.activations)

    @property
    def higher(self):
        """Whether φ is anything but c."""
        return self.products is not None

    @property
    def factor_tables(self):
        """f and f' of a higher-order core, (None, None) where f is the identity."""
        if self.feature == "identity":
            return None, None
        return feature_tables(self.preset, self.formats, self.feature)

    @property
    def columns(self):
        """The greatest M, the columns of W; N for a first-order core."""
        return self.products if self.higher else self.units

    @property
    def column_bits(self):
        """Of a column's number, or of none, which is :attr:`columns`."""
        return self.columns.bit_length()

    @property
    def unit_bits(self):
        """Of a unit's number, or of none, which is N."""
        return self.units.bit_length()

    @property
    def backward_width(self):
        """Bits of an exact Σ w·y."""
        f = self.formats
        return f.weight.width + f.error.width - 1 + self.units.bit_length()

    @property
    def fold_parts(self):
        """Multipliers that such a sum takes, one for each part of it."""
        return -(-(self.backward_width - 1) // (self.formats.state.width - 1))

    @property
    def lane_multipliers(self):
        """Multipliers of a lane besides its P: the integrator's, and those of a higher order."""
        if not self.higher:
            return 2
        products = self.order - 1 + max(0, self.order - 2)
        return 2 + products + self.fold_parts + 3 * (self.feature != "identity")

    @property
    def multipliers(self):
        """Of all lanes, L · (P + :attr:`lane_multipliers`)."""
        return self.lanes * (self.macs + self.lane_multipliers)

    @property
    def blocks(self):
        """R, the blocks of P rows of a dense network."""
        return -(-self.units // self.macs)

    @property
    def learned(self):
        """What an UPDATE adds to: WEIGHT, or VELOCITY of the same width."""
        return self.formats.velocity if self.momentum else self.formats.weight

    @property
    def update_fraction(self):
        """Bits below an ulp of w or v in an update, at the least η."""
        return self.formats.update_shift(self.learned) - self.eta_shifts[0]

    @property
    def sum_width(self):
        """Bits of the exact accumulator, which serves all three sweeps."""
        f = self.formats
        product = f.weight.width + max(f.state.width, f.error.width) - 2
        dot = product + max(self.units, self.columns).bit_length() + 1
        step = f.error.width + f.state.width - 2 + self.eta_shifts[1] - self.eta_shifts[0]
        return max(dot, max(step, self.learned.width - 1 + self.update_fraction) + 2)
