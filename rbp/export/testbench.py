"""``rbp testbench``: a core, a problem in hex words, and a Verilog testbench that checks itself.

The testbench loads the problem, lets the core train, compares what it reports and has learned with
the golden model, word by word, and lets what it has learned recall the patterns.
"""

from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

import numpy as np

from rbp.checks import integer
from rbp.errors import InputError
from rbp.export import verilog
from rbp.export.generated import NAME, check_name
from rbp.files import check_files, check_folder, made_by, made_folder, write_all
from rbp.golden.integrator import targets_error
from rbp.hdl.host.memory_map import REGISTERS, STATE, AddressMap, Area
from rbp.hdl.layouts import Region
from rbp.hdl.program import holding
from rbp.hdl.timing import Timing
from rbp.host.driver import Driver
from rbp.host.requests import Write
from rbp.machine import machine, origin, unclamped

__all__ = ["check_outputs", "paths", "write"]

WRITE, READ, LOG, IDLE = range(4)


class Step(NamedTuple):
    """A line of the .hex files: what to do, and what it means."""

    kind: int
    address: int
    word: int
    meaning: str
    bits: int = 32

    def __str__(self):
        word = int(self.word) & 0xFFFFFFFF
        return f"{self.kind:02x}_{self.bits:02x}_{self.address:08x}_{word:08x} // {self.meaning}"


def paths(folder, name=NAME):
    """Of the Verilog and what comes with it; the testbench, the problem, what is expected."""
    folder = Path(folder)
    ends = ("_tb.v", "_problem.hex", "_expected.hex")
    return (*verilog.paths(folder / f"{name}.v"), *(folder / f"{name}{end}" for end in ends))


def check_outputs(folder, name=NAME, *, force=False):
    """Refuse, before a long job, what could not be written at its end."""
    found = paths(folder, check_name(name))
    check_folder(folder, [path.name for path in found])
    check_files([path for path in found if path.exists()], force=force)


def write(source, folder, updates=20, *, name=NAME, **flags):
    """Write the files of a problem, or of a result that is to be continued; returns their paths.

    ``flags`` are those of :class:`~rbp.settings.Settings`. Raises
    :class:`~rbp.errors.InputError` where a core would have to be loaded more than once.
    """
    updates = integer("updates", updates, 1, 10_000)
    problem, settings, earlier = origin(source, **flags)
    config = settings.config(problem)
    if problem.patterns > config.slots * config.lanes:
        raise InputError(
            f"a testbench loads its core once, so slots × lanes must be at least "
            f"{problem.patterns} (the patterns), not {config.slots} × {config.lanes}"
        )
    start = machine(problem, settings, "golden", earlier)
    resting = unclamped(
        start, start.start, start.inputs, settings.for_recall().settling(recall=True)
    )
    config = holding(config, start.structure, resting.structure)
    script = _Script(config)
    load = list(script.load(start))
    steps = list(script.train(start, updates))
    resting.weights = start.weights
    steps += script.recall(resting)
    longest = max(start.settling.limit, resting.settling.limit) + 2
    turns = 2 * len(start.targets) * longest + 10
    values = {
        "ADDRESS_BITS": script.map.width,
        "LOG_COUNT": script.map.register("LOG_COUNT"),
        "PROBLEM": len(load),
        "EXPECTED": len(steps),
        "PATIENCE": turns * _turn(config) + 1000,
    }
    bench = (files("rbp.export") / "testbench.v").read_text().replace("NAME", name)
    for key, value in values.items():
        bench = bench.replace(f"@{key}@", str(value))
    title = f"// {made_by(f'rbp testbench, {updates} updates')}\n"
    hexes = [title + "\n".join(map(str, part)) + "\n" for part in (load, steps)]
    texts = verilog.contents(config, Path(folder) / f"{name}.v", name=name)
    texts |= dict(zip(paths(folder, name)[-3:], (title + bench, *hexes), strict=True))
    with made_folder(folder):
        return write_all({path: text.encode() for path, text in texts.items()})


def _turn(config):
    """Cycles of a turn, at most."""
    time = Timing(config)
    fold = config.lanes * config.folds + time.fold_pipeline if config.higher else 0
    return config.entries + fold + time.drain


class _Script:
    """Steps for one core, from and to the raw words of a golden machine."""

    def __init__(self, config):
        self.config, self.map, self.driver = config, AddressMap(config), Driver(config)
        self.program, self.names = [], {}
        self.log_read = 0  # words of the log

    def load(self, machine):
        """All of a machine, into a core that may hold anything; by the program that it has by then,
        the weights and velocities stay."""
        self.log_read = 0
        requests = list(self.driver.load(machine))
        program = self.driver.program.encode(self.config.columns)
        same, self.program = program == self.program, program
        self.names = dict(self._names())
        stay = (Area.WEIGHTS.value, Area.VELOCITIES.value) if same else ()
        kept = [r for r in requests if r.address >> self.map.offset_bits not in stay]
        yield from self._writes(kept)

    def _names(self):
        """(address, what is there), by the user's numbers."""
        config, amap, structure = self.config, self.map, self.driver.structure
        for register in REGISTERS:
            yield amap.register(register.name), register.name
        for area, words in amap.tables.items():
            for k in range(words):
                yield amap.at(area, k), f"{area.name} {k}"
        for region in STATE:
            for a, i in np.ndindex(config.slots * config.lanes, len(structure.order)):
                unit = f"pattern {a}, unit {structure.order[i]}"
                yield amap.state(region, a, i), f"{region.name} of {unit}"
        there, rows, columns = self.driver.program.places()
        places = zip(np.argwhere(there), rows, columns, strict=True)
        for (entry, bank), row, column in places:
            i, j = structure.order[row], structure.columns[column]
            yield amap.weight(bank, entry), f"w[{i}][{j}]"
            yield amap.weight(bank, entry, Area.VELOCITIES), f"v[{i}][{j}]"

    def train(self, machine, updates):
        """Start, then all that the core says; ``machine`` is as it is afterwards."""
        yield from self._writes(self.driver.start_training(updates))
        for update in range(updates):
            rows = machine.patterns()
            relaxed = machine.update()
            yield from self._steps(relaxed, f"update {update}, pattern {{}}", rows)
            j = targets_error(machine.network, machine.targets[rows], relaxed.x, set())
            for lane in range(self.config.lanes):
                energy = int((j[rows % self.config.lanes == lane] ** 2).sum())
                for half in range(2):
                    meaning = f"update {update}, J² of lane {lane}, word {half}"
                    yield from self._log(energy >> 32 * half, meaning)
        yield Step(IDLE, 0, 0, "wait")
        yield self._register("UNSETTLED", machine.unsettled)
        yield self._register("SKIPPED", machine.skipped)
        yield from self._weights(machine.weights, "w")
        if self.config.momentum:
            yield from self._weights(machine.velocity, "v", Area.VELOCITIES)
        yield from self._state(Region.X, machine.x)
        yield from self._state(Region.Y, machine.y)

    def recall(self, machine):
        """Let what the core has learned settle from ``machine.start``."""
        yield from self.load(machine)
        yield from self._writes(self.driver.start_recall())
        relaxed = machine.relax(errors=False)
        yield from self._steps(relaxed, "recall, pattern {}", range(len(relaxed.x)))
        yield Step(IDLE, 0, 0, "wait")
        yield from self._state(Region.X, relaxed.x)

    def _writes(self, procedure):
        """What a procedure of the driver's writes."""
        for request in procedure:
            assert isinstance(request, Write)
            meaning = self.names.get(request.address, "")
            yield Step(WRITE, request.address, request.data, meaning)

    def _log(self, word, meaning, bits=32):
        """Read a word of the log, and say that it is read."""
        yield Step(LOG, self.map.log(self.log_read), word, meaning, bits)
        self.log_read = (self.log_read + 1) % (2 * self.config.log_depth)
        yield Step(WRITE, self.map.register("LOG_READ"), self.log_read, "LOG_READ")

    def _register(self, name, word):
        return Step(READ, self.map.register(name), word, name)

    def _steps(self, relaxed, meaning, rows):
        for row, steps, unsettled in zip(rows, relaxed.steps, relaxed.unsettled, strict=True):
            halves = steps | unsettled << 15
            word = sum(int(half) << 16 * k for k, half in enumerate(halves))
            yield from self._log(word, f"steps of {meaning.format(row)}")

    def _weights(self, weights, symbol, area=Area.WEIGHTS):
        structure, bits = self.driver.structure, self.config.formats.weight.width
        numbered = structure.to_machine(weights)
        rows = structure.first + np.arange(self.driver.program.blocks * self.config.macs)
        for column, j in enumerate(structure.columns):
            word = column | (area == Area.VELOCITIES) << 16
            yield Step(WRITE, self.map.register("COLUMN"), word, f"COLUMN {j} of {symbol}")
            for row in rows:
                if row < len(structure.order):
                    meaning = f"{symbol}[{structure.order[row]}][{j}]"
                    yield from self._log(numbered[row, column], meaning, bits)
                else:
                    yield from self._log(0, "of no row", 0)

    def _state(self, region, words):
        for a, row in enumerate(words):
            for unit, number in enumerate(self.driver.structure.numbers):
                address = self.map.state(region, a, number)
                yield Step(READ, address, row[unit], self.names[address])
