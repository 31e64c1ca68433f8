"""The table of which network fits which device says what ``rbp plan`` finds."""

from rbp.benchmarks import capacity
from rbp.fpga import plan
from rbp.fpga.devices import DEVICES
from rbp.paper import examples, figure1


def test_table():
    small = capacity.Network("small", figure1.problem(), {"batch": 2})
    sparse = capacity.Network("sparse", examples.find("association").problem())
    two = {name: DEVICES[name] for name in ("up5k", "ecp5-85k")}
    head, rule, *rows = capacity.table([small, sparse], two)
    assert head == "| network | entries at P = 4 | up5k | ecp5-85k |"
    assert rule.count("|") == head.count("|")
    assert rows[0].startswith("| small | 60 | ")
    for row, network in zip(rows, (small, sparse), strict=True):
        for cell, name in zip(row.strip("| ").split(" | ")[2:], two, strict=True):
            flags = {"steps": capacity.STEPS} | network.flags
            best = plan.plan(network.problem, device_name=name, **flags)["best"]
            assert cell.removesuffix(", `--spram`") == "{lanes} × {macs}".format(**best)


def test_what_is_short():
    network = capacity.Network("large", capacity._memory(300, 16))
    (row,) = list(capacity.table([network], {"hx8k": DEVICES["hx8k"]}))[2:]
    record = plan.plan(network.problem, device_name="hx8k", macs=1, lanes=1, steps=capacity.STEPS)
    assert row.endswith(f" | no: {record['cores'][0]['short_of'][0]} |")
    assert " block RAMs, has 32 |" in row
