"""The link: requests to a core over a serial line, whatever the line does to them.

The frames are those of :mod:`rbp.hdl.bus.frames`.
"""

import random
from collections import deque
from dataclasses import dataclass, field

import numpy as np

from rbp.hdl.bus import frames
from rbp.hdl.bus.frames import DONE, ESCAPE, FLAG, FLIP, HALF, LOST, SYNC, WORDS, WRITE
from rbp.host.requests import Fetch, Read, Write

__all__ = ["Link", "LinkError", "decoded", "encoded"]

TRIES = 10
"""Times that a frame is sent before the link is given up."""

MOST = frames.RING - 1


class LinkError(Exception):
    """Nothing, or nothing that can be understood, comes back over the line."""


def encoded(data):
    """A frame's bytes on the line, its CRC and both FLAGs included."""
    body = bytearray()
    for byte in data + frames.check_sum(data).to_bytes(2, "big"):
        body += bytes([ESCAPE, byte ^ FLIP]) if byte in (FLAG, ESCAPE) else bytes([byte])
    return bytes([FLAG, *body, FLAG])


def decoded(body):
    """The data of what came between two FLAGs, without the CRC; None where it is damaged."""
    data, escaped = bytearray(), False
    for byte in body:
        if byte == ESCAPE:
            escaped = True
        else:
            data.append(byte ^ FLIP if escaped else byte)
            escaped = False
    if escaped or len(data) < 4 or frames.check_sum(data) != 0:
        return None
    return bytes(data[:-2])


@dataclass
class _Request:
    """A frame on its way. ``words``: how many are to be read, and then what was read."""

    number: int
    address: int
    operation: int
    data: bytes
    count: int = 0
    words: list[int] | None = None
    line: bytes = field(default=b"", repr=False)

    def __post_init__(self):
        head = bytes([self.number, self.operation]) + self.address.to_bytes(3, "little")
        self.size = len(head) + len(self.data) + 2
        self.line = encoded(head + self.data)


class Link:
    """Carries out procedures of :mod:`rbp.host.driver` over a line.

    Several requests are on their way at once, as many as the ring at the other end holds. Where an
    answer is late or damaged, what was not done is sent again, in order.

    Parameters
    ----------
    line
        With ``write(bytes)`` and ``read(size)``, which gives at least one byte, or none once it has
        waited for longer than any answer takes: a ``serial.Serial`` with a time-out, or a
        :class:`rbp.cosim.line.Line`.
    name : str
        Of the line, for messages.
    """

    def __init__(self, line, name="the line"):
        self.line, self.name = line, name
        self.sent = deque()  # not yet answered, in order
        self.number = random.randrange(256)
        self.came, self.frames, self.again = bytearray(), 0, 0
        self.refused = False
        """An answer said that a request was refused, since the link began."""
        self._begin()

    def _begin(self):
        """Tell the other end which number comes next, behind all that was said before."""
        self._quiet()
        self._post(SYNC, 0, count=1)
        self.flush()

    # What a procedure asks

    def do(self, procedure):
        """Carry out a procedure; returns what it returns. Raises :class:`LinkError`."""
        answer, words, address = None, [], 0
        while True:
            try:
                request = procedure.send(answer)
            except StopIteration as stop:
                self._write(address, words)
                self.flush()
                return stop.value
            answer = None
            if isinstance(request, Write):
                if words and (request.address != address + len(words) or len(words) == WORDS):
                    self._write(address, words)
                    words = []
                if not words:
                    address = request.address
                words.append(request.data)
                continue
            self._write(address, words)
            words = []
            if isinstance(request, Read):
                (answer,) = self.read(request.address, 1)
            elif isinstance(request, Fetch):
                answer = self.read(request.address, request.count)

    def _write(self, address, words):
        if words:
            narrow = all(word + 0x8000 & 0xFFFF0000 in (0, 1 << 32) for word in words)
            data = np.array(words, np.uint32).astype("<u2" if narrow else "<u4").tobytes()
            self._post(address, WRITE | HALF * narrow | len(words) - 1, data)

    def read(self, address, count):
        """So many words, from an address on."""
        parts = [(first, min(WORDS, count - first)) for first in range(0, count, WORDS)]
        asked = [self._post(address + first, size - 1, count=size) for first, size in parts]
        self.flush()
        return [word for request in asked for word in request.words]

    # Requests and answers

    def _post(self, address, operation, data=b"", count=0):
        """Send a request; before that, wait until there is room for it."""
        request = _Request(self.number, address, operation, data, count)
        self.number = (self.number + 1) % 256
        while self.sent and sum(r.size for r in self.sent) + request.size > MOST:
            self._receive()
        self.sent.append(request)
        self.line.write(request.line)
        return request

    def flush(self):
        """Wait until all is done, and what was to be read is there."""
        while self.sent:
            self._receive()
        self.again = 0

    def _receive(self):
        """Take what comes, until a request is done, or send again what was not."""
        before = len(self.sent)
        while len(self.sent) == before:
            data = self._frame()
            if data is None or (data[1] == LOST and self._lost(data[0])):
                self._repeat()
            elif data[1] == DONE:
                self._done(data)

    def _frame(self):
        """The next frame that is whole; None where none comes in time."""
        while True:
            end = self.came.find(FLAG)
            if end >= 0:
                data = decoded(self.came[:end])
                del self.came[: end + 1]
                if data is not None:
                    self.frames += 1
                    return data
                continue
            more = self.line.read(4096)
            if not more:
                self.came.clear()
                return None
            self.came += more

    def _done(self, data):
        """An answer: all requests up to this one are done."""
        at = next((k for k, r in enumerate(self.sent) if r.number == data[0]), None)
        if at is None:
            return
        request, words = self.sent[at], data[2:-1]
        if len(words) != 4 * request.count:
            return
        request.words = [
            int.from_bytes(words[k : k + 4], "little") for k in range(0, len(words), 4)
        ]
        self.refused |= bool(data[-1])
        self._passed(at)
        self.sent.popleft()
        self.again = 0

    def _passed(self, count):
        """The first requests are done, but their answers were lost: words are read once more."""
        for _ in range(count):
            request = self.sent.popleft()
            if request.count:
                self._read_later(request)

    def _read_later(self, request):
        """Reads change nothing; and no write is sent behind one that is not answered."""
        request.number, self.number = self.number, (self.number + 1) % 256
        request.__post_init__()
        self.sent.append(request)
        self.line.write(request.line)

    def _lost(self, due):
        """The other end waits for this number; whether to send again from there on."""
        at = next((k for k, r in enumerate(self.sent) if r.number == due), None)
        if at is not None:
            self._passed(at)
        elif due == (self.sent[-1].number + 1) % 256:
            self._passed(len(self.sent))
            return False
        elif not self.sent[0].address & SYNC:
            raise LinkError(f"{self.name} was reset, or another host has taken it")
        return True

    def _quiet(self):
        """Let what still comes pass."""
        while self.line.read(4096):
            pass
        self.came.clear()

    def _repeat(self):
        """Send again what is not done, once the line is quiet."""
        self.again += 1
        if self.again > TRIES:
            what = "answers what cannot be understood" if self.frames else "does not answer"
            raise LinkError(f"{self.name} {what}, {TRIES} times one after the other")
        self._quiet()
        for request in self.sent:
            self.line.write(request.line)
