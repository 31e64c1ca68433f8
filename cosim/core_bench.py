"""The core under cocotb, in lockstep with golden: every word, after every phase of every update.

Run by :func:`rbp.cosim.run.lockstep`, which hands over a job: a file with the configuration, the
golden machine and what to do. The bench loads the core through its host port, lets it train by
itself, and looks into its memories at the end of each phase. It stops at the first difference, and
names it.
"""

import pickle
import random
from pathlib import Path

import cocotb
import numpy as np
from cocotb.clock import Clock
from cocotb.triggers import FallingEdge, RisingEdge, ValueChange

from rbp.hdl.host.memory_map import Area
from rbp.hdl.layouts import Phase, Region
from rbp.hdl.timing import Timing
from rbp.host.driver import Driver
from rbp.host.requests import Fetch, Idle, Read

PERIOD = 10  # ns


class Host:
    """Carries a driver's requests over the host port; with ``stalls``, hesitating at random."""

    def __init__(self, dut, clock, *, stalls=False, seed=1):
        self.dut, self.clock = dut, clock
        self.random = random.Random(seed) if stalls else None

    async def do(self, procedure):
        answer = None
        while True:
            try:
                request = procedure.send(answer)
            except StopIteration as stop:
                return stop.value
            if self.random and self.random.random() < 0.4:
                await self.clock.cycles(self.random.randrange(1, 12))
            if isinstance(request, Idle):
                answer = await self.clock.cycles(request.cycles)
            elif isinstance(request, Fetch):
                words = range(request.address, request.address + request.count)
                answer = [await self._access(Read(address)) for address in words]
            else:
                answer = await self._access(request)

    async def _access(self, request):
        dut, reading = self.dut, isinstance(request, Read)
        await FallingEdge(dut.clk)
        dut.bus_addr.value = request.address
        if reading:
            dut.bus_r_en.value = 1
        else:
            dut.bus_w_data.value = request.data
            dut.bus_w_en.value = 1
        while True:
            await RisingEdge(dut.clk)
            if not int(dut.bus_wait.value):
                break
        word = int(dut.bus_r_data.value)
        await FallingEdge(dut.clk)
        dut.bus_r_en.value = 0
        dut.bus_w_en.value = 0
        return word if reading else None


class Memories:
    """Looks into the core's memories: arrays of raw words, as golden has them."""

    def __init__(self, dut, driver):
        self.dut, self.config = dut, driver.config
        self.structure, self.program = driver.structure, driver.program
        config = driver.config
        self.lanes = [getattr(dut, f"lane_{k}") for k in range(config.lanes)]
        self.unit_bits = max(1, (config.units - 1).bit_length())
        self.slot_bits = (config.slots - 1).bit_length()

    def _words(self, ram, addresses, width):
        memory = ram.mem
        words = np.array([int(memory[a].value) for a in addresses], np.int64)
        return words - ((words >> (width - 1)) << width)

    def state(self, name, pattern, width, high=0):
        """The N words of a pattern in a state memory; ``high`` continues the address upwards."""
        slot = pattern // self.config.lanes | high << self.slot_bits
        ram = getattr(self.lanes[pattern % self.config.lanes].state, f"{name}_ram")
        return self._words(ram, (slot << self.unit_bits) + self.structure.numbers, width)

    def weights(self, name="bank"):
        """The rows of W that are not held, or with ``velocity`` for a name those."""
        width = self.config.formats.weight.width
        banks = [getattr(self.dut.weights, f"{name}_{p}") for p in range(self.config.macs)]
        words = [self._words(bank, range(len(self.program)), width) for bank in banks]
        numbered = self.program.unpack(np.stack(words, axis=1))
        return self.structure.from_machine(numbered)[self.structure.rows]


class Checker:
    """Compares words, counts them, and stops at the first difference."""

    def __init__(self):
        self.compared, self.banks = 0, {}

    def equal(self, update, phase, what, found, expected, rows=None):
        """``rows`` are the units whose rows are compared, by default all."""
        found, expected = np.asarray(found), np.asarray(expected)
        self.compared += found.size
        wrong = np.argwhere(found != expected)
        if len(wrong):
            where = tuple(int(k) for k in wrong[0])
            units = where if rows is None else (int(rows[where[0]]), *where[1:])
            raise AssertionError(
                f"update {update}, phase {phase}, {what}, unit {', '.join(map(str, units))}: "
                f"RTL has {found[where]}, golden {expected[where]}"
            )

    def state(self, update, machine, relaxed, memories):
        """All words of every pattern of the batch, once it has settled."""
        f = machine.network.formats
        for k, a in enumerate(machine.patterns()):
            # each step writes the other bank; the first bank 0, or the one that was not read
            before = self.banks.get(a, 0) if machine.learning.keep else 1
            self.banks[a] = bank = before ^ int(relaxed.steps[k, 0] & 1)
            for phase, name, width, high, expected in (
                ("forward", "x_y", f.state.width, Region.X.value, machine.x[a]),
                ("forward", "x_now", f.state.width, 0, machine.x[a]),
                ("forward", "x_y", f.state.width, Region.X_START.value, machine.start[a]),
                ("forward", "c", f.state.width, bank, relaxed.c[k]),
                ("forward", "slope", f.slope.width, 0, relaxed.slope[k]),
                ("forward", "target", f.state.width, 0, machine.targets[a]),
                ("forward", "input", f.state.width, 0, machine.inputs[a]),
                ("backward", "x_y", f.error.width, Region.Y.value, machine.y[a]),
                ("backward", "y_row", f.error.width, 0, machine.y[a]),
            ):
                found, rows = memories.state(name, a, width, high), None
                if name != "c":  # of held units there is nothing else
                    rows = machine.structure.rows
                    found, expected = found[rows], expected[rows]
                self.equal(update, phase, f"pattern {a}, {name}", found, expected, rows)


def _one(request):
    """A procedure of a single request."""
    return (yield request)


async def _phases(dut):
    """Yields each phase as the run enters it."""
    while True:
        await ValueChange(dut.phase)
        yield Phase(int(dut.phase.value))


@cocotb.test()
async def lockstep(dut):
    job = pickle.loads(Path(cocotb.plusargs["job"]).read_bytes())
    config, machine, updates = job["config"], job["machine"], job["updates"]
    clock = Clock(dut.clk, PERIOD, "ns")
    clock.start()
    dut.rst.value = 1
    dut.bus_r_en.value = dut.bus_w_en.value = 0
    await clock.cycles(2)
    await FallingEdge(dut.clk)
    dut.rst.value = 0

    driver = Driver(config)
    host = Host(dut, clock, stalls=job["stalls"], seed=job["seed"])
    await host.do(driver.load(machine))
    for request in job["plant"]:
        await host.do(_one(request))
    reports, checker, memories = [], Checker(), Memories(dut, driver)
    time = Timing(config)
    await host.do(driver.start_training(updates))
    batch = len(machine.patterns())
    fetching = cocotb.start_soon(host.do(driver.reports(batch, reports.append)))
    steps, energy, outcome = [], [], {}
    update = 0
    try:
        async for phase in _phases(dut):
            await FallingEdge(dut.clk)
            if phase == Phase.UPDATE:
                relaxed = machine.relax()
                checker.state(update, machine, relaxed, memories)
                machine.learn(relaxed)
                steps.append(relaxed.steps)
                energy.append(relaxed.energy)
                continue
            if phase in (Phase.RELAX, Phase.DRAIN) and len(steps) > update:
                # the update's last turn ends, and its last weight is written
                await clock.cycles(len(driver.program) + time.drain)
                rows = machine.structure.rows
                found = memories.weights()
                checker.equal(update, "update", "w", found, machine.weights[rows], rows)
                if config.momentum:
                    found = memories.weights("velocity")
                    checker.equal(update, "update", "v", found, machine.velocity[rows], rows)
                update += 1
                Path(job["progress"]).write_text(str(update))
            if update == updates:
                break
        await fetching
        checker.equal("all", "report", "energy", [r.energy for r in reports], energy)
        checker.equal("all", "report", "steps", [r.steps for r in reports], steps)
        unsettled, skipped, cycles, saturated = await host.do(driver.counters())
        for name, found, expected in (
            ("unsettled", unsettled, machine.unsettled),
            ("skipped", skipped, machine.skipped),
            ("saturated", sorted(saturated), sorted(machine.saturated)),
        ):
            if found != expected:
                raise AssertionError(f"{name}: RTL has {found}, golden {expected}")
        found = await host.do(driver.read_weights())
        checker.equal("all", "read-out", "w", found[rows], machine.weights[rows], rows)
        if config.momentum:
            found = await host.do(driver.read_weights(Area.VELOCITIES))
            checker.equal("all", "read-out", "v", found[rows], machine.velocity[rows], rows)
        outcome = {
            "machine": machine,
            "energy": energy,
            "steps": np.array(steps),
            "cycles": cycles,
            "compared": checker.compared,
        }
    except AssertionError as error:
        outcome = {"mismatch": str(error)}
        raise
    finally:
        if outcome:
            Path(job["outcome"]).write_bytes(pickle.dumps(outcome))
