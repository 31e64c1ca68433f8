"""A register of the memory map, and its fields."""

from dataclasses import dataclass

__all__ = ["Field", "Register"]


@dataclass(frozen=True)
class Field:
    """Bits of a word. ``option``: the attribute of Config without which they must be 0."""

    name: str
    low: int
    width: int
    doc: str
    option: str | None = None

    @property
    def mask(self):
        return ((1 << self.width) - 1) << self.low

    @property
    def bits(self):
        """``low-high``, as a manual says it."""
        return str(self.low) if self.width == 1 else f"{self.low}-{self.low + self.width - 1}"


@dataclass(frozen=True)
class Register:
    """A word of the register area. Access: ``ro``, ``rw``, ``wo``."""

    name: str
    access: str
    doc: str
    fields: tuple[Field, ...] = ()

    def built(self, config):
        """The fields that a core has."""
        return [f for f in self.fields if not f.option or getattr(config, f.option)]
