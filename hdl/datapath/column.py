"""Column: the PEs of a lane, in a chain."""

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.noise import BITS
from rbp.hdl.datapath.pe import PE, token_layout
from rbp.hdl.datapath.tree import ResultTree
from rbp.hdl.fixed import delay, stages
from rbp.hdl.timing import Timing

__all__ = ["Column"]

NEIGHBOURS = 4
"""PEs that share a register of the distribution bus."""


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

    Members
    -------
    token, y : In
        From :class:`rbp.hdl.datapath.entry.Entry`.
    store : In
        The word of a WRITE.
    weights, written : In, Out, arrays of P
        A weight, and what it becomes, two cycles later.
    sum, valid : Out
        A result: u_i of a FORWARD, of each entry of a BACKWARD the block's share of s_j.
    of_tail, of_column, coming : Out
        It comes from the last PE; it is a BACKWARD's; the same a cycle ahead.
    overflow : Out
        A weight saturated (one cycle).
    present, present_o, noise : with momentum, whether the weight is not 0, and the PEs' rounding
        noise
    """

    def __init__(self, config):
        self.config = config
        word = signed(config.formats.weight.width)
        momentum = {
            "present": In(1).array(config.macs),
            "present_o": Out(1).array(config.macs),
            "noise": Out(BITS + 1).array(config.macs),
        }
        super().__init__(
            {
                "token": In(token_layout(config)),
                "y": In(signed(config.formats.error.width)),
                "store": In(word),
                "weights": In(word).array(config.macs),
                "written": Out(word).array(config.macs),
                "sum": Out(signed(config.sum_width)),
                "valid": Out(1),
                "of_tail": Out(1),
                "of_column": Out(1),
                "coming": Out(1),
                "overflow": Out(1),
                **(momentum if config.momentum else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config = self.config
        m.submodules.tree = tree = ResultTree(config)
        pes = []
        for p in range(config.macs):
            if p % NEIGHBOURS == 0:
                m.submodules[f"y_{p}"] = y = Distributor(self.y.shape())
                m.d.comb += y.i.eq(self.y)
            pe = PE(config, head=p == 0, tail=p == config.macs - 1)
            m.submodules[f"pe_{p}"] = pe
            m.d.comb += [
                pe.i.eq(pes[-1].o if pes else self.token),
                pe.y.eq(y.o),
                pe.weight.eq(self.weights[p]),
                self.written[p].eq(pe.weight_o),
                tree.sums[p].eq(pe.sum),
                tree.valids[p].eq(pe.valid),
            ]
            if config.momentum:
                m.d.comb += [
                    self.noise[p].eq(pe.rounding),
                    pe.present.eq(self.present[p]),
                    self.present_o[p].eq(pe.present_o),
                ]
            if pes:
                m.d.comb += pe.partial.eq(pes[-1].passed)
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

        tail, levels = pes[-1], Timing(config).tree
        of_column = stages(m, tail.o.column, levels, control=True, name="of_column")
        m.d.comb += [
            pes[0].partial.eq(self.store.shift_left(config.update_fraction)),
            self.of_tail.eq(delay(m, tail.valid, levels, control=True, name="of_tail")),
            self.of_column.eq(of_column[levels]),
            self.coming.eq(of_column[levels - 1]),
        ]
        return m
