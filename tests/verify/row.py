"""A row of the sign-off: what is run, share by share, and what has to come out."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Found", "Row", "noticed"]


@dataclass
class Found:
    """What a share came to."""

    amounts: Counter = field(default_factory=Counter)
    faults: list = field(default_factory=list)
    """A line for each difference."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row.

    Parameters
    ----------
    number, name, title
        Its place in the table, its name on the command line, its first column.
    how : str
        What is run.
    aim : int
        How much has to be counted.
    unit : str
        Of what: an amount, or what ``count`` says.
    work : callable, optional
        ``work(k)`` does share k, the same one each time, and returns :class:`Found`. None: the row
        is not built.
    shares : int, optional
        How many there are; None: as many as the aim takes.
    control : callable, optional
        Plants a fault, and says in a line what noticed it; raises AssertionError where nothing did.
    sample : tuple of int
        The shares that ``make test`` does.
    count : callable, optional
        What the amounts come to, in ``unit``.
    judge : callable, optional
        What is wrong with the amounts as a whole, in a line; "" where nothing is.
    missing : str
        What the row does not do yet.
    of : tuple of str
        Folders of what is verified: a result holds for these.
    """

    number: int
    name: str
    title: str
    how: str
    aim: int
    unit: str
    work: Callable | None = None
    shares: int | None = None
    control: Callable | None = None
    sample: tuple = (0,)
    count: Callable | None = None
    judge: Callable = lambda amounts: ""
    missing: str = ""
    of: tuple = ("cosim", "golden", "hdl")

    def counted(self, amounts):
        return self.count(amounts) if self.count else amounts.get(self.unit, 0)


def noticed(seen, where):
    """What a control says, where it has seen something."""
    assert seen, f"nobody noticed the fault: {where}"
    return f"{where}: noticed"
