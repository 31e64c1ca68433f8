"""A host that writes and reads anything, anywhere, at any time."""

from contextlib import nullcontext

import numpy as np

from rbp.cosim import run
from rbp.host.requests import BadAnswer
from tests.verify.probe import Probe
from tests.verify.row import Found, Row, noticed
from tests.verify.rows.power_up import CONFIGS, SMALL, expected, library, network

__all__ = ["ROW"]

ACCESSES, AT_ONCE = 1_000_000, 20_000
BETWEEN = 500
"""Accesses before the core must learn again."""
CONTROL = 1


def abused(core, rng, count):
    """Some accesses: half of them of registers, a twentieth of CONTROL."""
    for _ in range(count):
        kind = rng.random()
        address = int(rng.integers(64 if kind < 0.5 else 1 << 16))
        data = int(rng.integers(1 << 32)) >> int(rng.integers(32))
        if kind > 0.95:
            core.write(CONTROL, data)
        elif kind > 0.9:
            core.run(int(rng.integers(200)))
        elif rng.random() < 0.6:
            core.write(address, data)
        else:
            core.read(address)


def heals(config, core, found, what):
    """A whole training, which begins with CLEAR, is golden's."""
    try:
        got = run.train(config, network(config), 2, core=nullcontext(core))
        same = (got.energy, got.weights.tolist(), got.states.tolist()) == expected(config)
    except (TimeoutError, BadAnswer, ValueError) as error:
        found.faults.append(f"{what}: {error}")
        return
    if not same:
        found.faults.append(f"{what}: it learns something else")


def work(share, select=0):
    name, config = list(CONFIGS.items())[share % len(CONFIGS)]
    found, rng = Found(), np.random.default_rng(share)
    with Probe(library(config), seed=1) as core:
        core.select(select)
        for part in range(AT_ONCE // BETWEEN):
            what = f"{name}, share {share}, part {part}"
            try:
                abused(core, rng, BETWEEN)
            except TimeoutError as error:
                found.faults.append(f"{what}: {error}")
                break
            found.amounts["accesses"] += BETWEEN
            heals(config, core, found, what)
            if select and found.faults:
                break
    return found


def control():
    index = list(CONFIGS.values()).index(SMALL)
    broken = sum(bool(work(index, select=k).faults) for k in (1, 2, 3))
    return noticed(broken, f"{broken} of 3 mutants of the core")


ROW = Row(
    number=10,
    name="abuse",
    title="host abuse",
    how=f"""The cores of row 9. Reads and writes of any word at any address, commands, starts
and stops among them, while the core is idle, trains or recalls. Each access is answered within
100,000 cycles. After each {BETWEEN} a whole training, which begins with CLEAR and a load, is
golden's.""",
    aim=ACCESSES,
    unit="accesses",
    work=work,
    shares=ACCESSES // AT_ONCE,
    control=control,
    sample=(),
    missing="""that nothing is written outside the address; `tests/hdl/host/test_host_port.py` does
    that.""",
)
