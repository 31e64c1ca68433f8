"""Fixed points, stability, basins: against closed forms, differences, and the running network."""

import json

import numpy as np
import pytest

import rbp
from rbp.cli import main
from rbp.paper import analyse, basins, examples, figure1
from rbp.paper.analyse import nearest, plane
from rbp.paper.dynamics import DTS, SAME, Network, fixed_points, free_networks, stability, units_of
from rbp.paper.plots import DOCS

EPS = np.finfo(float).eps


def network(weights, inputs=None, activation="logistic"):
    n = len(weights)
    names = (activation,) * n if isinstance(activation, str) else activation
    return Network(
        np.array(weights, float), np.zeros(n) if inputs is None else inputs, units_of(names)
    )


def drawn(seed, n=6, spread=2.0):
    rng = np.random.default_rng(seed)
    names = tuple(rng.choice(["logistic", "tanh", "sin"], n))
    return network(rng.uniform(-spread, spread, (n, n)), rng.uniform(-0.5, 0.5, n), names)


def found(net, seed=1):
    low, high = net.box()
    return fixed_points(net, np.random.default_rng(seed).uniform(low, high, (400, net.units)))


@pytest.fixture(scope="module")
def trained():
    return rbp.train(figure1.problem(), 300, engine="golden", seed=figure1.SEED)


@pytest.fixture(scope="module")
def record(trained):
    return analyse.run(trained)


# Fixed points


def bisected(function, low, high):
    """Where an increasing function is 0."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) < 0 else (low, middle)
    return middle


def test_one_unit_with_three_fixed_points():
    """x = tanh 2x: at 0, where λ = 1 − 2, and at ±x*, where λ = 1 − 2 (1 − x*²)."""
    net = network([[2.0]], activation="tanh")
    top = bisected(lambda x: x - np.tanh(2 * x), 0.5, 1)
    points = np.sort(found(net)[:, 0])
    # what is left of x − g is rounding; by L it is carried at most 1/|λ| as far
    assert np.abs(points - [-top, 0, top]).max() < 4 * EPS / abs(1 - 2 * (1 - top**2))
    middle, upper = stability(net, np.zeros(1)), stability(net, np.array([top]))
    assert middle["eigenvalues_x"] == [[-1.0, 0.0]]
    assert (middle["index"], upper["index"]) == (-1, 1)
    assert (middle["flow_stable"], upper["flow_stable"]) == (False, True)
    assert upper["eigenvalues_y"][0][0] == pytest.approx(1 - 2 * (1 - top**2), rel=8 * EPS)


@pytest.mark.parametrize("seed", range(8))
def test_they_are_fixed_and_distinct(seed):
    net = drawn(seed)
    points = found(net)
    assert len(points) >= 1
    # a sum of N products of |w x|, a rounding each
    rounding = 4 * net.units * EPS * (1 + 2 * np.abs(net.weights).sum(axis=1).max())
    assert np.abs(points - net.image(points)).max() <= rounding
    apart = np.abs(points[:, None] - points).max(axis=2) + np.eye(len(points))
    assert apart.min() > SAME
    assert sum(stability(net, p)["index"] for p in points) == 1


def test_a_missing_one_shows_in_the_index():
    net = network([[2.0]], activation="tanh")
    points = found(net)
    assert sum(stability(net, p)["index"] for p in points) == 1
    for k in range(3):
        assert sum(stability(net, p)["index"] for p in np.delete(points, k, axis=0)) != 1


def test_singular_l():
    """tanh, w = 1, at 0: L is exactly 0, and Newton goes on."""
    net = network([[1.0]], activation="tanh")
    assert np.abs(fixed_points(net, np.array([[0.0]]))).max() == 0


# Stability


@pytest.mark.parametrize("seed", range(4))
def test_l_is_minus_the_derivative_of_the_flow(seed):
    """(12) by central differences of x − g(W x) − I; they are off by h² g‴ |w|³ / 6 and ε / h."""
    net, h = drawn(seed), 2.0**-12
    point = found(net)[:1]
    shifted = h * np.eye(net.units)

    def residual(x):
        return x - net.image(x)

    l = ((residual(point + shifted) - residual(point - shifted)) / (2 * h)).T
    bound = h * h * 2 * np.abs(net.weights).max() ** 3 / 6 + 8 * EPS / h  # |g‴| ≤ 2
    assert np.abs(l - net.linear(point)[0]).max() <= bound


@pytest.mark.parametrize("seed", range(8))
def test_x_and_y_have_the_same_eigenvalues(seed):
    """Almeida: those of I − GW and of I − GWᵀ. Each is a root of the other's polynomial."""
    net = drawn(seed)
    for point in found(net):
        told = stability(net, point)
        gain = np.diag(net.slope(point[None])[0])
        of_y = np.eye(net.units) - gain @ net.weights.T
        for re, im in told["eigenvalues_x"]:
            shifted = of_y - (re + 1j * im) * np.eye(net.units)
            sizes = np.linalg.svd(shifted, compute_uv=False)
            assert sizes[-1] <= 1e3 * EPS * np.linalg.norm(of_y) ** 2
        for name in ("eigenvalues_x", "eigenvalues_y"):
            total = np.sum(told[name], axis=0)
            expected = [np.trace(np.eye(net.units) - gain @ net.weights), 0]
            assert total == pytest.approx(expected, abs=100 * EPS * np.linalg.norm(of_y))


def test_what_is_called_stable_holds():
    """A state beside a fixed point, after many Euler steps: nearer where the map is stable, gone
    where it is not. Both are seen at each Δt."""
    seen = set()
    nets = [drawn(seed) for seed in range(6)] + [network([[-8.0]]), network([[5, -6], [6, 5]])]
    for net in nets:
        for point in found(net):
            told = stability(net, point)
            lam = np.array(told["eigenvalues_x"]) @ (1, 1j)
            for k, dt in enumerate(DTS):
                radius = np.abs(1 - float(dt) * lam).max()
                if abs(np.log(radius)) < 0.01:
                    continue  # too slow to tell
                x = point + 1e-7 * np.random.default_rng(1).uniform(-1, 1, net.units)
                for _ in range(int(np.ceil(12 / abs(np.log(radius))))):
                    x = x + 2.0**-k * (net.image(x[None])[0] - x)
                stays = np.abs(x - point).max() < 1e-7
                assert stays == told["euler_stable"][str(dt)]
                seen.add((str(dt), stays))
    assert len(seen) == 2 * len(DTS)


@pytest.mark.parametrize("name", ["cycle", "cycle-input", "cycle-symmetric"])
def test_weights_that_settle_at_half_a_step(name):
    told = analyse.run(examples.find(name).problem(), dt_shift=1)["networks"][0]
    (point,) = told["fixed_points"]
    assert point["flow_stable"]
    assert point["euler_stable"] == {"1": False, "1/2": True, "1/4": True, "1/8": True}
    assert (told["unsettled_share"], point["share"], told["settles_at"]) == (0, 1, [0])
    expected = {"cycle": 0.18519, "cycle-input": 0, "cycle-symmetric": 0.19897}[name]
    assert np.round(point["x"], 5) == pytest.approx(expected, abs=0)


@pytest.mark.parametrize("name", ["spiral", "spiral-bias", "spiral-tanh"])
def test_weights_that_never_settle(name):
    problem = examples.find(name).problem()
    told = analyse.run(problem)["networks"][0]
    (point,) = told["fixed_points"]
    assert not point["flow_stable"]
    assert not any(point["euler_stable"].values())
    assert (told["unsettled_share"], told["settles_at"]) == (1, [-1])
    for dt_shift in (1, 2, 3):
        ((net, _, starts),), _ = free_networks(problem)
        assert not net.settle(starts, dt_shift)[1].any()


# Basins


def test_patterns_rest_where_recall_says(trained, record):
    (told,) = record["networks"]
    points = np.array([p["x"] for p in told["fixed_points"]])
    problem = trained.problem
    cues = np.where(problem.clamp_units, problem.targets, 0.5)
    states = rbp.recall(trained, cues, engine="float64", tolerance=0, step_limit=5000).values
    assert len(set(told["settles_at"])) == 4
    assert np.abs(points[told["settles_at"]] - states).max() <= SAME
    for k in told["settles_at"]:
        assert told["fixed_points"][k]["flow_stable"]
    assert told["index_sum"] == 1
    assert sum(p["share"] for p in told["fixed_points"]) == 1


def test_cut_is_what_the_network_does(trained, record):
    (told,), grid = record["networks"], analyse.GRID
    cut, points = told["cut"], np.array([p["x"] for p in told["fixed_points"]])
    labels = np.array(cut["labels"])
    assert labels.shape == (grid, grid)
    assert len(set(labels.flat)) >= 3
    a, b = (np.linspace(cut["low"][k], cut["high"][k], grid) for k in (0, 1))
    g = units_of(trained.problem.activation)
    for row, column in np.random.default_rng(1).integers(0, grid, (40, 2)):
        x = np.array(cut["origin"]) + np.array([a[column], b[row]]) @ cut["directions"]
        for _ in range(3000):  # Δt = 1
            x = g((trained.weights @ x)[None], 0)[0]
        assert np.abs(points - x).max(axis=1).argmin() == labels[row, column]


def test_plane():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(3, 7))
    origin, directions = plane(points)
    assert directions @ directions.T == pytest.approx(np.eye(2), abs=20 * EPS)
    inside = (points - origin) @ directions.T @ directions + origin
    assert np.abs(inside - points).max() < 40 * EPS * np.abs(points).max()
    along = np.stack([points[0], points[1], 2 * points[1] - points[0]])  # no plane yet
    assert np.linalg.matrix_rank(plane(along)[1]) == 2
    assert np.array_equal(plane(points[:, :2])[1], np.eye(2))
    assert plane(np.array([[0.5]]))[1].tolist() == [[1], [0]]


def test_nearest():
    points = np.array([[0.0, 0.0], [1.0, 1.0]])
    ends = np.array([[0.9, 1.0], [0.1, 0.0], [1.0, 1.0]])
    assert nearest(points, ends, np.array([True, True, False])).tolist() == [1, 0, -1]
    assert nearest(points[:0], ends, np.ones(3, bool)).tolist() == [-1, -1, -1]


def test_each_input_by_itself():
    told = analyse.run(examples.find("populations").problem())
    assert told["inputs"] == 4
    assert [n["patterns"] for n in told["networks"]] == [[0], [1], [2], [3]]
    problem = examples.find("populations").problem()
    assert [n["inputs"] for n in told["networks"]] == problem.inputs.tolist()


# The jumps of Figure 1


def test_jumps_of_figure_1():
    e_master, e_slave, told = basins.jumps(figure1.SEED, updates=40, engine="golden")
    trace = figure1.run(engine="golden", updates=40)
    assert e_master == trace["e_master"]
    # jumps of the slave are seen at the updates at which the integers jump
    greatest = np.argsort(np.diff(trace["e_slave"][1:]))[:2] + 2
    assert sorted(greatest) == [jump["updates"] for jump in told]
    assert [jump["kind"] for jump in told] == ["born", "born"]
    for jump in told:
        change = e_slave[jump["updates"]] - e_slave[jump["updates"] - 1]
        assert abs(change - jump["change"]) < 0.1  # the others hardly move


def test_a_birth_and_a_crossing():
    """Of what is kept in docs: the attractor that is new, and the one that was there before."""
    kept = json.loads((DOCS / "basins.json").read_text())
    born, crossed = kept["cases"]
    for case, new in ((born, True), (crossed, False)):
        before, after = case["panels"]
        at = [_start_label(panel["cut"]) for panel in (before, after)]
        assert at[0] != at[1]
        assert after["stable"][at[1]]
        assert (before["fixed_points"][at[1]] is None) == new
        assert before["stable"][at[0]]
    kinds = [jump["kind"] for jump in kept["jumps"]]
    assert kinds.count("born") > kinds.count("crossed") > 0
    # the same again, with a coarser grid
    again = basins.case(kept["cases"][1], grid=9)
    for old, new in zip(crossed["panels"], again["panels"], strict=True):
        assert new["e_slave"] == pytest.approx(old["e_slave"], rel=1e-6)


def _start_label(cut):
    """The label of the point of the grid nearest to the start, which is the plane's origin."""
    low, high = np.array(cut["low"]), np.array(cut["high"])
    column, row = np.rint(-low / (high - low) * (cut["grid"] - 1)).astype(int)
    return cut["labels"][row][column]


def test_pictures_are_drawn_from_what_is_kept(tmp_path):
    figure = basins.draw(json.loads((DOCS / "basins.json").read_text()))
    assert len(figure.axes) == 5
    figure.savefig(tmp_path / "basins.png")
    assert (tmp_path / "basins.png").read_bytes().startswith(b"\x89PNG")


# The additive form (3)


def test_additive_form():
    """du/dt = −u + W g(u) + K with K = W I: u = W x at every step, and x = g(u) + I at rest.

    One follows from the other by a linear map, so if u(t0) = W x(t0) all that parts them is the
    rounding of N products a step, and a step stretches that by 1 − Δt + Δt ‖W‖ / 4 at most, here
    less than 1.
    """
    rng, n, dt = np.random.default_rng(4), 9, 0.5
    w, i = rng.uniform(-0.6, 0.6, (n, n)), rng.uniform(-0.5, 0.5, n)
    g = units_of(("logistic",) * n)
    x = rng.uniform(0, 1, n)
    u, k = w @ x, w @ i
    norm = np.abs(w).sum(axis=1).max()
    gain = 1 - dt + dt * norm / 4
    assert gain < 1
    rounding = 8 * n * EPS * (1 + norm) ** 2 / (1 - gain)
    moved = np.abs(w @ x - (w @ i + w @ g(u[None], 0)[0])).max()
    for _ in range(400):
        x = x + dt * (-x + g((w @ x)[None], 0)[0] + i)
        u = u + dt * (-u + w @ g(u[None], 0)[0] + k)
        assert np.abs(u - w @ x).max() <= rounding
    assert moved > 1e6 * rounding  # it did move
    assert np.abs(x - (g(u[None], 0)[0] + i)).max() <= rounding
    assert np.abs(u - (w @ g(u[None], 0)[0] + k)).max() <= rounding


# The command


def test_command(tmp_path, capsys):
    examples.find("cycle-symmetric").problem().save(tmp_path / "p.npz")
    out = tmp_path / "made" / "here"
    assert main(["analyse", str(tmp_path / "p.npz"), "--dt-shift", "1", "--out", str(out)]) == 0
    text, err = capsys.readouterr()
    assert err == ""
    assert "fixed points found: 1, stable: 1" in text
    assert "Euler stable at Δt = 1/2, 1/4, 1/8; 100% of random states" in text
    assert sorted(p.name for p in out.iterdir()) == sorted(analyse.FILES)
    assert (out / "analyse.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "analyse.json").read_text())["dt_shift"] == 1


def test_command_takes_a_result_and_its_step(tmp_path, capsys):
    problem = examples.find("cycle").problem()
    rbp.train(problem, 3, engine="golden", dt_shift=1).save(tmp_path / "r.npz")
    assert main(["analyse", str(tmp_path / "r.npz"), "--out", str(tmp_path / "out")]) == 0
    assert json.loads((tmp_path / "out" / "analyse.json").read_text())["dt_shift"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.npz"], "cannot read missing.npz"),
        (["p.npz", "--dt-shift", "4"], "dt_shift must be an integer, 0 … 3, not 4"),
        (["p.npz", "--seed", "-1"], "seed must be an integer of at least 0, not -1"),
        (["p.npz", "--out", "p.npz"], "cannot write to p.npz"),
        (["bad.npz"], "weights[0, 0] = 9 is out of range"),
        (["cues.npz"], "holds cues"),
        ([], "required"),
    ],
)
def test_bad_input(arguments, message, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    examples.find("cycle").problem().save("p.npz")
    rbp.Problem(weights=[[9.0]], targets=[[0.5]], target_units=[True]).save("bad.npz")
    np.savez("cues.npz", initial_state=np.zeros((1, 1)))
    before = sorted(tmp_path.rglob("*"))
    assert main(["analyse", *arguments]) == 2
    out, err = capsys.readouterr()
    assert (out, len(err.splitlines())) == ("", 1)
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before


def test_help_has_an_example(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["analyse", "--help"])
    assert stop.value.code == 0
    assert "example: rbp analyse" in capsys.readouterr().out
