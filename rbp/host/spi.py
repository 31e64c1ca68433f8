"""A line over SPI, where bytes come only as others are sent."""

from rbp.hdl.bus.frames import FLAG

__all__ = ["SpiLine"]

AT_ONCE = 64
"""FLAGs sent to hear whether an answer has come."""


class SpiLine:
    """What :class:`rbp.host.link.Link` asks of a line, over an SPI controller of mode 0.

    What the core's end sends where it has nothing to say, FLAGs between frames, is left out.

    Parameters
    ----------
    exchange
        A function that sends bytes and gives as many that came: of ``spidev``,
        ``lambda data: spi.xfer2(list(data))``.
    patience : int
        Bytes' times after which an answer is late.
    """

    def __init__(self, exchange, patience=20_000):
        self.exchange, self.patience = exchange, patience
        self._came, self._last = bytearray(), FLAG

    def write(self, data):
        """Send bytes; those that come meanwhile are kept."""
        for byte in bytes(self.exchange(bytes(data))):
            if (byte, self._last) != (FLAG, FLAG):
                self._came.append(byte)
            self._last = byte

    def read(self, size=1):
        """Bytes that have come, one at least, at most ``size``; none where ``patience`` is over."""
        waited = 0
        while not self._came and waited < self.patience:
            self.write(bytes([FLAG]) * AT_ONCE)
            waited += AT_ONCE
        data = bytes(self._came[:size])
        del self._came[:size]
        return data
