"""The driver: what a host does with a core, from its loading to the weights that it has learned."""

import numpy as np

from rbp.hdl.host.memory_map import TAG, Area
from rbp.hdl.layouts import Region
from rbp.hdl.timing import Timing
from rbp.host.loader import Loader
from rbp.host.requests import BadAnswer, Fetch, Idle, Report

__all__ = ["Driver"]

TRAIN, RECALL, STOP = 1, 2, 8
STATUS_ROLES = {"state": 2, "error": 3, "net": 4, "weight": 5, "velocity": 7}
"""By role, the bit of STATUS that says that a word saturated."""
REFUSED = 1 << 6


def _signed(word, width):
    word &= (1 << width) - 1
    return word - ((word >> (width - 1)) << width)


class Driver(Loader):
    """Procedures for one core of ``config``, from and to the raw words of a golden machine."""

    def start_training(self, updates):
        self.expected = updates
        yield from self.write("UPDATES", updates)
        yield from self.start("CONTROL", TRAIN)

    def start_recall(self):
        self.expected = 1
        yield from self.start("CONTROL", RECALL)

    def stop(self):
        """End after the update under way."""
        yield from self.write("CONTROL", STOP)

    def busy(self):
        """Whether a run is under way; keeps the roles that have saturated, and whether the core has
        refused an access since the last CLEAR, also where the answer that said so was lost."""
        status = yield from self.read("STATUS")
        self.refused = bool(status & REFUSED)
        self.saturated = {role for role, bit in STATUS_ROLES.items() if status >> bit & 1}
        return status & 3 != 0

    def reports(self, patterns, sink, *, training=True, pause=None):
        """Fetch the log until the run has ended; each Report goes to ``sink``.

        Where ``pause()`` becomes true, the core is told to stop after the update under way.
        Raises TimeoutError where no report comes for longer than relaxations at their limit take,
        or one more than was asked for.
        """
        length = patterns + (2 * self.config.lanes if training else 0)
        # words of part of a report stay in the log, so that another host finds its beginning
        kept = 2 * length <= self.config.log_depth
        words, done, waited = [], 0, 0
        patience = 2 * patterns * (self.limit + 2) + 10
        time = Timing(self.config)
        while True:
            if pause and pause():
                pause = None
                yield from self.stop()
            busy = yield from self.busy()
            count = yield from self._log_count()
            count -= len(words) * kept
            words += yield from self.fetch(len(words) * kept, count)
            whole = len(words) - len(words) % length
            for k in range(0, whole, length):
                sink(self._report(words[k : k + length], patterns, training))
                done, waited = done + 1, 0
            taken = whole if kept else count
            if taken:
                yield from self.taken(taken)
            words = words[whole:]
            if not busy and count == 0:
                return
            waited += 1
            if waited > patience or done > self.expected:
                raise TimeoutError(f"the core is still busy after {done} reports, then {words}")
            if count < length:
                yield Idle(len(self.program) + time.drain)

    def fetch(self, first, count):
        """So many words of the log, from ``first`` behind what was read on."""
        words, depth = [], self.config.log_depth
        while count:
            at = (self.log_read + first + len(words)) % depth
            part = min(count, depth - at)  # up to the end of the ring
            words += yield Fetch(self.map.log(at), part)
            count -= part
        return words

    def taken(self, count):
        """So many more words of the log are read."""
        self.log_read = (self.log_read + count) % (2 * self.config.log_depth)
        yield from self.write("LOG_READ", self.log_read)

    def attach(self):
        """(busy, updates still to make) of a core on which another host may have started a run."""
        self.log_read = yield from self.read("LOG_READ")
        status = yield from self.read("STATUS")
        self.tag = (status & TAG.mask) >> TAG.low
        return status & 3 != 0, (yield from self.read("UPDATES"))

    def _log_count(self):
        """Words in the log, as many as it can hold; raises :class:`BadAnswer`."""
        count, most = (yield from self.read("LOG_COUNT")), self.config.log_depth
        if count > most:
            raise BadAnswer(f"the core says that its log holds {count} words, of at most {most}")
        return count

    def _report(self, words, patterns, training):
        steps = np.array([[w & 0x7FFF, w >> 16 & 0x7FFF] for w in words[:patterns]])
        unsettled = np.array([[w >> 15 & 1, w >> 31 & 1] for w in words[:patterns]], bool)
        parts = words[patterns:]
        energy = sum(low | high << 32 for low, high in zip(parts[::2], parts[1::2], strict=True))
        if not training:
            steps, unsettled = steps[:, :1], unsettled[:, :1]
        return Report(energy, steps, unsettled)

    # Reading out

    def read_state(self, region, patterns, first=0):
        """A×N words of x(t0), x or y, of patterns from place ``first`` on. The core keeps no x of
        held units besides c: it is what was loaded."""
        formats = self.config.formats
        width = formats.error.width if region == Region.Y else formats.state.width
        numbers = self.structure.numbers
        words = np.empty((patterns, len(numbers)), np.int64)
        for a in range(patterns):
            row = yield Fetch(self.map.state(region, first + a, 0), max(numbers) + 1)
            words[a] = [_signed(row[number], width) for number in numbers]
            if region != Region.Y and (start := self.resting.get(first + a)) is not None:
                words[a] = np.where(self.structure.held, start, words[a])
        return words

    def read_weights(self, area=Area.WEIGHTS):
        """W, or the velocities, column by column by way of the log, which must be empty; 0 in the
        rows of held units.

        Raises TimeoutError where a column does not come.
        """
        structure, width = self.structure, self.config.formats.weight.width
        rows = self.program.blocks * self.config.macs  # the last ones of which are nobody's
        weights = np.zeros((structure.first + rows, len(structure.columns)), np.int64)
        at_once = max(1, (self.config.log_depth - 3) // rows)
        for first in range(0, weights.shape[1], at_once):
            part = weights[structure.first :, first : first + at_once]
            for column in range(first, first + part.shape[1]):
                yield from self.start("COLUMN", column | (area == Area.VELOCITIES) << 16)
            waited = 0
            while (count := (yield from self._log_count())) < part.size:
                if (waited := waited + 1) > 10:
                    raise TimeoutError(
                        f"column {first + count // rows}: the log holds {count} of {part.size} "
                        "weights"
                    )
                yield Idle(len(self.program))
            words = yield from self.fetch(0, part.size)
            part[:] = np.reshape([_signed(word, width) for word in words], part.shape[::-1]).T
            yield from self.taken(part.size)
        return structure.from_machine(weights[: len(structure.order)])

    def counters(self):
        """(unsettled, skipped, cycles, set of the roles that saturated)."""
        unsettled = yield from self.read("UNSETTLED")
        skipped = yield from self.read("SKIPPED")
        low = yield from self.read("CYCLES")
        high = yield from self.read("CYCLES_HIGH")
        yield from self.busy()
        return unsettled, skipped, low | high << 32, self.saturated
