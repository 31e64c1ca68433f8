"""The SystemRDL 2.0 description of a core, for tools that read registers and memories.

Made from the memory map (:mod:`rbp.hdl.host.memory_map`), as the manual and the header are.
"""

from rbp.export.generated import NAME, title
from rbp.export.words import flag_fields, word_fields
from rbp.hdl.host.description import description
from rbp.hdl.host.memory_map import ADDRESSED, DESCRIBES, IDENTITY, STATE, AddressMap, Area
from rbp.hdl.host.register import Field
from rbp.hdl.layouts import Region

__all__ = ["rdl"]

SW = {"ro": "r", "wo": "w", "rw": "rw"}
HW = {"ro": "w", "wo": "r", "rw": "rw"}
"""A register's access by software, and what is left to hardware."""

_MEMORIES = {
    Area.WEIGHTS: "of each bank, a weight of each entry",
    Area.VELOCITIES: "of each bank, the velocity of that weight",
    Area.PROGRAM: "words of the program",
    Area.PRODUCTS: "of each column, its factors",
    Area.FOLDS: "two words a term",
    Area.LOG: "word n since the last CLEAR at n modulo its entries",
}

_ABOUT = (
    "Addresses count bytes: 4 times the word addresses of the manual. AXI4-Lite has them as they "
    "are, the other ports without the two lowest bits. Words are written whole."
)


def rdl(config, name=NAME, made=""):
    """The description, whose address map is ``name`` and ``_regs``: no word of the language's own.

    Its parts have the names of the areas. A register without fields has one, VALUE. What never
    changes has ``hw = na``, and its value as ``reset``. The states of lane k are STATE_k, but for
    FLAGS, which all lanes share.
    """
    amap = AddressMap(config)
    parts = [_desc(_ABOUT), *_registers(config, amap), *_states(config, amap)]
    for area in amap.areas:
        if area in _MEMORIES:
            parts += _area(config, amap, area)
    lines = [f"// {title(config)}", f"// {made}", "", *_block("addrmap", f"{name}_regs", parts)]
    return "\n".join([*lines, ""])


def _registers(config, amap):
    fixed = dict(enumerate(description(config), start=DESCRIBES))
    fixed[amap.register("IDENTITY")] = IDENTITY
    body = []
    for address, register in ADDRESSED.items():
        hw = "na" if address in fixed else HW[register.access]
        inside = [_desc(register.doc), *_default(SW[register.access], hw)]
        fields = register.built(config) or [Field("VALUE", 0, 32, "")]
        inside += [_field(field, fixed.get(address)) for field in fields]
        body += _block("reg", f"{register.name} @ {_byte(address)}", inside)
    return _block("regfile", f"REGISTERS @ {_byte(amap.at(Area.REGISTERS, 0))}", body)


def _area(config, amap, area):
    """A memory for each bank, or one."""
    place, size, words = f" @ {_byte(amap.at(area, 0))}", config.log_depth, ()
    if area in (Area.WEIGHTS, Area.VELOCITIES):
        place = f"[{config.macs}]{place} += {_byte(1 << amap.word_bits)}"
        size = config.entries
    elif area != Area.LOG:
        size = amap.tables[area]
    if area == Area.PROGRAM:
        words = word_fields(config)
    access = "ro" if area == Area.LOG else "wo"
    return _memory(area.name + place, _MEMORIES[area], size, access, words)


def _states(config, amap):
    """Of each lane its slots, of each slot its units; FLAGS of the units."""
    base, body = amap.state(Region.X_START, 0, 0), []
    for region, (access, about) in STATE.items():
        first = amap.state(region, 0, 0)
        if region == Region.FLAGS:
            flags = _memory(
                f"FLAGS @ {_byte(first)}", about, config.units, access, flag_fields(config)
            )
        else:
            place = f"[{config.slots}] @ {_byte(first - base)} += {_byte(1 << amap.unit_bits)}"
            body += _memory(region.name + place, about, config.units, access)
    lanes = (f"STATE_{k} @ {_byte(amap.state(Region.X_START, k, 0))}" for k in range(config.lanes))
    return _block("addrmap state", "", body) + [f"state {lane};" for lane in lanes] + flags


def _memory(place, about, entries, access, fields=()):
    """A memory of words, whose fields are given where all words have the same."""
    body = [_desc(about), f"mementries = {entries};", "memwidth = 32;", f"sw = {SW[access]};"]
    if fields:
        inside = _default(SW[access], HW[access]) + [_field(field) for field in fields]
        body += _block("reg", f"WORD[{entries}]", inside)
    return _block("external mem", place, body)


def _default(sw, hw):
    return [f"default sw = {sw};", f"default hw = {hw};"]


def _block(kind, place, body):
    """Lines of a component and its instance; of an address map its name comes before."""
    head, tail = (f"{kind} {place}", "") if kind == "addrmap" else (kind, f" {place}".rstrip())
    return [f"{head} {{", *(f"  {line}" for line in body), f"}}{tail};"]


def _field(field, word=None):
    about = [_desc(field.doc)] if field.doc else []
    about += [] if word is None else [f"reset = {(word & field.mask) >> field.low};"]
    place = f"{field.name.upper()}[{field.low + field.width - 1}:{field.low}]"
    return f"field {{ {' '.join(about)} }} {place};"


def _desc(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'desc = "{escaped}";'


def _byte(address):
    return f"0x{4 * address:x}"
