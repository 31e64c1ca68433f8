"""Other people's masters, each with the coroutines ``do(procedure)`` and ``access(request)``."""

import random
from itertools import repeat

from cocotb.clock import Clock
from cocotb.triggers import RisingEdge
from cocotbext.axi import AxiLiteBus, AxiLiteMaster, AxiResp
from cocotbext.wishbone.driver import WBOp, WishboneMaster

from rbp.host.requests import Fetch, Idle, Read

__all__ = ["MASTERS"]

PERIOD = 10  # ns


class Master:
    """Carries a driver's procedures; ``access`` gives (word, whether it was refused)."""

    async def do(self, procedure):
        answer = None
        while True:
            try:
                request = procedure.send(answer)
            except StopIteration as stop:
                return stop.value
            if isinstance(request, Idle):
                answer = await self.clock.cycles(request.cycles)
                continue
            if isinstance(request, Fetch):
                words = range(request.address, request.address + request.count)
                answer = [(await self.access(Read(address)))[0] for address in words]
                continue
            answer, refused = await self.access(request)
            assert not refused, f"{request} was refused"


class Axi(Master):
    """cocotbext-axi's; with a seed, it pauses on all five channels."""

    def __init__(self, dut, seed=None):
        self.dut, self.clock = dut, Clock(dut.aclk, PERIOD, "ns")
        bus = AxiLiteBus.from_prefix(dut, "s_axil")
        self.master = AxiLiteMaster(bus, dut.aclk, dut.aresetn, reset_active_level=False)
        write, read = self.master.write_if, self.master.read_if
        channels = (write.aw_channel, write.w_channel, write.b_channel)
        for k, channel in enumerate((*channels, read.ar_channel, read.r_channel)):
            channel.log.setLevel("WARNING")
            if seed is not None:
                draw = random.Random(10 * seed + k)
                channel.set_pause_generator(draw.random() < 0.4 for _ in repeat(None))
        for part in (write, read):
            part.log.setLevel("WARNING")

    async def reset(self):
        self.clock.start()
        self.dut.aresetn.value = 0
        await self.clock.cycles(3)
        self.dut.aresetn.value = 1
        await self.clock.cycles(3)

    async def access(self, request):
        address = 4 * request.address
        if isinstance(request, Read):
            answer = await self.master.read(address, 4)
            return int.from_bytes(answer.data, "little"), answer.resp == AxiResp.SLVERR
        answer = await self.master.write(address, request.data.to_bytes(4, "little"))
        return None, answer.resp == AxiResp.SLVERR

    async def part(self, address, byte):
        """Write one byte; returns whether it was refused."""
        return (await self.master.write(4 * address + 1, bytes([byte]))).resp == AxiResp.SLVERR

    async def both(self, read, write):
        """A read and a write at once; returns the word."""
        data = write.data.to_bytes(4, "little")
        done = self.master.init_write(4 * write.address, data)
        answer = await self.master.read(4 * read.address, 4)
        await done.wait()
        assert done.data.resp == answer.resp == AxiResp.OKAY
        return int.from_bytes(answer.data, "little")


class Wishbone(Master):
    """cocotbext-wishbone's, which waits for ever; with a seed, it pauses."""

    def __init__(self, dut, seed=None):
        self.dut, self.clock = dut, Clock(dut.clk, PERIOD, "ns")
        self.random = None if seed is None else random.Random(seed)
        same = {name: name for name in ("cyc", "stb", "we", "adr", "ack", "err", "sel")}
        names = same | {"datwr": "dat_w", "datrd": "dat_r"}
        self.master = WishboneMaster(dut, "wb", dut.clk, signals_dict=names)
        self.master.log.setLevel("WARNING")

    async def reset(self):
        self.clock.start()
        self.dut.rst.value = 1
        await self.clock.cycles(3)
        self.dut.rst.value = 0
        await self.clock.cycles(3)

    async def _cycle(self, address, data=None, sel=0xF):
        idle = 0 if self.random is None else self.random.randrange(4)
        (answer,) = await self.master.send_cycle([WBOp(address, data, idle, sel)])
        assert answer.ack in (1, 2)
        return int(answer.datrd), answer.ack == 2

    async def access(self, request):
        if isinstance(request, Read):
            return await self._cycle(request.address)
        return None, (await self._cycle(request.address, request.data))[1]

    async def part(self, address, byte):
        return (await self._cycle(address, byte << 8, 0b0010))[1]

    async def give_up(self, address, cycles):
        """Begin a read, and drop CYC after some cycles; returns whether it was answered."""
        dut = self.dut
        dut.wb_adr.value, dut.wb_we.value = address, 0
        dut.wb_cyc.value = dut.wb_stb.value = 1
        answered = False
        for left in range(cycles + 30, 0, -1):
            await RisingEdge(dut.clk)
            if left == 30:
                dut.wb_cyc.value = dut.wb_stb.value = 0
            answered |= int(dut.wb_ack.value) | int(dut.wb_err.value)
        return bool(answered)


MASTERS = {"axi-lite": Axi, "wishbone": Wishbone}
