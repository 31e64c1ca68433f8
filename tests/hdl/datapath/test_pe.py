"""Processing element: its sweeps, alone and in a chain, cycle by cycle against golden."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest
from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from rbp.golden import pe as golden
from rbp.golden.config import FAMILIES, Config
from rbp.golden.formats import PRESETS
from rbp.golden.noise import BITS, noise
from rbp.hdl.datapath.pe import PE, token_layout
from rbp.hdl.timing import LANE_SKEW, Timing
from tests.support import corners, play, timeline, words

FAMILY_NAMES = ("generic", "ice40hx", "ecp5")


class Chain(wiring.Component):
    """P processing elements, joined as in a lane."""

    def __init__(self, config):
        self.config = config
        f, p = config.formats, config.macs
        word, total = signed(f.weight.width), signed(config.sum_width)
        momentum = {
            "presents": In(1).array(p),
            "presents_o": Out(1).array(p),
            "roundings": Out(BITS + 1).array(p),
        }
        super().__init__(
            {
                "i": In(token_layout(config)),
                "y": In(signed(f.error.width)),
                "weights": In(word).array(p),
                "partial": In(total),
                "sums": Out(total).array(p),
                "valids": Out(1).array(p),
                "written": Out(word).array(p),
                "clipped": Out(1).array(p),
                **(momentum if config.momentum else {}),
            }
        )

    def elaborate(self, platform):
        m = Module()
        token, partial, macs = self.i, self.partial, self.config.macs
        for p in range(macs):
            m.submodules[f"pe_{p}"] = pe = PE(self.config, head=p == 0, tail=p == macs - 1)
            m.d.comb += [
                pe.i.eq(token),
                pe.y.eq(self.y),
                pe.weight.eq(self.weights[p]),
                pe.partial.eq(partial),
                self.sums[p].eq(pe.sum),
                self.valids[p].eq(pe.valid),
                self.written[p].eq(pe.weight_o),
                self.clipped[p].eq(pe.clipped),
            ]
            if self.config.momentum:
                m.d.comb += [
                    pe.present.eq(self.presents[p]),
                    self.presents_o[p].eq(pe.present_o),
                    self.roundings[p].eq(pe.rounding),
                ]
            token, partial = pe.o, pe.passed
        return m


class Sweeps:
    """Writes sweeps of one block of P rows into a timeline, one behind the other, and what golden
    says must come of them, in the cycles that :class:`rbp.hdl.timing.Timing` gives."""

    def __init__(self, config):
        self.config, self.time, self.line = config, Timing(config), timeline()
        self.now = 0
        rows = range(config.macs)
        self.results = [{} for _ in rows]
        """Of each PE, cycle: sum."""
        self.words = [{} for _ in rows]
        """Of each PE, cycle: weight written."""
        self.clips = [set() for _ in rows]
        self.presents = [{} for _ in rows]
        """With momentum, cycle: what goes on."""
        self.roundings = [{} for _ in rows]
        """With momentum, cycle: noise, 13 bits."""

    def _token(self, cycle, stage, **fields):
        """Fields of a token stand on the input the cycle before they do in PE 0."""
        for name, value in fields.items():
            self.line[cycle + stage - 1][f"i.{name}"] = value

    def _weights(self, stage, weights):
        for p, row in enumerate(weights):
            for j, w in enumerate(row):
                self.line[self.now + j + stage + p][f"weights.{p}"] = w

    def _latch(self, y):
        """y_p stands on the distribution bus when the first token is about to reach PE p."""
        self._token(self.now, self.time.operand - 1, latch=1)
        for p, word in enumerate(y):
            self.line[self.now + self.time.operand - 1 + p]["y"] = word

    def forward(self, weights, phi):
        time, last = self.time, len(phi) - 1
        self._latch(np.full(len(weights), -1))
        self._weights(time.operand, weights)
        for j, word in enumerate(phi):
            self._token(self.now + j, time.operand, phi=word)
            self._token(self.now + j, time.add, first=j == 0)
            self._token(self.now + j, time.result, forward=j == last)
        for p, u in enumerate(golden.forward(weights, phi[None])[0]):
            self.results[p][self.now + last + time.result + p] = u
        self.now += len(phi)

    def backward(self, weights, y, partial=None):
        """``partial`` sums come from the block before; without, this is the first."""
        time, columns = self.time, weights.shape[1]
        self._latch(y)
        self._weights(time.operand, weights)
        sums = golden.backward(weights, y[None])[0]
        for j in range(columns):
            self._token(self.now + j, time.operand - 1, backward=1)
            self._token(self.now + j, time.operand, phi=j - 2)
            self._token(self.now + j, time.add, take=1, first=partial is None)
            self._token(self.now + j, time.result, column=1)
            if partial is not None:
                self.line[self.now + j + time.add]["partial"] = partial[j]
                sums[j] += partial[j]
            end = self.now + j + time.result + len(weights) - 1
            self.results[-1][end] = sums[j]
        self.now += columns

    def update(self, weights, y, phi, r, eta_shift, present=None):
        """``r``: noise of each row, of which the first enters; None rounds to nearest.

        With momentum, ``weights`` are velocities, of weights that are ``present``.
        """
        time, config = self.time, self.config
        self._latch(y)
        self._weights(time.add, weights)
        for j, word in enumerate(phi):
            self._token(self.now + j, time.operand, phi=word, update=1)
            self._token(self.now + j, time.shift, shift=eta_shift - config.eta_shifts[0])
            noise = {"half": 1} if r is None else {"noise": r[0, j] >> (16 - BITS)}
            self._token(self.now + j, time.add, learn=1, take=1, **noise)
        fmt = config.learned
        shift = config.formats.update_shift(fmt) - eta_shift
        flags, clips = set(), 0
        if config.momentum:
            after = golden.accumulate(weights, present, y, phi, r, shift, fmt, flags)
            self._present(present, r)
        else:
            present = weights != 0
            after = golden.update(weights, y, phi, r, shift, fmt, flags)
        for p, j in np.ndindex(weights.shape):
            self.words[p][self.now + j + time.write + p] = after[p, j]
            exact = weights[p, j] + step(y[p], phi[j], None if r is None else r[p, j], shift)
            if present[p, j] and not fmt.min <= exact <= fmt.max:
                self.clips[p].add(self.now + j + time.write + p)
                clips += 1
        assert flags == ({fmt.role} if clips else set())
        self.now += len(phi) + time.update_lag  # a FORWARD meets its weights earlier
        return after

    def _present(self, present, r):
        for p, j in np.ndindex(present.shape):
            cycle = self.now + j + self.time.add + p
            self.line[cycle][f"presents.{p}"] = present[p, j]
            self.presents[p][cycle + LANE_SKEW] = present[p, j]
            half = 1 << BITS
            self.roundings[p][cycle] = half if r is None else r[p, j] >> (15 - BITS)

    def write(self, word):
        """One token carries it past every PE."""
        self._token(self.now, self.time.add, take=1, store=1)
        self.line[self.now + self.time.add]["partial"] = int(word) << self.config.update_fraction
        self._written(word)

    def hand_on(self, word):
        """A WRITE behind the first lane: an UPDATE by nothing of the word that comes along."""
        self._token(self.now, self.time.add, learn=1, take=1, store=1)
        self._weights(self.time.add, [[word]] * self.config.macs)
        self._written(word)
        self.now += self.time.update_lag

    def _written(self, word):
        for p in range(self.config.macs):
            self.words[p][self.now + self.time.write + p] = word
        self.now += 1

    def check(self):
        """Play, and compare: every sum, no valid too many, every word, every clip."""
        rows = range(self.config.macs)
        of_momentum = ("presents_o", "roundings") if self.config.momentum else ()
        outputs = ("sums", "valids", "written", "clipped", *of_momentum)
        names = [f"{n}.{p}" for n in outputs for p in rows]
        seen = play(Chain(self.config), self.line, names, cycles=max(self.line) + self.time.write)
        for p in rows:
            valid, clipped = seen[f"valids.{p}"], seen[f"clipped.{p}"]
            came = {c: s for c, s in enumerate(seen[f"sums.{p}"]) if valid[c]}
            assert came == self.results[p], p
            assert {c: seen[f"written.{p}"][c] for c in self.words[p]} == self.words[p], p
            assert {c for c, flag in enumerate(clipped) if flag} == self.clips[p], p
            for name in of_momentum:
                expected = self.presents[p] if name == "presents_o" else self.roundings[p]
                assert {c: seen[f"{name}.{p}"][c] for c in expected} == expected, p


def step(y, phi, r, shift):
    """η·y·φ in units of WEIGHT, rounded, in exact fractions."""
    noisy = Fraction(int(r), 1 << 16) if r is not None else Fraction(1, 2)
    if r is not None and shift < 16:  # noise finer than the product is cut off
        noisy = Fraction(int(r) >> (16 - shift), 1 << shift)
    return floor(Fraction(int(y) * int(phi), 1 << shift) + noisy)


def drawn(rng, config, rows, columns):
    """W, y and φ; a fifth of the connections absent."""
    f = config.formats
    weights = words(rng, f.weight, (rows, columns)) * (rng.random((rows, columns)) > 0.2)
    return weights, words(rng, f.error, rows), words(rng, f.state, columns)


@pytest.mark.parametrize("macs", [1, 4])
@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("preset", PRESETS)
def test_sweeps_in_any_order(preset, family, macs):
    """Back to back, of up to eight columns."""
    config = Config(units=8, macs=macs, preset=preset, family=family)
    rng, sweeps, low = np.random.default_rng(macs), Sweeps(config), config.eta_shifts[0]
    for t in range(30):
        columns = int(rng.integers(macs, 9))  # y comes sideways, a row a cycle
        weights, y, phi = drawn(rng, config, macs, columns)
        partial = rng.integers(-(1 << 20), 1 << 20, columns)
        match rng.integers(5):
            case 0:
                sweeps.forward(weights, phi)
            case 1:
                sweeps.backward(weights, y)
            case 2:
                sweeps.backward(weights, y, partial)
            case 3:
                eta = low + int(rng.integers(4))
                r = noise(3, t, macs, columns) if rng.random() < 0.7 else None
                sweeps.update(weights, y, phi, r, eta)
            case 4:
                sweeps.write(weights[0, 0])
    sweeps.check()


@pytest.mark.parametrize("preset", PRESETS)
def test_the_greatest_sums(preset):
    """N products at the ends of the formats, and a partial sum of the blocks before: exact."""
    config = Config(units=8, macs=2, preset=preset)
    f, sweeps = config.formats, Sweeps(config)
    full = np.full((2, 8), f.weight.min)
    for phi in (f.state.min, f.state.max):
        sweeps.forward(full, np.full(8, phi))
        sweeps.forward(-1 - full, np.full(8, phi))
    for y in (f.error.min, f.error.max):
        for weights in (full, -1 - full):
            before = 6 * weights[0] * y
            sweeps.backward(weights, np.full(2, y), before)
    sweeps.check()


def tie_factors(config, eta_shift):
    """(y, φ) whose η·y·φ lies half way between two weights, of all signs that the formats hold."""
    f = config.formats
    power = f.update_shift(f.weight) - eta_shift - 1  # of two, in the product
    found = []
    for n in range(power + 1):
        for a in (-3, -1, 1, 3):
            for b in (-5, -1, 1, 5):
                y, phi = a << n, b << (power - n)
                if f.error.min <= y <= f.error.max and f.state.min <= phi <= f.state.max:
                    found.append((y, phi))
    return found


@pytest.mark.parametrize("family", FAMILY_NAMES)
@pytest.mark.parametrize("preset", ["w16", "w18"])
def test_velocities(preset, family):
    """With momentum an UPDATE is of a velocity: of those whose weight is present, 0 like any
    other, every η; the noise and what is present go on, to the next lane too."""
    config = Config(units=8, macs=2, preset=preset, family=family, momentum=True)
    f, rng, sweeps = config.formats, np.random.default_rng(5), Sweeps(config)
    low, high = config.eta_shifts
    ended = 0
    for t in range(40):
        _, y, phi = drawn(rng, config, 2, 6)
        velocities = words(rng, f.velocity, (2, 6))
        present = rng.random((2, 6)) < 0.7
        r = noise(4, t, 2, 6) if t % 4 else None
        eta = int(rng.integers(low, high + 1))
        delta = step(y[0], phi[0], None if r is None else r[0, 0], f.update_shift(f.velocity) - eta)
        if abs(delta) <= f.velocity.max:
            velocities[0, 0] = -delta
        velocities[~present] = 0
        after = sweeps.update(velocities, y, phi, r, eta, present)
        ended += int(velocities[0, 0] and after[0, 0] == 0)
        match rng.integers(3):
            case 0:
                sweeps.forward(velocities, phi)
            case 1:
                sweeps.write(words(rng, f.weight, ()))
    sweeps.check()
    assert any(sweeps.clips)
    assert ended  # at 0, and stays there


@pytest.mark.parametrize("nearest", [False, True], ids=["stochastic", "nearest"])
@pytest.mark.parametrize("family", ["generic", "ice40"])
@pytest.mark.parametrize("preset", PRESETS)
def test_update(preset, family, nearest):
    """Every η, over the whole range; ties, saturation, and weights that end at 0, of both signs."""
    config = Config(units=16, macs=1, preset=preset, family=family)
    f, rng, sweeps = config.formats, np.random.default_rng(6), Sweeps(config)
    low, high = config.eta_shifts
    met = set()
    for eta in range(low, high + 1):
        shift, ties = f.update_shift(f.weight) - eta, tie_factors(config, eta)
        for t in range(14):
            weights, y, phi = drawn(rng, config, 1, 16)
            if t % 2 and ties:
                y[0], _ = ties[rng.integers(len(ties))]
                partners = [b for a, b in ties if a == y[0]]
                phi = rng.choice(partners, 16)
                weights = np.where(weights == 0, 0, weights >> 2 | 1)
            r = None if nearest else noise(9, t, 1, 16)
            for j in range(16):
                delta = step(y[0], phi[j], None if nearest else r[0, j], shift)
                if rng.random() < 0.25 and 0 < abs(delta) <= f.weight.max:
                    weights[0, j] = -delta  # ends at 0
            after = sweeps.update(weights, y, phi, r, eta)
            for w, b, new in zip(weights[0], phi, after[0], strict=True):
                product = int(y[0]) * int(b)
                exact = int(w) + floor(Fraction(product, 1 << shift))
                far = not f.weight.min - 1 <= exact <= f.weight.max + 1
                met |= {
                    ("saturated", bool(exact > 0)) if w and far else None,
                    ("0 becomes 1", bool(w > 0)) if w and new == 1 and exact in (0, -1) else None,
                    ("tie", product > 0) if product % (1 << shift) == 1 << (shift - 1) else None,
                }
    sweeps.check()
    kinds = ("saturated", "0 becomes 1", "tie")
    assert met == {None, *((kind, sign) for kind in kinds for sign in (False, True))}


@pytest.mark.parametrize("preset", PRESETS)
def test_an_absent_connection_stays_absent(preset):
    """However far it would go, and without being flagged; its neighbours are."""
    config = Config(units=8, macs=1, preset=preset, eta_shifts=(0, 3))
    f, sweeps = config.formats, Sweeps(config)
    y, phi = np.array([f.error.min]), np.array([f.state.min, f.state.max, 0, 1] * 2)
    for nearest in (False, True):
        r = None if nearest else np.full((1, 8), 0xFFF8)
        after = sweeps.update(np.array([[0] * 4 + [1] * 4]), y, phi, r, 3)
        assert after[0, :4].tolist() == [0] * 4
        assert after[0, 4:6].tolist() == [f.weight.max, f.weight.min]
    sweeps.check()
    assert sum(len(cycles) for cycles in sweeps.clips) == 4


@pytest.mark.parametrize("preset", PRESETS)
def test_golden_update(preset):
    """Against exact fractions, one connection at a time."""
    config = Config(units=4, macs=1, preset=preset)
    f, rng = config.formats, np.random.default_rng(8)
    for eta in range(-6, 2):
        shift = f.update_shift(f.weight) - eta
        pairs = [*tie_factors(config, eta)]
        pairs += zip(words(rng, f.error, 60), words(rng, f.state, 60), strict=True)
        for y, phi in pairs:
            w, r = int(words(rng, f.weight, ())), int(rng.integers(1 << 16))
            for given in (None, r):
                flags, exact = set(), w + step(y, phi, given, shift)
                clamped = min(max(exact, f.weight.min), f.weight.max)
                new = golden.update(
                    np.array([[w]]),
                    np.array([y]),
                    np.array([phi]),
                    None if given is None else np.array([[given]]),
                    shift,
                    f.weight,
                    flags,
                )
                assert new == (0 if w == 0 else clamped or 1)
                assert flags == ({"weight"} if w and clamped != exact else set())


@pytest.mark.parametrize("preset", PRESETS)
def test_write_takes_every_word(preset):
    config = Config(units=4, macs=2, preset=preset)
    f, sweeps = config.formats, Sweeps(config)
    for word in (*corners(f.weight), *words(np.random.default_rng(1), f.weight, 40)):
        sweeps.write(word)
        sweeps.hand_on(word)
    sweeps.check()


@pytest.mark.parametrize("family", FAMILY_NAMES)
def test_weights_pass_to_the_next_lane(family):
    """With two lanes a PE hands on each weight that it reads, two cycles later; an UPDATE's or a
    WRITE's new one in its place."""
    config = Config(units=8, macs=1, lanes=2, family=family)
    f, rng, sweeps = config.formats, np.random.default_rng(2), Sweeps(config)
    for t in range(30):
        weights, y, phi = drawn(rng, config, 1, 6)
        if rng.integers(2):
            sweeps.forward(weights, phi)
        else:
            sweeps.update(weights, y, phi, noise(1, t, 1, 6), int(rng.integers(-2, 2)))
        if rng.integers(2):
            sweeps.write(words(rng, f.weight, ()))
    line = sweeps.line
    cycles = max(line) + 1
    for cycle in range(cycles):  # there is a word in every cycle
        line[cycle].setdefault("weights.0", words(rng, f.weight, ()))
    expected = {c + LANE_SKEW: line[c]["weights.0"] for c in range(cycles - LANE_SKEW)}
    sweeps.words[0] = expected | sweeps.words[0]
    sweeps.check()


@pytest.mark.parametrize("family", FAMILIES)
def test_latencies(family):
    """Each stage is as far behind the one before as the device's parts are slow."""
    config = Config(units=4, macs=2, family=family)
    device, time = FAMILIES[family], Timing(config)
    assert (time.memory, time.multiplier) == (device.memory, device.multiplier)
    assert time.shift - time.operand == device.multiplier
    assert time.write - time.add == LANE_SKEW
    assert time.add + 1 == time.result == time.shift + device.shifter + 1
