"""Networks for the tests of the whole core: golden machines, drawn from a seed."""

import numpy as np

from rbp.golden.features import Features
from rbp.golden.program import compile_program
from rbp.golden.relaxation import Network, Settling
from rbp.golden.training import Learning, Machine
from rbp.hdl.schedule import Schedule
from rbp.hdl.timing import Timing

__all__ = ["associative", "draw", "drawn_program", "equal", "example1", "on_schedule", "single"]


def drawn_program(config, seed):
    """The program of a network of so many units that a core holds, by chance with a short end."""
    rng, n = np.random.default_rng(seed), config.units
    held = int(rng.integers(0, max(1, n // 2)))
    connected = rng.random((n, n)) < rng.random()
    connected[:held] = False
    connected[int(rng.integers(held, n + 1)) :, held:] = False
    return compile_program(connected, config.macs, Timing(config).rules, held=held)


def draw(
    config,
    patterns,
    *,
    clamp=None,
    target=None,
    inputs=None,
    spread=0.8,
    present=1.0,
    connected=None,
    units=None,
    products=None,
    settling=None,
    learning=None,
    seed=1,
):
    """A machine of ``units``, by default all that the core holds; flags are N bool, ``inputs`` A×N
    float, ``present`` a share, or ``connected`` N×M bool."""
    rng, n, f = np.random.default_rng(seed), units or config.units, config.formats
    none = np.zeros(n, bool)
    clamp = none if clamp is None else clamp
    target = clamp if target is None else target
    columns = n if products is None else len(products)
    weights = f.weight.to_raw(rng.uniform(-spread, spread, (n, columns)))
    weights[weights == 0] = 1
    weights[rng.random(weights.shape) >= present] = 0
    if connected is not None:
        weights[~connected] = 0
    features = products and Features(n, products, f.state, *config.factor_tables)
    targets = np.where(clamp | target, rng.choice([0.1, 0.9], (patterns, n)), 0)
    inputs = np.zeros((patterns, n)) if inputs is None else inputs
    return Machine(
        Network(
            formats=f,
            tables=config.tables,
            activation=rng.integers(0, len(config.activations), n),
            clamp_units=clamp,
            target_units=target,
            input_units=(inputs != 0).any(axis=0),
            features=features,
        ),
        weights,
        f.state.to_raw(targets),
        f.state.to_raw(inputs),
        np.full((patterns, n), f.state.to_raw(0.5)),
        settling or Settling(dt_shift=0, tolerance=4, limit=64, use_within=64),
        learning or Learning(eta_shift=0, seed=seed),
    )


def associative(config, visible, patterns, **other):
    """A content-addressable memory: the first ``visible`` units clamped and targets (30)."""
    units = np.arange(config.units) < visible
    return draw(config, patterns, clamp=units, target=units, **other)


def example1(config, patterns, *, inputs=3, targets=4, **other):
    """Example 1: the first units have inputs, the last ones targets, none is clamped."""
    rng, n = np.random.default_rng(other.get("seed", 1)), config.units
    values = np.where(np.arange(n) < inputs, rng.uniform(-0.4, 0.4, (patterns, n)), 0)
    return draw(config, patterns, target=np.arange(n) >= n - targets, inputs=values, **other)


def single(config, weights, inputs, start, settling, learning=None):
    """Given weights, I and x(t0), the first unit a target of 0.5: for stability."""
    f, n = config.formats, config.units
    machine = draw(config, 1, target=np.arange(n) < 1, inputs=np.array([inputs], float))
    machine.weights = f.weight.to_raw(weights)
    machine.start = f.state.to_raw([start])
    machine.targets = f.state.to_raw(np.where(np.arange(n) < 1, 0.5, 0))[None, :]
    machine.settling, machine.learning = settling, learning or Learning(0, 1)
    return machine


def equal(result, machine, updates):
    """What a core has learned is what golden's machine learns, in every word."""
    relaxed = [machine.update() for _ in range(updates)]
    assert result.energy == [r.energy for r in relaxed]
    assert (result.settle_steps == np.stack([r.steps for r in relaxed])).all()
    assert (result.weights == machine.weights).all()
    assert (result.velocity == machine.velocity).all()
    assert (result.states == machine.x).all()
    assert (result.errors == machine.y).all()
    assert (result.unsettled, result.skipped) == (machine.unsettled, machine.skipped)


def on_schedule(result, config, machine, t=None):
    """A training from ``t``, by default the machine's, has taken the schedule's cycles.

    Not where patterns are loaded while it runs.
    """
    patterns = len(machine.targets)
    if patterns > config.lanes * config.slots:
        return
    schedule = Schedule(config, machine.structure)
    at = machine.t if t is None else t
    counted = schedule.cycles(result.settle_steps, machine.learning, patterns, at)
    assert result.cycles == counted
