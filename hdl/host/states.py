"""States: the host's words, to and from the lanes' state memories."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import gate
from rbp.hdl.host.memory_map import AddressMap
from rbp.hdl.layouts import Region
from rbp.hdl.timing import Timing
from rbp.hdl.wires import StatePort

__all__ = ["StateAccess"]


class StateAccess(wiring.Component):
    """Reads at the present address, writes a cycle later; a word that several banks of c hold is
    taken as many times.

    Members
    -------
    word, region, slot, unit, lane : In
        What was written a cycle ago, and where.
    to_state, to_flags : In
        The address is one of the state; of FLAGS.
    doing, running, quiet : In
        A write is done, a write meets a run, no run is under way.
    states : StatePort, array of L
        To the lanes.
    goes_on : Out
        The word is to be taken once more.
    fills, waits : Out
        The write is of a refill; it waits for room.
    """

    def __init__(self, config):
        self.config, amap = config, AddressMap(config)
        super().__init__(
            {
                "word": In(32),
                "region": In(Region),
                "slot": In(amap.slot_bits),
                "unit": In(amap.unit_bits),
                "lane": In(range(max(2, config.lanes))),
                "to_state": In(1),
                "to_flags": In(1),
                "doing": In(1),
                "running": In(1),
                "quiet": In(1),
                "states": Out(StatePort(config)).array(config.lanes),
                "goes_on": Out(1),
                "fills": Out(1),
                "waits": Out(1),
            }
        )
        self.taken = Signal()

    def elaborate(self, platform):
        m = Module()
        region, turn = self.region, Signal(2)
        bank, writing = Signal(2, reset_less=True), Signal(self.config.lanes)
        last_turn = Mux(region == Region.X, 1, gate(Const(2), region == Region.CLAMPED))
        m.d.comb += [
            self.goes_on.eq(turn != last_turn),
            self.taken.eq(self.doing & self.to_state),
        ]
        with m.If(self.taken):
            m.d.sync += turn.eq(gate(turn + 1, self.goes_on))
        everywhere = self.to_flags.replicate(self.config.lanes)
        m.d.sync += [
            bank.eq(Mux(region == Region.X_START, 2, turn)),
            writing.eq(gate((1 << self.lane) | everywhere, self.doing & self.to_state)),
        ]
        for k, state in enumerate(self.states):
            m.d.comb += [
                state.select.eq(self.quiet),
                state.write.eq(writing[k]),
                state.region.eq(region),
                state.bank.eq(bank),
                state.slot.eq(self.slot),
                state.unit.eq(self.unit),
                state.data.eq(self.word),
            ]
        if self.config.refill:
            self._fill(m)
        return m

    def _fill(self, m):
        """While a run is under way, as soon as there is room."""
        stood = self.fills  # long enough for all of it to have reached the lane
        for k in range(1 + Timing(self.config).reach):
            stood_q = Signal(name=f"fills_q{k + 1}")
            m.d.sync += stood_q.eq(stood & ~self.taken)
            stood = stood_q
        m.d.comb += self.fills.eq(self.running & self.to_state & ~self.to_flags)
        for k, state in enumerate(self.states):
            m.d.comb += state.fill.eq(self.fills & stood & (self.lane == k))
        filled = Cat(state.filled for state in self.states).any()
        with m.If(self.fills):
            m.d.comb += [self.taken.eq(filled), self.waits.eq(~filled | self.goes_on)]
