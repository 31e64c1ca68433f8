"""Weight memory: one bank a row of PEs, addressed systolically."""

from amaranth.hdl import Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.noise import BITS
from rbp.hdl.fixed import delay, gate, stages
from rbp.hdl.layouts import Kind, step_layout
from rbp.hdl.memories.momentum import Momentum
from rbp.hdl.primitives.ram import Ram, SinglePortRam
from rbp.hdl.timing import Timing
from rbp.hdl.wires import Store

__all__ = ["WeightMemory"]


class WeightMemory(wiring.Component):
    """Holds W once, P words for each entry of the program: bank p has row p of its block.

    The address is a counter that starts with a turn and moves from bank to bank, a cycle each. In
    an UPDATE it lags by :attr:`rbp.hdl.timing.Timing.update_lag`, so that the weight meets the
    product at the adder, and serves the writing too, behind the last lane. A word is never read in
    the cycle in which it is written, nor between its reading in an UPDATE and its writing: the
    carousel waits.

    Where the banks have a single port, an UPDATE takes two turns, for the words of even and for
    those of odd addresses: a weight is written an odd number of cycles after its reading, so that
    the port takes turns.

    With momentum there are as many banks of velocities. An UPDATE writes those alone; an APPLY,
    in the same cycles, both, by way of :class:`rbp.hdl.memories.momentum.Momentum`. Where the
    velocities are to become 0, an UPDATE by nothing reads 0 for each of them, and writes it.

    Members
    -------
    step : In
        The carousel, in the first lane's time.
    store : Store
        Where a WRITE goes.
    weights : Out, array of P
        To the first lane, in cycle :attr:`rbp.hdl.timing.Timing.operand` (UPDATE: ``add``), plus p.
    written : In, array of P
        From the last lane, in cycle :attr:`rbp.hdl.timing.Timing.last_write`, plus p.
    friction, noise, present, clipped : with momentum
        For :class:`rbp.hdl.memories.momentum.Momentum`; the weight is not 0, beside ``weights``.
    """

    def __init__(self, config):
        self.config = config
        self.depth = config.entries
        word = signed(config.formats.weight.width)
        momentum = {
            "friction": In(range(config.frictions + 1)),
            "noise": In(BITS + 1).array(config.macs),
            "present": Out(1).array(config.macs),
            "clipped": Out(1),
        }
        super().__init__(
            {
                "step": In(step_layout(config)),
                "store": In(Store(config)),
                "weights": Out(word).array(config.macs),
                "written": In(word).array(config.macs),
                **(momentum if config.momentum else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        time, step = Timing(self.config), self.step
        shape = range(max(2, self.depth))
        update = step.valid & (step.kind == Kind.UPDATE)
        store = step.valid & (step.kind == Kind.WRITE)
        begin = step.begin

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
        m.d.comb += address.eq(Mux(late & single, self.store.address, Mux(first, 0, address_q + 1)))
        with m.If(late | early):
            m.d.sync += address_q.eq(address)

        behind, writes = time.reread - 1, late
        if self.config.spram:
            assert behind % 2, "a word would be written while the next is read"
            due = store | (update & step.due)
            writes = delay(m, due, before + time.update_lag, control=True, name="due")
        chain = stages(m, address, self.config.macs + behind, name="address")[1:]
        enable = stages(m, writes, self.config.macs + behind, control=True, name="enable")[1:]
        only = stages(m, single, self.config.macs + behind, name="only")[1:]

        def bank(name, p, enabled, written):
            """Row p's words of the weights, or of the velocities."""
            size = {"width": self.config.formats.weight.width, "depth": self.depth}
            read, write = chain[p], chain[p + behind]
            if self.config.spram:
                ram = SinglePortRam(**size, device=self.config.device)
                m.d.comb += ram.addr.eq(Mux(ram.w_en, write, read))
            else:
                ram = Ram(**size, device=self.config.device)
                m.d.comb += [ram.r_addr.eq(read), ram.w_addr.eq(write)]
            m.submodules[f"{name}_{p}"] = ram
            m.d.comb += [ram.w_en.eq(enable[p + behind] & enabled), ram.w_data.eq(written)]
            return ram.r_data

        single_here = [
            delay(m, only[p + behind - 1] & (self.store.bank == p), 1, name=f"here_{p}")
            for p in range(self.config.macs)
        ]
        if not self.config.momentum:
            for p, here in enumerate(single_here):
                enabled = ~only[p + behind] | here
                m.d.comb += self.weights[p].eq(bank("bank", p, enabled, self.written[p]))
            return m

        probe = delay(m, step.valid & (step.kind == Kind.PROBE), before, name="probe")
        moving = (late & ~single) | (probe & self.store.velocity)
        velocity = stages(m, moving, self.config.macs + time.memory, name="velocity")[1:]
        zero = delay(m, update & step.zero, before + time.update_lag, name="zero")
        zero = stages(m, zero, self.config.macs + time.memory, name="zero")[1:]
        apply = delay(m, update & step.apply, before + time.update_lag, name="apply")
        apply = stages(m, apply, self.config.macs + behind, name="apply")[1:]
        clipped = Signal()
        m.d.sync += clipped.eq(0)
        for p, here in enumerate(single_here):
            m.submodules[f"momentum_{p}"] = momentum = Momentum(self.config)
            looked, at = p + time.memory, p + behind
            w_en = Mux(only[at], here & ~self.store.velocity, apply[at])
            v_en = Mux(only[at], here & self.store.velocity, 1)
            w = bank("bank", p, w_en, Mux(apply[at], momentum.weight_o, self.written[p]))
            v = bank("velocity", p, v_en, Mux(apply[at], momentum.velocity_o, self.written[p]))
            m.d.comb += [
                momentum.weight.eq(w),
                momentum.velocity.eq(v),
                momentum.noise.eq(self.noise[p]),
                momentum.friction.eq(self.friction),
                self.present[p].eq(w.any()),
                self.weights[p].eq(Mux(velocity[looked], gate(v, ~zero[looked]), w)),
            ]
            with m.If(enable[at] & apply[at] & momentum.clipped):
                m.d.sync += clipped.eq(1)
        m.d.comb += self.clipped.eq(clipped)
        return m
