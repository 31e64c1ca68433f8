"""A training again on another engine, every word compared."""

from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp.cli import main
from rbp.errors import CheckFailed, InputError
from rbp.paper.networks import visible_memory

FLAGS = {
    "batches": {"batch": 2, "momentum_shift": 2, "macs": 3},
    "drawn": {"method": "stochastic", "start": "random", "lanes": 2},
    "kept": {"method": "concurrent", "rounding": "nearest", "preset": "w18"},
}


def problem():
    rng = np.random.default_rng(3)
    return visible_memory(rng.choice([0.1, 0.9], (3, 6)), rng)


@pytest.fixture(scope="module")
def result():
    return rbp.train(problem(), 10, engine="golden")


@pytest.mark.parametrize("case", FLAGS)
def test_equal_on_the_verilog(case):
    point = rbp.train(problem(), 4, engine="golden", **FLAGS[case])
    result = rbp.train(point, 3)
    batch = result.settle_steps.shape[1]
    ends = {"weights_raw": 36, "velocities": 36, "states": 18, "errors": 18}
    ends |= {"unsettled": 1, "skipped": 1, "saturated": 6}
    for since, updates, compared in (
        (None, None, 7),
        (None, 2, 2),
        (point, None, 3),
        (point, 1, 1),
    ):
        engine, found = rbp.verify(result, "rtl", updates, since)
        assert engine == "rtl"
        assert found == {"energy": compared, "settle_steps": 2 * batch * compared} | ends


def test_on_another_machine(result):
    assert rbp.verify(result, "rtl", macs=2, lanes=3, slots=1).counts["energy"] == 10


def moved(array, *place):
    """A copy with one number changed."""
    array = np.array(array)
    array[place] += 1
    return array


PLANTED = {
    "energy": (lambda r: moved(r.energy, 6), r"energy of update 7: golden has .*, the result "),
    "settle_steps": (
        lambda r: moved(r.settle_steps, 3, 2, 1),
        r"settle_steps\[2, 1\] of update 4: golden has \d+, the result \d+; 1 of 60 differ",
    ),
    "states": (lambda r: moved(r.states, 1, 4), r"states\[1, 4\]: golden has "),
    "errors": (lambda r: moved(r.errors, 2, 0), r"errors\[2, 0\]: golden has "),
    "velocities": (lambda r: moved(r.velocities, 2, 5), r"velocities\[2, 5\]: golden has 0.0, "),
    "unsettled": (lambda r: r.unsettled + 1, r"unsettled: golden has 0, the result 1"),
    "skipped": (lambda r: r.skipped + 1, r"skipped: golden has 0, the result 1"),
    "saturated": (
        lambda r: r.saturated | {"error": True},
        r"saturated of error: golden has False, the result True; 1 of 6 differ",
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_difference_is_named(result, name):
    change, said = PLANTED[name]
    with pytest.raises(CheckFailed, match=said):
        rbp.verify(replace(result, **{name: change(result)}), "golden")


def test_a_weight_is_named(result):
    weights = np.array(result.weights)
    weights[2, 3] += 2.0**-10
    with pytest.raises(CheckFailed, match=r"weights_raw\[2, 3\]: golden has .*; 1 of 36 differ"):
        rbp.verify(result.with_weights(weights), "golden")


def test_part_of_it_is_compared_with_the_result_too(result):
    wrong = replace(result, energy=moved(result.energy, 2))
    with pytest.raises(CheckFailed, match="energy of update 3: golden has .*, the result "):
        rbp.verify(wrong, "golden", 4)
    assert rbp.verify(wrong, "golden", 2).counts["energy"] == 2


def test_bad_input(result):
    later, other = rbp.train(result, 1), rbp.train(problem(), 3, engine="golden", seed=7)
    floats = rbp.train(problem(), 2, engine="float64")
    for arguments, said in (
        ((result, "verilog"), "engine must be .*verilog"),
        ((result, "float64"), "engine must be one of golden, .*, board, not 'float64'"),
        ((floats, "rtl"), "the engine of the result must be one of golden, .*, not 'float64'"),
        ((result, "golden", 11), "updates must be an integer, 1 … 10, not 11"),
        ((result, "golden", 0), "updates must be an integer, 1 … 10, not 0"),
        ((result, "golden", 1, later), "since has 11 updates, the result 10: expected fewer"),
        ((result, "golden", 1, other), "since is no point of this training"),
        ((replace(result, noise=1), "golden"), "noise 1: this version has noise 2"),
    ):
        with pytest.raises(InputError, match=said):
            rbp.verify(*arguments)
    with pytest.raises(TypeError, match="unexpected keyword argument 'seed'"):
        rbp.verify(result, seed=3)


def test_the_verb(result, tmp_path, capsys):
    path, wrong, point = (tmp_path / f"{name}.npz" for name in ("result", "wrong", "point"))
    result.save(point)
    rbp.train(result, 5).save(path)
    replace(result, states=moved(result.states, 0, 0)).save(wrong)
    verify = ["verify", str(path), "--engine", "golden"]
    assert main([*verify, "--since", str(point), "--updates", "2"]) == 0
    assert capsys.readouterr().out.startswith("golden and golden are equal in 2 E, 12 numbers of")
    assert main(["verify", str(wrong), "--engine", "golden"]) == 1
    assert capsys.readouterr().err.startswith("rbp: states[0, 0]: golden has ")
    assert main([*verify, "--since", str(path)]) == 2
    assert "expected fewer" in capsys.readouterr().err
