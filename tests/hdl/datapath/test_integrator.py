"""Integrator: Euler steps of x and of y, an element a cycle, against golden."""

from types import SimpleNamespace

import numpy as np
import pytest

from rbp.golden.config import Config
from rbp.golden.formats import PRESETS
from rbp.golden.integrator import backward_step, forward_step, targets_error
from rbp.golden.relaxation import Network
from rbp.hdl.datapath.integrator import Integrator
from rbp.hdl.timing import Timing
from tests.support import play, timeline, words

ALL = ("logistic", "tanh", "sin")
ELEMENT = ("unit", "slot", "backward", "fresh", "bank")
OPERANDS = ("x", "y", "slope", "target", "input")
FLAGS = ("clamp", "target", "input", "moves", "activation")


class Elements(SimpleNamespace):
    """Results on their way through the integrator: an array of each of their properties.

    ``is_clamp``, ``is_target``, ``is_input``, ``is_moves``, ``is_activation`` are the unit's
    flags. Where not ``valid``, an element is not there, where its unit does not move, it is
    nobody's: it must leave no trace but for the end of a sweep, which ``last`` is.
    """

    def __len__(self):
        return len(self.sum)

    @property
    def counts(self):
        return (self.valid == 1) & (self.is_moves == 1)

    def step(self, config, dt_shift):
        """What golden makes of them: adds the arrays ``moved_to``, ``step``, ``new_slope``, ``j``;
        returns Σ J² and the roles that saturated. Every element counts as a unit of its own."""
        self.moved_to, self.step_, self.new_slope, self.j = np.zeros((4, len(self)), np.int64)
        roles = set()
        for backward in (False, True):
            k = np.flatnonzero((self.backward == backward) & self.counts)
            network = Network(
                formats=config.formats,
                tables=config.tables,
                activation=self.is_activation[k],
                clamp_units=self.is_clamp[k] == 1,
                target_units=self.is_target[k] == 1,
                input_units=self.is_input[k] == 1,
            )
            sums, x = self.sum[None, k], self.x[None, k]
            if backward:
                j = targets_error(network, self.target[None, k], x, roles)
                y = np.where(self.fresh[None, k], 0, self.y[None, k])
                to, step = backward_step(network, sums, y, self.slope[None, k], j, dt_shift, roles)
                self.j[k] = j
            else:
                to, self.new_slope[k], step = forward_step(
                    network, sums, x, self.input[None, k], dt_shift, roles
                )
            self.moved_to[k], self.step_[k] = to, step
        first = self.j[self.fresh == 1]
        return int((first * first).sum()), roles


def still(config, count, **changes):
    """Elements that rest at 0: a BACKWARD's, not its first, of units that are nothing special."""
    e = Elements(
        **{name: np.zeros(count, np.int64) for name in (*ELEMENT, *OPERANDS, "sum", "last")}
    )
    for name in FLAGS:
        setattr(e, f"is_{name}", np.zeros(count, np.int64))
    e.valid, e.is_moves = np.ones((2, count), np.int64)
    for name, value in changes.items():
        setattr(e, name, np.broadcast_to(value, count).astype(np.int64))
    return e


def drawn(rng, config, count, dt_shift):
    """Elements of all kinds and sizes; a third of their steps within ±20 units, to meet ties."""
    f = config.formats
    e = still(config, count)
    e.valid, e.is_moves = (rng.random((2, count)) < 0.9).astype(np.int64)
    for name in ("backward", "fresh", "bank", "is_clamp", "is_target", "is_input"):
        setattr(e, name, rng.integers(0, 2, count))
    e.last = (rng.random(count) < 0.2).astype(np.int64)
    e.last[-1] = 1
    e.unit, e.slot = rng.integers(0, config.units, count), rng.integers(0, config.slots, count)
    e.is_activation = rng.integers(0, len(config.activations), count)
    for name, fmt in zip(OPERANDS, (f.state, f.error, f.slope, f.state, f.state), strict=True):
        setattr(e, name, words(rng, fmt, count))
    # sums: words of NET or ERROR and the bits below, ties among them; a few of the full width
    backward = e.backward == 1
    shift = np.where(
        backward, f.weight.fraction, f.weight.fraction + f.state.fraction - f.net.fraction
    )
    word = np.where(backward, words(rng, f.error, count), words(rng, f.net, count))
    below = np.where(rng.integers(0, 2, count), 1 << (shift - 1), rng.integers(0, 1 << shift))
    greatest = 1 << (config.sum_width - 2)
    beyond = rng.choice([-greatest, greatest - 1, *rng.integers(-greatest, greatest, 9)], count)
    e.sum = np.where(rng.integers(0, 8, count) == 0, beyond, (word << shift) + below)
    e.sum[~backward & (e.is_moves == 0)] = 0  # a row of nobody's has no weights
    # some near where they go: what x or y is, less a small step
    e.step(config, 0)
    near = e.moved_to - rng.integers(-20, 21, count)
    chosen = rng.integers(0, 3, count) == 0
    within = np.where(backward, np.clip(near, f.error.min, f.error.max), near)
    e.y = np.where(chosen & backward, within, e.y)
    e.x = np.where(chosen & ~backward, np.clip(near, f.state.min, f.state.max), e.x)
    return e


class Bursts:
    """Puts elements into a timeline, burst by burst, each after the one before has left."""

    def __init__(self, config):
        self.config, self.time, self.line = config, Timing(config), timeline()
        self.now, self.bursts = 0, []
        narrow = config.device.narrow
        product = self.time.integrator - 1 - 3 * narrow
        self.late = {"slope": product - self.time.multiplier, "input": product + narrow}
        self.before = product + 2 * narrow

    def add(self, elements, *, dt_shift=0, tolerance=0, use_within=0, errors=1):
        memory = self.time.memory
        energy, roles = elements.step(self.config, dt_shift)
        self.bursts.append((self.now, elements, tolerance, use_within, errors, energy, roles))
        self.line[self.now] |= {"clear": 1, "clear_energy": 1}
        end = self.now + 1 + len(elements) + self.time.integrator + 1
        for cycle in range(self.now, end):
            self.line[cycle] |= {
                "dt_shift": dt_shift,
                "tolerance": tolerance,
                "use_within": use_within,
                "errors": errors,
            }
        for k in range(len(elements)):
            cycle = self.now + 1 + k
            self.line[cycle] |= {"valid": elements.valid[k], "last": elements.last[k]}
            self.line[cycle]["sum"] = elements.sum[k]
            for name in ELEMENT:
                self.line[cycle][f"element.{name}"] = getattr(elements, name)[k]
            for name in OPERANDS:
                at = cycle + self.late.get(name, memory)
                if name != "y":
                    self.line[at][name] = getattr(elements, name)[k]
            for name in ("x", "y"):
                self.line[cycle + self.before][f"{name}_before"] = getattr(elements, name)[k]
            for name in FLAGS[: None if len(self.config.activations) > 1 else 4]:
                self.line[cycle + memory][f"flags.{name}"] = getattr(elements, f"is_{name}")[k]
        self.now = end

    def check(self):
        """Play, and compare everything that leaves, in its cycle; returns what was seen."""
        outputs = (
            "write_x write_c write_y write_bank write_slot write_unit write_data "
            "slope_write slope_slot slope_unit slope_data finish finishing moved far energy "
            "saturated.state saturated.error saturated.net"
        ).split()
        outputs += [f"{which}.{name}" for which in ("done", "closing") for name in ELEMENT]
        outputs += [f"{which}_read.{name}" for which in self.late for name in ("unit", "slot")]
        seen = play(Integrator(self.config), self.line, outputs, cycles=self.now)

        def came(flag, *names):
            return {c: tuple(seen[n][c] for n in names) for c, up in enumerate(seen[flag]) if up}

        narrow = self.config.device.narrow
        x, c, y, slope, finish = {}, {}, {}, {}, {}
        for now, e, tolerance, use_within, errors, energy, roles in self.bursts:
            begin = 0
            for k in np.flatnonzero((e.valid == 1) | (e.last == 1)):
                for name, late in self.late.items():
                    asked = now + 1 + int(k) + late - self.time.memory
                    assert seen[f"{name}_read.unit"][asked] == e.unit[k]
                    assert seen[f"{name}_read.slot"][asked] == e.slot[k]
                at = now + 1 + int(k) + self.time.integrator
                to = (e.slot[k], e.unit[k], e.moved_to[k])
                if e.counts[k] and e.backward[k]:
                    y[at] = to
                elif e.counts[k]:
                    x[at] = to
                    slope[at - 1 - 2 * narrow] = (e.slot[k], e.unit[k], e.new_slope[k])
                    if not (e.is_clamp[k] and errors):
                        c[at] = (e.bank[k], *to)
                if e.last[k]:
                    greatest = np.abs(e.step_[begin : k + 1]).max()
                    which = [getattr(e, name)[k] for name in ELEMENT]
                    finish[at] = (greatest > tolerance, greatest > use_within, *which)
                    closing = [seen[f"closing.{n}"][at - self.time.memory - 1] for n in ELEMENT]
                    assert closing == which
                    begin = k + 1
            end = now + 1 + len(e) + self.time.integrator
            assert seen["energy"][end] == energy
            assert {r for r in ("state", "error", "net") if seen[f"saturated.{r}"][end]} == roles
        place = ("write_slot", "write_unit", "write_data")
        assert came("write_x", *place) == x
        assert came("write_y", *place) == y
        assert came("write_c", "write_bank", *place) == c
        assert came("slope_write", "slope_slot", "slope_unit", "slope_data") == slope
        done = [f"done.{name}" for name in ELEMENT]
        assert came("finish", "moved", "far", *done) == finish
        notice = self.time.notice
        assert {c + notice for c, up in enumerate(seen["finishing"]) if up} == set(finish)
        return seen


CONFIGS = {
    "w16": Config(units=16, macs=4),
    "w18": Config(units=16, macs=4, preset="w18"),
    "w8": Config(units=16, macs=4, preset="w8"),
    "w16 three": Config(units=16, macs=4, activations=ALL),
    "w18 three ecp5": Config(units=16, macs=4, activations=ALL, preset="w18", family="ecp5"),
    "w8 three": Config(units=16, macs=4, activations=ALL, preset="w8"),
    "w16 ecp5": Config(units=16, macs=4, family="ecp5"),
    "w16 ice40hx": Config(units=16, macs=4, family="ice40hx"),
    "w8 sin": Config(units=1, macs=1, slots=64, activations=("sin",), preset="w8"),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_steps(name):
    """Both sweeps mixed, without a gap and with; every Δt; all that leaves, in its cycle."""
    config = CONFIGS[name]
    rng, bursts = np.random.default_rng(len(name)), Bursts(config)
    for dt_shift in range(config.dt_shifts + 1):
        e = drawn(rng, config, 250, dt_shift)
        bursts.add(e, dt_shift=dt_shift, tolerance=30, use_within=3000)
    bursts.check()
    assert all(roles == {"state", "error", "net"} for *_, roles in bursts.bursts)


@pytest.mark.parametrize("preset", PRESETS)
def test_ties_of_a_step(preset):
    """(goal − y) · 2^-k half way between two words, of both signs."""
    config = Config(units=16, macs=4, preset=preset)
    bursts = Bursts(config)
    ties = np.array([n for n in range(-21, 22, 2)])
    for dt_shift in range(1, config.dt_shifts + 1):
        differences = ties << (dt_shift - 1)
        e = still(config, len(ties), backward=1, y=-differences)
        bursts.add(e, dt_shift=dt_shift)
        assert e.step_.tolist() == ((ties + 1) >> 1).tolist()
    bursts.check()


@pytest.mark.parametrize("preset", ["w16", "w8"])
def test_limits_of_a_step(preset):
    """``moved`` and ``far`` change at the tolerance exactly, wherever in the sweep the step is."""
    config = Config(units=16, macs=4, preset=preset)
    rng, bursts = np.random.default_rng(11), Bursts(config)
    greatest = config.formats.error.max
    sizes = (1, 2, 3, 61, greatest >> 3)
    cases = [(size, k) for size in sizes for k in range(config.dt_shifts + 1)]
    for size, dt_shift in cases:
        for sign in (-1, 1):
            for extra in (-1, 0):  # limits below, and at, the step
                count = int(rng.integers(1, 6))
                y = np.zeros(count, np.int64)
                y[rng.integers(count)] = -sign * size << dt_shift
                e = still(config, count, backward=1, y=y)
                e.last[-1] = 1
                bursts.add(e, dt_shift=dt_shift, tolerance=size + extra, use_within=size)
                bursts.add(e, dt_shift=dt_shift, tolerance=size, use_within=size + extra)
    seen = bursts.check()
    flags = [
        (m, f)
        for m, f, up in zip(*(seen[n] for n in ("moved", "far", "finish")), strict=True)
        if up
    ]
    assert flags == [(1, 0), (0, 1), (0, 0), (0, 0)] * (2 * len(cases))


def test_the_greatest_limit():
    """From end to end of the format, a step is beyond every limit."""
    config = Config(units=16, macs=4, activations=("tanh",))
    f, bursts = config.formats, Bursts(config)
    for x, word in ((f.state.min, f.state.max), (f.state.max, f.state.min)):
        e = still(config, 1, x=x, input=word, is_input=1, last=1)
        bursts.add(e, tolerance=32767, use_within=32767)
    seen = bursts.check()
    assert [(seen["moved"][c], seen["far"][c]) for c, up in enumerate(seen["finish"]) if up] == [
        *[(1, 1)] * 2
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_energy(preset):
    """J² at the first step of y only, at the ends of the formats too."""
    config = Config(units=16, macs=4, preset=preset, slots=4)
    f, bursts = config.formats, Bursts(config)
    ends = np.array([f.state.min, f.state.max])
    count = config.units * config.slots
    for target, x in ((ends[0], ends[1]), (ends[1], ends[0]), (ends[0], 0), (3, 1)):
        for backward, fresh, is_target in ((1, 1, 1), (1, 0, 1), (0, 1, 1), (1, 1, 0)):
            e = still(
                config,
                count,
                backward=backward,
                fresh=fresh,
                is_target=is_target,
                target=target,
                x=x,
            )
            bursts.add(e)
    bursts.check()
    energies = [energy for *_, energy, _ in bursts.bursts]
    assert energies[0] == count * f.error.min**2
    assert [energy > 0 for energy in energies] == [True, False, False, False] * 4


def saturating(config):
    """Elements that saturate a single role, or that must not be noticed; the roles expected."""
    f = config.formats
    s, b = f.weight.fraction + f.state.fraction - f.net.fraction, f.weight.fraction
    far = 1 << (config.sum_width - 2)
    top, last = f.state.max, f.error.max
    # T − x is in units of STATE; J = 1 + its greatest word, where that exists
    wide = {"x": f.state.min, "target": top}
    back = {"backward": 1}
    return {
        "u above": ({"sum": far - 1}, {"net"}),
        "u below": ({"sum": -far}, {"net"}),
        "u rounds up beyond": ({"sum": (f.net.max << s) + (1 << (s - 1))}, {"net"}),
        "u at the top": ({"sum": (f.net.max << s) + (1 << (s - 1)) - 1}, set()),
        "u at the bottom": ({"sum": (f.net.min << s) - (1 << (s - 1))}, set()),
        "u of no one": ({"sum": far - 1, "valid": 0}, set()),
        "g + I of one that stays": (
            {"input": top, "is_input": 1, "is_moves": 0},
            set(),
        ),
        "J of one that stays": ({**back, **wide, "is_target": 1, "is_moves": 0}, set()),
        "b of one that stays": ({**back, "sum": far - 1, "is_moves": 0}, set()),
        "g + I": ({"input": top, "is_input": 1}, {"state"}),
        "g + I at the top": ({"input": top - (1 << (f.state.fraction - 1)), "is_input": 1}, set()),
        "I of no input": ({"input": top}, set()),
        "I of no one": ({"input": top, "is_input": 1, "valid": 0}, set()),
        "J in a FORWARD": ({**wide, "is_target": 1}, set()),
        "J": ({**back, **wide, "is_target": 1}, {"error"}),
        "J below": ({**back, "x": top, "target": f.state.min, "is_target": 1}, {"error"}),
        "J of no target": ({**back, **wide}, set()),
        "J of no one": ({**back, **wide, "is_target": 1, "valid": 0}, set()),
        "b above": ({**back, "sum": far - 1}, {"error"}),
        "b below": ({**back, "sum": -far}, {"error"}),
        "b rounds up beyond": ({**back, "sum": (last << b) + (1 << (b - 1))}, {"error"}),
        "b at the top": ({**back, "sum": (last << b) + (1 << (b - 1)) - 1}, set()),
        "b of a clamped unit": ({**back, "sum": far - 1, "is_clamp": 1}, set()),
        "b + J": ({**back, "sum": last << b, "target": 8, "is_target": 1}, {"error"}),
        "b + J of a clamped unit": (
            {**back, "sum": last << b, "target": 8, "is_target": 1, "is_clamp": 1},
            set(),
        ),
        "g'·e": ({**back, "sum": f.error.min << b, "slope": f.slope.min}, {"error"}),
        "g'·e at the top": ({**back, "sum": (f.error.min + 1) << b, "slope": f.slope.min}, set()),
        "Σ w·φ beyond NET in a BACKWARD": ({**back, "sum": 1 << b}, set()),
    }


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("family", ["generic", "ecp5"])
def test_saturation_by_role(preset, family):
    """Each provoked alone, in the middle of elements that rest."""
    config = Config(units=16, macs=4, preset=preset, family=family)
    bursts, cases = Bursts(config), saturating(config)
    for case, (changes, expected) in cases.items():
        e = still(config, 9)
        for name, value in changes.items():
            getattr(e, name)[4] = value
        bursts.add(e)
        assert bursts.bursts[-1][-1] == expected, case
    bursts.check()


def test_saturation_is_sticky():
    """Until it is cleared."""
    config = Config(units=16, macs=4)
    line = timeline()
    line[2] = {"valid": 1, "sum": 1 << (config.sum_width - 2)}
    line[2 + config.device.memory] = {"flags.moves": 1}
    line[40] = {"clear": 1}
    seen = play(Integrator(config), line, ["saturated.net"], cycles=60)["saturated.net"]
    assert seen == [0] * 4 + [1] * 37 + [0] * 19


@pytest.mark.parametrize("name", CONFIGS)
def test_latency(name):
    """Stages of its own besides the memory and the multiplier, more where tables are chosen.

    The sum, e, the product, the goal and the step are narrowed; e with the multiplier's registers.
    """
    config = CONFIGS[name]
    device, line = config.device, timeline()
    look_up = device.memory if len(config.activations) > 1 else device.narrow
    stages = {1: 4, 2: 8}[device.narrow]
    expected = look_up + device.memory + device.multiplier + stages
    line[5] = {"valid": 1, "last": 1}
    line[5 + device.memory] = {"flags.moves": 1}
    seen = play(Integrator(config), line, ["write_x", "finish"], cycles=5 + expected + 5)
    assert seen["write_x"].index(1) == seen["finish"].index(1) == 5 + Timing(config).integrator
    assert Timing(config).integrator == expected
