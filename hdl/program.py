"""Program: the network's structure, an entry after the other, round and round."""

from dataclasses import replace

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rbp.golden.config import GREATEST_FACTORS, GREATEST_UNITS
from rbp.golden.program import compile_program
from rbp.hdl.fixed import delay, gate
from rbp.hdl.layouts import word_layout
from rbp.hdl.primitives.ram import Ram, RegisterFile
from rbp.hdl.timing import Timing
from rbp.hdl.wires import tables

__all__ = ["AHEAD", "Program", "compiled", "entry_layout", "holding"]

AHEAD = 4
"""Words that are fetched ahead where a memory takes two cycles."""


def entry_layout(config):
    """An entry: its column, and what it is the first or the last of."""
    flags = "begin end first last column_first column_last row".split()
    return data.StructLayout({"column": config.column_bits, **dict.fromkeys(flags, 1)})


def compiled(config, structure):
    """The :class:`rbp.golden.program.Program` of a network on a core.

    Raises ValueError, which names the capacity and the need, where it does not fit.
    """
    if config.higher != (structure.products is not None):
        kinds = ("of first order", "of products")
        raise ValueError(
            f"the network is {kinds[not config.higher]}: the core is {kinds[config.higher]}"
        )
    needs = {"units": len(structure.order), "columns": len(structure.columns)}
    _check(config, needs)
    program = _program(config, structure)
    _check(config, {"entries": len(program), "words": program.words})
    return program


def _check(config, needs):
    for name, needed in needs.items():
        if needed > (has := getattr(config, name)):
            raise ValueError(f"the network has {needed} {name}: the core holds {has}")


def _program(config, structure):
    return compile_program(
        structure.numbered,
        config.macs,
        Timing(config).rules,
        held=structure.first,
        wanted=structure.numbered_wanted,
        higher=config.higher,
    )


def holding(config, *structures, rounded=False):
    """``config`` with entries and words that hold some networks.

    ``rounded`` gives room: all capacities but the slots are powers of two, so that a core that was
    compiled serves other networks too.
    """
    programs = [_program(config, structure) for structure in structures]
    sizes = {
        "units": max(config.units, *(len(structure.order) for structure in structures)),
        "entries": max(config.macs, *map(len, programs)),
        "words": max(256, *(program.words for program in programs)),
    }
    if rounded:
        most = GREATEST_FACTORS if config.higher else GREATEST_UNITS
        sizes |= {"entries": max(64, sizes["entries"]), "units": max(16, sizes["units"])}
        if config.higher:
            sizes |= {"products": config.products}
        sizes = {name: 1 << (size - 1).bit_length() for name, size in sizes.items()}
        sizes["units"] = min(most, sizes["units"])
    return replace(config, log_depth=None, folds=None, **sizes)


class Program(wiring.Component):
    """Keeps the words that the host loads, and expands them: an entry each time it plays.

    The word that is played stands in a register, the next one behind it, so a turn starts without
    delay. A turn ends with the word that says so, at the latest with the last of the memory, so it
    ends whatever the words are. Golden model: :class:`rbp.golden.program.Program`.

    Members
    -------
    table : TablePort
        A word, see :func:`rbp.hdl.layouts.word_layout`; only where no turn is under way.
    play, short : In
        On to the next entry; this turn ends at the program's short end. A program that has one
        plays at least two words up to there, and has :data:`AHEAD` words.
    ready : Out
        Some cycles after the last word was loaded.
    entry : Out
        The present one.
    """

    def __init__(self, config):
        self.config = config
        layout = word_layout(config)
        super().__init__(
            {
                "table": In(tables(config)["program"]),
                "play": In(1),
                "short": In(1),
                "ready": Out(1),
                "entry": Out(entry_layout(config)),
            }
        )
        self.word = Signal(layout, reset_less=True)
        self.next, self.fetched = Signal(layout), Signal()
        self.rewinds, self.again = Signal(), Signal(layout)  # the first word follows instead
        self.take, self.ends = Signal(), Signal()
        self.reset = Signal(init=1)

    def elaborate(self, platform):
        m = Module()
        config, word, entry = self.config, self.word, self.entry
        m.submodules.ram = ram = Ram(
            width=len(self.table.w_data), depth=config.words, device=config.device
        )
        loading = Signal(init=1)
        m.d.sync += loading.eq(self.table.w_en)
        m.d.comb += [
            self.reset.eq(self.table.w_en | loading),
            ram.w_en.eq(self.table.w_en),
            ram.w_addr.eq(self.table.w_addr),
            ram.w_data.eq(self.table.w_data),
        ]
        if config.device.memory == 1:
            self._fetch(m, ram)
        else:
            self._fetch_ahead(m, ram)

        stays, near = Signal(), Signal()  # the latter: this entry is the run's last
        m.d.comb += [
            stays.eq(word.more & ~near),
            self.take.eq((self.play & (~stays | self.rewinds)) | (~self.ready & self.fetched)),
            self.ends.eq(word.end | (word.short_end & self.short)),
        ]
        with m.If(self.take):
            m.d.sync += [word.eq(Mux(self.rewinds, self.again, self.next)), near.eq(0)]
        with m.Elif(self.play):
            m.d.sync += word.column.eq(word.column + 1)
            m.d.sync += near.eq((word.column + 2)[: len(word.column)] == self.next.column)
        m.d.sync += self.ready.eq((self.ready | self.fetched) & ~self.reset)

        first, begin, row = (Signal(name=n, init=1) for n in ("first", "begin", "row"))
        rows, last = Signal(range(config.macs + 1)), word.last | self.ends
        with m.If(self.play):
            m.d.sync += [
                begin.eq(self.ends),
                first.eq(last),
                rows.eq(gate(rows + row, ~last)),
                row.eq(last | (row & (rows != config.macs - 1))),
            ]
        m.d.comb += [
            entry.column.eq(word.column),
            entry.begin.eq(begin),
            entry.end.eq(self.ends),
            entry.first.eq(first),
            entry.last.eq(last),
            entry.column_first.eq(word.column_first),
            entry.column_last.eq(word.column_last),
            entry.row.eq(row),
        ]
        return m

    def _fetch(self, m, ram):
        """From a memory of one cycle: its output is the next word, which stands at ``at``."""
        at, waited = Signal(len(ram.r_addr), reset_less=True), Signal(2)
        m.d.comb += [
            self.next.eq(ram.r_data),
            self.fetched.eq(waited[1]),
        ]
        wraps = self.next.end | (self.next.short_end & self.short)
        address = gate(Mux(self.take, gate(at + 1, ~wraps), at), ~self.reset)
        m.d.comb += ram.r_addr.eq(address)
        m.d.sync += [
            at.eq(address),
            waited.eq(gate(Cat(Const(1, 1), waited), ~self.reset)),
        ]
        with m.If(at.all()):
            m.d.comb += self.next.end.eq(1)

    def _fetch_ahead(self, m, ram):
        """From a memory of two cycles, by a queue. The first words lie there for good: they follow
        a short end, when those behind it have been fetched."""
        layout, latency = self.next.shape(), self.config.device.memory
        first = Signal(layout, reset_less=True)
        m.submodules.queue = queue = RegisterFile(width=layout.size, depth=2 * AHEAD)
        # by a register: the host is far
        w_en, w_addr, w_data = Signal(), Signal(len(ram.w_addr)), Signal(layout, reset_less=True)
        early = Signal()
        m.d.sync += [
            w_en.eq(self.table.w_en),
            early.eq(self.table.w_en & (self.table.w_addr < AHEAD)),
            w_addr.eq(self.table.w_addr),
            w_data.eq(self.table.w_data),
        ]
        with m.If(early & (w_addr[:2] == 0)):
            m.d.sync += first.eq(w_data)
        # the address of the program's last word, which is written last with that flag; what is read
        # there ends a turn, whatever was written over it
        at, end = Signal(len(ram.r_addr), reset_less=True), Signal(len(ram.r_addr), init=-1)
        with m.If(w_en & w_data.end):
            m.d.sync += end.eq(w_addr)

        put, taken = Signal(range(AHEAD)), Signal(range(2 * AHEAD), init=AHEAD)
        room, clean = Signal(range(AHEAD + 1), init=AHEAD), Signal(latency)
        issue, wraps = room != 0, at == end
        arrives = delay(m, issue, latency, control=True, name="arrives") & clean[-1]
        final = delay(m, wraps, latency, name="final")
        arriving = Signal(layout)
        m.d.comb += arriving.eq(ram.r_data)
        with m.If(final):
            m.d.comb += arriving.end.eq(1)
        m.d.comb += [
            ram.r_addr.eq(at),
            queue.w_en.eq(early | arrives),
            queue.w_addr.eq(Mux(early, w_addr[:2], Cat(put, Const(1, 1)))),
            queue.w_data.eq(Mux(early, w_data, arriving)),
            queue.r_addr.eq(taken),
            self.next.eq(queue.r_data),
            self.again.eq(first),
            self.rewinds.eq(self.play & self.short & self.word.short_end & ~self.word.end),
        ]
        with m.If(self.take):  # behind the first words and behind the last place: the first place
            m.d.sync += taken.eq(Mux(taken[:2].all(), AHEAD, taken + 1))
        m.d.sync += [
            at.eq(Mux(issue, gate(at + 1, ~wraps), at)),
            put.eq(put + arrives),
            room.eq(room - issue + (self.take & taken[2])),
            clean.eq(Cat(Const(1, 1), clean)),
            self.fetched.eq(arrives | (self.fetched & ~self.reset)),
        ]
        with m.If(self.rewinds):
            m.d.sync += [taken.eq(1), at.eq(gate(Const(AHEAD), end >= AHEAD))]
        with m.If(self.reset):
            m.d.sync += [taken.eq(AHEAD), at.eq(0)]
        with m.If(self.reset | self.rewinds):
            m.d.sync += [put.eq(0), room.eq(AHEAD), clean.eq(0)]
