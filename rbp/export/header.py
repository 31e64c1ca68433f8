"""The C header of a core: addresses, bits and numbers, without a library."""

from rbp.export.generated import NAME, formats, title
from rbp.export.manual import ACCESS, meaning
from rbp.export.words import dense, fold_layout, of_rules
from rbp.golden.relaxation import Settling
from rbp.hdl.host.description import core_key
from rbp.hdl.host.memory_map import ADDRESSED, IDENTITY, LOG_FIELDS, STATE, AddressMap
from rbp.hdl.layouts import flags_layout, word_layout
from rbp.settings import Settings

__all__ = ["header"]

_CODE = """
/* A field of a word, as in {N}_GET(status, {N}_STATUS_PHASE). */
#define {N}_GET(word, field) (((word) >> field##_BIT) & ((1u << field##_BITS) - 1u))

/* Address of a pattern's word in a region; the unit by its number in the machine. */
static inline uint32_t {n}_state(uint32_t region, uint32_t pattern, uint32_t unit)
{
    uint32_t lane = pattern % {LANES}u, slot = pattern / {LANES}u;
    uint32_t place = (lane << {lane}) | (region << {region}) | (slot << {slot});
    return {N}_AREA_STATE | place | unit;
}

/* Address of the weight of an entry that is of its block's row `bank`; written only. */
static inline uint32_t {n}_weight(uint32_t bank, uint32_t entry)
{
    return {N}_AREA_WEIGHTS | (bank << {bank}) | entry;
}
{velocity}
/* Address of word n of the log, counted from 0 since the last CLEAR; or n modulo 2 LOG_DEPTH. */
static inline uint32_t {n}_log(uint32_t n)
{
    return {N}_AREA_LOG | (n % {N}_LOG_DEPTH);
}

/* The word of a number: to nearest, ties up. The number must lie in the range of its role. */
static inline uint32_t {n}_word(double number, unsigned fraction)
{
    double scaled = number * (double)(1u << fraction) + 0.5;
    int32_t whole = (int32_t)scaled;
    return (uint32_t)(whole - (whole > scaled));
}

/* The same of a weight where there is a connection: never 0, which means that there is none. */
static inline uint32_t {n}_weight_word(double number)
{
    uint32_t word = {n}_word(number, {N}_WEIGHT_FRACTION);
    return word ? word : 1u;
}

/* A signed number of so many bits, the low ones of a word. */
static inline int32_t {n}_signed(uint32_t word, unsigned bits)
{
    uint32_t sign = 1u << (bits - 1u);
    uint32_t low = word & (2u * sign - 1u);
    return (int32_t)(low ^ sign) - (int32_t)sign;
}
"""

_VELOCITY = """
/* Address of its velocity, written only. */
static inline uint32_t {n}_velocity(uint32_t bank, uint32_t entry)
{
    return {N}_AREA_VELOCITIES | (bank << {bank}) | entry;
}
"""


def header(config, name=NAME, made=""):
    """What a C or C++ program needs. Macros begin with ``name`` in capitals, functions with it."""
    macro = name.upper()
    lines = [
        f"/* {title(config)}",
        f" * {made}",
        " * Addresses count 32-bit words. A value is its signed word times 2^-FRACTION of its",
        " * role.",
        f" * How to train and to recall: {name}_manual.md. */",
        f"#ifndef {macro}_REGS_H",
        f"#define {macro}_REGS_H",
        "",
        "#include <stdint.h>",
    ]
    for about, defines in _groups(config):
        lines += ["", f"/* {about} */"]
        lines += [f"#define {macro}_{key} {value}" for key, value in defines]
    return "\n".join([*lines, _code(config, name), "#endif", ""])


def _groups(config):
    """Macros by what they are about: name and value, with a comment."""
    amap = AddressMap(config)
    names = ["units", "macs", "lanes", "slots", "entries", "words", "columns"]
    names += ["order", "folds"] * config.higher
    shape = [(name.upper(), getattr(config, name)) for name in (*names, "log_depth")]
    shape += [("ADDRESS_BITS", amap.width), ("IDENTITY", f"0x{IDENTITY:08x}u")]
    shape += [("KEY", f"0x{core_key(config):08x}u /* the header of rbp program compares it */")]
    yield "what was built; COLUMNS as the value of a column is none", shape
    numbers = []
    for role, fmt in formats(config).items():
        numbers += [(f"{role.upper()}_BITS", fmt.width), (f"{role.upper()}_FRACTION", fmt.fraction)]
    yield "formats by role", numbers
    low, high = config.eta_shifts
    eta = [("ETA_LEAST", f"({low})"), ("ETA_GREATEST", f"({high})")]
    yield "log2 of the least and greatest eta; MODE's code is log2 eta - ETA_LEAST", eta
    training = Settings(preset=config.preset).settling()
    yield (
        "what is usual, at dt = 1",
        _usual(training, "")
        + _usual(Settings(preset=config.preset).settling(recall=True), "RECALL_"),
    )
    yield (
        "areas: first address",
        [(f"AREA_{area.name}", f"0x{amap.at(area, 0):x}u") for area in amap.areas],
    )
    yield (
        "registers",
        [
            (
                f"REG_{r.name}",
                f"0x{amap.register(r.name):02x}u /* {ACCESS[r.access]}: {meaning(r)} */",
            )
            for r in ADDRESSED.values()
        ],
    )
    for register in ADDRESSED.values():
        if register.fields:
            yield f"bits of {register.name}", _bits(register.name, register.built(config))
    yield "bits of a word of steps in the log", _bits("LOG", LOG_FIELDS)
    yield "bits of a word of the program", _layout("PROGRAM", word_layout(config))
    if config.higher:
        of_terms = fold_layout(config)
        yield (
            "bits of a term's first word; UNITS as the value of a unit is none",
            _layout("FOLD", of_terms) + [("UNIT_BITS", f"{config.unit_bits}u")],
        )
    rules = [(f"RULE_{name.upper()}", f"{value}u") for name, value in of_rules(config).items()]
    yield "what a program must keep, see the manual", rules
    yield "regions of the state", [(f"REGION_{r.name}", f"{r.value}u") for r in STATE]
    yield "bits of a unit's FLAGS", _layout("FLAG", flags_layout(config))
    yield (
        "ACTIVATION in FLAGS",
        [
            (f"ACTIVATION_{a.upper().replace('-', '_')}", f"{k}u")  # of the user's own: table-…
            for k, a in enumerate(config.activations)
        ],
    )


def _usual(settling: Settling, prefix):
    found = [(f"USUAL_{prefix}LIMIT", f"{settling.limit}u")]
    if not prefix:
        found += [("USUAL_TOLERANCE", f"{settling.tolerance}u")]
        found += [("USUAL_USE_WITHIN", f"{settling.use_within}u")]
    return found


def _bits(word, fields):
    found = []
    for field in fields:
        of, meaning = field.name, f"u /* {field.doc} */"
        found += _places(word, of, f"{field.low}", f"{field.width}", meaning)
    return found


def _layout(word, layout):
    found = []
    for field, place in layout:
        found += _places(word, field.upper(), place.offset, place.width)
    return found


def _places(word, field, first, width, meaning="u"):
    return [(f"{word}_{field}_BIT", f"{first}{meaning}"), (f"{word}_{field}_BITS", f"{width}u")]


def _code(config, name):
    """The functions."""
    amap = AddressMap(config)
    values = {
        "velocity": _VELOCITY if config.momentum else "",
        "n": name,
        "N": name.upper(),
        "LANES": config.lanes,
        "slot": amap.unit_bits,
        "region": amap.unit_bits + amap.slot_bits,
        "lane": amap.unit_bits + amap.slot_bits + amap.region_bits,
        "bank": amap.word_bits,
    }
    text = _CODE + dense(config)
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", str(value))
    return text
