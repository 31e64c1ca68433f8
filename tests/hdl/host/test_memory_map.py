"""Memory map: every word has an address of its own."""

from itertools import product

import pytest

from rbp.golden.config import Config
from rbp.hdl.host.memory_map import REGISTERS, AddressMap, Area
from rbp.hdl.layouts import Region

CONFIGS = {
    "one unit": Config(units=1, macs=1, slots=1),
    "Figure 1": Config(units=15, macs=5),
    "padded": Config(units=17, macs=4, lanes=3, slots=5),
    "all rows at once": Config(units=16, macs=16, lanes=2),
    "P = 1": Config(units=33, macs=1, slots=1),
    "many slots": Config(units=3, macs=2, lanes=8, slots=256),
}


def addresses(config):
    """Of every word: of registers, of the state by region, and of weights."""
    amap, units = AddressMap(config), range(config.units)
    patterns = range(config.lanes * config.slots)
    return (
        [amap.register(r.name) for r in REGISTERS]
        + [amap.state(*word) for word in product(Region, patterns, units)]
        + [amap.weight(i, j) for i in units for j in range(config.terms)]
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_addresses(name):
    config = CONFIGS[name]
    found, width = addresses(config), AddressMap(config).width
    assert len(set(found)) == len(found)
    assert min(found) >= 0
    assert max(found) < 1 << width <= 1 << 32


@pytest.mark.parametrize("name", CONFIGS)
def test_fields(name):
    """As the hardware takes them apart."""
    config = CONFIGS[name]
    amap = AddressMap(config)

    def fields(address, *bits):
        for n in bits:
            yield address & ((1 << n) - 1)
            address >>= n
        yield address

    patterns = range(config.lanes * config.slots)
    for region, pattern, unit in product(Region, patterns, range(config.units)):
        offset = amap.state(region, pattern, unit) & ((1 << amap.offset_bits) - 1)
        slot, lane = divmod(pattern, config.lanes)
        bits = amap.unit_bits, amap.slot_bits, amap.region_bits
        assert [*fields(offset, *bits)] == [unit, slot, region.value, lane]
        assert amap.state(region, pattern, unit) >> amap.offset_bits == Area.STATE.value
    for i, j in product(range(config.units), range(config.terms)):
        address = amap.weight(i, j)
        block, bank = divmod(i, config.macs)
        word = block * config.terms + j
        assert [*fields(address, amap.word_bits, amap.offset_bits - amap.word_bits)] == [
            *(word, bank, Area.WEIGHTS.value),
        ]


def test_registers():
    names = [r.name for r in REGISTERS]
    assert len(set(names)) == len(names)
    assert {r.access for r in REGISTERS} == {"ro", "rw", "wo"}
    assert all(r.doc for r in REGISTERS)
    amap = AddressMap(CONFIGS["one unit"])
    assert [amap.register(name) for name in names] == list(range(len(names)))
    assert len(names) <= 1 << amap.offset_bits
