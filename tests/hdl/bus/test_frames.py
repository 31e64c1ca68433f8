"""CheckSum: equal to the specification's, bit by bit, and sent as it is taken."""

import numpy as np
from amaranth.sim import Simulator

from rbp.hdl.bus.frames import CheckSum, check_sum


def run(data):
    """(The 16 bits that it sends behind the data, whether its sum over all is 0.)"""
    dut, seen = CheckSum(), []

    async def bench(ctx):
        ctx.set(dut.start, 1)
        await ctx.tick()
        ctx.set(dut.start, 0)
        ctx.set(dut.step, 1)
        bits = [byte >> k & 1 for byte in data for k in range(7, -1, -1)]
        for bit in bits:
            ctx.set(dut.bit, bit)
            await ctx.tick()
        for _ in range(16):
            seen.append(ctx.get(dut.top))
            ctx.set(dut.bit, ctx.get(dut.top))
            await ctx.tick()
        seen.append(ctx.get(dut.zero))

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return int("".join(map(str, seen[:16])), 2), seen[16]


def test_check_sum():
    rng = np.random.default_rng(1)
    for size in (1, 2, 9, 40):
        data = rng.bytes(size)
        assert run(data) == (check_sum(data), 1)
    assert run(b"123456789") == (0x29B1, 1)
