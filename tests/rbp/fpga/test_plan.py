"""``rbp plan``: its numbers are those of the schedule, of a run, and of the tools."""

import json
import shlex
from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp import engines
from rbp.cli import _joined, main, parser
from rbp.cli.options import given_machine
from rbp.cosim import run
from rbp.errors import InputError
from rbp.fpga import baselines, flow, memories, plan, plan_text, synth
from rbp.fpga.devices import block_rams, sprams
from rbp.fpga.machines import machine as core
from rbp.hdl.program import compiled
from rbp.hdl.schedule import Schedule, utilisation
from rbp.machine import machine, structures
from rbp.paper import examples
from rbp.settings import Settings
from tests.rbp.test_old import OLD


def problem(name="xor"):
    return examples.find(name).problem()


def planned(record, macs, lanes):
    (found,) = (c for c in record["cores"] if (c["macs"], c["lanes"]) == (macs, lanes))
    return found


def test_what_a_network_takes():
    record = plan.plan(problem())
    assert (record["units"], record["held"], record["rows"]) == (7, 3, 4)
    assert (record["connections"], record["not_computed"]) == (13, 0)
    assert [p["macs"] for p in record["programs"]] == [1, 2, 4, 5]
    assert len(record["cores"]) == 4 * len(plan.LANES)
    assert record["best"] is record["device"] is None
    structure = structures(problem())[0]
    for p in record["programs"]:
        program = compiled(core(like=problem(), macs=p["macs"]), structure)
        assert (p["entries"], p["short"]) == (len(program), program.short)
        assert (p["words"], p["bubbles"]) == (program.words, (program.columns == -1).sum())
        assert p["padding"] == 1 - 13 / (p["macs"] * len(program))
    for found in record["cores"]:
        config = core(like=problem(), macs=found["macs"], lanes=found["lanes"])
        assert found["entries"] == len(compiled(config, structure))


def test_clamped_units_that_are_fed():
    """Their connections are not computed."""
    given = problem("tanh-memory")
    targets = given.target_units & (np.arange(15) < 8)
    record = plan.plan(replace(given, target_units=targets))
    assert (record["held"], record["connections"], record["not_computed"]) == (2, 195, 30)
    assert "; 30 more of held units are not computed" in next(plan_text.summary(record))


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("xor", {"macs": 2, "lanes": 2}),
        ("xor", {"macs": 4, "lanes": 1, "momentum_shift": 2, "start": "random"}),
        ("association", {"macs": 4, "lanes": 2, "batch": 2, "slots": 1}),
        ("second-order-xor", {"macs": 1, "lanes": 2}),
        ("mixed-orders", {"macs": 4, "lanes": 1}),
    ],
)
def test_cycles_are_those_of_a_run(name, flags):
    given, settings = problem(name), Settings(**flags)
    record = plan.plan(given, **flags)
    found = planned(record, flags["macs"], flags["lanes"])
    others = {n: flags[n] for n in ("macs", "lanes")} | {"slots": found["slots"]}
    switches = {"momentum": "momentum_shift" in flags, "random_start": "start" in flags}
    config = core(like=given, **others, **switches, refill=settings.config(given).refill)
    got = run.train(config, machine(given, settings, "golden"), 1)
    assert got.settle_steps.tolist() == [record["steps"]]
    assert (found["cycles"], found["utilisation"]) == (got.cycles, got.utilisation)


def test_steps_that_are_given():
    """Those of each pattern of a batch, by the schedule."""
    given, steps = problem("association"), np.full((1, 3, 2), (7, 5))
    record = plan.plan(given, steps=(7, 5), batch=3)
    assert record["steps"] == steps[0].tolist()
    structure, settings = structures(given)[0], Settings(batch=3)
    for found in record["cores"]:
        config = core(like=given, macs=found["macs"], lanes=found["lanes"], slots=found["slots"])
        cycles = Schedule(config, structure).cycles(steps, settings.learning(), 6)
        assert found["cycles"] == cycles
        macs = found["macs"] * found["lanes"]
        assert found["utilisation"] == utilisation(structure, macs, steps, cycles)


@pytest.mark.parametrize("name", ["mixed-orders", "second-order-xor"])
def test_products(name):
    """Of a higher order, columns are products; the schedule's cycles."""
    given, steps = problem(name), np.full((1, problem(name).patterns, 2), (5, 4))
    record = plan.plan(given, steps=(5, 4), macs=2, device_name="ecp5-85k")
    structure = structures(given)[0]
    assert record["connections"] == structure.numbered.sum()
    for found in record["cores"]:
        others = {"macs": 2, "lanes": found["lanes"], "slots": found["slots"], "family": "ecp5"}
        config = core(like=given, **others)
        assert config.higher
        assert found["entries"] == len(compiled(config, structure))
        cycles = Schedule(config, structure).cycles(steps, Settings().learning(), given.patterns)
        assert found["cycles"] == cycles
        assert found["block_rams"] == memories.block_rams(config, synth.device("ecp5-85k"))


def test_a_result():
    """With its settings and from its weights, also where it could not be continued."""
    result = rbp.Result.load(OLD / "result.npz")
    record = plan.plan(result, macs=2)
    assert record["steps"] != plan.plan(result.problem, macs=2)["steps"]
    settled = machine(result.problem, result.settings, "golden", result).update().steps
    assert record["steps"] == settled.tolist()
    with pytest.raises(InputError, match="preset w8 is not that of the result: expected w16"):
        plan.plan(result, preset="w8")


@pytest.mark.parametrize(
    "flags",
    [
        {"method": "stochastic"},
        {"method": "concurrent"},
        {"batch": 3},
        {"batch": 3, "start": "random"},
    ],
    ids=str,
)
def test_cycles_of_a_result(flags):
    """Those of its next update, whosever pattern comes next."""
    given = problem("association")
    result = engines.train(given, 3, "golden", **flags)
    record = plan.plan(result, macs=4, lanes=2)
    found = planned(record, 4, 2)
    start = machine(given, result.settings, "golden", result)
    assert start.patterns()[0] != machine(given, result.settings, "golden").patterns()[0]
    got = run.train(core(like=result, macs=4, lanes=2, slots=found["slots"]), start, 1)
    assert got.settle_steps.tolist() == [record["steps"]]
    assert (found["cycles"], found["utilisation"]) == (got.cycles, got.utilisation)


# Devices


def test_best():
    record = plan.plan(problem(), device_name="up5k")
    fitting = [c for c in record["cores"] if c["fits"]]
    assert 0 < len(fitting) < len(record["cores"])
    best = planned(record, **record["best"])
    assert best in fitting
    assert best["us"] == min(c["us"] for c in fitting)
    for c in record["cores"]:
        assert c["us"] == c["cycles"] / c["fmax_mhz"]
        assert c["fits"] == (not c["short_of"])
        assert ("multipliers, has 8" in " ".join(c["short_of"])) == (c["multipliers"] > 8)
        assert ("block RAMs, has 30" in " ".join(c["short_of"])) == (c["block_rams"] > 30)
    lines = list(plan_text.summary(record))
    command = f"rbp verilog --like PROBLEM.npz --device up5k {best['flags']} --out core.v"
    assert lines[-1] == f"best: {command}"
    assert max(map(len, lines[:-1])) <= 100
    rows = [
        line.endswith(("  fits", "  fits with --spram"))
        for line in lines[-7 - len(record["cores"]) :]
    ]
    assert sum(rows) == len(fitting)
    assert rows[: len(fitting)] == [True] * len(fitting)


def test_memories_of_one_port():
    """Where block RAMs are short, UP5K has others: an update takes longer with them."""
    given = problem("figure1")
    few = plan.plan(given, device_name="up5k", macs=4, lanes=1, slots=4, steps=(9, 9))
    config = core(like=given, macs=4, family="ice40")
    assert few["cores"][0]["spram"] is False
    rng = np.random.default_rng(1)
    large = rbp.Problem(
        weights=rng.uniform(-1, 1, (64, 64)), targets=np.full((4, 64), 0.5), target_units=[1] * 64
    )
    (found,) = plan.plan(large, device_name="up5k", macs=4, lanes=1, steps=(9, 9))["cores"]
    config = core(like=large, macs=4, family="ice40", spram=True)
    cycles = Schedule(config, structures(large)[0]).cycles(
        np.full((1, 4, 2), 9), Settings().learning(), 4
    )
    assert (found["spram"], found["cycles"]) == (True, cycles)
    assert found["block_rams"] == memories.block_rams(config, synth.device("up5k")) <= 30


def test_more_entries_than_spram_has():
    """A dense network's, with one multiplier: it says what is short, and local ones fit."""
    connected = np.ones((250, 250), bool)
    for fits in (False, True):
        given = rbp.Problem(
            weights=connected * 0.1,
            targets=[[0.5] * 250],
            target_units=[1] * 250,
            connected=connected,
        )
        record = plan.plan(given, device_name="up5k", macs=1, lanes=1, steps=(3, 3))
        (found,) = record["cores"]
        assert (found["spram"], found["fits"]) == (fits, fits)
        assert any("block RAMs, has 30" in short for short in found["short_of"]) != fits
        unit = np.arange(250)
        connected = unit[:, None] // 10 == unit // 10  # words follow each other


def test_nothing_fits():
    record = plan.plan(problem(), device_name="up5k", lanes=8, preset="w18")
    assert record["best"] is None
    lines = list(plan_text.summary(record))
    assert lines[-1] == "none fits up5k"
    for found in record["cores"]:
        first = "multipliers of 18 bits, where there are those of 16"
        assert found["short_of"][0] == first


def test_measured(monkeypatch):
    """A like row's Fmax; without one, the nearest's, and that is said."""
    row = baselines.Row(device="up5k", units=15, macs=4)
    found = {
        "fits": True,
        "fmax_mhz": {"median": 40.0},
        "cells": {"logic_cells": {"used": 3000}},
        "pe_lut4": 200,
    }
    monkeypatch.setattr(baselines, "load", lambda: {row.command: found})
    record = plan.plan(problem(), device_name="up5k")
    assert {c["measured"] for c in record["cores"]} == {row.command}
    assert [(c["macs"], c["lanes"]) for c in record["cores"] if c["like"]] == [(4, 1)]
    assert planned(record, 4, 1)["cells"] == 3000
    assert planned(record, 2, 2)["cells"] == 2 * (3000 - 2 * 200)
    text = "\n".join(plan_text.summary(record))
    assert "\n~ no such core was measured: MHz and cells by the nearest\n" in text
    like = next(plan_text.summary(plan.plan(problem(), device_name="up5k", macs=4, lanes=1)))
    assert "~" not in like
    monkeypatch.setattr(baselines, "load", dict)
    record = plan.plan(problem(), device_name="up5k")
    assert record["best"] is None
    assert {c["us"] for c in record["cores"]} == {None}
    assert {c["fmax_mhz"] for c in record["cores"]} == {None}
    lines = list(plan_text.summary(record))
    assert sum("     ?     ?         ?  " in line for line in lines) == len(record["cores"])
    assert not any("fits" in line for line in lines[:-1])
    assert not any(line.startswith("~") for line in lines)
    assert lines[-1] == ("whether any fits up5k is not known: no core of its family was measured")
    assert {c["fits"] for c in record["cores"]} == {None, False}


@pytest.mark.parametrize(
    ("name", "device", "given"),
    [
        ("association", "up5k", {}),
        ("digits", "up5k", {"batch": 2}),  # in SPRAM
        ("figure1", "hx8k", {}),
        ("xor", "ecp5-85k", {"preset": "w18", "momentum_shift": 2, "start": "random"}),
        ("association", "ecp5-25k", {"batch": 2, "slots": 4, "eta_shift": -6}),
        ("xor", "up5k", {"eta_shift": -5}),
    ],
)
def test_the_best_is_a_command(name, device, given, tmp_path):
    """It makes the core that was planned."""
    problem(name).save(tmp_path / "p.npz")
    record = plan.plan(problem(name), device_name=device, **given)
    line = list(plan_text.summary(record, tmp_path / "p.npz"))[-1]
    arguments = parser()[0].parse_args(_joined(shlex.split(line)[2:]))
    target = synth.target(arguments.device, **given_machine(arguments))
    best = planned(record, **record["best"])
    found = target.config
    assert (found.macs, found.lanes, found.slots) == (best["macs"], best["lanes"], best["slots"])
    assert found.spram == best["spram"] == (name == "digits")
    assert found.momentum == ("momentum_shift" in given)
    assert found.random_start == ("start" in given)
    assert found.preset == given.get("preset", "w16")
    assert found.eta_shifts[0] <= given.get("eta_shift", 0) <= found.eta_shifts[1]
    assert memories.block_rams(found, target.device) == best["block_rams"]


def test_four_multipliers_do_not_fit_hx8k():
    """By the cells of the measured core, of three."""
    record = plan.plan(problem("figure1"), device_name="hx8k", macs=4, lanes=1)
    (found,) = record["cores"]
    assert found["fits"] is False
    assert found["short_of"] == [f"{found['cells']} cells, has 7680"]


def test_too_many_multipliers():
    """Such a core is planned on the device that was asked for, too."""
    record = plan.plan(problem("association"), device_name="ecp5-25k", macs=16, lanes=2)
    (found,) = record["cores"]
    given = {"macs": 16, "lanes": 2, "slots": found["slots"]}
    config = core(like=problem("association"), family="ecp5", **given)
    assert found["short_of"][0] == "36 multipliers, has 28"
    assert found["block_rams"] == memories.block_rams(config, synth.device("ecp5-25k"))


def test_a_grade_that_was_not_measured():
    said = "grade 8 was not measured: figures of grade 6"
    for grade, there in ((8, True), (6, False), (None, False)):
        record = plan.plan(problem(), device_name="ecp5-85k", grade=grade, macs=4)
        assert (said in plan_text.summary(record)) == there


@pytest.mark.parametrize("row", baselines.ROWS[:3], ids=lambda row: row.command)
def test_block_rams_as_measured(row):
    """Of the rows of the present hardware."""
    used = baselines.load()[row.command]["cells"]["bram"]["used"]
    assert memories.block_rams(row.target.config, synth.device(row.device)) == used


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("up5k", {"units": 3, "macs": 1, "preset": "w8"}),
        ("hx8k", {"units": 3, "macs": 1, "preset": "w8"}),
        ("ecp5-25k", {"units": 3, "macs": 1, "preset": "w8"}),
        ("up5k", {"units": 15, "macs": 5}),
        ("up5k", {"units": 64, "macs": 4, "spram": True, "momentum": True}),
        ("hx8k", {"units": 6, "macs": 2, "order": 3, "feature": "tanh", "slots": 1}),
        ("ecp5-85k", {"units": 64, "macs": 16, "lanes": 2, "preset": "w18", "slots": 20}),
        ("ecp5-85k", {"units": 100, "macs": 5, "entries": 1500, "words": 300, "momentum": True}),
        ("ecp5-25k", {"units": 9, "macs": 3, "order": 2, "products": 5, "activation": "tanh,sin"}),
        ("ecp5-25k", {"units": 15, "macs": 8, "lanes": 4}),  # soft multipliers
    ],
)
def test_block_rams(name, flags):
    """As many as are counted in the design; for the first three, ``test_synth.test_family`` has
    what synthesis makes of them."""
    target = synth.target(name, **flags)
    design = flow.design(target.config, target.device)
    assert memories.block_rams(target.config, target.device) == block_rams(target.device, design)
    assert memories.single_ported(target.config) == sprams(design)


# The verb


def test_verb(tmp_path, capsys):
    problem().save(tmp_path / "p.npz")
    out = tmp_path / "plan.json"
    argv = ["plan", tmp_path / "p.npz", "--device", "up5k", "--steps", "6,4", "--macs", 2]
    assert main([str(a) for a in [*argv, "--out", out]]) == 0
    said, err = capsys.readouterr()
    record = json.loads(out.read_text())
    assert record == plan.plan(problem(), device_name="up5k", steps=(6, 4), macs=2)
    assert said.splitlines() == [*plan_text.summary(record, tmp_path / "p.npz"), f"wrote {out}"]
    assert err == ""
    assert main(["plan", str(tmp_path / "p.npz")]) == 0
    assert "best" not in capsys.readouterr().out


BAD = {
    "device": (["--device", "virtex"], "device must be one of up5k (iCEBreaker), hx8k ("),
    "grade": (["--device", "up5k", "--grade", 6], "grade of up5k must be none, not 6"),
    "no device": (["--grade", 6], "grade 6 is of a device: expected one"),
    "steps": (["--steps", "6"], "steps must be X,Y, those of x and of y, not '6'"),
    "steps 0": (["--steps", "0,4"], "steps must be an integer, 1 … 32767, not 0"),
    "macs": (["--macs", 8], "macs must be 1 … 7 (the units), not 8"),
    "lanes": (["--lanes", 9], "lanes must be 1 … 8, not 9"),
    "batch": (["--batch", 5], "batch must be 1 … 4 (the patterns), not 5"),
    "units": (["--units", 5], "rbp plan has no --units (--units is of "),
    "spram": (["--spram"], "rbp plan has no --spram (--spram is of "),
    "two macs": (["--macs", "5,4"], "--macs must be an integer, not '5,4' (see rbp plan --help)"),
    "family": (["--device", "ice40"], "device must be one of up5k (iCEBreaker), hx8k ("),
    "board": (["--device", "ulx3s"], "device must be one of up5k (iCEBreaker), hx8k ("),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case, tmp_path, capsys):
    problem().save(tmp_path / "p.npz")
    argv, said = BAD[case]
    out = tmp_path / "plan.json"
    assert main([str(a) for a in ["plan", tmp_path / "p.npz", *argv, "--out", out]]) == 2
    text, err = capsys.readouterr()
    assert (text, len(err.splitlines())) == ("", 1)
    assert err.startswith(f"rbp: {said}")
    assert not out.exists()


def test_more_patterns_than_a_batch(tmp_path, capsys):
    """The message names a batch and slots, which are what helps."""
    targets = np.full((300, 2), 0.5)
    given = rbp.Problem(weights=np.ones((2, 2)), targets=targets, target_units=[1, 1])
    given.save(tmp_path / "p.npz")
    held = "slots × lanes = 32 × 1 = 32, expected slots of at least 300, or a smaller batch"
    for argv, said in (
        ([], "300 patterns do not fit in one batch: expected a batch (--batch) of at most 256"),
        (["--slots", "32"], f"a batch of 300 patterns does not fit: {held}"),
    ):
        assert main(["plan", str(tmp_path / "p.npz"), *argv]) == 2
        assert capsys.readouterr().err == f"rbp: {said}\n"
    assert main(["plan", str(tmp_path / "p.npz"), "--batch", "8", "--slots", "32"]) == 0


def test_not_a_problem(tmp_path, capsys):
    np.savez(tmp_path / "cues.npz", initial_state=np.zeros((2, 3)))
    for name in ("cues.npz", "none.npz"):
        assert main(["plan", str(tmp_path / name)]) == 2
        err = capsys.readouterr().err
        assert name in err
        assert len(err.splitlines()) == 1
    path = str(tmp_path / "cues.npz")
    assert main(["plan", path, "--out", path]) == 2
    assert "expected another" in capsys.readouterr().err
