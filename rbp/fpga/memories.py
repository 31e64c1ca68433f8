"""The memories of a core, and how many block RAMs they take: an estimate without any tool."""

from rbp.golden.config import SPRAM_WORDS
from rbp.hdl.datapath.table import table_layout
from rbp.hdl.layouts import STEP_BITS, flags_layout, slots, unit, word_layout
from rbp.hdl.timing import Timing

__all__ = ["block_rams", "memories", "single_ported"]

_ECP5 = ((18, 10), (9, 11), (4, 12), (2, 13), (1, 14))
"""Bits of a word of a DP16KD, and of its address."""


def memories(config):
    """(name, bits of a word, words, how many) of each; words are those asked for.

    Weights in memories of a single port are among them; see :func:`single_ported`.
    """
    f = config.formats
    yield "program", word_layout(config).size, config.words, 1
    yield "weights", f.weight.width, config.entries, config.macs * (1 + config.momentum)
    yield "log", 32, config.log_depth, 1
    for name, width, depth in [*_state(config), *_datapath(config), *_products(config)]:
        yield name, width, depth, config.lanes


def _state(config):
    """Of a lane."""
    f, places = config.formats, _places(config)
    word = f.state.width
    for k in range(2 * config.order - 1 if config.higher else 1):
        yield f"c {k}", word, 3 * places
    yield "x and y", max(word, f.error.width), 3 * places
    yield "x now", word, places
    yield "y of rows", f.error.width, places
    yield "slope", f.slope.width, places
    yield "target", word, places
    yield "input", word, places
    yield "flags", flags_layout(config).size, config.units
    yield "steps", STEP_BITS + 1, 2 * config.slots


def _datapath(config):
    """Of a lane: tables, the sums of columns, the entries under way."""
    device, time, bits = config.device, Timing(config), config.column_bits
    pairs = [("g and g'", config.tables.g, config.tables.slope)]
    if config.feature != "identity":
        pairs += [("f and f'", *((table,) for table in config.factor_tables))]
        yield "factor slope", config.formats.state.width, _places(config)
    for name, g, slope in pairs:
        yield name, table_layout(g, slope).size, len(g) * g[0].segments
    places = max(1, (config.columns - 1).bit_length())
    yield "sums", config.backward_width, 1 << places + (device.memory == 1 and places < 8)
    if (words := time.tail - 2 * device.memory) >= 2:
        yield "entries under way", bits + 3, words


def _products(config):
    """Of a lane: the tables of a higher order, and the sums that are folded."""
    if not config.higher:
        return
    factors = config.order * config.unit_bits
    yield "products", factors, config.columns
    yield "terms", config.column_bits + 2, config.folds
    yield "units of terms", factors, config.folds
    yield "folded sums", config.backward_width, 2 << max(1, _bits(config.columns))


def _places(config):
    return 1 << _bits(len(unit(config))) + (config.slots > 1) * _bits(len(slots(config)))


def _bits(count):
    """Of an address of so many words."""
    return (count - 1).bit_length()


def block_rams(config, device):
    """Block RAMs that the memories of a core take on a device, by their bits and words.

    An estimate: of a table, yosys may leave out what is the same in all its words.
    """
    return sum(
        count * _blocks(config, device, width, depth)
        for name, width, depth, count in memories(config)
        if name != "weights" or not config.spram
    )


def single_ported(config):
    """Single-ported RAMs, of 16 bits."""
    banks = config.macs * (1 + config.momentum)
    return banks * -(-config.formats.weight.width // 16) * config.spram


def _blocks(config, device, width, depth):
    """Of one memory; as :class:`rbp.hdl.primitives.ram.Ram` and yosys choose."""
    bits = max(1, _bits(depth))
    if config.family == "ecp5" and depth > 16:
        fitting = [word for word, address in _ECP5 if bits <= address]
        if not fitting:  # there is no such memory, as it does not fit by far
            return -(-depth // SPRAM_WORDS) * width
        return min(-(-width // word) for word in fitting)
    blocks = min(-(-(1 << bits) // d) * -(-width // w) for d, w in device.shapes)
    if config.family.startswith("ice40"):
        return blocks
    other = width << bits
    if device.lut_ram_cost:
        other = min(other, device.lut_ram_cost * -(-(1 << bits) // 16) * -(-width // 4))
    return blocks if blocks * device.bram_cost <= other else 0
