"""The problems that ship: what they are, how well they are learned, and plain backpropagation."""

import shlex
import sys
from dataclasses import fields, replace

import numpy as np
import pytest

import rbp
from rbp.cli import main, parser
from rbp.golden.formats import PRESETS
from rbp.machine import machine
from rbp.paper import examples, figure1, networks
from rbp.paper.dynamics import fixed_points, free_networks
from rbp.settings import Settings

EPS = np.finfo(float).eps
DIGITS = ("digits", "digit-memory")

# E_total of float64 after the updates, to two digits, and how far golden may be from it: the
# scatter over seeds of the rounding noise, found in trials of the formats.
LEARNED = {
    "figure1": ("0.00054", 0.15),
    "association": ("0.01", 0.15),
    "xor": ("0.00031", 0.10),
    "free": ("0.0018", 0.10),
    "tanh-memory": ("0.0039", 0.10),
    "sin-memory": ("0.0026", 0.15),
    "populations": ("0.012", 0.05),
    "second-order": ("4.2e-06", 0.3),
    "third-order": ("1.3e-05", 0.3),
    "mixed-orders": ("0.016", 0.10),
    "second-order-memory": ("7.1e-06", 0.3),
}


def made(name):
    return examples.find(name).problem()


def built(flags):
    """Of an example's flags those of a machine that holds its problem: no method, no batch."""
    return {k: v for k, v in flags.items() if k in ("eta_shift", "dt_shift", "seed")}


# What they are


@pytest.mark.parametrize("name", examples.EXAMPLES)
def test_example(name):
    """Fits the formats, is the same each time, and has flags that exist."""
    example, problem = examples.find(name), made(name)
    assert example.name == name
    assert example.description
    assert "\n" not in example.description
    few = {k: getattr(problem, k)[:4] for k in ("targets", "inputs")}  # some hold a great many
    raw = replace(problem, **few).to_raw(Settings(**built(example.flags)))
    assert np.array_equal(raw.weights != 0, problem.connected)
    again = made(name)
    for field in fields(problem):
        assert np.array_equal(getattr(problem, field.name), getattr(again, field.name)), field.name
    assert example.flags["updates"] >= 1
    assert set(example.flags) - {"updates"} <= {f.name for f in fields(Settings)}


@pytest.mark.parametrize("example", examples.EXAMPLES.values(), ids=lambda e: e.name)
def test_command_that_is_printed(example):
    """It is understood by ``rbp train``, and means the flags."""
    program, *argv = shlex.split(examples.command(example, "a b.npz"))
    assert program == "rbp"
    arguments = vars(parser()[0].parse_args(argv))
    assert (arguments["source"], arguments["out"]) == ("a b.npz", "result.npz")
    named = {f.name for f in fields(Settings)} | {"updates"}
    assert {k: v for k, v in arguments.items() if k in named} == example.flags


# How well they are learned


@pytest.mark.parametrize("name", LEARNED)
def test_learning(name):
    (energy, tolerance), flags = LEARNED[name], dict(examples.find(name).flags)
    updates, problem = flags.pop("updates"), made(name)
    exact, golden = (
        rbp.train(problem, updates, engine=engine, **flags) for engine in ("float64", "golden")
    )
    assert f"{exact.energy[-1]:.2g}" == energy
    assert abs(golden.energy[-1] - exact.energy[-1]) <= tolerance * exact.energy[-1]
    assert golden.energy[-1] < golden.energy[0] / 50
    assert golden.skipped == 0


def test_stochastic():
    """One pattern in each update: four times the mean of what a hundred of them find is E_total."""
    flags = dict(examples.find("figure1-stochastic").flags)
    updates, problem = flags.pop("updates"), made("figure1-stochastic")
    for engine in ("float64", "golden"):
        result = rbp.train(problem, updates, engine=engine, **flags)
        assert result.settle_steps.shape == (1200, 1, 2)
        assert 4 * result.energy[-100:].mean() < 0.001
        assert 4 * result.energy[:100].mean() > 0.1


def test_concurrent():
    """x, y and w move side by side: E_total is that of the last turn of four."""
    flags = dict(examples.find("figure1-concurrent").flags)
    updates, problem = flags.pop("updates"), made("figure1-concurrent")
    exact, golden = (
        rbp.train(problem, updates, engine=engine, **flags).energy[-4:].sum()
        for engine in ("float64", "golden")
    )
    assert f"{exact:.2g}" == "0.0041"
    assert abs(golden - exact) <= 0.05 * exact


@pytest.mark.parametrize("engine", ["float64", "golden"])
def test_parity_by_momentum(engine):
    flags = dict(examples.find("parity").flags)
    updates, problem = flags.pop("updates"), made("parity")
    result = rbp.train(problem, updates, engine=engine, **flags)
    assert result.energy[0] > 1
    assert result.energy[-1] < 0.001


@pytest.mark.parametrize("name", ["figure1-stochastic", "figure1-concurrent", "parity"])
def test_methods_on_the_core(name, tmp_path):
    """RTL = golden; and a file, cut and taken up again, makes no difference."""
    flags = dict(examples.find(name).flags) | {"updates": 60}
    updates, problem = flags.pop("updates"), made(name)
    golden = rbp.train(problem, updates, engine="golden", **flags)
    rbp.train(problem, 25, "rtl", **flags).save(tmp_path / "r.npz")
    core = rbp.train(rbp.Result.load(tmp_path / "r.npz"), updates - 25)
    for field in ("weights_raw", "velocities", "states", "errors", "energy", "settle_steps"):
        assert np.array_equal(getattr(core, field), getattr(golden, field)), field
    assert core.velocities.any() == (name == "parity")
    assert 0 < core.utilisation < 1


@pytest.mark.parametrize(("name", "first"), [("xor", 1), ("second-order-xor", 0)])
def test_exclusive_or_on_the_core(name, first):
    """With hidden units in first order; without, by products, in second: learned and answered."""
    flags, problem = dict(examples.find(name).flags), made(name)
    result = rbp.train(problem, flags.pop("updates"), "rtl", **flags)
    assert result.energy[-1] < 0.001
    out = np.flatnonzero(problem.target_units)
    cues = {"initial_state": problem.start, "inputs": problem.inputs}
    answers = rbp.recall(result, cues, "rtl").values[:, out] > 0.5
    bits = problem.inputs[:, first : first + 2] > problem.inputs.min() / 2
    assert answers[:, 0].tolist() == (bits[:, 0] ^ bits[:, 1]).tolist()
    assert answers.sum() == 2
    if name == "second-order-xor":
        linear = replace(
            problem,
            order=1,
            weights=problem.weights[:, :3],
            connected=problem.connected[:, :3],
        )
        assert rbp.train(linear, 200, engine="golden", **flags).energy[-1] > 0.2


@pytest.mark.parametrize(
    "name", ["second-order", "third-order", "mixed-orders", "second-order-memory"]
)
def test_higher_orders_on_the_core(name, tmp_path):
    """RTL = golden to the end; and a file, cut and taken up again, makes no difference."""
    flags = dict(examples.find(name).flags)
    updates, problem = flags.pop("updates"), made(name)
    golden = rbp.train(problem, updates, engine="golden", **flags)
    rbp.train(problem, 50, "rtl", **flags).save(tmp_path / "r.npz")
    core = rbp.train(rbp.Result.load(tmp_path / "r.npz"), updates - 50)
    for field in ("weights_raw", "states", "errors", "energy", "settle_steps"):
        assert np.array_equal(getattr(core, field), getattr(golden, field)), field
    if name == "second-order-memory":  # recalled with a unit of eight turned over
        turned = np.where(
            np.eye(10, dtype=bool)[[0, 4, 6, 7]], 1 - problem.targets, problem.targets
        )
        cues = np.where(problem.target_units, turned, 0.5)
        found = rbp.recall(core, cues, "rtl")
        assert np.array_equal(found.states, rbp.recall(core, cues, engine="golden").states)
        right = (found.values > 0.5) == (problem.targets > 0.5)
        assert right[:, problem.target_units].all()


@pytest.mark.parametrize("engine", ["float64", "golden"])
def test_digit_memory(engine):
    """Ten pictures, each recalled exactly from its upper half."""
    problem = made("digit-memory")
    result = rbp.train(problem, 200, engine=engine, eta_shift=-1)
    states = rbp.recall(result, networks.half_digits(problem), engine=engine)
    assert ((states.values > 0.5) == (problem.targets > 0.5)).all()


def test_digits():
    """Training set and test set share no picture, and cues are what the network was trained on."""
    problem, (cues, labels) = made("digits"), networks.digits_test()
    assert problem.targets.shape == (1437, 95)
    assert cues["inputs"].shape == (360, 95)
    assert len(labels) == 360
    assert sorted(set(labels)) == list(range(10))
    assert (problem.targets[:, -10:].argmax(axis=1)[:5] == networks.digits()[1][:5]).all()
    used = problem.inputs.any(axis=0)
    assert not used[0]  # the bias
    assert not cues["inputs"][:, ~used].any()
    pictures, _ = networks.digits()
    assert np.array_equal(cues["inputs"][:, 1:65], pictures[1437:] - 0.5)


def test_digits_are_learned():
    """Golden as well as float64, and as a layered network of this size should; ahead of chance by
    far, and near a logistic regression, which 800 × 16 pictures do not let it reach."""
    linear = pytest.importorskip("sklearn.linear_model")
    problem, (cues, labels) = made("digits"), networks.digits_test()
    flags = dict(examples.find("digits").flags)
    updates = flags.pop("updates")
    accuracy = {}
    for engine in ("float64", "golden"):
        result = rbp.train(problem, updates, engine=engine, **flags)
        answers = rbp.recall(result, cues, engine=engine).values[:, -10:].argmax(axis=1)
        accuracy[engine] = (answers == labels).mean()
    assert accuracy["float64"] > 0.9
    assert abs(accuracy["golden"] - accuracy["float64"]) <= 0.01
    pictures, digits = networks.digits()
    regression = linear.LogisticRegression(max_iter=3000).fit(pictures[:1437], digits[:1437])
    assert accuracy["golden"] > regression.score(pictures[1437:], labels) - 0.03


def test_digits_on_the_core():
    """1,437 patterns by way of 16 slots, and the answers to 40 pictures: RTL = golden."""
    problem, (cues, _) = made("digits"), networks.digits_test()
    flags = dict(examples.find("digits").flags) | {"updates": 8}
    updates = flags.pop("updates")
    golden = rbp.train(problem, updates, engine="golden", **flags)
    core = rbp.train(problem, updates, "rtl", macs=32, **flags)
    for field in ("weights_raw", "states", "errors", "energy", "settle_steps"):
        assert np.array_equal(getattr(core, field), getattr(golden, field)), field
    few = {name: values[:40] for name, values in cues.items()}
    answers = [rbp.recall(core, few, engine=engine).states for engine in ("rtl", "golden")]
    assert np.array_equal(*answers)


# Oscillation


@pytest.mark.parametrize("engine", ["float64", "golden"])
@pytest.mark.parametrize("name", ["cycle", "cycle-input", "cycle-symmetric"])
def test_settles_only_at_half_a_step(name, engine):
    problem = made(name)
    alternating, settled = (
        machine(problem, Settings(dt_shift=k), engine).relax(errors=False) for k in (0, 1)
    )
    assert alternating.unsettled.all()
    assert not settled.unsettled.any()
    ((network, _, starts),), _ = free_networks(problem)
    (point,) = fixed_points(network, starts)
    state = PRESETS["w16"].state
    x = settled.x[0] if engine == "float64" else state.to_float(settled.x[0])
    # At rest a step of Δt = ½ is at most 2 units, so x − F(x) is at most 4 and what is rounded: in
    # golden the shift, 2 units, the table, 1, and u, half a unit of NET (4 of STATE), times g' ≤ ¼.
    # L⁻¹ carries it to x; over so small a distance it changes by less than a hundredth.
    units = 4 + (0 if engine == "float64" else 2 + 1 + 0.5 * 4 / 4)
    inverse = np.linalg.inv(network.linear(point[None])[0])
    carried = np.abs(inverse).sum(axis=1).max()
    assert np.abs(x - point).max() <= 1.01 * carried * units * 2.0**-state.fraction


@pytest.mark.parametrize("engine", ["float64", "golden"])
@pytest.mark.parametrize("name", ["spiral", "spiral-bias", "spiral-tanh"])
def test_never_settles(name, engine):
    """Nothing is learned: every update is skipped, at every Δt."""
    problem = made(name)
    for dt_shift in range(4):
        result = rbp.train(problem, 2, engine=engine, dt_shift=dt_shift)
        assert result.skipped == 2
        assert np.array_equal(result.weights[problem.connected], problem.weights[problem.connected])


# Backpropagation is the special case


def textbook(weights, biases, inputs, targets):
    """Backpropagation as in any textbook: layers of logistic units, E = ½ Σ (t − a)².

    ``weights[l]`` is n_l×n_{l−1}, ``biases[l]`` n_l; ``inputs`` A×n_0 are the first layer's
    activations. Returns the activations of each layer, and −∂E/∂W and −∂E/∂b of each, summed over
    the patterns.
    """
    activations = [inputs]
    for w, b in zip(weights, biases, strict=True):
        activations.append(1 / (1 + np.exp(-(activations[-1] @ w.T + b))))
    by_weight, by_bias = [], []
    delta = (targets - activations[-1]) * activations[-1] * (1 - activations[-1])
    for layer in reversed(range(len(weights))):
        by_weight.insert(0, delta.T @ activations[layer])
        by_bias.insert(0, delta.sum(axis=0))
        below = activations[layer]
        delta = (delta @ weights[layer]) * below * (1 - below)
    return activations, by_weight, by_bias


SIZES = [(2, 3, 1), (3, 5, 4, 2), (2, 2, 2, 2, 2)]


def feed_forward(sizes, seed):
    """A layered problem, all of whose numbers are words of w16, and where each layer stands."""
    rng, f = np.random.default_rng(seed), PRESETS["w16"]

    def words(fmt, values):
        return fmt.to_float(fmt.to_raw(values))

    problem = networks.layered(
        sizes,
        words(f.state, rng.uniform(0, 1, (4, sizes[0]))),
        words(f.state, rng.uniform(0.1, 0.9, (4, sizes[-1]))),
        spread=2,
        seed=seed,
    )
    ends = 1 + np.cumsum((0, *sizes))
    layers = [slice(*pair) for pair in zip(ends[:-1], ends[1:], strict=True)]
    return replace(problem, weights=words(f.weight, problem.weights)), layers


def as_textbook(problem, layers):
    """The arguments of :func:`textbook`: the bias is a unit that sits at g(0) = ½."""
    w, pairs = problem.weights, list(zip(layers[1:], layers[:-1], strict=True))
    return (
        [w[upper, lower] for upper, lower in pairs],
        [w[upper, 0] / 2 for upper, _ in pairs],
        0.5 + problem.inputs[:, layers[0]],
        problem.targets[:, layers[-1]],
    )


def as_matrix(problem, layers, by_weight, by_bias):
    """−∂E/∂w of the textbook where the network keeps its weights; the chain rule for the bias."""
    step = np.zeros_like(problem.weights)
    for upper, lower, w, b in zip(layers[1:], layers[:-1], by_weight, by_bias, strict=True):
        step[upper, lower], step[upper, 0] = w, b / 2
    return step


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_layers_are_strictly_lower_triangular(sizes):
    problem, _ = feed_forward(sizes, 1)
    assert not np.triu(problem.connected).any()
    # no connection but those of the layers and of the bias
    expected = sum(n * (m + 1) for m, n in zip(sizes[:-1], sizes[1:], strict=True))
    assert problem.connected.sum() == expected


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_float64_is_backpropagation(sizes, seed):
    """Δt = 1, as many steps as there are layers behind the first, which is held: the textbook's
    update, to rounding.

    Each number is a sum of at most N products, rounded in each, and the error of a layer reaches
    the next times ‖W‖ / 4 at most, in x and again in y.
    """
    problem, layers = feed_forward(sizes, seed)
    _, by_weight, by_bias = textbook(*as_textbook(problem, layers))
    expected = as_matrix(problem, layers, by_weight, by_bias)
    depth, n = len(sizes) - 1, problem.units
    norms = [np.abs(problem.weights[:, 1:]).sum(axis=k).max() for k in (0, 1)]  # not the bias
    rounding = problem.patterns * 8 * n * EPS * (1 + max(norms) / 4) ** (2 * len(sizes))
    reference = machine(problem, Settings(fixed_steps=depth), "float64")
    reference.update()
    step = reference.weights - problem.weights
    assert rounding < 1e-6 * np.abs(expected).max()  # it says something
    assert np.abs(step - expected).max() <= rounding
    short = machine(problem, Settings(fixed_steps=depth - 1), "float64")
    short.update()
    assert np.abs(short.weights - problem.weights - expected).max() > 100 * rounding


@pytest.mark.parametrize("engine", ["float64", "golden"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_steps_to_settle_are_the_depth(sizes, engine):
    """As many steps as layers behind the first, of x from any start and of y; one more shows that
    nothing moves."""
    problem, _ = feed_forward(sizes, 1)
    start = np.random.default_rng(1).uniform(-1, 1, problem.targets.shape)
    relaxed = machine(replace(problem, initial_state=start), Settings(), engine).relax()
    assert not relaxed.unsettled.any()
    of_x, of_y = relaxed.steps.T
    assert (of_x == len(sizes)).all()
    # an error that is within the tolerance before it reaches the first hidden layer stops there
    assert of_y.max() == len(sizes)


def bounds(problem, layers, activations, f):
    """How far golden's x and y may be from the textbook's, the greatest of each layer.

    Forward: u is rounded to half a unit of NET and carries the error of the layer below times the
    sums of |w|; the table adds a unit. Backward: J and b carry theirs, b half a unit of rounding; y
    is g' times that, |g'| ≤ ¼, with g' off by a unit and by |g''| ≤ 0.0963 times that of u, and
    rounded to half a unit.
    """
    state, error, net, slope = (2.0**-fmt.fraction for fmt in (f.state, f.error, f.net, f.slope))
    blocks = list(zip(layers[1:], layers[:-1], strict=True))
    bias = state
    dx, du = [2 * state], [0.0]
    for upper, lower in blocks:
        w = problem.weights[upper]
        rows = np.abs(w[:, lower]).sum(axis=1).max()
        du.append(net / 2 + rows * dx[-1] + np.abs(w[:, 0]).max() * bias)
        dx.append(state + du[-1] / 4)
    e, de = np.abs(problem.targets[:, layers[-1]] - activations[-1]).max(), dx[-1]
    dy, y = [], []
    for k in reversed(range(len(layers))):
        dg = slope + 0.0963 * du[k]
        dy.insert(0, error / 2 + (e + de) * dg + de / 4)
        y.insert(0, e / 4)
        if k:
            columns = np.abs(problem.weights[layers[k], layers[k - 1]]).sum(axis=0).max()
            e, de = columns * y[0], error / 2 + columns * dy[0]
    return dx, dy, y


@pytest.mark.parametrize("preset", ["w16", "w18"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_golden_is_backpropagation(sizes, preset):
    """The textbook's update within what the formats do to it: y·x of both errors, and half a unit
    of WEIGHT for each pattern."""
    problem, layers = feed_forward(sizes, 1)
    activations, by_weight, by_bias = textbook(*as_textbook(problem, layers))
    expected = as_matrix(problem, layers, by_weight, by_bias)
    settings = Settings(preset=preset, rounding="nearest", fixed_steps=len(sizes) - 1)
    golden = machine(problem, settings, "golden")
    f, before = golden.network.formats, golden.weights
    golden.update()
    step = f.weight.to_float(golden.weights - before)
    dx, dy, y = bounds(problem, layers, activations, f)
    assert not golden.saturated
    half = 0.5 * 2.0**-f.weight.fraction
    for k, (upper, lower) in enumerate(zip(layers[1:], layers[:-1], strict=True), start=1):
        bound = problem.patterns * (half + y[k] * dx[k - 1] + (1 + dx[k - 1]) * dy[k])
        off = np.abs(step - expected)[upper]
        assert max(off[:, lower].max(), off[:, 0].max()) <= bound
    assert np.abs(step - expected).max() < 0.05 * np.abs(expected).max()


# The command


def test_command(tmp_path, capsys):
    path = tmp_path / "free.npz"
    assert main(["example", "free", "--out", str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    train = shlex.split(out.splitlines()[-1])
    assert train[:3] == ["rbp", "train", str(path)]
    saved, given = rbp.Problem.load(path), made("free")
    assert np.array_equal(saved.weights, given.weights)
    assert np.array_equal(saved.inputs, given.inputs)
    assert main([*train[1:-1], str(tmp_path / "r.npz"), "--engine", "golden"]) == 0
    assert rbp.Result.load(tmp_path / "r.npz").settings.dt_shift == 1


def test_list(capsys):
    assert main(["example", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(examples.EXAMPLES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["and", "--out", "p.npz"], "example must be one of figure1, "),
        (["xor"], "--out"),
        (["--out", "p.npz"], "a name"),
        ([], "--list"),
        (["xor", "--list"], "--list takes neither"),
        (["--list", "--out", "p.npz"], "--list takes neither"),
        (["xor", "--out", "no/p.npz"], "there is no folder"),
    ],
)
def test_bad_input(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["example", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err
    assert not list(tmp_path.iterdir())


def test_digits_are_those_of_scikit_learn():
    found = pytest.importorskip("sklearn.datasets").load_digits()
    pictures, labels = networks.digits()
    order = np.random.default_rng(1).permutation(1797)
    assert np.array_equal(pictures * 16, found.data[order])
    assert np.array_equal(labels, found.target[order])


@pytest.mark.parametrize("name", DIGITS)
def test_digits_without_scikit_learn(name, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn", None)
    assert main(["example", name, "--out", str(tmp_path / "p.npz")]) == 0
    assert (tmp_path / "p.npz").exists()


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["example", "--help"])
    assert stop.value.code == 0
    assert "example: rbp example" in capsys.readouterr().out


def test_figure1_is_that_of_figure1():
    example = examples.find("figure1")
    assert np.array_equal(example.problem().weights, figure1.problem().weights)
    assert example.flags["seed"] == figure1.SEED
