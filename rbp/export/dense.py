"""C functions of the header that make the program of a network with all connections."""

__all__ = ["dense"]

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
