"""Memories: with the arithmetic beside, the only place that knows the device."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rbp.golden.config import SPRAM_WORDS
from rbp.hdl.fixed import delay

__all__ = ["Ram", "RegisterFile", "SinglePortRam"]


class Ram(wiring.Component):
    """Memory with one write port and one read port.

    Data follow their address by ``device.memory`` cycles, one word a cycle. A word must not be read
    in the cycle in which it is written: what comes out then differs between devices. With its
    read registers' initial values removed, yosys makes block RAM of it and nothing else; but on
    ECP5 it leaves a block RAM's output register unused (5.8 ns from clock to data), so there are
    instances; memories of up to 16 words, which a LUT holds without a multiplexer, stay LUTs.

    Parameters
    ----------
    width, depth : int
        Bits of a word; words.
    device : Family
        Whose memory.
    init : list of int, optional
        First contents, for tables.

    Members
    -------
    w_en, w_addr, w_data : In
        Write.
    r_addr : In
        Address read.
    r_data : Out(width)
        Its word, ``device.memory`` cycles later.
    """

    def __init__(self, *, width, depth, device, init=()):
        self.width, self.depth, self.device, self.init = width, depth, device, list(init)
        self.latency = device.memory
        address = max(1, (depth - 1).bit_length())
        super().__init__(
            {
                "w_en": In(1),
                "w_addr": In(address),
                "w_data": In(width),
                "r_addr": In(address),
                "r_data": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if platform is not None and self.device.name == "ecp5":
            if self.depth > 16:
                self._dp16kd(m)
                return m
        ice40 = self.device.name.startswith("ice40")  # small ones would become registers there
        m.submodules.mem = mem = Memory(
            shape=self.width,
            depth=1 << len(self.r_addr),
            init=self.init,
            attrs={"no_rw_check": 1} | ({"ram_style": "block"} if ice40 else {}),
        )
        write, read = mem.write_port(), mem.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.w_en),
            write.addr.eq(self.w_addr),
            write.data.eq(self.w_data),
            read.addr.eq(self.r_addr),
        ]
        m.d.comb += self.r_data.eq(delay(m, read.data, self.latency, name="data"))
        return m

    def _dp16kd(self, m):
        """Port A writes, port B reads; as many side by side as the width takes."""
        assert self.latency == 2
        shapes = ((18, 10), (9, 11), (4, 12), (2, 13), (1, 14))  # bits of a word and of its address
        fitting = [shape for shape in shapes if len(self.r_addr) <= shape[1]]
        assert fitting, f"{self.depth} words are too many for a block RAM"
        width, bits = min(fitting, key=lambda shape: -(-self.width // shape[0]))
        pins = 14  # of an address; the lowest are not used, but where they enable bytes
        read, write = Signal(pins), Signal(pins)
        m.d.comb += [
            read[pins - bits :].eq(self.r_addr),
            write[pins - bits :].eq(self.w_addr),
        ]
        if width == 18:
            m.d.comb += write[:2].eq(self.w_en.replicate(2))
        for k in range(-(-self.width // width)):
            low = k * width
            i, o = Signal(width, name=f"i_{k}"), Signal(18, name=f"o_{k}")
            part = self.r_data[low : low + width]
            m.d.comb += [i.eq(self.w_data[low:]), part.eq(o)]
            m.submodules[f"block_{k}"] = Instance(
                "DP16KD",
                *(("p", f"DATA_WIDTH_{port}", width) for port in "AB"),
                ("p", "REGMODE_A", "NOREG"),
                ("p", "REGMODE_B", "OUTREG"),
                ("p", "RESETMODE", "SYNC"),
                ("p", "GSR", "DISABLED"),
                *(("p", f"WRITEMODE_{port}", "READBEFOREWRITE") for port in "AB"),
                *self._contents(low, width),
                *(("i", f"{pin}{port}", Const(1)) for pin in ("CE", "OCE") for port in "AB"),
                *(("i", f"CLK{port}", ClockSignal()) for port in "AB"),
                *(("i", f"RST{port}", Const(0)) for port in "AB"),
                *(("i", f"CS{port}{n}", Const(0)) for port in "AB" for n in range(3)),
                ("i", "WEA", self.w_en),
                ("i", "WEB", Const(0)),
                *(("i", f"ADA{n}", write[n]) for n in range(pins)),
                *(("i", f"ADB{n}", read[n]) for n in range(pins)),
                *(("i", f"DIA{n}", i[n]) for n in range(width)),
                *(("o", f"DOB{n}", o[n]) for n in range(18)),
            )

    def _contents(self, low, width):
        """INITVAL_00 …: 16 × 20 bits, of which 18 hold one word or two halves of 9, 2·4 … bits."""
        words = [word >> low & ((1 << width) - 1) for word in self.init]
        in_half = {9: 1, 4: 2, 2: 4, 1: 8}.get(width)
        row = 32 * in_half if in_half else 16
        for k in range(-(-len(words) // row)):
            value = 0
            for n, word in enumerate(words[k * row : (k + 1) * row]):
                if in_half:
                    half, at = divmod(n, in_half)
                    place = half // 2 * 20 + half % 2 * 9 + at * width
                else:
                    place = n * 20
                value |= word << place
            yield "p", f"INITVAL_{k:02X}", Const(value, 320)


class RegisterFile(wiring.Component):
    """A few words, one of which is read in the same cycle; LUTs of ECP5 hold up to 16.

    Parameters
    ----------
    width, depth : int
        Bits of a word; words.

    Members
    -------
    w_en, w_addr, w_data : In
        Write; it can be read from the next cycle on.
    r_addr, r_data : In, Out
        The word read.
    """

    def __init__(self, *, width, depth):
        self.width, self.depth = width, depth
        super().__init__(
            {
                "w_en": In(1),
                "w_addr": In(range(depth)),
                "w_data": In(width),
                "r_addr": In(range(depth)),
                "r_data": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.mem = mem = Memory(shape=self.width, depth=self.depth, init=[])
        write, read = mem.write_port(), mem.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.w_en),
            write.addr.eq(self.w_addr),
            write.data.eq(self.w_data),
            read.addr.eq(self.r_addr),
            self.r_data.eq(read.data),
        ]
        return m


class SinglePortRam(wiring.Component):
    """Memory with one port, which in a cycle reads a word or writes one.

    A word follows its address as in a :class:`Ram`; what comes behind a writing is not defined. On
    UP5K as many SPRAMs side by side as the width takes, of 16,384 × 16 bits, whose contents at
    power-up are unknown.

    Parameters
    ----------
    width, depth : int
        Bits of a word; words.
    device : Family
        Whose memory.

    Members
    -------
    addr : In
        Where to read, or to write.
    w_en, w_data : In
        Write.
    r_data : Out(width)
        The word read.
    """

    def __init__(self, *, width, depth, device):
        self.width, self.depth, self.device = width, depth, device
        super().__init__(
            {
                "addr": In(max(1, (depth - 1).bit_length())),
                "w_en": In(1),
                "w_data": In(width),
                "r_data": Out(width),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if platform == "up5k":
            self._spram(m)
            return m
        m.submodules.ram = ram = Ram(width=self.width, depth=self.depth, device=self.device)
        m.d.comb += [
            ram.w_en.eq(self.w_en),
            ram.w_addr.eq(self.addr),
            ram.w_data.eq(self.w_data),
            ram.r_addr.eq(self.addr),
            self.r_data.eq(ram.r_data),
        ]
        return m

    def _spram(self, m):
        assert self.depth <= SPRAM_WORDS
        assert self.device.memory == 1
        for low in range(0, self.width, 16):
            i, o = Signal(16, name=f"i_{low}"), Signal(16, name=f"o_{low}")
            part = self.r_data[low : low + 16]
            m.d.comb += [i.eq(self.w_data[low:]), part.eq(o)]
            m.submodules[f"block_{low}"] = Instance(
                "SB_SPRAM256KA",
                ("i", "ADDRESS", Cat(self.addr, Const(0, 14 - len(self.addr)))),
                ("i", "DATAIN", i),
                ("i", "MASKWREN", Const(0b1111, 4)),
                ("i", "WREN", self.w_en),
                ("i", "CHIPSELECT", Const(1)),
                ("i", "CLOCK", ClockSignal()),
                ("i", "STANDBY", Const(0)),
                ("i", "SLEEP", Const(0)),
                ("i", "POWEROFF", Const(1)),
                ("o", "DATAOUT", o),
            )
