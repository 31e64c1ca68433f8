"""A board's top: reset, lights, registers to the core, and what is written while reset is high."""

import random
import re

import pytest
from amaranth.back import verilog
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from rbp.fpga.machines import machine
from rbp.hdl.boards import top
from rbp.hdl.boards.cut import Cut
from rbp.hdl.boards.lights import LIGHTS, Lights
from rbp.hdl.boards.reset import WAKE_US, PowerOn
from rbp.hdl.core import Core
from rbp.hdl.datapath.sums import DelayLine
from rbp.hdl.primitives import ram

MHZ = 1_000_000


def run(design, bench, **domains):
    """Play a bench, which is given the simulator's context."""
    simulator = Simulator(design)
    for name in domains or {"sync": 1}:
        simulator.add_clock(1e-6, domain=name)
    simulator.add_testbench(bench)
    simulator.run()


@pytest.mark.parametrize("clock", [12 * MHZ, 36 * MHZ, 84 * MHZ, 120 * MHZ, 16 * MHZ, 17 * MHZ])
def test_reset_is_long_enough(clock):
    """From the cycle of the lock on, and again after a lock that was lost."""
    power_on, highs, before, after = PowerOn(clock), [], [], []

    async def bench(ctx):
        for _ in range(2):
            ctx.set(power_on.locked, 0)
            for _ in range(20):
                await ctx.tick("por")
                before.append(ctx.get(power_on.reset))
            ctx.set(power_on.locked, 1)
            high = 0
            while ctx.get(power_on.reset):
                await ctx.tick("por")
                high += 1
            highs.append(high)
            for _ in range(20):
                await ctx.tick("por")
                after.append(ctx.get(power_on.reset))

    m = Module()
    m.domains.por = ClockDomain(reset_less=True)
    m.submodules.power_on = power_on
    run(m, bench, por=1)
    assert len(highs) == 2
    for high in highs:
        assert WAKE_US * clock / 1e6 <= high <= 2 * WAKE_US * clock / 1e6 + 8
    assert all(before[:20])  # from the first cycle on
    assert all(before[25:])  # a lock that is lost is seen some cycles later
    assert not any(after)


@pytest.mark.parametrize("name", LIGHTS)
def test_a_light_shows_one_cycle_for_a_period(name):
    lights, lit = Lights(16), []

    async def bench(ctx):
        for cycle in range(160):
            ctx.set(getattr(lights, name), cycle == 37)
            await ctx.tick()
            lit.append([ctx.get(getattr(lights, f"{each}_light")) for each in LIGHTS])

    run(lights, bench)
    index = LIGHTS.index(name)
    assert sum(each[index] for each in lit) == 16
    assert sum(map(sum, lit)) == 16


def test_cut_passes_requests_on():
    """Random requests to a target that waits at random: each is done once, in order."""
    rng = random.Random(3)
    cut = Cut(8)
    requests = [(rng.randrange(256), rng.getrandbits(32), rng.randrange(2)) for _ in range(200)]
    words = {address: rng.getrandbits(32) for address in range(256)}
    done, answers = [], []

    async def master(ctx):
        for address, word, write in requests:
            for _ in range(rng.randrange(3)):
                await ctx.tick()
            ctx.set(cut.master.addr, address)
            ctx.set(cut.master.w_data, word)
            ctx.set(cut.master.w_en, write)
            ctx.set(cut.master.r_en, not write)
            for _ in range(100):
                finished = not ctx.get(cut.master.wait)
                value = ctx.get(cut.master.r_data)
                await ctx.tick()
                if finished:
                    break
            else:
                pytest.fail("no answer")
            answers.append(None if write else value)
            ctx.set(cut.master.w_en, 0)
            ctx.set(cut.master.r_en, 0)

    async def core(ctx):
        left, draw = None, random.Random(5)
        while True:
            asks = ctx.get(cut.core.w_en), ctx.get(cut.core.r_en)
            if any(asks) and left is None:
                left = draw.randrange(4)
            finished = any(asks) and left == 0
            ctx.set(cut.core.wait, any(asks) and not finished)
            address = ctx.get(cut.core.addr)
            ctx.set(cut.core.r_data, words[address] if finished else draw.getrandbits(32))
            seen = address, ctx.get(cut.core.w_data), asks[0]
            await ctx.tick()
            if finished:
                done.append(seen)
                left = None
            elif left is not None:
                left -= 1

    simulator = Simulator(cut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(master)
    simulator.add_testbench(core, background=True)
    simulator.run()
    assert done == requests
    assert answers == [None if write else words[address] for address, _, write in requests]


def writing(monkeypatch, core=None):
    """``(cycle, memory)`` of each write while the reset is high, on a noisy line; and how many
    memories there are, without delay lines. ``core`` takes the place of the top's."""
    if core is not None:
        monkeypatch.setattr(top, "Core", core)
    memories, found, rng = [], [], random.Random(1)

    def line(self, platform, *, elaborate=DelayLine.elaborate):
        kept = len(memories)
        m = elaborate(self, platform)
        del memories[kept:]
        return m

    monkeypatch.setattr(DelayLine, "elaborate", line)
    for kind in (ram.Ram, ram.RegisterFile, ram.SinglePortRam):

        def init(self, *, make=kind.__init__, **given):
            make(self, **given)
            memories.append(self)

        monkeypatch.setattr(kind, "__init__", init)
    m = Module()
    m.submodules.top = made = top.Top(
        machine(units=3, macs=2, random_start=True, momentum=True), clock=MHZ, divisor=8
    )
    m.d.sync_2 += made.clk.eq(~made.clk)  # the clock is a pin, twice as slow
    m.domains.sync_2 = ClockDomain(reset_less=True)

    async def bench(ctx):
        for cycle in range(WAKE_US):
            ctx.set(made.rx, rng.randrange(2))
            found.extend((cycle, each) for each in memories if ctx.get(each.w_en))
            await ctx.tick("sync_2").repeat(2)

    run(m, bench, sync_2=1)
    return found, len(memories)


def test_no_memory_is_written_in_reset(monkeypatch):
    """Block RAMs of iCE40 are not awake then. A delay line, which is written in every cycle of its
    life, holds nothing that a reset could spoil."""
    found, memories = writing(monkeypatch)
    assert memories > 10
    assert found == []


def test_a_write_in_reset_is_found(monkeypatch):
    """The check can fail."""

    class Writing(Core):
        def elaborate(self, platform):
            m = super().elaborate(platform)
            m.submodules.more = more = ram.RegisterFile(width=4, depth=4)
            m.d.comb += more.w_en.eq(1)
            return m

    assert writing(monkeypatch, Writing)[0]


@pytest.mark.parametrize("lights", [{}, {"busy": True}, dict.fromkeys(LIGHTS, False)])
def test_ports(lights):
    """Each has its direction in the Verilog: what nothing drives would become an input."""
    made = top.Top(machine(units=2, macs=1), clock=MHZ, divisor=8, lights=lights)
    text = verilog.convert(made, name="top", ports=made.ports(), emit_src=False)
    module = re.search(r"^module top\(.*?^endmodule$", text, re.M | re.S)[0]
    found = re.findall(r"^  (input|output) (\w+);", module, re.M)
    ports = {name: way for way, name in found}
    assert ports == {"clk": "input", "rx": "input", "tx": "output"} | dict.fromkeys(
        lights, "output"
    )
