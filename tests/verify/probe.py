"""Cores to be broken: without initial values, with mutations that can be chosen while they run."""

import ctypes
import re
from functools import cache
from pathlib import Path

from amaranth.back import rtlil

from rbp.cosim import build
from rbp.cosim.simulator import Simulator
from rbp.fpga import flow
from rbp.hdl.core import Core

__all__ = ["Probe", "mutations", "probed"]

BITS = 16
"""Of the number of a mutation."""

BARE = ("proc", "memory_collect", "setattr -unset init w:*")
"""Of yosys: no register has an initial value."""


@cache
def design(config):
    """RTLIL of a core in which only tables have contents at first: memories of zeros have none; but
    the sums of columns, whose upper half is never written (:mod:`rbp.hdl.datapath.sums`)."""
    core = Core(config)
    text = rtlil.convert(core, name="core", ports=core.ports(), emit_src=False)
    return "".join(map(_without_contents, re.split(r"(?m)^(?=module )", text)))


def _without_contents(module):
    if module.partition("\n")[0].endswith(".results.sums.ram"):
        return module
    return re.sub(
        r"(?ms)^  cell \$meminit_v2 (?:(?!^  end\n).)*?DATA \d+'0+\n.*?^  end\n", "", module
    )


def _yosys(kind, config, *lines):
    return flow.yosys(kind, design(config), "\n".join([*flow.READ, *BARE, *lines, ""]))


@cache
def mutations(config, count, seed=1):
    """So many mutations of yosys's, evenly sampled, but of no clock; a line each."""
    wanted = f"mutate -list {2 * count} -seed {seed} -o list.txt"
    lines = (_yosys("listed", config, wanted) / "list.txt").read_text().splitlines()
    return tuple([line for line in lines if "-port CLK" not in line][:count])


@cache
def probed(config, lines=()):
    """Library of a core for :class:`Probe`; mutation k is that of line k − 1."""
    script = [
        line.replace("mutate", f"mutate -ctrl mutsel {BITS} {k}", 1)
        for k, line in enumerate(lines, 1)
    ]
    folder = _yosys(
        "probed",
        config,
        *script,
        *([] if lines else ["select core", "expose -input w:mutsel"]),
        "write_verilog -noattr core.v",
    )
    wrapper = Path(__file__).parent / "probe.cpp"
    return build._model("probe", [folder / "core.v"], (), wrapper, lambda: ["-shared"]) / "core"


class Probe(Simulator):
    """A simulated core of :func:`probed`.

    Parameters
    ----------
    path : Path
    seed : int
        Of what registers and memories hold at first; 0: zeros.
    reset : bool
        One cycle of reset, or none.
    patience : int
        Cycles that an access may wait, else it raises TimeoutError.
    """

    def __init__(self, path, *, seed=0, reset=True, patience=100_000):
        super().__init__(path, seed=seed, reset=reset)
        self.patience, lib = patience, self._lib
        handle, wide = ctypes.c_void_p, ctypes.c_uint64
        word = ctypes.POINTER(ctypes.c_uint32)
        lib.probe_reset.argtypes = [handle, wide]
        lib.probe_select.argtypes = [handle, ctypes.c_uint32]
        lib.probe_write.argtypes = [handle, ctypes.c_uint32, ctypes.c_uint32, wide]
        lib.probe_read.argtypes = [handle, ctypes.c_uint32, word, wide]
        lib.probe_write.restype = lib.probe_read.restype = wide
        self._word = ctypes.c_uint32()

    def reset(self, cycles=1):
        self._lib.probe_reset(self._core, cycles)

    def select(self, k):
        """Mutation k from now on; 0: none."""
        self._lib.probe_select(self._core, k)

    def write(self, address, data):
        self._waited(self._lib.probe_write(self._core, address, data & 0xFFFFFFFF, self.patience))

    def read(self, address):
        found = ctypes.byref(self._word)
        self._waited(self._lib.probe_read(self._core, address, found, self.patience))
        return self._word.value

    def _waited(self, cycles):
        if cycles >= self.patience:
            raise TimeoutError(f"an access was not answered in {cycles} cycles")
