"""Memory map: every word has an address of its own."""

from itertools import product

import pytest

from rbp.golden.config import Config
from rbp.golden.tables import SAMPLES, register
from rbp.hdl.host.description import DESCRIPTION, Unknown, described, description
from rbp.hdl.host.memory_map import ADDRESSED, DESCRIBES, REGISTERS, AddressMap, Area
from rbp.hdl.layouts import Region

CONFIGS = {
    "one unit": Config(units=1, macs=1, slots=1),
    "Figure 1": Config(units=15, macs=5),
    "padded": Config(units=17, macs=4, lanes=3, slots=5),
    "all rows at once": Config(units=16, macs=16, lanes=2),
    "P = 1": Config(units=33, macs=1, slots=1),
    "many slots": Config(units=3, macs=2, lanes=8, slots=256),
    "few entries": Config(units=33, macs=4, slots=1, entries=40, words=5),
    "many words": Config(units=3, macs=1, slots=1, words=4096),
    "momentum": Config(units=5, macs=2, momentum=True),
    "third order": Config(units=5, macs=2, order=3, products=50, folds=77),
    "many products": Config(units=3, macs=3, order=1, products=4096),
}


def written_areas(config):
    """Of the weights, and with momentum of the velocities."""
    return (Area.WEIGHTS, Area.VELOCITIES) if config.momentum else (Area.WEIGHTS,)


def table_sizes(config):
    """Words of the tables that the host alone writes, by area."""
    sizes = {Area.PROGRAM: config.words}
    if config.higher:
        sizes |= {Area.PRODUCTS: config.products, Area.FOLDS: 2 * config.folds}
    return sizes


def addresses(config):
    """Of every word: of registers, of the state by region, of weights and of tables."""
    amap, units = AddressMap(config), range(config.units)
    words = product(range(config.macs), range(config.entries), written_areas(config))
    patterns = range(config.lanes * config.slots)
    return (
        [amap.register(r.name) for r in ADDRESSED.values()]
        + [amap.log(n) for n in range(config.log_depth)]
        + [amap.state(*word) for word in product(Region, patterns, units)]
        + [amap.weight(*word) for word in words]
        + [amap.at(area, k) for area, size in table_sizes(config).items() for k in range(size)]
    )


@pytest.mark.parametrize(("pattern", "unit"), [(15, 0), (-1, 0), (0, 17), (0, -1)])
def test_no_such_word(pattern, unit):
    """What is out of range would be another region's word, or another area's."""
    with pytest.raises(ValueError, match=f"0 … 14 and unit 0 … 16, not {pattern} and {unit}"):
        AddressMap(CONFIGS["padded"]).state(Region.X, pattern, unit)


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
    for bank, entry in product(range(config.macs), range(config.entries)):
        for area in written_areas(config):
            address = amap.weight(bank, entry, area)
            assert [*fields(address, amap.word_bits, amap.offset_bits - amap.word_bits)] == [
                *(entry, bank, area.value),
            ]
    assert amap.tables == table_sizes(config)
    for area, size in table_sizes(config).items():
        for k in (0, size - 1):
            assert [*fields(amap.at(area, k), amap.offset_bits)] == [k, area.value]


def test_areas():
    """Three bits, in the order that the map says."""
    assert [area.value for area in Area] == list(range(8))
    assert [area.name for area in Area] == [
        *("REGISTERS", "STATE", "WEIGHTS", "VELOCITIES", "PROGRAM", "PRODUCTS", "FOLDS", "LOG"),
    ]
    amap = AddressMap(CONFIGS["one unit"])
    assert amap.width == amap.offset_bits + 3


def test_registers():
    names = [r.name for r in REGISTERS]
    assert len(set(names)) == len(names)
    assert {r.access for r in REGISTERS} == {"ro", "rw", "wo"}
    assert all(r.doc for r in REGISTERS)
    amap = AddressMap(CONFIGS["one unit"])
    assert [amap.register(name) for name in names] == list(range(len(names)))
    assert len(names) <= DESCRIBES
    assert DESCRIBES % 8 == 0
    assert [amap.register(r.name) for r in DESCRIPTION] == list(range(DESCRIBES, DESCRIBES + 8))


@pytest.mark.parametrize("name", CONFIGS)
def test_a_core_describes_itself(name):
    """From its words alone, all of its configuration; and its address map."""
    config = CONFIGS[name]
    words = description(config)
    assert len(words) == len(DESCRIPTION) == 8
    assert all(0 <= word < 1 << 32 for word in words)
    assert described(words) == config


def test_each_option_is_in_the_description():
    base = {"units": 5, "macs": 2, "slots": 3}
    for changed in (
        *({name: base[name] + 1} for name in base),
        *({"lanes": n} for n in (2, 8)),
        *({"preset": name} for name in ("w8", "w18")),
        *({"family": name} for name in ("ice40", "ice40hx", "ecp5")),
        {"activations": ("tanh", "sin", "logistic")},
        {"momentum": True},
        {"random_start": True},
        {"refill": True},
        {"spram": True},
        {"eta_shifts": (-8, 3)},
        {"log_depth": 16},
        {"entries": 1 << 20},
        {"words": 5000},
        {"products": 7, "order": 2, "feature": "sin", "folds": 9},
    ):
        config = Config(**base | changed)
        assert described(description(config)) == config
        assert description(config) != description(Config(**base)) or not changed


@pytest.mark.parametrize("word", range(8))
def test_what_describes_no_core_is_said(word):
    """Each word, with all bits set, is refused or is another core's."""
    config = Config(units=5, macs=2)
    words = description(config)
    words[word] = 0xFFFFFFFF
    with pytest.raises(Unknown):
        described(words)


def test_a_function_of_the_users_own():
    name = register([SAMPLES / 9, SAMPLES * 0 + 1 / 9])
    config = Config(units=5, macs=2, activations=("tanh", name))
    with pytest.raises(Unknown, match="a function of code 15 is not known here"):
        described(description(config))
    assert described(description(config), own=[name]) == config
