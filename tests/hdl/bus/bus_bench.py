"""A core behind a bus under cocotb: what it answers, and a training. Run by ``test_buses``."""

import pickle
from pathlib import Path

import cocotb

from rbp.hdl.host.memory_map import IDENTITY
from rbp.host.driver import RECALL, TRAIN, Driver
from rbp.host.loader import CLEAR
from rbp.host.requests import Read, Write
from tests.hdl.bus.masters import MASTERS


async def answers(master, driver):
    """Words, refusals of each kind, and what a refused access leaves."""
    at = driver.map.register
    seen = {"identity": await master.access(Read(at("IDENTITY")))}
    seen["written"] = await master.access(Write(at("LIMIT"), 300))
    seen["part"] = await master.part(at("LIMIT"), 7)
    top = (1 << driver.map.width) - 1
    seen["nowhere"] = [(await master.access(Read(top)))[1], (await master.access(Write(top, 1)))[1]]
    # a verdict that comes late: a start with nothing to learn, a column that is none
    seen["start"] = (await master.access(Write(at("CONTROL"), TRAIN | RECALL)))[1]
    seen["patterns"] = (await master.access(Write(at("BATCH"), 1 << 20)))[1]
    seen["unfit"] = (await master.access(Write(at("CONTROL"), RECALL)))[1]
    seen["column"] = (await master.access(Write(at("COLUMN"), driver.config.columns)))[1]
    seen["flag"] = (await master.access(Read(at("STATUS"))))[0] >> 6 & 1
    seen["cleared"] = (await master.access(Write(at("CONTROL"), CLEAR)))[1]
    return seen


async def trained(master, driver, machine, updates):
    """Of a training: reports, weights, counters."""
    reports = []
    await master.do(driver.load(machine))
    await master.do(driver.start_training(updates))
    await master.do(driver.reports(len(machine.patterns()), reports.append))
    weights = await master.do(driver.read_weights())
    return {
        "weights": weights,
        "energy": [report.energy for report in reports],
        "counters": await master.do(driver.counters()),
    }


@cocotb.test()
async def bus(dut):
    job = pickle.loads(Path(cocotb.plusargs["job"]).read_bytes())
    master, driver = MASTERS[job["bus"]](dut, job["seed"]), Driver(job["config"])
    await master.reset()
    outcome = {"answers": await answers(master, driver)}
    at = driver.map.register
    if job["bus"] == "axi-lite":
        pairs = [(Read(at("IDENTITY")), Write(at("LIMIT"), 100 + k)) for k in range(30)]
        outcome["both"] = {await master.both(*pair) == IDENTITY for pair in pairs}
    else:
        outcome["given up"] = [await master.give_up(at("SHAPE"), k) for k in range(1, 6)]
        outcome["after"] = await master.access(Read(at("IDENTITY")))
    if job["updates"]:
        outcome |= await trained(master, driver, job["machine"], job["updates"])
    Path(job["outcome"]).write_bytes(pickle.dumps(outcome))
