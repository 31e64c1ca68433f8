"""A core's words but for its registers, and what a program must keep: for the manual, C and RDL."""

import numpy as np
from amaranth.lib import data

from rbp.golden.program import compile_program
from rbp.hdl.host.register import Field
from rbp.hdl.layouts import flags_layout, word_layout
from rbp.hdl.timing import Timing

__all__ = [
    "dense",
    "flag_fields",
    "fold_layout",
    "of_program",
    "of_rules",
    "table",
    "word_fields",
]

_WORD = {
    "column": "0 ... {top}; {none}: no column",
    "more": "the columns that follow, too, up to the one before the next word's",
    "last": "the last entry of its block",
    "column_first": "of all entries of this column, the first",
    "column_last": "of all entries of this column, the last; only where the column is wanted",
    "end": "the last entry of the program",
    "short_end": "the last entry of a short turn",
}

_FOLD = {
    "column": "m, 0 ... {top}; {none}: no product, the term is 0",
    "last": "the last term of its unit",
    "end": "the last term of all",
}

_FLAGS = {
    "clamp": "T, not x, feeds the sums while learning",
    "target": "J = T - x drives its error; elsewhere J = 0",
    "input": "I is added; elsewhere it is taken for 0",
    "moves": "the unit is not held: the core may write its x and y",
    "activation": "its function: {names}",
}

_DENSE = """
/* Entries of a block of a dense program{of_columns}. */
static inline uint32_t {n}_dense_length(uint32_t columns)
{
    uint32_t least = {N}_MACS > {N}_RULE_GAP ? {N}_MACS : {N}_RULE_GAP;
    return columns > least ? columns : least;
}

/* The entry of the weight from column j to unit i; its bank is (i - first) % {N}_MACS. */
static inline uint32_t {n}_dense_entry(uint32_t columns, uint32_t first, uint32_t i, uint32_t j)
{
    return (i - first) / {N}_MACS * {n}_dense_length(columns) + j;
}

/* The program of a network with all connections{about}.
 *
 * The units before `first` are held.{constant}
 * Returns how many words it has; 0 where the core is too small. */
static inline uint32_t {n}_dense({arguments},
                                 uint32_t words[{N}_WORDS])
{
    const uint32_t more = 1u << {N}_PROGRAM_MORE_BIT, last = 1u << {N}_PROGRAM_LAST_BIT;
    const uint32_t begins = 1u << {N}_PROGRAM_COLUMN_FIRST_BIT;
    const uint32_t wanted = 1u << {N}_PROGRAM_COLUMN_LAST_BIT;
{columns}    uint32_t length = {n}_dense_length(columns), count = 0, entries = 0, left;
    if (first >= units || units > {N}_UNITS || columns == 0 || columns > {N}_COLUMNS) return 0;
    for (uint32_t i = first; i < units; i += {N}_MACS) {
        int final = units - i <= {N}_MACS;
        uint32_t flags = i == first ? begins : 0, ended = final ? flags | wanted : flags;
        if (final && entries + length < {N}_RULE_SHORTEST) length = {N}_RULE_SHORTEST - entries;
        uint32_t cut = final ? {unwanted} : 0, from = 0;
        if (final && cut >= columns) cut = columns, ended = flags;
        uint32_t to[3] = {cut < columns ? cut : 0, columns - 1, columns};
        for (int k = 0; k < 3; from = to[k++]) {
            if (from == to[k]) continue;
            if (count == {N}_WORDS) return 0;
            words[count++] = from | (k ? ended : flags) | (to[k] - from > 1 ? more : 0);
        }
        for (left = length - columns; left; left--) { /* entries without a column */
            if (count == {N}_WORDS) return 0;
            words[count++] = {N}_COLUMNS;
        }
        words[count - 1] |= last;
        entries += length;
    }
    words[count - 1] |= 1u << {N}_PROGRAM_END_BIT;
    return entries > {N}_ENTRIES ? 0 : count;
}
"""


def fold_layout(config):
    """The first of a term's two words, see :meth:`rbp.golden.features.Features.fold_words`."""
    return data.StructLayout({"column": config.column_bits, "last": 1, "end": 1})


def of_rules(config):
    """Numbers of the rules of :mod:`rbp.golden.program`, by name."""
    rules = Timing(config).rules
    return {"gap": rules.gap, "late": rules.late, "shortest": rules.shortest, "ahead": rules.ahead}


def table(rows):
    """Rows of Markdown."""
    lines = (" | ".join(str(cell).replace("|", "\\|") for cell in row) for row in rows)
    return "\n".join(f"| {line} |" for line in lines)


def of_program(config):
    """What a manual says of the program and the tables, by the names in its text."""
    higher, columns = config.higher, config.columns
    example = _example(config)
    size = "1 entry" if len(example) == 1 else f"{len(example)} entries"
    blocks = "1 block" if example.blocks == 1 else f"{example.blocks} blocks"
    return {
        "MACS": config.macs,
        "LAST_BANK": config.macs - 1,
        "TOP_UNIT": config.units - 1,
        "ENTRIES": config.entries,
        "TOP_WORD": config.words - 1,
        "WORD": _tabled(word_fields(config)),
        "FOLD": _tabled(_fields(config, fold_layout, _FOLD)) if higher else "",
        "NO_COLUMN": columns,
        "TOP_COLUMN": columns - 1,
        "COLUMN_OF": "product" if higher else "unit",
        "COLUMNS_ARE": "the columns" if higher else "N",
        "WANTED": _wanted(higher),
        **{name.upper(): value for name, value in of_rules(config).items()},
        "EXAMPLE_UNITS": example.units,
        "EXAMPLE_COLUMNS": len(example.wanted),
        "EXAMPLE_SIZE": f"{size} in {blocks}",
        "EXAMPLE": table(_rows(config, example)),
        "ORDER": config.order,
        "UNIT_BITS": config.unit_bits,
        "FOLDS": config.folds,
        "AND_TABLES": "; then the products and the terms of the fold table" if higher else "",
        "AND_START": ", and draws other x(t0)" if config.random_start else "",
    }


def word_fields(config):
    """Fields of a word of the program."""
    return _fields(config, word_layout, _WORD)


def flag_fields(config):
    """Fields of a unit's FLAGS."""
    return _fields(config, flags_layout, _FLAGS)


def _fields(config, layout, meanings):
    names = ", ".join(f"{k} {name}" for k, name in enumerate(config.activations))
    known = {"top": config.columns - 1, "none": config.columns, "names": names}
    return [
        Field(name, place.offset, place.width, meanings[name].format(**known))
        for name, place in layout(config)
    ]


def _tabled(fields):
    """A table of fields."""
    return table((f.bits, f"`{f.name}`", f.doc) for f in fields)


def _wanted(higher):
    if higher:
        return "A column is *wanted* if a unit that is not held is a factor of its product."
    return "A column is *wanted* if its unit is not held: the sum of such a column is a result."


def _example(config):
    """A small dense program."""
    units, columns = min(3, config.units), min(3, config.columns)
    connected, wanted = np.ones((units, columns), bool), np.ones(columns, bool)
    rules = Timing(config).rules
    return compile_program(connected, config.macs, rules, wanted=wanted, higher=config.higher)


def _rows(config, program):
    layout = word_layout(config)
    for k, word in enumerate(program.encode(config.columns)):
        fields = {name: word >> p.offset & ((1 << p.width) - 1) for name, p in layout}
        column = fields.pop("column")
        flags = ", ".join(name for name, value in fields.items() if value)
        column = "none" if column == config.columns else column
        yield f"word {k}", f"0x{word:x}", column, flags or "-"


def dense(config):
    """The functions, where ``{n}`` and ``{N}`` are the core's name."""
    values = {
        "of_columns": ", of so many columns of W" if config.higher else ", of so many units",
        "about": " of products" if config.higher else "",
        "constant": " The first `held` columns are products of held units alone.",
        "arguments": "uint32_t units, uint32_t first, uint32_t columns, uint32_t held",
        "unwanted": "held",
        "columns": "",
    }
    if not config.higher:
        values |= {"constant": "", "arguments": "uint32_t units, uint32_t first"}
        values |= {"unwanted": "first", "columns": "    const uint32_t columns = units;\n"}
    text = _DENSE
    for key, value in values.items():
        text = text.replace(f"{{{key}}}", value)
    return text
