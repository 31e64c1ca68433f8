"""What the tests of the hardware share: a timeline goes in, traces come out."""

from collections import defaultdict

import numpy as np
from amaranth.hdl import Cat, ClockDomain, Module, Signal, Value
from amaranth.sim import Simulator

__all__ = ["corners", "play", "simulate", "timeline", "words"]


def timeline():
    """``timeline()[cycle][name] = value``: what stands on which input; 0 where nothing is said."""
    return defaultdict(dict)


def _port(dut, name):
    """``i.phi``, ``sums.3``: a field, an element."""
    for part in name.split("."):
        dut = dut[int(part)] if part.isdigit() else getattr(dut, part)
    return Value.cast(dut)


def _signed(word, port):
    word &= (1 << len(port)) - 1
    return word - (word >> (len(port) - 1) << len(port)) if port.shape().signed else word


def play(dut, line, outputs, *, cycles, hold=None):
    """The values of ``outputs``, by name, in each of ``cycles`` cycles of a timeline.

    ``hold`` gives the inputs that never change.
    """
    inputs = sorted({name for cycle in line.values() for name in cycle})
    assert not inputs or max(line) < cycles, "the timeline ends too late"
    i_ports, o_ports = [_port(dut, n) for n in inputs], [_port(dut, n) for n in outputs]
    # All ports as one word each, joined in the design: the simulator is quicker so.
    i_all, o_all = Signal(len(Cat(i_ports))), Signal(len(Cat(o_ports)))
    m, seen = Module(), []
    m.submodules.dut = dut
    m.d.comb += [Cat(i_ports).eq(i_all), o_all.eq(Cat(o_ports))]

    async def bench(ctx):
        for name, value in (hold or {}).items():
            ctx.set(_port(dut, name), int(value))
        for cycle in range(cycles):
            word, now = 0, line.get(cycle, {})
            for name, port in zip(reversed(inputs), reversed(i_ports), strict=True):
                word = word << len(port) | int(now.get(name, 0)) & ((1 << len(port)) - 1)
            ctx.set(i_all, word)
            seen.append(ctx.get(o_all))
            await ctx.tick()

    simulate(m, bench)
    traces, at = {}, 0
    for name, port in zip(outputs, o_ports, strict=True):
        traces[name] = [_signed(word >> at, port) for word in seen]
        at += len(port)
    return traces


def simulate(dut, *benches):
    """Run testbenches to their end. They collect; what they saw is judged afterwards."""
    m = Module()
    m.domains.sync = ClockDomain()  # what is combinational has none
    m.submodules.top = dut
    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


def corners(fmt):
    """The words at which something may go wrong."""
    return np.array([fmt.min, fmt.min + 1, -2, -1, 0, 1, 2, fmt.max - 1, fmt.max])


def words(rng, fmt, shape):
    """Words of a format, of every size: a quarter of them corners, half over the whole range."""
    full = rng.integers(fmt.min, fmt.max + 1, shape)
    small = full >> rng.integers(0, fmt.width, shape)
    kind = rng.integers(0, 4, shape)
    return np.where(kind == 0, rng.choice(corners(fmt), shape), np.where(kind == 1, small, full))
