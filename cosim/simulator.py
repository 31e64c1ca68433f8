"""The Verilated core in this process, by ctypes."""

import ctypes

from rbp.host.requests import Fetch, Read, Write

__all__ = ["Simulator"]


class Simulator:
    """One simulated core, fresh from reset. Use as a context manager.

    Parameters
    ----------
    path : Path
        Its shared library, of :mod:`rbp.cosim.build`.
    seed : int
        Of what registers without an initial value hold before the reset; 0: zeros.
    reset : bool
        One cycle of reset, or none.
    """

    def __init__(self, path, *, seed=0, reset=True):
        lib = ctypes.CDLL(str(path))
        lib.simulator_new.argtypes = [ctypes.c_int, ctypes.c_bool]
        lib.simulator_new.restype = ctypes.c_void_p
        lib.simulator_free.argtypes = [ctypes.c_void_p]
        lib.simulator_run.argtypes = [ctypes.c_void_p, ctypes.c_uint64]
        lib.simulator_write.argtypes = [ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32]
        lib.simulator_write.restype = ctypes.c_bool
        lib.simulator_read.argtypes = [
            ctypes.c_void_p,
            ctypes.c_uint32,
            ctypes.POINTER(ctypes.c_uint32),
        ]
        lib.simulator_read.restype = ctypes.c_bool
        lib.simulator_irq.argtypes = [ctypes.c_void_p]
        lib.simulator_irq.restype = ctypes.c_bool
        self._lib = lib
        self._core = lib.simulator_new(seed, reset)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._lib.simulator_free(self._core)

    def run(self, cycles):
        """Let cycles pass."""
        self._lib.simulator_run(self._core, cycles)

    def write(self, address, data):
        if not self._lib.simulator_write(self._core, address, data & 0xFFFFFFFF):
            raise TimeoutError(f"A write to {address:#x} was not taken in a million cycles")

    def read(self, address):
        word = ctypes.c_uint32()
        if not self._lib.simulator_read(self._core, address, ctypes.byref(word)):
            raise TimeoutError(f"A read of {address:#x} was not answered in a million cycles")
        return word.value

    @property
    def irq(self):
        """The core's interrupt."""
        return self._lib.simulator_irq(self._core)

    def do(self, procedure):
        """Carry out a procedure of :class:`rbp.host.driver.Driver`; returns what it returns."""
        answer = None
        try:
            while True:
                request = procedure.send(answer)
                if isinstance(request, Write):
                    answer = self.write(request.address, request.data)
                elif isinstance(request, Read):
                    answer = self.read(request.address)
                elif isinstance(request, Fetch):
                    answer = [self.read(request.address + k) for k in range(request.count)]
                else:
                    answer = self.run(request.cycles)
        except StopIteration as stop:
            return stop.value
