"""The bridge alone: what frames write, word by word."""

import numpy as np
import pytest

from rbp.golden.config import FAMILIES
from rbp.hdl.bus.bridge import Bridge
from rbp.hdl.bus.frames import HALF, SYNC, WRITE
from rbp.host.link import encoded
from tests.support import simulate


def frame(number, address, words, size):
    """A write's bytes on the line."""
    operation = WRITE | HALF * (size == 2) | len(words) - 1
    head = bytes([number, operation]) + address.to_bytes(3, "little")
    return encoded(head + b"".join((w % (1 << 8 * size)).to_bytes(size, "little") for w in words))


def written(data, family, gap):
    """(address, word) of each write, of bytes that come ``gap`` cycles after one another."""
    bridge, found = Bridge(13, FAMILIES[family]), []

    async def line(ctx):
        ctx.set(bridge.o_ready, 1)
        for byte in data:
            ctx.set(bridge.i_data, byte)
            ctx.set(bridge.i_valid, 1)
            await ctx.tick()
            ctx.set(bridge.i_valid, 0)
            await ctx.tick().repeat(gap - 1)
        await ctx.tick().repeat(3000)

    async def core(ctx):
        ctx.set(bridge.bus.wait, 0)
        for _ in range(len(data) * gap + 3000):
            if ctx.get(bridge.bus.w_en):
                found.append((ctx.get(bridge.bus.addr), ctx.get(bridge.bus.w_data)))
            await ctx.tick()

    simulate(bridge, line, core)
    return found


@pytest.mark.parametrize("gap", [40, 80])
@pytest.mark.parametrize("family", ["ice40", "ecp5"])
def test_words_of_two_bytes_and_of_four(family, gap):
    """Two bytes have a sign, which fills the word; both kinds of frames follow one another."""
    rng, data, wanted = np.random.default_rng(1), b"", []
    ends = [0, 1, -1, 0x7FFF, -0x8000, 0x0080, -0x0080, 0x7F00]
    for number, size in enumerate((2, 4, 4, 2, 2, 4)):
        low = 1 << 8 * size - 1
        words = [*ends, *rng.integers(-low, low, 5).tolist()]
        address = 100 * number
        data += frame(number, address | SYNC, words, size)
        wanted += [(address + k, w & 0xFFFFFFFF) for k, w in enumerate(words)]
    assert written(data, family, gap) == wanted
