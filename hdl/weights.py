"""Weight memory: one bank a row of PEs, addressed systolically."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.carousel import Kind, step_layout
from hdl.fixed import delay
from hdl.primitives import Ram
from hdl.timing import Timing

__all__ = ["WeightMemory"]


class WeightMemory(wiring.Component):
    """Holds W once: bank p has rows p, P + p, …; w[i][j] is at (i div P)·M + j of bank i mod P.

    Both addresses are counters that start with a turn and move from bank to bank, a cycle each. In
    an UPDATE the reading lags by δ, to meet the product at the adder; the writing follows behind
    the last lane. A word is never read in the cycle in which it is written, nor between its reading
    in an UPDATE and its writing: the carousel waits.

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
        address = range(max(2, self.depth))
        update = step.valid & (step.kind == Kind.UPDATE)
        store = step.valid & (step.kind == Kind.WRITE)
        begin = step.first & step.first_block

        # One counter reads. The register of bank 0 takes it in cycle `read`, or δ later.
        read, read_q = Signal(address, reset_less=True), Signal(address, reset_less=True)
        lag = time.update_lag
        late = delay(m, update, time.read - 1 + lag, control=True, name="late")
        late_begin = delay(m, begin, time.read - 1 + lag, name="late_begin")
        early = delay(m, step.valid & ~update, time.read - 1, control=True, name="early")
        early_begin = delay(m, begin, time.read - 1, name="early_begin")
        m.d.comb += read.eq(Mux((late & late_begin) | (~late & early & early_begin), 0, read_q + 1))
        with m.If(late | early):
            m.d.sync += read_q.eq(read)

        # Another writes.
        write, write_q = Signal(address, reset_less=True), Signal(address, reset_less=True)
        until = time.last_write - 1
        put = delay(m, update | store, until, control=True, name="put")
        single = delay(m, store, until, name="single")
        put_begin = delay(m, begin, until, name="put_begin")
        m.d.comb += write.eq(Mux(single, self.host_address, Mux(put_begin, 0, write_q + 1)))
        with m.If(put):
            m.d.sync += write_q.eq(write)

        enable, only, r_addr, w_addr = put, single, read, write
        for p in range(self.config.macs):
            ram = Ram(
                width=self.config.formats.weight.width,
                depth=self.depth,
                latency=self.config.device.memory,
            )
            m.submodules[f"bank_{p}"] = ram
            r_addr = delay(m, r_addr, 1, name=f"r_addr_{p}")
            w_addr = delay(m, w_addr, 1, name=f"w_addr_{p}")
            enable = delay(m, enable, 1, control=True, name=f"enable_{p}")
            only = delay(m, only, 1, name=f"only_{p}")
            m.d.comb += [
                ram.r_addr.eq(r_addr),
                self.weights[p].eq(ram.r_data),
                ram.w_en.eq(enable & (~only | (self.host_bank == p))),
                ram.w_addr.eq(w_addr),
                ram.w_data.eq(self.written[p]),
            ]
        return m
