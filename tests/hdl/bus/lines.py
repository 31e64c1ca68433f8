"""Serial lines under cocotb, for a :class:`rbp.host.link.Link` that runs in a thread."""

import random

from cocotb.clock import Clock
from cocotb.task import resume
from cocotb.triggers import Timer
from cocotbext.uart import UartSink, UartSource

from rbp.host.spi import SpiLine

__all__ = ["DIVISOR", "LINES"]

PERIOD, DIVISOR = 10, 8  # ns a cycle, cycles a bit of the UART
HALF = 5 * PERIOD  # of SCK, the shortest
PATIENCE = 400  # bytes' times


async def reset(dut):
    """Start the clock, and hold the reset for some cycles."""
    clock = Clock(dut.clk, PERIOD, "ns")
    clock.start()
    dut.rst.value = 1
    await clock.cycles(3)
    dut.rst.value = 0
    await clock.cycles(3)


class Uart:
    """cocotbext-uart's two ends."""

    def __init__(self, dut, seed=None):
        baud = 10**9 // (PERIOD * DIVISOR)
        self.source, self.sink = UartSource(dut.rx, baud=baud), UartSink(dut.tx, baud=baud)
        for end in (self.source, self.sink):
            end.log.setLevel("WARNING")

    def write(self, data):
        resume(self._write)(data)

    async def _write(self, data):
        await self.source.write(data)
        await self.source.wait()

    def read(self, size=1):
        return resume(self._read)(size)

    async def _read(self, size):
        for _ in range(PATIENCE):
            if not self.sink.empty():
                break
            await Timer(10 * DIVISOR * PERIOD, "ns")
        return bytes(self.sink.read_nowait(min(size, self.sink.count())))


class Spi(SpiLine):
    """A controller whose clock has nothing to do with that of the core.

    With a seed, transfers end after any byte, or within one, whose bits are then lost; its half
    periods and pauses differ.
    """

    def __init__(self, dut, seed=None):
        super().__init__(resume(self._exchange), PATIENCE)
        self.dut, self.random = dut, None if seed is None else random.Random(seed)
        dut.sck.value, dut.cs_n.value, dut.mosi.value = 0, 1, 0

    async def _wait(self):
        longer = self.random.randrange(4) * PERIOD if self.random else 0
        await Timer(HALF + longer, "ns")

    async def _bit(self, out):
        dut = self.dut
        dut.mosi.value = out
        await self._wait()
        bit = int(dut.miso.value)
        dut.sck.value = 1
        await self._wait()
        dut.sck.value = 0
        return bit

    async def _ends(self):
        """A new transfer."""
        await self._wait()
        self.dut.cs_n.value = 1
        await Timer(HALF + 7, "ns")
        self.dut.cs_n.value = 0
        await Timer(HALF, "ns")

    async def _exchange(self, data):
        came = bytearray()
        await self._ends()
        for byte in data:
            if self.random and self.random.random() < 0.1:
                await self._ends()
            bits = [await self._bit(byte >> k & 1) for k in range(7, -1, -1)]
            came.append(int("".join(map(str, bits)), 2))
        await self._wait()
        self.dut.cs_n.value = 1
        await Timer(HALF, "ns")
        return bytes(came)


LINES = {"uart": Uart, "spi": Spi}
