"""Relaxation control of a lane: which pattern's sweep is next, and when a pattern has settled."""

from amaranth.hdl import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import delay, gate
from rbp.hdl.layouts import STEP_BITS, element_layout, sweep_layout
from rbp.hdl.primitives.ram import Ram

__all__ = ["RelaxationControl"]


class RelaxationControl(wiring.Component):
    """Keeps each pattern sweeping until max|step| ≤ tolerance, x first and then y, or to the limit.

    A ring of sweeps, one for each pattern not yet done, with three marks: the next to *take* (by
    the carousel), the next whose results *arrive*, and where the next is *put*. Results come in the
    order of sweeps, so a pattern is always in one place, and the order of the ring is the only
    schedule.

    A finish is followed by the pattern's next sweep in the ring one cycle later. Golden model:
    :func:`rbp.golden.relaxation.settle`.

    Members
    -------
    limit, fixed, errors, keep, abort : In
        Step limit; no early exit; relax y after x; go on where the pattern's last relaxation ended;
        let no pattern go on.
    deal, deal_slot : In
        Put a pattern's first sweep into the ring, which is empty when a batch begins; not beside a
        finish.
    take, ready, ahead, sweep : In, Out, Out, Out
        The next sweep; that there is one, and a FORWARD.
    arrive, arriving : In, Out
        The sweep whose results come now; ``arrive`` with its last result.
    finish, done, moved, far, closing : In
        From the integrator; ``closing`` is ``done``, the memory's latency and a cycle earlier.
    idle : Out
        Every pattern dealt has settled.
    look_slot, look_backward, look_steps, look_unsettled : In, In, Out, Out
        Steps of x or y of a pattern, the memory's latency later, when idle.
    use_slot, use_bank, skip : In, Out, Out
        Where c of a settled pattern is; leave its update out.
    """

    def __init__(self, config):
        self.config = config
        slot = range(max(2, config.slots))
        super().__init__(
            {
                "limit": In(STEP_BITS),
                "fixed": In(1),
                "errors": In(1),
                "keep": In(1),
                "abort": In(1),
                "deal": In(1),
                "deal_slot": In(slot),
                "take": In(1),
                "ready": Out(1),
                "ahead": Out(1),
                "sweep": Out(sweep_layout(config)),
                "arrive": In(1),
                "arriving": Out(sweep_layout(config)),
                "finish": In(1),
                "done": In(element_layout(config)),
                "moved": In(1),
                "far": In(1),
                "closing": In(element_layout(config)),
                "idle": Out(1, init=1),
                "look_slot": In(slot),
                "look_backward": In(1),
                "look_steps": Out(STEP_BITS),
                "look_unsettled": Out(1),
                "use_slot": In(slot),
                "use_bank": Out(1),
                "skip": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        slots = self.config.slots
        size = 1 << (slots - 1).bit_length()

        # The ring. One more bit in the marks tells full from empty.
        ring = Array(
            Signal(self.sweep.shape(), name=f"ring_{k}", reset_less=True) for k in range(size)
        )
        marks = range(2 * size)
        taken, arrived, put = Signal(marks), Signal(marks), Signal(marks)
        bits = (size - 1).bit_length()
        active = Signal(slots)  # as many bits as patterns have not settled, from the lowest on
        m.d.comb += [
            self.sweep.eq(ring[taken[:bits]] if bits else ring[0]),
            self.arriving.eq(ring[arrived[:bits]] if bits else ring[0]),
        ]
        with m.If(self.take):
            m.d.sync += taken.eq(taken + 1)
        with m.If(self.arrive):
            m.d.sync += arrived.eq(arrived + 1)

        # Steps so far of the finishing sweep: read while its last element is under way.
        m.submodules.steps = steps = Ram(
            width=STEP_BITS + 1, depth=2 * slots, device=self.config.device
        )
        m.d.comb += steps.r_addr.eq(Cat(self.closing.backward, self.closing.slot))
        with m.If(self.idle):
            m.d.comb += steps.r_addr.eq(Cat(self.look_backward, self.look_slot))
        before = steps.r_data[:STEP_BITS]
        fresh = delay(m, self.closing.fresh, self.config.device.memory, name="fresh")
        m.d.comb += [self.look_steps.eq(before), self.look_unsettled.eq(steps.r_data[-1])]

        # What a finish leads to.
        count = Signal(STEP_BITS, reset_less=True)
        at_limit = Signal(reset_less=True)
        so_far, last = gate(before, ~fresh), Signal(STEP_BITS, reset_less=True)
        m.d.sync += [
            last.eq(self.limit - 1),  # static while the core runs
            count.eq(so_far + 1),
            at_limit.eq(so_far == last),
        ]
        settled, stop = Signal(), Signal()
        followed = Signal(self.sweep.shape())
        bank_of, skip_of = Signal(slots, reset_less=True), Signal(slots)
        done = self.done
        m.d.comb += [
            settled.eq(~self.moved & ~self.fixed),
            stop.eq(settled | at_limit),
            followed.slot.eq(done.slot),
            followed.bank.eq(done.bank),
            followed.backward.eq(done.backward | stop),
            followed.fresh.eq(stop),
            steps.w_en.eq(self.finish),
            steps.w_addr.eq(Cat(done.backward, done.slot)),
            steps.w_data.eq(Cat(count, at_limit & ~settled & ~self.fixed)),
        ]
        put_back = self.finish & ~(stop & (done.backward | ~self.errors)) & ~self.abort
        slot_bit = Signal(slots)
        m.d.comb += slot_bit.eq(1 << done.slot)
        with m.If(self.finish):
            with m.If(~done.backward):
                m.d.sync += bank_of.eq(
                    (bank_of & ~slot_bit) | (slot_bit & done.bank.replicate(slots))
                )
            with m.If(at_limit & self.far & ~settled & ~self.fixed):
                m.d.sync += skip_of.eq(skip_of | slot_bit)
        filled = put_back | self.deal
        emptied = Signal()  # taken + 1 = put, but for what is put in this cycle
        m.d.comb += emptied.eq(self.take & ((put - taken)[: len(put)] == 1))
        m.d.sync += self.ready.eq(filled | (self.ready & ~emptied))
        with m.If(filled):
            m.d.sync += put.eq(put + 1)
        with m.If(self.deal):
            m.d.sync += skip_of.bit_select(self.deal_slot, 1).eq(0)
        # the place that is next, whether taken or not: free, unless all slots are under way
        into = ring[put[:bits]] if bits else ring[0]
        with m.If(self.finish):
            m.d.sync += into.eq(followed)
        with m.Elif(~active[-1]):
            m.d.sync += [
                into.slot.eq(self.deal_slot),
                into.backward.eq(0),
                into.fresh.eq(1),
                into.bank.eq(self.keep & bank_of.bit_select(self.deal_slot, 1)),
            ]
        # whether the next one is a FORWARD, for the carousel, which asks all lanes
        first, forward = Signal(bits, name="first"), Signal(reset_less=True)
        enters = (self.finish | ~active[-1]) & (put[:bits] == first)
        in_ring = ~(ring[first] if bits else ring[0]).backward
        m.d.comb += [
            first.eq((taken + self.take)[:bits]),
            self.ahead.eq(self.ready & forward),
        ]
        entering = ~(self.finish & followed.backward)
        m.d.sync += forward.eq(Mux(enters, entering, in_ring))
        gone = self.finish & ~put_back
        remaining = Mux(gone, active >> 1, active)
        remaining = Mux(self.deal, Cat(Const(1), active), remaining)
        m.d.sync += [active.eq(remaining), self.idle.eq(~remaining[0])]
        m.d.comb += [
            self.use_bank.eq(bank_of.bit_select(self.use_slot, 1)),
            self.skip.eq(skip_of.bit_select(self.use_slot, 1)),
        ]
        return m
