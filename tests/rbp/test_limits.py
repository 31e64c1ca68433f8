"""Limits of machines and settings, each at its last value and one beyond."""

from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp.errors import CheckFailed, InputError
from rbp.golden.config import Config
from rbp.host.driver import Driver
from rbp.machine import machine, origin


def problem(patterns=3, units=2, **other):
    return rbp.Problem(
        weights=np.full((units, units), 0.1),
        targets=np.full((patterns, units), 0.5),
        target_units=np.ones(units, bool),
        **other,
    )


def test_a_result_keeps_its_batch():
    result = rbp.train(problem(), 2, "golden", batch=1)
    assert rbp.train(result, 1, batch=1).updates == 3
    with pytest.raises(InputError, match="batch 2 is not that of the result: expected 1"):
        rbp.train(result, 1, batch=2)


def test_float64_does_not_go_on_from_words():
    result = rbp.train(problem(), 2, "golden", start="last")
    assert rbp.train(result, 1, "golden").updates == 3
    with pytest.raises(InputError, match="engine float64 cannot go on from the last states"):
        rbp.train(result, 1, "float64")


def test_a_divergence_is_told():
    """x rests at 0, where the slope is 1, and y grows eightfold a step."""
    given = rbp.Problem(
        weights=[[7.9]],
        targets=[[0.5]],
        target_units=[True],
        initial_state=[0.0],
        activation="tanh",
    )
    with pytest.raises(CheckFailed, match="float64 diverged at update 1"):
        rbp.train(given, 3, "float64", fixed_steps=400, use_within=32767)


@pytest.mark.parametrize(("slots", "refill"), [(3, False), (4, True), (5, True), (6, False)])
def test_a_core_is_refilled_where_two_batches_fit(slots, refill):
    settings = rbp.Settings(batch=2, slots=slots)
    assert settings.config(problem(patterns=6)).refill is refill


def test_a_recall_draws_no_start():
    settings = rbp.Settings(start="random")
    assert settings.config(problem()).random_start
    assert settings.for_recall().start is None
    assert not settings.for_recall().config(problem()).random_start


@pytest.mark.parametrize(("patterns", "slots"), [(256, 256), (257, 8)])
def test_the_greatest_number_of_slots(patterns, slots):
    assert rbp.Settings(batch=8).config(problem(patterns=patterns)).slots == slots


def test_words_of_a_bank_in_spram():
    assert Config(units=128, macs=1, spram=True).entries == 16384
    with pytest.raises(ValueError, match="spram holds at most 16384"):
        Config(units=129, macs=1, spram=True)


def test_the_greatest_number_of_products():
    given = {"target_units": [True] * 90, "targets": np.zeros((1, 90)), "order": (0, 2)}
    core = rbp.Settings().config(rbp.Problem(weights=np.zeros((90, 4096)), **given))
    assert (core.columns, core.order) == (4096, 2)
    assert Config(units=90, macs=1, order=2, products=4096).columns == 4096
    with pytest.raises(ValueError, match="products must be 1 … 4096, not 4097"):
        Config(units=90, macs=1, order=2, products=4097)
    given = {"target_units": [True], "targets": [[0.5]], "products": [(0,)] * 4097}
    with pytest.raises(InputError, match="products must be 1 … 4096, not 4097"):
        rbp.Settings().config(rbp.Problem(weights=np.zeros((1, 4097)), **given))


@pytest.mark.parametrize("name", ["units", "lanes", "slots"])
def test_the_greatest_machine(name):
    most = {"units": 1024, "lanes": 8, "slots": 256}[name]
    smallest = {"units": 2, "macs": 1}
    Config(**smallest | {name: most})
    with pytest.raises(ValueError, match=name):
        Config(**smallest | {name: most + 1})


@pytest.mark.parametrize(("eta_shift", "fits"), [(-3, False), (-2, True), (1, True), (2, False)])
def test_eta_of_a_narrow_core(eta_shift, fits):
    """Its code is two bits; a value beyond them would be another η."""
    given, settings, _ = origin(problem())
    start = machine(given, settings, "golden")
    start.learning = replace(start.learning, eta_shift=eta_shift)
    requests = Driver(replace(settings.config(given), eta_shifts=(-2, 1))).load_settings(start)
    if fits:
        assert len(list(requests)) > 5
    else:
        with pytest.raises(InputError, match="eta_shift must be an integer, -2 … 1"):
            list(requests)
