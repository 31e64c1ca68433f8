"""Files of the version before units were held: read as ever; of its noise nothing is continued.

In ``old`` are problems of rbp 0.1.0, and results of its xor: 500 updates at η = 2, and 5 of
``--rounding nearest --start last --momentum-shift 2``. Only their compression is new.
"""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import rbp
from rbp.cli import main
from rbp.errors import InputError
from rbp.paper import examples
from rbp.result import NOISE

OLD = Path(__file__).parent / "old"


def old(name):
    return rbp.Result.load(OLD / f"{name}.npz")


@pytest.mark.parametrize("name", ["xor", "second-order-xor"])
def test_problems(name, capsys):
    read, made = rbp.Problem.load(OLD / f"{name}.npz"), examples.find(name).problem()
    for key, array in made.arrays().items():
        assert np.array_equal(read.arrays()[key], array), key
    assert main(["info", str(OLD / f"{name}.npz")]) == 0
    assert ": a problem\n" in capsys.readouterr().out


def test_a_result_is_read(tmp_path, capsys):
    result = old("result")
    assert (result.noise, result.updates) == (1, 500)
    assert main(["info", str(OLD / "result.npz")]) == 0
    said = capsys.readouterr().out
    assert "500 updates on engine golden\n" in said
    assert "made with the noise of an earlier version\n" in said
    result.save(tmp_path / "r.npz")
    assert rbp.Result.load(tmp_path / "r.npz").noise == 1
    pruned = result.with_weights(np.where(abs(result.weights) < 1, 0, result.weights))
    assert pruned.noise == 1


def test_it_recalls_what_it_did(tmp_path, capsys):
    """The words that 0.1.0 came to, a step earlier: what is held is at rest from the start."""
    result = old("result")
    cues = {"initial_state": result.problem.start, "inputs": result.problem.inputs}
    for engine in ("golden", "rtl"):
        states = rbp.recall(result, cues, engine)
        assert states.states[:, -1].tolist() == [1940, 14635, 14511, 1687]
        assert states.settle_steps.tolist() == [3] * 4
    np.savez(tmp_path / "test.npz", **cues, targets=result.problem.targets)
    argv = ["score", OLD / "result.npz", "--data", tmp_path / "test.npz", "--engine", "golden"]
    assert main(list(map(str, argv))) == 0
    assert capsys.readouterr().out.startswith("4 of 4 right")


@pytest.mark.parametrize("engine", ["golden", "rtl"])
def test_without_noise_it_goes_on(engine):
    """The weights of three more updates are those that 0.1.0 learned."""
    on = rbp.train(old("last"), 3, engine)
    assert (on.updates, on.noise) == (8, NOISE)
    assert on.weights_raw[3:].tolist() == [
        [7717, -3807, -2491, 0, 0, 0, 0],
        [-8332, 2732, -2373, 0, 0, 0, 0],
        [3121, -2482, 4061, 0, 0, 0, 0],
        [1936, 0, 0, 2884, 5111, -6919, 0],
    ]
    assert rbp.train(on, 1, rounding="stochastic").updates == 9


def test_of_its_noise_nothing_goes_on(tmp_path, capsys):
    path, out = OLD / "result.npz", tmp_path / "r.npz"
    for argv in (["train", "--updates", "3"], ["testbench"]):
        assert main([argv[0], str(path), *argv[1:], "--out", str(out)]) == 2
        assert capsys.readouterr().err == (
            "rbp: the result cannot go on with rounding stochastic: the noise is another one since "
            "it was made; train its problem anew (result.problem in Python), or expected rounding "
            "nearest\n"
        )
        assert not out.exists()
    argv = ["train", path, "--updates", 3, "--rounding", "nearest", "--out", out]
    assert main(list(map(str, argv))) == 0
    assert rbp.Result.load(out).noise == NOISE
    assert rbp.train(old("result").problem, 1, "golden").noise == NOISE


@pytest.mark.parametrize(
    ("change", "refused", "instead"),
    [
        ({"start": "random"}, "start random", "start fixed"),
        ({"method": "stochastic"}, "method stochastic", "method deterministic and batch 1"),
        (
            {"rounding": "stochastic", "start": "random"},
            "rounding stochastic and start random",
            "rounding nearest and start fixed",
        ),
    ],
)
def test_nor_what_was_drawn(change, refused, instead):
    result = old("last")
    settings = replace(result.settings, start=None)
    batch = 1 if "method" in change else 4
    result = replace(
        result,
        settings=replace(settings, **{"batch": batch} | change),
        settle_steps=result.settle_steps[:, :batch],
    )
    with pytest.raises(InputError, match=f"{refused}: the noise is .* expected {instead}$"):
        rbp.train(result, 1)
    other = {"method": "deterministic", "start": "fixed", "rounding": "nearest"}
    assert rbp.train(result, 1, **{name: other[name] for name in change}).updates == 6
    assert rbp.train(replace(result, noise=NOISE), 1).updates == 6


def test_float64_takes_no_noise():
    """It draws, but does not round."""
    assert rbp.train(old("result"), 1, "float64").updates == 501
    with pytest.raises(InputError, match="cannot go on with start random:"):
        rbp.train(old("result"), 1, "float64", start="random")


def test_a_pickle_of_then():
    state = dict(vars(old("result")))
    del state["noise"]
    result = object.__new__(rbp.Result)
    result.__setstate__(state)
    assert result.noise == 1
    assert pickle.loads(pickle.dumps(result)).noise == 1
    assert pickle.loads(pickle.dumps(replace(result, noise=NOISE))).noise == NOISE


@pytest.mark.parametrize("noise", [0, NOISE + 1, [1, 2], 1.5])
def test_a_noise_that_is_none(noise, tmp_path, capsys):
    """Of a later version, say."""
    with np.load(OLD / "result.npz") as file:
        np.savez(tmp_path / "r.npz", **dict(file) | {"noise": noise})
    assert main(["info", str(tmp_path / "r.npz")]) == 2
    assert "noise must be " in capsys.readouterr().err
