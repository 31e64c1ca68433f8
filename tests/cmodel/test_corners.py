"""The compiled model where chance does not go: ends of formats, sizes, calls after calls."""

import _thread
import copy
import signal
import threading
from dataclasses import replace

import numpy as np
import pytest

from rbp.cmodel.model import Model
from rbp.golden.features import monomials
from rbp.golden.formats import PRESETS
from rbp.golden.relaxation import Settling
from rbp.golden.structure import Structure
from rbp.golden.training import Learning, Machine
from tests.cmodel.drawn import FIELDS, OWN, differences, drawn, network

SETTLING = Settling(dt_shift=0, tolerance=2, limit=6, use_within=32767)


def filled(name, n, patterns, weights, state, **options):
    """A machine whose weights and targets are given words, every unit clamped and a target."""
    learning = options.pop("learning", Learning())
    every = np.ones(n, bool)
    net = network(name, n, clamp_units=every, target_units=every, **options)
    words = np.full((patterns, n), state)
    weights = np.array(weights, np.int64)
    return Machine(net, weights, words, 0 * words, words.copy(), SETTLING, learning)


@pytest.mark.parametrize("name", [*PRESETS, *OWN])
@pytest.mark.parametrize("units", [1, 2, 15, 17, 33])
def test_words_at_their_ends(name, units):
    f = (PRESETS | OWN)[name]
    if name == "long" and units > 2:
        units = 2  # golden's sums must stay below 2^53
    for w in (f.weight.min, f.weight.max, 1, -1):
        for state in (f.state.min, f.state.max, 0, -1):
            for near in (None, 5):
                machine = filled(
                    name, units, 3, np.full((units, units), w), state, learning=Learning(1, near)
                )
                assert differences(machine) == []


def absent(preset, momentum=None):
    """y and φ at their lowest: at η = 2 a weight of −1 stays in its format, one of 0 would not.

    x is far from T, and tanh as steep as can be, so y stays where it is.
    """
    f, n = PRESETS[preset], 20
    weights = np.zeros((n, n), int)
    weights[0, :3] = weights[5, ::7] = weights[6] = -1
    learning = Learning(1, 3, keep=True, friction=momentum)
    options = {"activations": ("tanh",), "learning": learning}
    machine = filled(preset, n, 1, weights, f.state.min, **options)
    machine.x = np.full_like(machine.x, f.state.max)
    machine.y = np.full_like(machine.y, f.error.min)
    machine.settling = Settling(dt_shift=8, tolerance=0, limit=1, use_within=0, fixed=True)
    return machine


@pytest.mark.parametrize(
    ("preset", "momentum"), [*((p, None) for p in PRESETS), ("w16", 0), ("w18", 3)]
)
def test_what_is_absent_says_nothing(preset, momentum):
    assert differences(absent(preset, momentum), (1,)) == []
    assert differences(absent(preset, momentum)) == []


def test_what_is_absent_is_at_the_corner():
    """None of the weights that are there is clamped."""
    machine = absent("w16")
    machine.update()
    assert "weight" not in machine.saturated
    assert machine.weights.max() == machine.network.formats.weight.max


def late(preset="w16", skip=False, patterns=2):
    """Products that do not fit once x has moved: only an update that is made says so."""
    f, n = PRESETS[preset], 3
    flags = dict.fromkeys(("input_units", "target_units"), np.ones(n, bool))
    net = network(preset, n, products=((0, 1), (0, 0), (2,)), **flags)
    inputs = np.full((patterns, n), f.state.to_raw(1.2))
    settling = Settling(dt_shift=0, tolerance=0, limit=1, use_within=0, fixed=not skip)
    return Machine(net, np.ones((n, 3), int), inputs, inputs, 0 * inputs, settling)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("patterns", [1, 2, 23])
@pytest.mark.parametrize("skip", [False, True])
def test_products_at_the_end(preset, patterns, skip):
    """Of 23 patterns, some lanes of the last relaxation hold what an earlier one has left."""
    machine = late(preset, skip, patterns)
    assert differences(machine) == []
    machine.update()
    assert ("state" in machine.saturated) == (not skip)


def long_fold():
    """Second order at w18 with all words at their ends: sums of derivatives beyond 63 bits."""
    f, n = PRESETS["w18"], 88
    products, every = monomials(n, (2,)), np.ones(n, bool)
    flags = {"input_units": every, "target_units": every}
    net = network("w18", n, products=products, activations=("sin",), **flags)
    lowest = np.full((1, n), f.state.min)
    weights = np.full((n, len(products)), f.weight.min)
    settling = Settling(dt_shift=8, tolerance=0, limit=1, use_within=0, fixed=True)
    learning, y = Learning(keep=True), np.full((1, n), f.error.min)
    return Machine(net, weights, lowest, lowest, lowest, settling, learning, y=y)


def test_long_fold():
    assert differences(long_fold(), (1,)) == []


def sparse(n, products=None, preset="w16", seed=1, share=0.01, learning=None, batch=4):
    rng = np.random.default_rng(seed)
    columns = len(products) if products else n
    f = PRESETS[preset]
    weights = rng.integers(f.weight.min, f.weight.max, (n, columns))
    weights[rng.random((n, columns)) > share] = 0
    target = np.arange(n) >= n - max(1, n // 8)
    clamp = np.arange(n) < n // 3
    net = network(preset, n, products=products, clamp_units=clamp, target_units=target)
    words = rng.integers(f.state.min, f.state.max, (2 * batch, n))
    targets = np.where(target | clamp, words, 0)
    learning = learning or Learning(-2, 9, batch=batch)
    return Machine(net, weights, targets, 0 * words, words // 2, SETTLING, learning)


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(("units", "share"), [(1024, 0.004), (513, 0.05), (300, 0.9)])
def test_large(preset, units, share):
    assert differences(sparse(units, preset=preset, share=share), (1, 1)) == []


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize(
    ("units", "degrees"), [(24, (1, 2)), (9, (3,)), (8, (0, 1, 2, 3)), (40, (2,))]
)
@pytest.mark.parametrize("share", [1.0, 0.1])
def test_products(preset, units, degrees, share):
    machine = sparse(units, monomials(units, degrees), preset, share=share)
    assert differences(machine, (1, 2)) == []


def test_more_than_a_block_of_patterns():
    for batch in (15, 16, 17, 33):
        for threads in (1, 2, 5):
            assert differences(sparse(12, share=0.7, batch=batch), threads=threads) == []


def test_a_batch_longer_than_the_patterns():
    for keep in (False, True):
        machine = sparse(9, share=0.7, learning=Learning(0, 4, batch=11, keep=keep))
        assert differences(machine) == []


@pytest.mark.parametrize("seed", range(40))
def test_other_units_are_held(seed):
    """Than those that have to be: units with weights, all that are no targets."""
    machine = drawn(2 * 10**7 + seed)
    held = np.random.default_rng(seed).random(len(machine.weights)) < (0.1, 0.5, 1.1)[seed % 3]
    held &= ~machine.network.target_units
    features = machine.network.features
    structure = Structure(machine.weights != 0, held, features and features.products)
    learning = replace(machine.learning, start_seed=None) if held.all() else machine.learning
    kept = {"y": np.where(held, 3, machine.y), "x": machine.x}
    assert differences(replace(machine, structure=structure, learning=learning, **kept)) == []


def equal(one, other):
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)


@pytest.mark.parametrize("seed", range(20))
def test_golden_goes_on(seed):
    """Updates by the model and by golden in turn, and settings that change in between."""
    machine = drawn(10**7 + seed)
    twin = copy.deepcopy(machine)
    model = Model(twin)
    for k in range(3):
        machine.update(), machine.update()
        model.update(), twin.update()
        assert equal(machine, twin)
        for m in (machine, twin):
            m.settling = replace(m.settling, limit=3 + k)


@pytest.mark.parametrize("seed", range(10))
def test_relax_alone(seed):
    """The relaxation of an update without what follows."""
    machine = sparse(14, share=0.5, seed=seed, learning=Learning(0, 1, batch=3, start_seed=1))
    twin = copy.deepcopy(machine)
    relaxed, ended = machine.relax(), Model(twin).relax()
    for name in ("x", "y", "steps", "unsettled", "skip", "energy"):
        assert np.array_equal(getattr(relaxed, name), getattr(ended, name)), name
    assert equal(machine, twin)


def test_several_at_once():
    """Models in threads of their own: the same as one after the other."""
    machines = [sparse(40, share=0.5, seed=k, learning=Learning(0, k)) for k in range(6)]
    twins = copy.deepcopy(machines)
    models = [Model(twin, threads=1 + k % 2) for k, twin in enumerate(twins)]
    threads = [threading.Thread(target=model.train, args=(200,)) for model in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for machine, twin in zip(machines, twins, strict=True):
        Model(machine).train(200)
        assert equal(machine, twin)


def test_stop():
    machine = sparse(30, share=0.5)
    twin = copy.deepcopy(machine)
    trained = Model(machine).train(10**7, stop=lambda: True)
    assert 0 < len(trained.energy) < 10**7
    assert len(trained.steps) == len(trained.unsettled) == len(trained.energy)
    assert machine.t == 4 * len(trained.energy)
    again = Model(twin).train(len(trained.energy))
    assert (again.energy == trained.energy).all()
    assert equal(machine, twin)


@pytest.mark.parametrize("after", [0.02, 0.06, 0.15])
def test_an_interrupt_ends_an_update(after):
    """Wherever it comes, the machine is that of a whole number of updates."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in the background
    machine = sparse(30, share=0.5)
    twin = copy.deepcopy(machine)
    model = Model(machine)
    timer = threading.Timer(after, _thread.interrupt_main)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            model.train(10**7)
    finally:
        signal.signal(signal.SIGINT, before)
    Model(twin).train(machine.t // 4)
    assert equal(machine, twin)


def test_no_updates():
    trained = Model(sparse(5, share=1.0)).train(0)
    assert trained.steps.shape == (0, 4, 2)


def test_a_model_is_not_copied():
    with pytest.raises(TypeError, match="copy its machine"):
        copy.deepcopy(Model(sparse(5, share=1.0)))


def test_what_is_refused():
    machine = sparse(5, share=1.0)
    wide = replace(machine.network.formats.weight, integer=20)
    formats = replace(machine.network.formats, weight=wide)
    wrong = {
        "limit": {"settling": replace(SETTLING, limit=0)},
        "shift of an update": {"learning": Learning(40)},
        "format weight": {"network": replace(machine.network, formats=formats)},
        "targets": {"targets": machine.targets + 2**20},
    }
    for name, change in wrong.items():
        with pytest.raises(ValueError, match=name):
            Model(replace(machine, **change))
