"""Memories that are instances, against lists: ECP5's block RAM in every shape, with first contents;
UP5K's SPRAM."""

import numpy as np
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.fpga import flow
from rbp.golden.config import FAMILIES
from rbp.hdl.primitives.ram import Ram, SinglePortRam
from tests.cells import with_cells

DEPTHS = {17: 20, 1024: 20, 2048: 20, 4096: 6, 8192: 3, 16384: 2}  # to bits of a word


class OnBus(wiring.Component):
    """Memories behind the core's port: address bits 14 and above choose one."""

    def __init__(self, rams):
        self.rams = rams
        super().__init__(
            {
                "bus_addr": In(17),
                "bus_w_data": In(32),
                "bus_w_en": In(1),
                "bus_r_en": In(1),
                "bus_r_data": Out(32),
                "bus_wait": Out(1),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform):
        m = Module()
        elapsed = Signal(2)
        m.d.comb += [self.bus_wait.eq(self.bus_r_en & (elapsed != 3)), self.irq.eq(0)]
        with m.If(self.bus_r_en):
            m.d.sync += elapsed.eq(elapsed + 1)
        for k, ram in enumerate(self.rams):
            m.submodules += ram
            chosen = self.bus_addr[14:] == k
            single = isinstance(ram, SinglePortRam)
            addresses = [ram.addr] if single else [ram.r_addr, ram.w_addr]
            m.d.comb += [
                *(address.eq(self.bus_addr) for address in addresses),
                ram.w_en.eq(self.bus_w_en & chosen),
                ram.w_data.eq(self.bus_w_data),
            ]
            with m.If(chosen):
                m.d.comb += self.bus_r_data.eq(ram.r_data)
        return m


def check(rams, platform, family):
    """Written and read at random, and at both ends; returns the Verilog."""
    text = rtlil.convert(OnBus(rams), name="core", platform=platform, emit_src=False)
    lines = [*flow.READ, "proc", "write_verilog -noattr core.v", ""]
    verilog = flow.yosys("memories", text, "\n".join(lines)) / "core.v"
    rng = np.random.default_rng(1)
    with with_cells(verilog, family) as core:
        for k, ram in enumerate(rams):
            words = dict(enumerate(getattr(ram, "init", ())))
            places = [0, 1, ram.depth - 1, *rng.integers(0, ram.depth, 200).tolist()]
            for new in ([] if words else places, places[::2]):
                for place in new:
                    words[place] = int(rng.integers(1 << ram.width))
                    core.write(k << 14 | place, words[place])
                found = [core.read(k << 14 | place) for place in places]
                assert found == [words[place] for place in places]
    return verilog.read_text()


def test_every_shape_of_ecp5s_block_ram():
    rng, device = np.random.default_rng(1), FAMILIES["ecp5"]
    rams = [
        Ram(width=w, depth=d, device=device, init=rng.integers(0, 1 << w, d).tolist())
        for d, w in DEPTHS.items()
    ]
    verilog = check(rams, "ecp5-25k", "ecp5")
    assert verilog.count("DP16KD #(") == 2 + 2 + 3 + 2 + 2 + 2


def test_up5ks_spram():
    device = FAMILIES["ice40"]
    shapes = ((16384, 16), (100, 10), (9000, 18))
    rams = [SinglePortRam(width=w, depth=d, device=device) for d, w in shapes]
    verilog = check(rams, "up5k", "ice40")
    assert verilog.count("SB_SPRAM256KA ") == 1 + 1 + 2
