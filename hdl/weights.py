"""Weight memory: one bank a row of PEs, addressed systolically."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.carousel import Kind, step_layout
from hdl.fixed import delay, stages
from hdl.primitives import Ram
from hdl.timing import Timing

__all__ = ["WeightMemory"]


class WeightMemory(wiring.Component):
    """Holds W once: bank p has rows p, P + p, …; w[i][j] is at (i div P)·M + j of bank i mod P.

    The address is a counter that starts with a turn and moves from bank to bank, a cycle each. In
    an UPDATE it lags by :attr:`hdl.timing.Timing.update_lag`, so that the weight meets the product
    at the adder, and serves the writing too, behind the last lane. A word is never read in the
    cycle in which it is written, nor between its reading in an UPDATE and its writing: the carousel
    waits.

    Members
    -------
    step : In
        The carousel.
    host_bank, host_address : In
        Where a WRITE goes; held until it is done.
    weights : Out, array of P
        To the first lane, in cycle :attr:`hdl.timing.Timing.operand` (UPDATE: ``add``), plus p.
    written : In, array of P
        From the last lane, in cycle :attr:`hdl.timing.Timing.last_write`, plus p.
    """

    def __init__(self, config):
        self.config = config
        self.depth = config.blocks * config.terms
        word = signed(config.formats.weight.width)
        super().__init__(
            {
                "step": In(step_layout(config)),
                "host_bank": In(range(max(2, config.macs))),
                "host_address": In(range(max(2, self.depth))),
                "weights": Out(word).array(config.macs),
                "written": In(word).array(config.macs),
            }
        )

    def elaborate(self, platform):
        m = Module()
        time, step = Timing(self.config), self.step
        shape = range(max(2, self.depth))
        update = step.valid & (step.kind == Kind.UPDATE)
        store = step.valid & (step.kind == Kind.WRITE)
        begin = step.first & step.first_block

        # One counter. Bank 0 takes its address in cycle `read`, what writes δ later; and the
        # address comes by again, banks further down the chain, when the new weight does.
        address, address_q = Signal(shape, reset_less=True), Signal(shape, reset_less=True)
        before = time.read - 1
        late = delay(m, update | store, before + time.update_lag, control=True, name="late")
        late_begin = delay(m, begin, before + time.update_lag, name="late_begin")
        single = delay(m, store, before + time.update_lag, name="single")
        early = delay(m, step.valid & ~update & ~store, before, control=True, name="early")
        early_begin = delay(m, begin, before, name="early_begin")
        first = (late & late_begin) | (~late & early & early_begin)
        m.d.comb += address.eq(Mux(late & single, self.host_address, Mux(first, 0, address_q + 1)))
        with m.If(late | early):
            m.d.sync += address_q.eq(address)

        behind = time.reread - 1
        chain = stages(m, address, self.config.macs + behind, name="address")[1:]
        enable = stages(m, late, self.config.macs + behind, control=True, name="enable")[1:]
        only = stages(m, single, self.config.macs + behind, name="only")[1:]
        for p in range(self.config.macs):
            ram = Ram(
                width=self.config.formats.weight.width, depth=self.depth, device=self.config.device
            )
            m.submodules[f"bank_{p}"] = ram
            at = p + behind
            m.d.comb += [
                ram.r_addr.eq(chain[p]),
                self.weights[p].eq(ram.r_data),
                ram.w_en.eq(enable[at] & (~only[at] | (self.host_bank == p))),
                ram.w_addr.eq(chain[at]),
                ram.w_data.eq(self.written[p]),
            ]
        return m
