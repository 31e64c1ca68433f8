"""The SystemRDL of a core, compiled back: it has the words of the map, and no others."""

import pytest
from systemrdl import RDLCompiler
from systemrdl.node import MemNode, RegNode

from rbp.export import rdl
from rbp.fpga.machines import machine
from rbp.hdl.host.description import DESCRIPTION, description
from rbp.hdl.host.memory_map import ADDRESSED, IDENTITY, STATE, AddressMap, Area
from rbp.hdl.host.register import Field
from rbp.hdl.layouts import Region, flags_layout, word_layout
from tests.hdl.host.test_host_port import words
from tests.rbp.export.test_lint import CONFIGS


def compiled(folder, text):
    """The root of a description."""
    path = folder / "net.rdl"
    path.write_text(text)
    compiler = RDLCompiler()
    compiler.compile_file(str(path))
    return compiler.elaborate().top


@pytest.fixture(params=CONFIGS)
def core(request, tmp_path):
    """(config, its address map, its description)."""
    config = CONFIGS[request.param]
    return config, AddressMap(config), compiled(tmp_path, rdl.rdl(config))


def access(node):
    """(may be read, may be written); of a register by its fields."""
    if isinstance(node, RegNode):
        return node.has_sw_readable, node.has_sw_writable
    return node.is_sw_readable, node.is_sw_writable


def registers(top):
    return [node for node in top.find_by_path("REGISTERS").children() if isinstance(node, RegNode)]


def memories(top):
    return [node for node in top.descendants(unroll=True) if isinstance(node, MemNode)]


def fields(node):
    """Its name, first and last bit, of each field."""
    return [(field.inst_name, field.low, field.high) for field in node.fields()]


def of_layout(layout):
    return [(name.upper(), at.offset, at.offset + at.width - 1) for name, at in layout]


def test_every_word_has_its_access(core):
    """Those of the map, which :func:`tests.hdl.host.test_host_port.test_every_address` tries."""
    config, amap, top = core
    found = [(node.absolute_address, access(node)) for node in registers(top)]
    for memory in memories(top):
        assert memory.get_property("memwidth") == 32
        first, size = memory.absolute_address, memory.get_property("mementries")
        found += [(first + 4 * k, access(memory)) for k in range(size)]
    assert len(dict(found)) == len(found)
    expected = {4 * address: allowed for address, allowed in words(config, amap).items()}
    assert dict(found) == expected


def test_every_register_and_field(core):
    config, amap, top = core
    assert top.inst_name == "rbp_core_regs"
    found = registers(top)
    assert [node.inst_name for node in found] == [r.name for r in ADDRESSED.values()]
    for node, register in zip(found, ADDRESSED.values(), strict=True):
        assert node.absolute_address == 4 * amap.register(register.name)
        assert (node.size, node.get_property("regwidth")) == (4, 32)
        assert node.get_property("desc") == register.doc
        every = [f for f in register.fields if not f.option or getattr(config, f.option)]
        every = every or [Field("VALUE", 0, 32, None)]
        assert fields(node) == [(f.name, f.low, f.low + f.width - 1) for f in every]
        for field, said in zip(node.fields(), every, strict=True):
            assert access(field) == ("r" in register.access, "w" in register.access)
            assert field.get_property("desc") == said.doc


def test_what_never_changes_has_its_value(core):
    config, _, top = core
    names = ["IDENTITY", *(r.name for r in DESCRIPTION)]
    fixed = dict(zip(names, [IDENTITY, *description(config)], strict=True))
    for node in registers(top):
        resets = [field.get_property("reset") for field in node.fields()]
        if node.inst_name in fixed:
            parts = [f.low for f in node.fields()]
            word = sum(reset << low for reset, low in zip(resets, parts, strict=True))
            assert word == fixed[node.inst_name]
        else:
            assert set(resets) == {None}


def test_every_area_has_its_name(core):
    """A word of each corner is in the memory of its name."""
    config, amap, top = core

    def check(path, k, address):
        node = top.find_by_path(path)
        assert node.absolute_address + 4 * k == 4 * address
        assert 0 <= k < node.get_property("mementries")

    for pattern in range(config.lanes * config.slots):
        slot, lane = divmod(pattern, config.lanes)
        for region in STATE.keys() - {Region.FLAGS}:
            unit = config.units - 1
            path = f"STATE_{lane}.{region.name}[{slot}]"
            check(path, unit, amap.state(region, pattern, unit))
    check("FLAGS", config.units - 1, amap.state(Region.FLAGS, 0, config.units - 1))
    for area in amap.areas:
        if area in (Area.WEIGHTS, Area.VELOCITIES):
            for bank in range(config.macs):
                last = config.entries - 1
                check(f"{area.name}[{bank}]", last, amap.weight(bank, last, area))
        elif area in amap.tables:
            check(area.name, amap.tables[area] - 1, amap.at(area, amap.tables[area] - 1))
    check("LOG", config.log_depth - 1, amap.log(config.log_depth - 1))


def test_words_of_a_memory_have_their_fields(core):
    config, _, top = core
    for path, layout in (("FLAGS", flags_layout(config)), ("PROGRAM", word_layout(config))):
        (word,) = top.find_by_path(path).registers()
        assert word.array_dimensions == [top.find_by_path(path).get_property("mementries")]
        assert fields(word) == of_layout(layout)
        assert all(field.get_property("desc") for field in word.fields())


@pytest.mark.parametrize("name", ["reg", "field", "mem"])
def test_a_name_that_is_a_word_of_the_language(tmp_path, name):
    assert compiled(tmp_path, rdl.rdl(machine(units=1), name)).inst_name == f"{name}_regs"
