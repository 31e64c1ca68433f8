"""SPI: a serial link whose clock comes from the host, mode 0."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out, connect, flipped

from rbp.hdl.bus.bridge import Bridge
from rbp.hdl.bus.frames import FLAG
from rbp.hdl.wires import HostSignature

__all__ = ["Spi"]


class Spi(wiring.Component):
    """The frames of :mod:`rbp.hdl.bus.frames` over SPI, whose target this is.

    Bytes go both ways at once, the highest bit first. Where there is nothing to say each side sends
    FLAG, an empty frame: so the host sends FLAGs until the answer has come. An answer may begin in
    one transfer, which ``cs_n`` makes, and go on in the next, which loses no whole byte.

    The inputs pass two registers each and are looked at in every cycle, so SCK is at most a tenth
    of the clock: both its halves last 5 cycles, and a byte 80, in which the next one is ready.
    ``miso`` follows the falling edge by up to 4 cycles.

    Parameters
    ----------
    address_width : int
        Bits of a word address.
    device : Family
        Whose memory.

    Members
    -------
    sck, cs_n, mosi, miso : In, In, In, Out
        The line. The inputs need not be synchronous; ``miso`` is never off.
    bus : HostSignature
        To the core.
    """

    CLOCK = ("clk", "rst")
    """Names of clock and reset in Verilog."""

    MEANINGS = {
        "sck": "clock of the line, mode 0; at most a tenth of clk",
        "cs_n": "low while bytes are exchanged",
        "mosi": "bits to the core, taken where sck rises",
        "miso": "bits from the core, changed where sck falls",
    }
    """Of the ports, by name in Verilog."""

    def __init__(self, *, address_width, device):
        self.bridge = Bridge(address_width, device)
        super().__init__(
            {
                "sck": In(1),
                "cs_n": In(1, init=1),
                "mosi": In(1),
                "miso": Out(1),
                "bus": Out(HostSignature(address_width)),
            }
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.bridge = bridge = self.bridge
        connect(m, bridge.bus, flipped(self.bus))
        sck, off, mosi = Signal(), Signal(init=1), Signal()
        m.submodules.sck = FFSynchronizer(self.sck, sck)
        m.submodules.cs_n = FFSynchronizer(self.cs_n, off, init=1)
        m.submodules.mosi = FFSynchronizer(self.mosi, mosi)
        before, bits, held = Signal(), Signal(3), Signal()
        taken, given = Signal(8), Signal(8)
        rises, falls = ~off & sck & ~before, ~off & ~sck & before
        m.d.comb += [
            bridge.i_data.eq(taken),
            bridge.o_ready.eq(rises & (bits == 0) & held),
            self.miso.eq(given[-1]),
        ]
        m.d.sync += [before.eq(sck), bridge.i_valid.eq(rises & bits.all())]
        with m.If(rises | off):
            m.d.sync += bits.eq(Mux(off, 0, bits + 1))
        with m.If(rises):
            m.d.sync += taken.eq(Cat(mosi, taken[:-1]))
        loads = off | (falls & (bits == 0))  # it is gone once its first bit is taken
        with m.If(loads):
            m.d.sync += held.eq(bridge.o_valid)
        with m.If(loads | falls):
            word = Mux(bridge.o_valid, bridge.o_data, FLAG)
            m.d.sync += given.eq(Mux(loads, word, Cat(0, given[:-1])))
        return m
