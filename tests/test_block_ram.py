"""ECP5's block RAM, an instance, against a list: every shape, with first contents."""

from pathlib import Path

import numpy as np
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from cosim import build
from cosim.simulator import Simulator
from golden.config import FAMILIES
from hdl.primitives import Ram
from rbp import flow

CELLS = Path(__file__).parent / "cells"
DEPTHS = {17: 20, 1024: 20, 2048: 20, 4096: 6, 8192: 3, 16384: 2}  # to bits of a word


class OnBus(wiring.Component):
    """Memories behind the core's port: address bits 14 and above choose one."""

    def __init__(self, contents):
        self.contents = contents
        super().__init__(
            {
                "bus_addr": In(17),
                "bus_w_data": In(32),
                "bus_w_en": In(1),
                "bus_r_en": In(1),
                "bus_r_data": Out(32),
                "bus_wait": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        elapsed = Signal(2)
        m.d.comb += self.bus_wait.eq(self.bus_r_en & (elapsed != 3))
        with m.If(self.bus_r_en):
            m.d.sync += elapsed.eq(elapsed + 1)
        for k, (depth, words) in enumerate(self.contents.items()):
            ram = Ram(width=DEPTHS[depth], depth=depth, device=FAMILIES["ecp5"], init=words)
            m.submodules += ram
            chosen = self.bus_addr[14:] == k
            m.d.comb += [
                ram.w_en.eq(self.bus_w_en & chosen),
                ram.w_addr.eq(self.bus_addr),
                ram.w_data.eq(self.bus_w_data),
                ram.r_addr.eq(self.bus_addr),
            ]
            with m.If(chosen):
                m.d.comb += self.bus_r_data.eq(ram.r_data)
        return m


def test_every_shape():
    rng = np.random.default_rng(1)
    contents = {d: rng.integers(0, 1 << w, d).tolist() for d, w in DEPTHS.items()}
    top = OnBus({d: list(words) for d, words in contents.items()})
    text = rtlil.convert(top, name="core", platform="ecp5-25k", emit_src=False)
    lines = [*flow.READ, "proc", "write_verilog -noattr core.v", ""]
    verilog = flow.yosys("block-ram", text, "\n".join(lines)) / "core.v"
    assert verilog.read_text().count("DP16KD #(") == 2 + 2 + 3 + 2 + 2 + 2
    with Simulator(build.verilated([verilog, CELLS / "dp16kd.v"])) as ram:
        for k, (depth, words) in enumerate(contents.items()):
            places = [0, 1, depth - 1, *rng.integers(0, depth, 200).tolist()]
            assert [ram.read(k << 14 | place) for place in places] == [words[p] for p in places]
            for place in places[::2]:
                words[place] = int(rng.integers(1 << DEPTHS[depth]))
                ram.write(k << 14 | place, words[place])
            assert [ram.read(k << 14 | place) for place in places] == [words[p] for p in places]
