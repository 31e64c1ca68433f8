"""Decoder: what an address of the host is, a cycle later."""

from functools import reduce
from operator import and_, or_

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.hdl.fixed import within
from rbp.hdl.host.memory_map import DESCRIBES, REGISTERS, STATE, AddressMap, Area
from rbp.hdl.layouts import Region

__all__ = ["Decoder"]

WORDS = [r.name for r in REGISTERS] + ["DESCRIPTION", "LOG"]

READABLE = {region for region, (access, _) in STATE.items() if "r" in access}


class Decoder(wiring.Component):
    """Looks up an address in :mod:`rbp.hdl.host.memory_map`, in a cycle of its own.

    Members
    -------
    addr, address : In, Out
        The bus'; the same a cycle later, as is all that follows.
    hit : Out
        A flag for each register, for those of the description, and for the log.
    area, region, unit, slot, lane : Out
        Fields of the address; the last four where it is one of the state.
    word, bank : Out
        The same where it is one of the weights.
    to_state, from_state, to_flags, to_weights : Out
        It is a word of the state, which can be read, of FLAGS, of the weights.
    to_table : Out
        It is a word of the program; in a higher order of the products, of the folds.
    to_carousel : Out
        It waits for the carousel: a weight, a word of the program, a column. So does CONTROL: a run
        starts when the weights have arrived, so it takes the same time whatever came before.
    """

    def __init__(self, config):
        self.config, self.map = config, AddressMap(config)
        amap = self.map
        super().__init__(
            {
                "addr": In(amap.width),
                "address": Out(amap.width),
                "hit": Out(data.StructLayout({name: 1 for name in WORDS})),
                "area": Out(Area),
                "region": Out(Region),
                "unit": Out(amap.unit_bits),
                "slot": Out(amap.slot_bits),
                "lane": Out(range(max(2, config.lanes))),
                "word": Out(amap.word_bits),
                "bank": Out(amap.bank_bits),
                "to_state": Out(1),
                "from_state": Out(1),
                "to_flags": Out(1),
                "to_weights": Out(1),
                "to_carousel": Out(1),
                "to_table": Out(data.StructLayout({area.name: 1 for area in amap.tables})),
            }
        )

    def elaborate(self, platform):
        m = Module()
        config, amap = self.config, self.map
        address = Signal(amap.width, reset_less=True)
        offset = address[: amap.offset_bits]
        slot, region = amap.unit_bits, amap.unit_bits + amap.slot_bits
        m.d.sync += address.eq(self.addr)
        m.d.comb += [
            self.address.eq(address),
            Cat(self.area).eq(address[amap.offset_bits :]),
            self.unit.eq(offset[:slot]),
            self.slot.eq(offset[slot:region]),
            self.region.eq(Region(offset[region : region + amap.region_bits])),
            self.lane.eq(offset[region + amap.region_bits :][: amap.lane_bits]),
            self.word.eq(offset),
            self.bank.eq(offset[amap.word_bits :]),
        ]

        coming, wanted = self.addr[: amap.offset_bits], self.addr[amap.offset_bits :]
        registers = wanted == Area.REGISTERS.value
        at = {r.name: registers & (coming == amap.register(r.name)) for r in REGISTERS}
        at["DESCRIPTION"] = registers & (coming[3:] == DESCRIBES >> 3)
        at["LOG"] = (wanted == Area.LOG.value) & ~coming[amap.log_bits :].any()
        for name, found in at.items():
            hit = Signal(name=f"hit_{name.lower()}", reset_less=True)
            m.d.sync += hit.eq(found)
            m.d.comb += self.hit[name].eq(hit)
        of_state, of_flags = self._state(coming)
        in_weights = wanted[1:] == 1 if config.momentum else wanted == Area.WEIGHTS.value
        flags = {
            name: Signal(name=name, reset_less=True)
            for name in ("state", "flags", "weights", "carousel")
        }
        m.d.sync += [
            flags["state"].eq((wanted == Area.STATE.value) & of_state),
            flags["flags"].eq(of_flags),
            flags["weights"].eq(in_weights & self._weights(coming)),
            flags["carousel"].eq(
                in_weights | (wanted == Area.PROGRAM.value) | at["COLUMN"] | at["CONTROL"]
            ),
        ]
        readable = reduce(or_, (self.region == r for r in Region if r in READABLE))
        m.d.comb += [
            self.to_state.eq(flags["state"]),
            self.from_state.eq(flags["state"] & readable),
            self.to_flags.eq(flags["flags"]),
            self.to_weights.eq(flags["weights"]),
            self.to_carousel.eq(flags["carousel"]),
        ]
        for area, words in amap.tables.items():
            hit = Signal(name=f"to_{area.name.lower()}", reset_less=True)
            m.d.sync += hit.eq((wanted == area.value) & within(coming, words - 1))
            m.d.comb += self.to_table[area.name].eq(hit)
        return m

    def _state(self, offset):
        """Whether a word of the state, and one of FLAGS, has this offset."""
        config, amap = self.config, self.map
        bits = (amap.unit_bits, amap.slot_bits, amap.region_bits, amap.lane_bits)
        unit, slot, region, lane, rest = _split(offset, *bits)
        flags = region == Region.FLAGS.value
        counts = ((unit, config.units), (slot, config.slots), (lane, config.lanes))
        inside = reduce(and_, (within(field, count - 1) for field, count in counts))
        state = inside & ~rest.any() & (region != Region.X_DRAWN.value)
        return state & ~(flags & Cat(slot, lane).any()), flags

    def _weights(self, offset):
        """Whether one of the weights has it."""
        config, amap = self.config, self.map
        word, bank, rest = _split(offset, amap.word_bits, amap.bank_bits)
        inside = within(bank, config.macs - 1) & within(word, config.entries - 1)
        return inside & ~rest.any()


def _split(offset, *bits):
    """Its fields from the lowest, and what is left."""
    at = 0
    for n in bits:
        yield offset[at : at + n]
        at += n
    yield offset[at:]
