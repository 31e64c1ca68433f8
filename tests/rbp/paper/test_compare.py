"""The rules that the paper's is compared with: that they are what they are called."""

import json
from dataclasses import replace

import numpy as np
import pytest

import rbp
from rbp.machine import machine
from rbp.paper import compare, figure1, lapedes, memories, networks, strip
from rbp.paper.plots import DOCS, studies
from rbp.settings import Settings

EPS = np.finfo(float).eps

# Lapedes and Farber


@pytest.mark.parametrize("dt_shift", [0, 1])
@pytest.mark.parametrize(
    "problem",
    [lapedes.network(8, 1), figure1.problem(3), lapedes.network(24, 2)],
    ids=["8 units", "Figure 1", "24 units"],
)
def test_both_ways_give_the_same_update(problem, dt_shift):
    """Both settle at (14), so they differ by rounding: of N products, carried by L⁻¹ twice."""
    reference = machine(problem, Settings(fixed_steps=600, dt_shift=dt_shift), "float64")
    ours, _ = lapedes.outer_product(reference)
    theirs, _ = lapedes.master_slave(reference)
    relaxed, n = reference.relax(), problem.units
    fed_back = np.where(reference.clamp_units, 0.0, reference.weights)
    carried = max(
        np.abs(np.linalg.inv(np.eye(n) - s[:, None] * fed_back)).sum(axis=1).max()
        for s in relaxed.slope
    )
    rounding = problem.patterns * 8 * n * EPS * carried**2
    assert np.abs(ours).max() > 1e6 * rounding
    assert np.abs(ours - theirs).max() <= rounding


@pytest.mark.parametrize("units", [5, 9])
def test_products_are_counted(units):
    """K steps of x, of y and of P: N² a step, or N³; and N² for what becomes of them."""
    reference = machine(lapedes.network(units, 1), Settings(fixed_steps=7), "float64")
    assert lapedes.outer_product(reference)[1] == (7 + 7 + 1) * units**2
    assert lapedes.master_slave(reference)[1] == 7 * units**2 + 7 * units**3 + 2 * units**2


def test_growth_with_n():
    record = lapedes.lapedes(sizes=(8, 16, 32, 64), seeds=2, repeats=1)
    ours, theirs = (
        lapedes.exponent(record["units"], values) for values in record["products"].values()
    )
    # powers of N but for the number of steps, which differs by a few in ten
    assert (round(ours), round(theirs)) == (2, 3)
    assert (
        np.array(record["products"]["master/slave"])
        > np.array(record["products"]["outer product (13)"])
    ).all()
    assert record["difference"] < 0.01


# Hopfield


def signs(stored, units, seed=1):
    return np.random.default_rng(seed).choice([-1.0, 1.0], (stored, units))


def test_hebb():
    patterns = signs(3, 20)
    w = memories.hebb(patterns)
    assert np.array_equal(w, w.T)
    assert not w.diagonal().any()
    assert w[2, 5] == pytest.approx((patterns[:, 2] * patterns[:, 5]).sum() / 20, rel=4 * EPS)
    one = patterns[:1]
    turned = one * np.where(np.arange(20) < 9, -1, 1)  # fewer than half
    recalled = memories.recall_signs(memories.hebb(one), turned, np.random.default_rng(1))
    assert np.array_equal(recalled, one)


def test_pseudo_inverse():
    """With its diagonal given back, d = 1 − (W ξ)_i / ξ_i, it is a projection: P ξ = ξ, P² = P."""
    patterns = signs(6, 20)
    w = memories.pseudo_inverse(patterns)
    rounding = 20 * 20 * EPS * np.linalg.cond(patterns)
    assert not w.diagonal().any()
    given_back = 1 - (patterns @ w.T) / patterns
    assert np.abs(given_back - given_back[0]).max() <= rounding  # the same for each pattern
    p = w + np.diag(given_back[0])
    assert np.abs(p @ p - p).max() <= 20 * rounding
    assert np.trace(p) == pytest.approx(6, abs=20 * rounding)


def test_a_sum_of_0_leaves_a_unit():
    cues = np.array([[1.0, -1.0, 0.0]])
    kept = memories.recall_signs(np.zeros((3, 3)), cues, np.random.default_rng(1))
    assert np.array_equal(kept, cues)


def test_recall_ends_where_nothing_changes():
    """Hopfield's energy falls, so the end is a fixed point of the signs."""
    patterns, rng = signs(8, 20), np.random.default_rng(2)
    w = memories.hebb(patterns)
    ends = memories.recall_signs(w, signs(30, 20, seed=3), rng)
    fields = ends @ w.T
    assert (fields * ends >= -20 * EPS).all()


def test_recall_beyond_the_capacity_of_hebb():
    """12 random patterns of 32 units, an eighth turned over: all come back by the paper's rule."""
    rng = np.random.default_rng(1)
    patterns, cues = memories._random(32, 12)(rng)
    assert ((patterns != cues).sum(axis=1) == 4).all()
    ends = memories.recalled(patterns, cues, rng)
    exact = {rule: (s == patterns).all(axis=1).mean() for rule, s in ends.items()}
    assert exact["recurrent backpropagation"] == 1
    assert exact["Hebb (Hopfield)"] < 0.5
    assert exact["Hebb (Hopfield)"] < exact["pseudo-inverse"] < 1


def test_digits_are_cued_by_their_upper_half():
    patterns, cues = memories._digits(10)(np.random.default_rng(1))
    assert patterns.shape == (10, 64)
    assert np.array_equal(cues[:, :32], patterns[:, :32])
    assert not cues[:, 32:].any()


# Deterministic and stochastic


def test_deterministic_trace_is_that_of_a_training():
    problem = figure1.problem(5)
    traces = compare.traces(problem, 80, np.random.default_rng(1))
    energy = rbp.train(problem, 21, engine="float64").energy
    assert traces["deterministic"] == energy.tolist()
    assert traces["stochastic"][0] == energy[0]
    assert traces["stochastic"][1:] != traces["deterministic"][1:]


def test_with_one_pattern_the_methods_are_one():
    problem = figure1.problem(5)
    one = replace(problem, targets=problem.targets[:1], inputs=problem.inputs[:1])
    traces = compare.traces(one, 20, np.random.default_rng(1))
    assert traces["stochastic"] == traces["deterministic"]
    assert len(traces["stochastic"]) == 21


def test_stochastic_is_one_update_a_draw():
    """The drawn pattern alone moves the weights (13): by hand, with the same draws."""
    problem = figure1.problem(5)
    traces = compare.traces(problem, 8, np.random.default_rng(7), eta_shift=-1)
    weights, rng = problem.weights, np.random.default_rng(7)
    for _ in range(2):
        for k in rng.integers(0, 4, 4):
            single = replace(
                problem, weights=weights, targets=problem.targets[[k]], inputs=problem.inputs[[k]]
            )
            weights = rbp.train(single, 1, engine="float64", eta_shift=-1).weights
    reference = machine(replace(problem, weights=weights), Settings(), "float64")
    assert traces["stochastic"][2] == reference.relax().energy / 2


def test_stochastic_learns():
    """Figure 1 by 1200 draws: as far as by 300 updates of 4 patterns, below .001."""
    traces = compare.traces(figure1.problem(), 1200, np.random.default_rng(1))
    assert traces["stochastic"][-1] < 0.001
    assert traces["deterministic"][-1] < 0.001


# Pictures


@pytest.mark.parametrize("name", compare.STUDIES)
def test_pictures_are_drawn_from_what_is_kept(name, tmp_path, capsys):
    kept = (DOCS / f"{name}.json").read_text()
    (tmp_path / f"{name}.json").write_text(kept)
    studies(compare.STUDIES, "", [name, "--draw", "--out", str(tmp_path)])
    assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((tmp_path / f"{name}.json").read_text()) == json.loads(kept)
    assert capsys.readouterr().out.startswith("wrote ")


def test_what_is_kept_says_what_is_claimed():
    """Every rule has a figure for every size, and the digits were not left out."""
    kept = json.loads((DOCS / "hopfield.json").read_text())
    assert [panel["title"] for panel in kept["panels"]] == list(memories.TABLES)
    for panel in kept["panels"]:
        assert {len(scores) for scores in panel["scores"].values()} == {len(panel["stored"])}


def test_memory_has_the_targets_of_its_signs():
    patterns = signs(3, 8)
    problem = memories.memory(patterns, np.random.default_rng(1))
    assert np.array_equal(problem.targets > 0.5, patterns > 0)
    assert set(problem.targets.round(12).flat) == {networks.OFF, networks.ON}


def test_strip_of_pictures():
    """Golden's words are the core's, so it stands in for it here."""
    record = strip.pictures(engine="golden")
    rows = {name: np.array(values) for name, values in record["rows"].items()}
    assert record["exact"] == 10
    assert list(rows) == ["stored", "cue", "1 step", "2 steps", "4 steps", "at rest"]
    away = [np.abs(values - rows["at rest"]).mean() for values in rows.values()]
    assert away[1] > away[2] > away[3] > away[4] > away[5] == 0
    figure = strip.draw_pictures(record)
    assert len(figure.axes) == 60
