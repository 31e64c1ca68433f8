"""Words of a core's program and tables, and what a program must keep: for the manual and for C."""

import numpy as np
from amaranth.lib import data

from rbp.golden.program import compile_program
from rbp.hdl.layouts import word_layout
from rbp.hdl.timing import Timing

__all__ = ["fold_layout", "of_program", "of_rules", "table"]

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
        "WORD": _layout(word_layout(config), _WORD, columns),
        "FOLD": _layout(fold_layout(config), _FOLD, columns) if higher else "",
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


def _layout(layout, meanings, columns):
    rows = []
    for name, place in layout:
        last = place.offset + place.width - 1
        bits = str(last) if place.width == 1 else f"{place.offset}-{last}"
        rows.append((bits, f"`{name}`", meanings[name].format(top=columns - 1, none=columns)))
    return table(rows)


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
