"""A core behind a serial line under cocotb, and a training. Run by ``test_lines``."""

import pickle
from pathlib import Path

import cocotb
from cocotb.task import bridge

from rbp.hdl.bus.frames import SYNC
from rbp.host import session
from rbp.host.link import Link
from rbp.host.requests import Read, describe
from tests.hdl.bus.lines import LINES, reset


def one(request):
    return (yield request)


@cocotb.test()
async def line(dut):
    job = pickle.loads(Path(cocotb.plusargs["job"]).read_bytes())
    end = LINES[job["line"]](dut, job["seed"])
    await reset(dut)

    def host():
        link = Link(end, job["line"])
        outcome = {"config": link.do(describe())}
        before, frames = link.refused, link.frames
        outcome["nowhere"] = link.do(one(Read(SYNC - 1))), before, link.refused
        outcome["run"] = session.train(link, job["config"], job["machine"], job["updates"])
        outcome["frames"] = link.frames - frames
        return outcome

    outcome = await bridge(host)()
    Path(job["outcome"]).write_bytes(pickle.dumps(outcome))
