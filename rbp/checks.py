"""From what a user hands in to arrays of known type, shape and range."""

import operator
from collections.abc import Mapping
from contextlib import suppress

import numpy as np

from rbp.errors import InputError
from rbp.golden.features import GREATEST_ORDER

__all__ = [
    "Frozen",
    "between",
    "boolean",
    "choice",
    "degrees",
    "finite",
    "int64",
    "integer",
    "integers",
    "number",
    "numbers",
    "plain",
    "products",
    "raw_words",
    "read_only",
    "sampled",
    "scalar",
    "shown",
    "words",
]


class ReadOnly(dict):
    """A dict that cannot be changed."""

    def _refuse(self, *_, **__):
        raise TypeError("a result cannot be changed: expected dataclasses.replace")

    __setitem__ = __delitem__ = __ior__ = _refuse  # type: ignore[assignment]
    clear = pop = popitem = setdefault = update = _refuse  # type: ignore[assignment]

    def __reduce__(self):
        return ReadOnly, (dict(self),)


class Frozen:
    """A dataclass whose arrays and mappings stay read-only when it is pickled, or copied."""

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, read_only(value))


def _shape_text(shape):
    return "×".join(map(str, shape)) if shape else "a single value"


def shown(value):
    """A value as a message quotes it: short, whatever it is."""
    try:
        text = repr(value)
    except Exception:  # an object's own way, or an integer of thousands of digits
        return f"a value of type {type(value).__name__}"
    text = " ".join(text.split())
    return text if len(text) <= 60 else f"{text[:60]} …"


def plain(name, value, what="numbers"):
    """Anything that NumPy takes for an array, as one without a mask; refuses what is ragged."""
    if np.ma.isMaskedArray(value):
        hidden = np.argwhere(np.ma.getmaskarray(value))
        if len(hidden):
            raise InputError(f"{_place(name, hidden[0])} must be given, not masked")
        return np.asarray(value.data)
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(f"{name} must be an array of {what}, not ragged") from error
    except Exception as error:  # an object's own way to become an array
        raise InputError(f"{name} must be an array of {what}: {error}") from error


def read_only(array):
    """A copy that cannot be written, in C's order; of anything but an array or mapping, itself."""
    if isinstance(array, Mapping):
        return ReadOnly(array)
    if isinstance(array, np.ndarray):
        array = np.array(array, order="C", subok=False)
        array.flags.writeable = False
    return array


def _array(name, value, kinds, what, shapes):
    array = plain(name, value, what)
    if array.dtype.kind not in kinds:
        raise InputError(f"{name} must be of {what}, not of type {array.dtype}")
    if array.shape not in shapes:
        expected = " or ".join(map(_shape_text, shapes))
        hint = ": one True or False for each, not indices" if what == "bool" else ""
        raise InputError(f"{name} must have shape {expected}, not {_shape_text(array.shape)}{hint}")
    return array


def _place(name, index):
    return f"{name}[{', '.join(map(str, index))}]"


def numbers(name, value, *shapes):
    """A read-only float64 copy of one of ``shapes``; values are not looked at."""
    with np.errstate(over="ignore"):  # of a long double, which is then no finite number
        return read_only(_array(name, value, "biuf", "numbers", shapes).astype(np.float64))


def boolean(name, value, *shapes):
    """A read-only bool copy of one of ``shapes``; 0 and 1 pass as bool."""
    array = _array(name, value, "biu", "bool", shapes)
    if array.dtype.kind != "b" and not np.isin(array, (0, 1)).all():
        raise InputError(
            f"{name} must be of bool, one for each unit, not of other integers than 0 and 1"
        )
    return read_only(array.astype(bool))


def finite(name, values, where=True):
    """Refuse NaN and infinities, naming the first; ``where`` masks what counts."""
    bad = np.argwhere(~np.isfinite(values) & where)
    if len(bad):
        index = tuple(bad[0])
        raise InputError(f"{_place(name, index)} must be a finite number, not {values[index]}")


def raw_words(name, values, fmt, where=True):
    """Raw words of float values, 0 outside ``where``.

    Refuses a value outside the range of the format, naming its index and the range.
    """
    low, high = fmt.to_float(fmt.min), fmt.to_float(fmt.max)
    bad = np.argwhere(((values < low) | (values > high)) & where)
    if len(bad):
        index = tuple(bad[0])
        raise InputError(
            f"{_place(name, index)} = {values[index]:.9g} is out of range: "
            f"{fmt.role} {fmt} holds {low:.9g} … {high:.9g}"
        )
    return fmt.to_raw(np.where(where, values, 0.0))


def index(value):
    """An int, as ``operator.index``; a bool is none."""
    if isinstance(value, bool):
        raise TypeError("a bool is no integer")
    return operator.index(value)


def integer(name, value, low, high=None):
    """An int in ``low … high`` (no upper bound where None)."""
    expected = f"an integer of at least {low}" if high is None else f"an integer, {low} … {high}"
    try:
        number = index(value)
    except Exception as error:  # an object's own way to become an integer
        raise InputError(f"{name} must be {expected}, not {shown(value)}") from error
    if number < low or (high is not None and number > high):
        raise InputError(f"{name} must be {expected}, not {shown(number)}")
    return number


def number(name, value, low, high):
    """A float in ``low … high``; a bool is none."""
    is_one = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    if not is_one or not low <= value <= high:
        raise InputError(f"{name} must be a number, {low:g} … {high:g}, not {shown(value)}")
    return float(value)


def degrees(value):
    """The degrees of a network's products: one of 1 … 3, or several of 0 … 3, as a tuple.

    ``value`` is an int, several of them, or their text with commas.
    """
    if isinstance(value, str):
        parts = value.split(",")
    else:
        parts = np.ravel(plain("order", value, "degrees")).tolist()
    found = []
    with suppress(Exception):
        found = [int(p) if isinstance(p, str) else index(p) for p in parts]
    wrong = [d for d in found if not 0 <= d <= GREATEST_ORDER]
    if wrong or not {*found} - {0} or len({*found}) < len(found):
        raise InputError(
            f"order must be 1 … {GREATEST_ORDER}, or different ones of 0 … {GREATEST_ORDER}, "
            f"not {shown(value)}"
        )
    return tuple(sorted(found))


def products(value, units):
    """A network's products, a tuple of the units of each, in the order in which they stand.

    ``value`` is a list of such tuples, or integers M×n, of which a row ends with -1 where it has
    fewer than n factors.
    """
    if isinstance(value, np.ndarray):
        table = int64("products", value)
        if table.ndim != 2:
            raise InputError(f"products must have shape M×n, not {_shape_text(table.shape)}")
        filled = np.cumsum((table != -1)[:, ::-1], axis=1)[:, ::-1] > 0
        value = [row[: filled[m].sum()].tolist() for m, row in enumerate(table)]
    try:
        rows = list(value)
    except Exception as error:
        raise InputError(f"products must be a list of tuples, not {shown(value)}") from error
    if not rows:
        raise InputError("products must hold at least one product, not none")
    return tuple(_product(m, row, units) for m, row in enumerate(rows))


def _product(m, row, units):
    found = None
    with suppress(Exception):
        found = None if isinstance(row, str) else tuple(map(index, row))
    if found is None or len(found) > GREATEST_ORDER:
        raise InputError(
            f"products[{m}] must be 0 … {GREATEST_ORDER} numbers of units, not {shown(row)}"
        )
    for unit in found:
        if not 0 <= unit < units:
            raise InputError(f"products[{m}] must be of units 0 … {units - 1}, not {unit}")
    return found


def choice(name, value, choices):
    """One of a few names."""
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"{name} must be one of {', '.join(choices)}, not {shown(value)}")
    return value


def between(name, values, low, high):
    """Refuse what is below ``low``, above ``high`` or not a number."""
    bad = np.flatnonzero(~((values >= low) & (values <= high)))
    if len(bad):
        raise InputError(f"{name} must be {low:g} … {high:g}, not {values.flat[bad[0]]:g}")


def int64(name, value):
    """A copy in int64, of any shape."""
    value = plain(name, value, "integers")
    if value.dtype.kind not in "iu":
        raise InputError(f"{name} must be of integers, not of type {value.dtype}")
    if value.dtype.kind == "u" and (value > np.iinfo(np.int64).max).any():
        raise InputError(f"{name} must be of integers of 64 bits, not {value.max()}")
    return value.astype(np.int64)


def integers(name, value, shape, low):
    """Integers of a shape, none below ``low``."""
    value = int64(name, value)
    if value.shape != shape:
        raise InputError(f"{name} must have shape {shape}, not {value.shape}")
    between(name, value, low, np.inf)
    return value


def sampled(function, points):
    """A function of the user's own at some points: it gets them to do with as it likes."""
    try:
        values = plain("activation", function(points.copy()))
    except InputError:
        raise
    except Exception as error:
        name = type(error).__name__
        raise InputError(f"activation must map {len(points)} numbers: {name}: {error}") from error
    if values.dtype.kind not in "biuf" or values.shape not in (points.shape, ()):
        raise InputError(
            f"activation must map {len(points)} numbers to as many, not to {values.dtype} of "
            f"shape {values.shape}"
        )
    return np.broadcast_to(values, points.shape).astype(np.float64)


def scalar(arrays, name):
    """One of some arrays, as an int."""
    value = int64(name, arrays[name])
    if value.shape != ():
        raise InputError(f"{name} must be one integer, not of shape {value.shape}")
    return value.item()


def words(name, value, shape, fmt):
    """Words of a format; refuses what it does not hold."""
    found = integers(name, value, shape, -np.inf)
    bad = np.argwhere((found < fmt.min) | (found > fmt.max))
    if len(bad):
        raise InputError(
            f"{name}[{', '.join(map(str, bad[0]))}] must be a word of {fmt.role} {fmt}, "
            f"{fmt.min} … {fmt.max}, not {found[tuple(bad[0])]}"
        )
    return found
