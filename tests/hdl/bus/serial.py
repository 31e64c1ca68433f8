"""A core behind a UART, as a Verilated line; and lines with faults."""

import numpy as np
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect

from rbp.cosim import build
from rbp.cosim.line import Line
from rbp.golden.config import Config
from rbp.hdl.bus.uart import Uart
from rbp.hdl.core import Core

DIVISOR = 8


class Serial(wiring.Component):
    """A core behind a UART of :data:`DIVISOR` cycles a bit."""

    def __init__(self, config):
        self.config = config
        super().__init__({"rx": In(1, init=1), "tx": Out(1)})

    def ports(self):
        return {name: (getattr(self, name), None) for name in ("rx", "tx")}

    def elaborate(self, platform):
        m = Module()
        m.submodules.core = core = Core(self.config)
        width = len(core.bus.addr)
        uart = Uart(address_width=width, divisor=DIVISOR, device=self.config.device)
        m.submodules.uart = uart
        connect(m, uart.bus, core.bus)
        m.d.comb += [uart.rx.eq(self.rx), self.tx.eq(uart.tx)]
        return m


CONFIG = Config(units=5, macs=2, slots=3)


def path(config=CONFIG):
    """The library of such a core."""
    return build.verilated([build.build(config, Serial) / "core.v"], wrapper="line")


class Faulty:
    """A line that damages what passes: bits, bytes, whole pieces; both ways.

    ``rate``: faults a byte, each in one of :data:`KINDS`; ``faults`` counts them.
    """

    KINDS = ("flip", "burst", "lose", "double", "cut", "garbage")

    def __init__(self, line, rate, seed):
        self.line, self.rate = line, rate
        self.rng, self.faults = np.random.default_rng(seed), dict.fromkeys(self.KINDS, 0)

    def write(self, data):
        self.line.write(self.damaged(data))

    def read(self, size=1):
        data = self.line.read(size)
        return self.damaged(data) if data else data

    def damaged(self, data):
        if self.rng.random() >= self.rate * len(data):
            return data
        kind = self.KINDS[self.rng.integers(len(self.KINDS))]
        self.faults[kind] += 1
        data, at = bytearray(data), int(self.rng.integers(len(data)))
        if kind == "flip":
            data[at] ^= 1 << int(self.rng.integers(8))
        elif kind == "burst":
            for k in range(at, min(len(data), at + 4)):
                data[k] = int(self.rng.integers(256))
        elif kind == "lose":
            del data[at : at + 1 + int(self.rng.integers(4))]
        elif kind == "double":
            data.extend(bytes(data))
        elif kind == "cut":
            del data[at:]
        else:
            data[at:at] = self.rng.bytes(int(self.rng.integers(1, 600)))
        return bytes(data)


__all__ = ["CONFIG", "DIVISOR", "Faulty", "Line", "Serial", "path"]
