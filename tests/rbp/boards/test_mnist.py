"""MNIST over the line of a whole board, simulated: each picture is loaded while it is learned."""

from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp.boards.virtual import simulated
from rbp.host import session
from rbp.host.link import Link
from rbp.host.requests import describe
from rbp.machine import machine
from rbp.paper.mnist import network

BAUD = 3_000_000
CORE = {"units": 256, "macs": 4, "slots": 1, "spram": True}


def learns(pictures):
    """So many updates, a picture each."""
    whole = network.problem()
    rows = slice(pictures)
    problem = replace(whole, targets=whole.targets[rows], inputs=whole.inputs[rows])
    settings = rbp.Settings(batch=1, eta_shift=-2, slots=1, macs=4)
    golden = rbp.train(problem, pictures, "model", batch=1, eta_shift=-2)
    line = simulated("icebreaker", BAUD, **CORE)
    try:
        link = Link(line)
        config = link.do(describe())
        got = session.train(link, config, machine(problem, settings, "golden"), pictures)
    finally:
        line.close()
    assert np.array_equal(got.weights, golden.weights_raw)
    assert np.array_equal(got.states, golden.states)
    assert np.array_equal(got.settle_steps, golden.settle_steps)
    assert [e / 2**29 for e in got.energy] == golden.energy.tolist()


def test_some_pictures():
    learns(200)


@pytest.mark.slow
def test_many_pictures():
    learns(3000)
