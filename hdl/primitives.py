"""Memories, multiplier and adder: the only places that know the device."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from rbp.golden.config import SPRAM_WORDS
from rbp.hdl.fixed import delay, gate

__all__ = ["Adder", "Multiplier", "Ram", "SinglePortRam"]


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


class Multiplier(wiring.Component):
    """Signed product, ``device.multiplier`` cycles after its operands, one a cycle.

    The registers stand where the devices' multipliers have theirs: first at the operands. On iCE40
    yosys puts this body into an SB_MAC16, registers and all; on ECP5 it leaves a MULT18X18D's
    registers unused, so there is an instance. Where there is no multiplier (``ice40hx``), the rows
    are added in pairs, a register behind each adder: 560 LUTs at 16 × 16 bits.

    Parameters
    ----------
    a_width, b_width : int
        Bits of the operands; at most 18 on ECP5.
    device : Family
        Whose multiplier. Its body is an instance only where there is a platform.

    Members
    -------
    a, b : In(signed)
        Operands.
    product : Out(signed(a_width + b_width))
        a·b.
    """

    def __init__(self, *, a_width, b_width, device):
        self.a_width, self.b_width, self.device = a_width, b_width, device
        self.latency = device.multiplier
        super().__init__(
            {
                "a": In(signed(a_width)),
                "b": In(signed(b_width)),
                "product": Out(signed(a_width + b_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        if platform is not None and self.device.name == "ecp5":
            self._mult18x18d(m)
            return m
        a = Signal(signed(self.a_width), reset_less=True)
        b = Signal(signed(self.b_width), reset_less=True)
        m.d.sync += [a.eq(self.a), b.eq(self.b)]
        if self.device.name == "ice40hx":
            self._rows(m, a, b)
            return m
        product = a * b
        for k in range(self.latency - 1):
            q = Signal(signed(self.a_width + self.b_width), name=f"product_q{k}", reset_less=True)
            m.d.sync += q.eq(product)
            product = q
        m.d.comb += self.product.eq(product)
        return m

    def _rows(self, m, a, b):
        """The product as a tree of sums: a or 0 for each bit of b, the last one negative."""
        sums, group = [], -(-len(b) // 8)
        for low in range(0, len(b), group):
            total = Const(0, signed(1))
            for k in range(low, min(low + group, len(b))):
                row = Mux(b[k], a, 0).shift_left(k - low)
                if k == len(b) - 1:
                    total = total - row
                else:
                    total = row if k == low else total + row
            sums.append((total, low))
        levels = 0
        while True:
            levels += 1
            registers = []
            for k, (value, low) in enumerate(sums):
                q = Signal(value.shape(), name=f"sum_{levels}_{k}", reset_less=True)
                m.d.sync += q.eq(value)
                registers.append((q, low))
            if len(registers) == 1:
                break
            pairs = zip(registers[::2], [*registers[1::2], None], strict=False)
            sums = [
                (one[0] + other[0].shift_left(other[1] - one[1]), one[1]) if other else one
                for one, other in pairs
            ]
        m.d.comb += self.product.eq(delay(m, registers[0][0], self.latency - 1 - levels))

    def _mult18x18d(self, m):
        """Registers at the operands, in the middle and at the product: three cycles."""
        assert self.latency == 3
        a, b, p = Signal(signed(18)), Signal(signed(18)), Signal(signed(36))
        m.d.comb += [a.eq(self.a), b.eq(self.b), self.product.eq(p)]
        registers = ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")
        m.submodules.mult = Instance(
            "MULT18X18D",
            *(("p", f"REG_{r}_{what}", f"{what}0") for r in registers for what in ("CLK", "CE")),
            *(("p", f"REG_{r}_RST", "RST0") for r in registers),
            ("p", "GSR", "DISABLED"),
            ("p", "RESETMODE", "SYNC"),
            ("i", "CLK0", ClockSignal()),
            ("i", "CE0", Const(1)),
            ("i", "RST0", Const(0)),
            *(("i", f"SIGNED{operand}", Const(1)) for operand in "AB"),
            *(("i", f"SOURCE{operand}", Const(0)) for operand in "AB"),
            *(("i", f"A{k}", a[k]) for k in range(18)),
            *(("i", f"B{k}", b[k]) for k in range(18)),
            *(("o", f"P{k}", p[k]) for k in range(36)),
        )


class Adder(wiring.Component):
    """``a + (b where enable | c)``, in the same cycle; what passes the width is lost.

    On ECP5 a carry cell's own LUTs choose the second operand, which yosys leaves to LUTs in front
    of it, so there are instances: a PE takes 286 LUTs instead of 341, and its longest path has a
    LUT less.

    Parameters
    ----------
    width : int
        Bits of each operand and of the sum.
    device : Family
        Whose carry chain. Its body is an instance only where there is a platform.

    Members
    -------
    a, b, c : In(signed)
        Operands. Where ``enable`` is set, c should be 0.
    enable : In
        Whether to add b.
    sum : Out(signed)
    """

    def __init__(self, *, width, device):
        self.width, self.device = width, device
        word = signed(width)
        super().__init__(
            {"a": In(word), "b": In(word), "c": In(word), "enable": In(1), "sum": Out(word)}
        )

    def elaborate(self, platform):
        m = Module()
        if platform is not None and self.device.name == "ecp5":
            self._ccu2c(m)
        else:
            m.d.comb += self.sum.eq(self.a + (gate(self.b, self.enable) | self.c))
        return m

    def _ccu2c(self, m):
        """Two bits a cell: a LUT of A, B, C, D says whether the carry passes; where it does not,
        the LUT's lowest four bits make it, of A and B alone."""
        rows = [(a, b, c, d) for d in (0, 1) for c in (0, 1) for b in (0, 1) for a in (0, 1)]
        init = sum((a ^ (b & c | d)) << k for k, (a, b, c, d) in enumerate(rows))
        carry = Const(0, 1)
        for low in range(0, self.width, 2):
            s, carried = Signal(2, name=f"s_{low}"), Signal(name=f"carry_{low}")
            m.submodules[f"bits_{low}"] = Instance(
                "CCU2C",
                *(("p", f"INIT{k}", Const(init, 16)) for k in (0, 1)),
                *(("p", f"INJECT1_{k}", "NO") for k in (0, 1)),
                ("i", "CIN", carry),
                *(("i", f"A{k}", self.a.shift_right(low + k)[0]) for k in (0, 1)),
                *(("i", f"B{k}", self.b.shift_right(low + k)[0]) for k in (0, 1)),
                *(("i", f"C{k}", self.enable) for k in (0, 1)),
                *(("i", f"D{k}", self.c.shift_right(low + k)[0]) for k in (0, 1)),
                *(("o", f"S{k}", s[k]) for k in (0, 1)),
                ("o", "COUT", carried),
            )
            m.d.comb += self.sum[low : low + 2].eq(s)
            carry = carried
