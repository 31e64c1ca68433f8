"""Column: the PEs of a lane, in a chain, and what passes between two blocks of rows."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.datapath.pe import PE, token_layout
from rbp.hdl.datapath.tree import ResultTree
from rbp.hdl.fixed import delay, gate
from rbp.hdl.primitives.ram import Ram

__all__ = ["Column", "DelayLine"]

NEIGHBOURS = 4
"""PEs that share a register of the distribution bus."""


class DelayLine(wiring.Component):
    """A word, ``cycles`` later: registers where it is short, else a circular memory, behind
    a register, since the last PE is far from it."""

    def __init__(self, *, width, cycles, device):
        self.width, self.cycles, self.device = width, cycles, device
        super().__init__({"i": In(width), "o": Out(width)})

    def elaborate(self, platform):
        m = Module()
        words = self.cycles - self.device.memory
        if words < 2:
            m.d.comb += self.o.eq(delay(m, self.i, self.cycles))
            return m
        here, after = Signal(range(words)), Signal(range(words), init=1)
        m.submodules.ram = ram = Ram(width=self.width, depth=words, device=self.device)
        m.d.sync += [after.eq(gate(after + 1, after != words - 1)), here.eq(after)]
        m.d.comb += [
            ram.w_en.eq(1),
            ram.w_addr.eq(here),
            ram.w_data.eq(delay(m, self.i, 1)),
            ram.r_addr.eq(after),
            self.o.eq(ram.r_data),
        ]
        return m


class Distributor(wiring.Component):
    """A register of the bus to a few PEs, near which it can lie if synthesis keeps it apart."""

    def __init__(self, shape):
        super().__init__({"i": In(shape), "o": Out(shape)})

    def elaborate(self, platform):
        m = Module()
        q = Signal.like(self.i, reset_less=True)
        m.d.sync += q.eq(self.i)
        m.d.comb += self.o.eq(q)
        return m


class Column(wiring.Component):
    """P processing elements: the token moves down, one PE a cycle; results leave by the tree.

    Between two blocks of rows BACKWARD's partial sums wait, or an UPDATE's noise, until the same
    column comes again.

    Members
    -------
    token, y, drawing, storing : In
        From :class:`rbp.hdl.datapath.entry.Entry`.
    store : In
        The word of a WRITE.
    weights, written : In, Out, arrays of P
        A weight, and what it becomes, two cycles later.
    sum, valid : Out
        A result: u_i of a FORWARD, s_j of a BACKWARD, each sweep's in order.
    overflow : Out
        A weight saturated (one cycle).
    noise : with momentum, the PEs' rounding noise
    """

    def __init__(self, config):
        self.config = config
        word = signed(config.formats.weight.width)
        super().__init__(
            {
                "token": In(token_layout(config)),
                "y": In(signed(config.formats.error.width)),
                "drawing": In(1),
                "storing": In(1),
                "store": In(word),
                "weights": In(word).array(config.macs),
                "written": Out(word).array(config.macs),
                "sum": Out(signed(config.sum_width)),
                "valid": Out(1),
                "overflow": Out(1),
                **({"noise": Out(16).array(config.macs)} if config.momentum else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.tree = tree = ResultTree(config)
        token = Signal(token_layout(config))
        m.d.comb += token.eq(self.token)
        pes = []
        for p in range(config.macs):
            if p % NEIGHBOURS == 0:
                m.submodules[f"y_{p}"] = y = Distributor(self.y.shape())
                m.d.comb += y.i.eq(self.y)
            pe = PE(config, head=p == 0, tail=p == config.macs - 1)
            m.submodules[f"pe_{p}"] = pe
            m.d.comb += [
                pe.i.eq(pes[-1].o if pes else token),
                pe.y.eq(y.o),
                pe.weight.eq(self.weights[p]),
                self.written[p].eq(pe.weight_o),
                tree.sums[p].eq(pe.sum),
                tree.valids[p].eq(pe.valid),
            ]
            if config.momentum:
                m.d.comb += self.noise[p].eq(pe.rounding)
            if pes:
                m.d.comb += pe.partial.eq(pes[-1].sum)
            pes.append(pe)
        overflow = Signal()
        m.d.sync += overflow.eq(0)
        for pe in pes:
            with m.If(pe.clipped):
                m.d.sync += overflow.eq(1)
        m.d.comb += [
            self.overflow.eq(overflow),
            self.sum.eq(tree.sum),
            self.valid.eq(tree.valid),
        ]

        head, tail = pes[0], pes[-1]
        store = self.store.shift_left(config.update_fraction)
        if config.blocks == 1:
            m.d.comb += head.partial.eq(store)
            return m
        m.submodules.between = between = DelayLine(
            width=config.sum_width, cycles=config.terms - config.macs - 1, device=config.device
        )
        waited = Signal(signed(config.sum_width), reset_less=True)
        m.d.sync += waited.eq(Mux(self.storing, store, between.o))
        m.d.comb += [
            between.i.eq(Mux(tail.o.learn, tail.o.noise, tail.sum)),
            token.noise.eq(Mux(self.drawing, self.token.noise, waited[:16])),
            head.partial.eq(waited),
        ]
        return m
