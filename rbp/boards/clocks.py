"""Clocks that a PLL makes exactly, and how many cycles a bit of the serial line takes."""

from fractions import Fraction

from rbp.errors import InputError
from rbp.hdl.boards.pll import Ecp5Pll, IcePll

__all__ = ["BAUD", "divisor", "megahertz", "pll"]

MEGA = 1_000_000

BAUD = (115_200, 230_400, 460_800, 500_000, 921_600, MEGA, 1_500_000, 2 * MEGA, 3 * MEGA)
"""Usual bits a second, which are advised."""
LEAST_CYCLES = 8
"""Of a bit, so that its middle is met."""
ERROR = Fraction(2, 100)
"""Of a bit's time, at most: it adds up over ten bits, and the other end has its own."""

_FILTER = (17, 26, 44, 66, 101)
"""MHz at the phase detector of iCE40, below which the filter's range is 1, 2 …"""


def megahertz(text):
    """A frequency in Hz, of a text in MHz."""
    try:
        # a float first: as a fraction, 1e99999999 has as many digits
        value = Fraction(text) if "/" in text or 0 < float(text) <= 1000 else Fraction(-1)
    except (ValueError, ZeroDivisionError):
        value = Fraction(-1)
    hertz = value * MEGA
    if not 0 < hertz <= 1000 * MEGA:
        raise InputError(f"clock must be a number of MHz above 0, 1000 at most, not {text!r}")
    return hertz


def pll(source, clock, *, ice40, pad=False):
    """The PLL that makes ``clock`` of ``source``, both in Hz.

    Raises :class:`~rbp.errors.InputError` where none does so exactly; it names the nearest.
    """
    made = _of_ice40(source, pad) if ice40 else _of_ecp5(source)
    exact = made.get(Fraction(clock))
    if exact is not None and exact.frequency.denominator == 1:
        return exact
    whole = sorted(f for f in made if f.denominator == 1)
    below = [f for f in whole if f < clock][-1:]
    above = [f for f in whole if f > clock][:1]
    near = " or ".join(f"{float(f / MEGA):g}" for f in (*below, *above))
    wanted = float(Fraction(clock) / MEGA)
    raise InputError(
        f"clock must be one that the PLL makes of {source / MEGA:g} MHz, {near} MHz, not {wanted:g}"
    )


def _of_ice40(source, pad):
    """``{frequency: IcePll}``, the least divider first; limits in Hz as of the data sheet."""
    found = {}
    for divr in range(16):
        detector = Fraction(source, divr + 1)
        if not 10 * MEGA <= detector <= 133 * MEGA:
            continue
        ranges = sum(detector >= limit * MEGA for limit in _FILTER)
        for divf in range(128):
            oscillator = detector * (divf + 1)
            if not 533 * MEGA <= oscillator <= 1066 * MEGA:
                continue
            for divq in range(1, 7):
                found.setdefault(
                    oscillator / 2**divq, IcePll(source, divr, divf, divq, 1 + ranges, pad)
                )
    return {f: made for f, made in found.items() if 16 * MEGA <= f <= 275 * MEGA}


def _of_ecp5(source):
    """``{frequency: Ecp5Pll}``, of those whose oscillator is nearest to 600 MHz the first."""
    found, middle = {}, 600 * MEGA
    for reference in range(1, 129):
        detector = Fraction(source, reference)
        if not 3_125_000 <= detector <= 400 * MEGA:
            continue
        for feedback in range(1, 81):
            clock = detector * feedback
            for output in range(max(1, -(-400 * MEGA // clock)), 129):
                if (oscillator := clock * output) > 800 * MEGA:
                    break
                distance, made = (
                    abs(oscillator - middle),
                    Ecp5Pll(source, reference, feedback, output),
                )
                if clock not in found or distance < found[clock][0]:
                    found[clock] = distance, made
    return {f: made for f, (_, made) in found.items() if 10 * MEGA <= f <= 400 * MEGA}


def _cycles(clock, baud):
    """Cycles a bit takes, and the error of its time."""
    cycles = round(Fraction(clock, baud))
    return cycles, abs(Fraction(cycles * baud, clock) - 1)


def _good(clock, baud):
    cycles, error = _cycles(clock, baud)
    return cycles >= LEAST_CYCLES and error <= ERROR


def divisor(clock, baud):
    """Cycles a bit takes, at ``clock`` in Hz and ``baud`` bits a second.

    Raises :class:`~rbp.errors.InputError` where a bit's time would be more than 2 % off, or of
    fewer than :data:`LEAST_CYCLES` cycles; it names good ones nearby.
    """
    if not BAUD[0] <= baud <= BAUD[-1]:
        raise InputError(f"baud must be {BAUD[0]} … {BAUD[-1]}, not {baud}")
    cycles, error = _cycles(clock, baud)
    if _good(clock, baud):
        return cycles
    good = sorted((b for b in BAUD if _good(clock, b)), key=lambda b: abs(b - baud))[:2]
    near = " or ".join(map(str, sorted(good)))
    if cycles < LEAST_CYCLES:
        why = f"a bit would take {cycles} cycles, fewer than {LEAST_CYCLES}"
    else:
        why = f"{cycles} cycles a bit are {float(100 * error):.1f} % off, more than 2 %"
    raise InputError(
        f"baud {baud} at {float(clock / MEGA):g} MHz: {why}; expected {near or 'a faster clock'}"
    )
