"""Features: φ of any list of products, golden's words."""

import numpy as np
import pytest

from rbp.golden.config import FAMILIES, Config
from rbp.golden.features import Features as Golden
from rbp.hdl.layouts import c_place_layout
from rbp.hdl.products.features import Features
from rbp.hdl.timing import Timing
from tests.support import play, timeline, words

CORES = {
    "order 1": {"units": 5, "order": 1, "products": 9},
    "order 2": {"units": 4, "order": 2, "products": 16},
    "order 3": {"units": 7, "order": 3, "products": 21, "slots": 3},
    "one unit": {"units": 1, "order": 2, "products": 1},
    "w8": {"units": 3, "order": 3, "products": 7, "preset": "w8"},
}


def drawn(rng, config, units, products):
    """A network's φ, of any products that fit."""
    lengths = rng.integers(0, config.order + 1, products)
    listed = tuple(tuple(rng.integers(0, units, n).tolist()) for n in lengths)
    return Golden(units, listed, config.formats.state, *config.factor_tables)


def run(config, features, columns, factors):
    """(inputs, the first column's cycle, outputs): a column a cycle, of f(c), slots×3×N."""
    memory, rng = config.device.memory, np.random.default_rng(9)
    line, table = timeline(), features.product_words(config)
    for at, word in enumerate(table):
        line[at] = {"table.w_en": 1, "table.w_addr": at, "table.w_data": word}
    begin = len(table) + 1
    for cycle, column in enumerate(columns, begin):
        slot, bank = rng.integers(0, config.slots), rng.integers(0, 3)
        line[cycle] |= {"column": column, "slot": slot, "bank": bank, "valid": cycle % 7 != 0}
        products = features.index[column] if column < len(features.products) else []
        for k in range(config.order):  # a factor that is none reads anything
            unit = products[k] if k < len(products) else features.units
            word = factors[slot, bank, unit] if unit < features.units else config.formats.state.min
            line[cycle + 2 * memory + 1][f"c.{k}"] = word
    ports = [f"read.{k}" for k in range(config.order)]
    cycles = begin + len(columns) + Timing(config).feature + memory
    seen = play(Features(config), line, ["phi", "clipped", *ports], cycles=cycles)
    return line, begin, seen


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", CORES)
def test_words_are_golden(name, family):
    config = Config(macs=1, family=family, **CORES[name])
    rng, memory = np.random.default_rng(1), config.device.memory
    latency = Timing(config).feature + memory
    layout = c_place_layout(config)
    for less in (0, 2):  # of a network as large as the core, or smaller
        sizes = max(1, config.units - less), max(1, config.products - less)
        features = drawn(rng, config, *sizes)
        factors = words(rng, config.formats.state, (config.slots, 3, features.units))
        columns = rng.choice([*range(len(features.products)), config.columns], 60)
        line, begin, seen = run(config, features, columns, factors)
        for cycle, column in enumerate(columns, begin):
            if column < config.columns:
                slot, bank = line[cycle]["slot"], line[cycle]["bank"]
                phi = features.phi(factors[slot, bank][None])[0, column]
                assert seen["phi"][cycle + latency] == phi
                for k, unit in enumerate(features.products[column]):
                    read = layout.from_bits(seen[f"read.{k}"][cycle + memory + 1])
                    assert (read.unit, read.slot, read.bank) == (unit, slot, bank)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_saturates_is_said_of_valid_columns(family):
    config = Config(units=2, macs=1, order=3, products=4, family=family)
    features = Golden(2, ((0, 0), (1, 0, 0), (1,), (1, 1)), config.formats.state)
    factors = np.broadcast_to([24000, 2000], (config.slots, 3, 2))
    columns = [2, 0, 0, 4, 0, 1, 2, 4, 0, 1, 3, 0, 4]  # 4 is none
    line, begin, seen = run(config, features, columns, factors)
    clipped = begin + 2 * config.device.memory + 1 + config.device.multiplier + 1
    of_first = [column == 0 and line[begin + k]["valid"] for k, column in enumerate(columns)]
    expected = {clipped + int(k) for k in np.flatnonzero(of_first)}
    assert len(expected) == 4
    assert {c for c, clipped in enumerate(seen["clipped"]) if clipped} == expected
