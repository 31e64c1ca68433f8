"""Narrowing and delays, as expressions; the hardware side of ``rbp.golden.formats``."""

from amaranth.hdl import Const, Mux, Signal, Value

__all__ = ["delay", "gate", "round_half_up", "saturate", "stages", "sticky", "unreset", "within"]


def gate(value, enable):
    """``value`` or 0. As ANDs: of a multiplexer before a register yosys makes a reset of its own,
    which is slow to route."""
    gated = Value.cast(value).as_unsigned() & enable.replicate(len(value))
    return gated.as_signed() if value.shape().signed else gated


def unreset(m, output, name):
    """A register that drives a member, without the reset that a member would have."""
    q = Signal.like(output, name=name, reset_less=True)
    m.d.comb += output.eq(q)
    return q


def sticky(m, flag, event, clear):
    """``flag`` is set by an event, and stays so until it is cleared."""
    with m.If(clear):
        m.d.sync += flag.eq(0)
    with m.Elif(event):
        m.d.sync += flag.eq(1)


def within(value, most):
    """``value <= most``, of an unsigned value: few gates, where a comparison takes a carry."""
    bits = most.bit_length()
    fits = ~value[bits:].any() if len(value) > bits else Const(1, 1)
    return fits if most + 1 == 1 << bits else fits & (value[:bits] <= most)


def round_half_up(value, shift):
    """``value / 2**shift`` rounded half up: the floor, plus the last bit dropped."""
    if shift <= 0:
        return value.shift_left(-shift)
    return value.shift_right(shift) + value[shift - 1]


def saturate(value, fmt):
    """(word, clipped): a signed value clamped to ``fmt``, and whether that changed it."""
    if len(value) <= fmt.width:
        return value, Const(0, 1)
    high = value[fmt.width - 1 :]
    clipped = high.any() & ~high.all()
    bound = Mux(value[-1], fmt.min, fmt.max)
    return Mux(clipped, bound[: fmt.width], value[: fmt.width]).as_signed(), clipped


def stages(m, value, cycles, *, control=False, name="stage"):
    """``value`` now and 1 … ``cycles`` cycles later. Only ``control`` is reset: data needs none."""
    result = [Value.cast(value)]
    for k in range(cycles):
        q = Signal(result[-1].shape(), name=f"{name}_q{k + 1}", reset_less=not control)
        m.d.sync += q.eq(result[-1])
        result.append(q)
    return result


def delay(m, value, cycles, *, control=False, name="delayed"):
    """``value`` some cycles later."""
    return stages(m, value, cycles, control=control, name=name)[-1]
