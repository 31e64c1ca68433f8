"""Processing element: one multiplier, one adder or two, the three sweeps."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.noise import BITS
from rbp.hdl.datapath.noise import mixed
from rbp.hdl.fixed import delay, gate, saturate
from rbp.hdl.primitives.arithmetic import Adder, Multiplier

__all__ = ["PE", "token_layout"]


def token_layout(config):
    """What moves from PE to PE, one a cycle. Each field is sent when its stage needs it.

    ========= ======== ==================================================================
    stage     field    meaning
    ========= ======== ==================================================================
    operand−1 latch    y is on the distribution bus: keep it
    operand−1 backward multiply w·y, else w·φ
    operand   phi      φ_j
    operand   update   multiply y·φ
    shift     shift    log2 of η over its least value; 0 unless UPDATE
    add       first    start a new sum
    add       take     add to what is passed, the sum of the PE before; else to the own sum
    add       learn    what is passed is the weight, with noise
    add       store    what is passed becomes the weight (WRITE)
    add       due      with a single port: the weight was read, and is written
    add       half     no noise, half a unit
    add       noise    R(t, i, j); the next PE's is mixed from it
    result    forward  the sum is u_i
    result    column   the last PE's sum is the block's share of s_j
    ========= ======== ==================================================================
    """
    f = config.formats
    low, high = config.eta_shifts
    return data.StructLayout(
        {
            "latch": 1,
            "backward": 1,
            "phi": signed(max(f.state.width, f.error.width)),
            "update": 1,
            "shift": range(high - low + 1),
            "first": 1,
            "take": 1,
            "learn": 1,
            "store": 1,
            **({"due": 1} if config.spram else {}),
            "half": 1,
            "noise": BITS,
            "forward": 1,
            "column": 1,
        }
    )


class PE(wiring.Component):
    """One row's multiply-accumulate in one lane.

    FORWARD  sum ← (first ? 0 : sum) + w·φ          BACKWARD  sum ← partial + w·y
    UPDATE   w ← sat((w·2ⁿ + (y·φ << s) + r) >> n)   WRITE     w ← partial >> n

    The UPDATE is ``w + ((y·φ·η + r) >> n)`` in a single addition, since w·2ⁿ and r share no bit;
    so one adder serves all. Where a carry cell chooses between two operands by itself (ECP5), a
    FORWARD has an adder of its own, and nothing lies before either: as many LUTs, and the sum's way
    1 ns shorter. A weight of 0 stays 0, a weight that becomes 0 turns into 1. WRITE is a
    BACKWARD with φ = 0 whose partial sum carries the word. The noise has half a unit below it, so
    that it has no bias.

    Latency is that of :class:`rbp.hdl.timing.Timing`; throughput one token a cycle, never stalled.
    Golden model: :mod:`rbp.golden.pe`. Measured on UP5K (w16, four η): see docs/design/area.md.

    Parameters
    ----------
    config : Config
    head, tail : bool
        First and last of the lane: the head starts BACKWARD's sums, the tail's leave by the tree.

    Members
    -------
    i, o : token
        From and to the neighbours.
    y : In
        Distribution bus.
    weight, weight_o : In, Out
        The weight read; two cycles later the same or, after an UPDATE, its new value.
    partial, passed : In, Out
        Sum of the PE before; what this one makes of it.
    sum : Out
        A FORWARD's; of the tail, a BACKWARD's too.
    valid : Out
        The sum is a result.
    clipped : Out
        The weight that is written saturated (one cycle).
    rounding : Out
        Only with momentum: the noise that is added, with the half unit below it.
    present, present_o : In, Out
        Only with momentum, whose velocity takes the place of the weight in an UPDATE: the weight is
        not 0; two cycles later the same.
    """

    def __init__(self, config, *, head=False, tail=False):
        self.config, self.head, self.tail = config, head, tail
        f, token = config.formats, token_layout(config)
        momentum = {"rounding": Out(BITS + 1), "present": In(1), "present_o": Out(1)}
        super().__init__(
            {
                "i": In(token),
                "o": Out(token),
                "y": In(signed(f.error.width)),
                "weight": In(signed(f.weight.width)),
                "weight_o": Out(signed(f.weight.width)),
                "partial": In(signed(config.sum_width)),
                "passed": Out(signed(config.sum_width)),
                "sum": Out(signed(config.sum_width)),
                "valid": Out(1),
                "clipped": Out(1),
                **(momentum if config.momentum else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        f, fraction = self.config.formats, self.config.update_fraction

        # The token: only what writes or reports is reset.
        q = Signal(self.i.shape(), reset_less=True)
        control = Signal(3)
        m.d.sync += [
            q.eq(self.i),
            control.eq(Cat(self.i.learn, self.i.forward, self.i.column)),
        ]
        learn, forward, column = control
        m.d.comb += [
            self.o.eq(q),
            self.o.learn.eq(learn),
            self.o.forward.eq(forward),
            self.o.column.eq(column),
            self.o.noise.eq(mixed(q.noise)),
        ]

        # operand: y·φ, w·y or w·φ. In a BACKWARD, φ's register keeps y instead.
        y = Signal(signed(f.error.width), reset_less=True)
        phi = Signal.like(self.i.phi, reset_less=True)
        with m.If(q.latch):
            m.d.sync += y.eq(self.y)
        with m.If(~q.backward | q.latch):
            m.d.sync += phi.eq(Mux(q.backward, self.y, self.i.phi))
        m.submodules.multiplier = multiplier = Multiplier(
            a_width=max(f.weight.width, f.error.width),
            b_width=len(phi),
            device=self.config.device,
        )
        m.d.comb += [
            self.o.phi.eq(phi),
            multiplier.a.eq(Mux(q.update, y, self.weight)),
            multiplier.b.eq(phi),
        ]

        # shift: by η; where that takes two cycles, by its greatest bit first
        device = self.config.device
        low, high = self.config.eta_shifts
        term = Signal(signed(len(multiplier.product) + high - low), reset_less=True)
        shifted, bits = multiplier.product, list(enumerate(q.shift))
        if device.shifter == 2:
            if bits:
                k, bit = bits.pop()
                shifted = Mux(bit, shifted.shift_left(1 << k), shifted)
            shifted = delay(m, shifted, 1, name="shifted").as_signed()
            bits = [(k, delay(m, bit, 1, name=f"shift_{k}")) for k, bit in bits]
        for k, bit in bits:
            shifted = Mux(bit, shifted.shift_left(1 << k), shifted)
        m.d.sync += term.eq(shifted)

        # add: to what is passed, or to the own sum
        rounding = Cat(~q.half, q.noise ^ q.half.shift_left(BITS - 1))
        below = fraction - len(rounding)
        r = Cat(Const(0, below), rounding) if below > 0 else rounding[-below:]
        drawn = Cat(r[:fraction], self.weight).as_signed()
        own, take = Signal(reset_less=True), Signal(reset_less=True)
        m.d.sync += [
            own.eq(~self.i.take & ~self.i.first),
            take.eq(self.i.take & ~self.i.first if self.head else self.i.take),
        ]
        total = Signal(signed(self.config.sum_width), reset_less=True)
        m.submodules.adder = adder = Adder(width=len(total), device=device)
        m.d.comb += [adder.a.eq(term), self.passed.eq(total)]
        m.d.sync += total.eq(adder.sum)
        if device.adders == 1:
            passed = gate(Mux(learn, drawn, self.partial), take)
            m.d.comb += [adder.enable.eq(own), adder.b.eq(total), adder.c.eq(passed)]
            m.d.comb += self.sum.eq(total)
        else:
            partial = gate(self.partial, take) if self.head else self.partial
            m.d.comb += [adder.enable.eq(learn), adder.b.eq(drawn), adder.c.eq(partial)]
            row = Signal.like(total, name="row", reset_less=True)
            m.submodules.row_adder = row_adder = Adder(width=len(total), device=device)
            m.d.comb += [row_adder.a.eq(term), row_adder.enable.eq(own), row_adder.b.eq(row)]
            m.d.comb += self.sum.eq(Mux(column, total, row) if self.tail else row)
            m.d.sync += row.eq(row_adder.sum)
        present, learned = Signal(reset_less=True), Signal()
        is_present = self.present | q.store if self.config.momentum else self.weight.any()
        m.d.sync += [
            present.eq(is_present | ~learn),
            learned.eq(learn & q.due if self.config.spram else learn),
        ]

        # result: to the tree, or a weight
        whole = total.shift_right(fraction)
        weight, clipped = saturate(whole, self.config.learned)
        m.d.sync += self.clipped.eq(clipped & present & learned)
        result = Signal(signed(f.weight.width), reset_less=True)
        m.d.comb += [
            self.valid.eq(forward | column if self.tail else forward),
            self.weight_o.eq(result),
        ]
        one = learned & (whole == 0)  # what would become 0
        if self.config.momentum:
            one = Const(0)
            m.d.comb += [
                self.rounding.eq(rounding),
                self.present_o.eq(delay(m, self.present, 2, name="present")),
            ]
        m.d.sync += result.eq(gate(weight | one, present))
        if self.config.lanes > 1:  # what the next lane multiplies
            passing = Signal(signed(f.weight.width), reset_less=True)
            written = Signal(reset_less=True)
            m.d.sync += [passing.eq(self.weight), written.eq(learn | q.store)]
            with m.If(~written):
                m.d.sync += result.eq(passing)
        return m
