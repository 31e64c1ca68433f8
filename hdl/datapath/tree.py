"""Result tree: the PEs' sums, one a cycle, on one bus."""

from functools import reduce
from operator import or_

from amaranth.hdl import Module, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import gate
from rbp.hdl.timing import Timing

__all__ = ["ResultTree"]


class ResultTree(wiring.Component):
    """Gathers results that never meet: at most one leaf is valid in a cycle.

    Each leaf is ANDed with its own flag, then all are ORed, pairs first and then fours, a register
    a level; so every leaf is equally far away and there are no select lines. PE p speaks p cycles
    after PE 0, so u_0 … u_{P−1} come out in order, and BACKWARD's sums of the next sweep, from the
    last PE, right behind them.

    Latency is :attr:`rbp.hdl.timing.Timing.tree` cycles; throughput one result a cycle.

    Members
    -------
    sums, valids : In, arrays of P
        The leaves.
    sum, valid : Out
        The result.
    """

    def __init__(self, config):
        self.config = config
        shape = signed(config.sum_width)
        super().__init__(
            {
                "sums": In(shape).array(config.macs),
                "valids": In(1).array(config.macs),
                "sum": Out(shape),
                "valid": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        masked = [
            gate(value, valid).as_unsigned()
            for value, valid in zip(self.sums, self.valids, strict=True)
        ]
        flags = list(self.valids)
        for level in range(Timing(self.config).tree):
            fan_in = 2 if level == 0 else 4
            sums, valids = [], []
            for k in range(0, len(masked), fan_in):
                value = Signal(self.config.sum_width, name=f"sum_{level}_{k}", reset_less=True)
                valid = Signal(name=f"valid_{level}_{k}")
                m.d.sync += [
                    value.eq(reduce(or_, masked[k : k + fan_in])),
                    valid.eq(reduce(or_, flags[k : k + fan_in])),
                ]
                sums.append(value)
                valids.append(valid)
            masked, flags = sums, valids
        m.d.comb += [self.sum.eq(masked[0].as_signed()), self.valid.eq(flags[0])]
        return m
