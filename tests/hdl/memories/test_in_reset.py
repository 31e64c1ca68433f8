"""No memory is written in reset: on a board the clock may not be good yet, and iCE40's block RAMs
are not ready for some microseconds."""

import numpy as np
import pytest
from amaranth.hdl import ClockDomain, Module
from amaranth.sim import Simulator

from rbp.golden.config import Config
from rbp.hdl.core import Core
from rbp.hdl.primitives.ram import Ram

CONFIGS = {
    "first order": Config(units=4, macs=2, slots=2, lanes=2),
    "all": Config(
        units=4,
        macs=2,
        order=2,
        feature="tanh",
        products=6,
        folds=12,
        momentum=True,
        random_start=True,
    ),
    "long delay": Config(units=12, macs=10, family="ecp5"),
}


def writes_in_reset(config, monkeypatch):
    """Of each memory, how often it would be written in reset, whatever the host does."""
    rams, before = [], Ram.__init__
    monkeypatch.setattr(Ram, "__init__", lambda ram, **kw: (rams.append(ram), before(ram, **kw))[0])
    core, domain, m = Core(config), ClockDomain("sync"), Module()
    m.domains += domain
    m.submodules.core = core
    rng, bus = np.random.default_rng(1), core.bus
    found = None

    def ask(ctx):
        ctx.set(bus.addr, int(rng.integers(1 << len(bus.addr))))
        ctx.set(bus.w_data, int(rng.integers(1 << 32)))
        ctx.set(bus.w_en, int(rng.integers(2)))

    async def bench(ctx):
        nonlocal found
        found = np.zeros(len(rams), int)
        for _ in range(300):
            ask(ctx)
            await ctx.tick()
        ctx.set(domain.rst, 1)
        await ctx.tick()
        for _ in range(30):
            ask(ctx)
            found += [ctx.get(ram.w_en) for ram in rams]
            await ctx.tick()

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return found


@pytest.mark.parametrize("name", CONFIGS)
def test_in_reset(name, monkeypatch):
    found = writes_in_reset(CONFIGS[name], monkeypatch)
    assert len(found) > 10
    assert not found.any()
