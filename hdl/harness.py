"""Harness: a core behind two pins, so that any configuration can be placed in any package."""

from amaranth.hdl import Cat, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Harness"]


class Harness(wiring.Component):
    """Feeds every input of a core from a shift register and folds every output into one pin.

        si ──► shift register ──► core ──► register ──► xor ──► register ──► so

    Nothing of the core can be optimised away, and no path of its own is lengthened: its ports meet
    registers. ``rst`` is a pin too.

    Area, to be subtracted: :attr:`registers` flip-flops, which need a logic cell each on iCE40, and
    one LUT4 for three outputs.

    Parameters
    ----------
    core : wiring.Component
        With ports of any shape.

    Members
    -------
    si, so : In, Out
        Serial in, folded out.
    """

    def __init__(self, core):
        self.core = core
        self.inputs, self.outputs = [], []
        for _, member, port in core.signature.flatten(core):
            (self.inputs if member.flow is In else self.outputs).append(Value.cast(port))
        super().__init__({"si": In(1), "so": Out(1)})

    @property
    def registers(self):
        """Flip-flops of the harness."""
        return len(Cat(self.inputs)) + len(Cat(self.outputs)) + 1

    def ports(self):
        """Ports of the top module, besides ``clk`` and ``rst``."""
        return [self.si, self.so]

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = self.core
        inputs, outputs = Cat(self.inputs), Cat(self.outputs)
        shift = Signal(len(inputs), reset_less=True)
        seen = Signal(len(outputs), reset_less=True)
        m.d.sync += [shift.eq(Cat(self.si, shift)), seen.eq(outputs), self.so.eq(seen.xor())]
        m.d.comb += inputs.eq(shift)
        return m
