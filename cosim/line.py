"""A simulated design behind its serial line, in this process: as a serial port sees it."""

import ctypes

__all__ = ["Line"]


class Line:
    """What ``pyserial``'s ports offer of a line, as far as :mod:`rbp.host.link` uses it.

    Time is the simulation's own: a read that finds nothing has waited ``patience`` cycles.

    Parameters
    ----------
    path : Path
        Of :func:`rbp.cosim.build.verilated`, with the wrapper ``line``.
    divisor : float
        Cycles a bit takes at the far end.
    patience : int
        Cycles after which an answer is late.
    """

    def __init__(self, path, divisor, patience=20_000):
        lib = ctypes.CDLL(str(path))
        lib.line_new.argtypes, lib.line_new.restype = [ctypes.c_double], ctypes.c_void_p
        lib.line_free.argtypes = [ctypes.c_void_p]
        lib.line_cycles.argtypes, lib.line_cycles.restype = [ctypes.c_void_p], ctypes.c_uint64
        lib.line_run.restype = ctypes.c_size_t
        lib.line_run.argtypes = [
            *(ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t),
            *(ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64, ctypes.c_uint64),
        ]
        self._lib, self._line = lib, lib.line_new(divisor)
        self._came = ctypes.create_string_buffer(4096)
        self.patience, self._sent, self._got = patience, b"", b""

    def close(self):
        """The design is gone."""
        self._lib.line_free(self._line)

    @property
    def cycles(self):
        """Of the design, so far."""
        return self._lib.line_cycles(self._line)

    def run(self, data=b"", cycles=0, quiet=1 << 62):
        """Send bytes, then let cycles pass, fewer once the line is quiet for so many; what came."""
        room = len(self._came)
        count = self._lib.line_run(self._line, data, len(data), self._came, room, cycles, quiet)
        return self._came.raw[:count]

    def write(self, data):
        """Send bytes."""
        self._sent += bytes(data)

    def read(self, size=1):
        """Bytes that have come, one at least, at most ``size``; none where ``patience`` is over."""
        waited = 0
        while (not self._got or self._sent) and waited < self.patience:
            data, self._sent = self._sent[:256], self._sent[256:]
            self._got += self.run(data, 0 if self._got or data else 200)
            waited += 200 * (not data)
        data, self._got = self._got[:size], self._got[size:]
        return data
