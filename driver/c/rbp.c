/* A driver of the core; rbp.h says what each function does. */
#include "rbp.h"

enum { /* the areas of the memory map, and the registers */
    REGISTERS, STATE, WEIGHTS, VELOCITIES, PROGRAM, PRODUCTS, FOLDS, LOG
};
enum {
    IDENTITY, CONTROL, STATUS, UPDATES, PATTERNS, BATCH, FIRST, MODE, LIMIT, TOLERANCE, USE_WITHIN,
    NOISE, UNSETTLED, SKIPPED, CYCLES, CYCLES_HIGH, ROWS, COLUMN, LOG_COUNT, LOG_READ, IRQ_ENABLE,
    DESCRIPTION = 32
};
enum { TRAIN = 1, RECALL = 2, CLEAR = 4, STOP = 8, TAG = 24 };
enum { TARGET = 3, CLAMPED = 4, INPUT = 5, FLAGS = 6 };      /* regions of the state, with X ... */
enum { CLAMP = 1 };                                           /* a bit of FLAGS */

#define IDENTITY_WORD 0x52425034u
#define OPTIONS_MASK 0x3f00u
#define MOST_STEPS 0x7fffu
#define MOST_UPDATES 0xffffffu

#define TRY(call)                                                                                  \
    do {                                                                                           \
        int tried = (call);                                                                        \
        if (tried != RBP_OK) return tried;                                                         \
    } while (0)

const char *rbp_text(int result)
{
    switch (result) {
    case RBP_OK: return "done";
    case RBP_AGAIN: return "no whole report is in the log yet";
    case RBP_ENDED: return "the run has ended, and its reports are read";
    case RBP_E_BUS: return "the bus did not carry a word";
    case RBP_E_NO_CORE: return "no core answers at this address";
    case RBP_E_VERSION: return "the core's memory map is of another version than the driver's";
    case RBP_E_UNKNOWN: return "the driver does not know what the core describes";
    case RBP_E_NETWORK: return "the network was made for another core";
    case RBP_E_SIZE: return "the core does not hold so many units, patterns or words";
    case RBP_E_RANGE: return "an argument is not in its range";
    case RBP_E_BUSY: return "a run is under way";
    case RBP_E_REFUSED: return "the core refused the start";
    case RBP_E_TIMEOUT: return "the core does not send a column of weights";
    case RBP_E_LOG: return "the log has words that are not read";
    default: return "not a result of this driver";
    }
}

static int get(const rbp_core *core, uint32_t address, uint32_t *word)
{
    return core->read(core->context, address, word) ? RBP_E_BUS : RBP_OK;
}

static int put(const rbp_core *core, uint32_t address, uint32_t word)
{
    return core->write(core->context, address, word) ? RBP_E_BUS : RBP_OK;
}

static int put_all(const rbp_core *core, uint32_t area, const uint32_t *words, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++)
        TRY(put(core, area << core->offset_bits | k, words[k]));
    return RBP_OK;
}

/* Bits of the numbers 0 ... count - 1, at least one. */
static uint32_t bits_of(uint32_t count)
{
    uint32_t bits = 1;
    while (bits < 31 && (uint32_t)1 << bits < count) bits++;
    return bits;
}

static uint32_t field(uint32_t word, unsigned low, unsigned width)
{
    return word >> low & (((uint32_t)1 << width) - 1u);
}

/* A word of few bits as a number. */
static int32_t number_of(uint32_t word, uint32_t bits)
{
    uint32_t sign = (uint32_t)1 << (bits - 1), low = word & (2u * sign - 1u);
    return low & sign ? -(int32_t)(2u * sign - 1u - low) - 1 : (int32_t)low;
}

static void set_formats(rbp_core *core)
{
    static const rbp_format formats[3][4] = {
        {{16, 14}, {16, 14}, {16, 12}, {16, 14}},
        {{18, 16}, {18, 16}, {18, 14}, {18, 16}},
        {{8, 6}, {10, 9}, {8, 4}, {0, 0}},
    };
    const rbp_format *of = formats[core->preset];
    core->state = of[0], core->error = of[1], core->weight = of[2], core->velocity = of[3];
    if (!core->momentum) core->velocity.bits = core->velocity.fraction = 0;
}

static int set_map(rbp_core *core)
{
    uint32_t lane_bits = bits_of(core->lanes), columns = core->products;
    core->unit_bits = bits_of(core->units), core->slot_bits = bits_of(core->slots);
    core->word_bits = bits_of(core->entries);
    uint32_t needs[] = {
        6, bits_of(core->log_words), lane_bits + 3 + core->slot_bits + core->unit_bits,
        core->word_bits + bits_of(core->macs), bits_of(core->words),
        columns ? bits_of(columns) : 0, columns ? bits_of(2 * core->folds) : 0,
    };
    core->offset_bits = 0;
    for (unsigned k = 0; k < sizeof needs / sizeof *needs; k++)
        if (needs[k] > core->offset_bits) core->offset_bits = needs[k];
    return core->offset_bits + 3 <= 32 ? RBP_OK : RBP_E_UNKNOWN;
}

int rbp_open(rbp_core *core, rbp_read_word read, rbp_write_word write, void *context)
{
    uint32_t word, built[8];
    core->read = read, core->write = write, core->context = context;
    core->batch = core->training = core->seen = core->column = 0, core->energy = 0;
    TRY(get(core, IDENTITY, &word));
    if (word >> 8 != IDENTITY_WORD >> 8) return RBP_E_NO_CORE;
    core->version = word & 0xffu;
    if (word != IDENTITY_WORD) return RBP_E_VERSION;
    for (uint32_t k = 0; k < 8; k++) TRY(get(core, DESCRIPTION + k, &built[k]));
    core->units = field(built[0], 0, 11), core->macs = field(built[0], 11, 11);
    core->lanes = field(built[0], 22, 4), core->slots = field(built[1], 0, 9);
    core->log_words = (uint32_t)1 << field(built[1], 9, 5), core->preset = field(built[1], 14, 3);
    core->momentum = field(built[1], 20, 1), core->random_start = field(built[1], 21, 1);
    core->refill = field(built[1], 22, 1);
    core->eta_least = (int)field(built[1], 24, 4) - 8;
    core->eta_greatest = (int)field(built[1], 28, 4) - 8;
    core->entries = built[2], core->words = built[3];
    core->products = field(built[4], 0, 16), core->order = field(built[4], 16, 4);
    core->folds = built[5], core->activations = built[6], core->key = built[7];
    if (!core->units || !core->macs || !core->lanes || !core->slots || !core->entries ||
        !core->words || core->preset > 2 || core->entries >> 28 || core->words >> 28 ||
        core->folds >> 28 || core->eta_least > core->eta_greatest)
        return RBP_E_UNKNOWN;
    set_formats(core);
    TRY(set_map(core));
    TRY(get(core, LOG_READ, &core->log_read)); /* another host may have been here */
    core->given = core->log_read;
    TRY(get(core, STATUS, &word));
    core->tag = field(word, TAG, 4);
    return RBP_OK;
}

int rbp_clear(rbp_core *core)
{
    TRY(put(core, CONTROL, CLEAR));
    core->tag = core->log_read = core->given = core->seen = core->column = 0, core->energy = 0;
    return RBP_OK;
}

int rbp_status(rbp_core *core, uint32_t *status)
{
    return get(core, STATUS, status);
}

static int idle(const rbp_core *core)
{
    uint32_t status;
    TRY(get(core, STATUS, &status));
    return status & RBP_STATUS_PHASE ? RBP_E_BUSY : RBP_OK;
}

uint32_t rbp_units(const rbp_network *of)
{
    uint32_t units = 0;
    for (uint32_t k = 0; k < of->numbers; k++) units += of->order[k] >= 0;
    return units;
}

uint32_t rbp_columns(const rbp_network *of)
{
    return of->product_words ? of->product_words : rbp_units(of);
}

int rbp_load(rbp_core *core, const rbp_network *of)
{
    if (of->key != core->key) return RBP_E_NETWORK;
    if (of->numbers > core->units || of->entries > core->entries || of->words > core->words ||
        of->product_words > core->products || of->fold_words > 2 * core->folds ||
        of->flag_words != core->units)
        return RBP_E_SIZE;
    TRY(rbp_clear(core)); /* ends a run */
    TRY(put(core, ROWS, of->rows));
    TRY(put_all(core, PROGRAM, of->program, of->words));
    TRY(put_all(core, PRODUCTS, of->products, of->product_words));
    TRY(put_all(core, FOLDS, of->folds, of->fold_words));
    TRY(rbp_clear(core)); /* the program's velocities */
    for (uint32_t i = 0; i < of->flag_words; i++)
        TRY(put(core,
                (uint32_t)STATE << core->offset_bits |
                    (uint32_t)FLAGS << (core->slot_bits + core->unit_bits) | i,
                of->flags[i]));
    for (uint32_t e = 0; e < of->entries; e++)
        for (uint32_t p = 0; p < core->macs; p++) {
            uint32_t place = p << core->word_bits | e, k = e * core->macs + p;
            TRY(put(core, (uint32_t)WEIGHTS << core->offset_bits | place, of->weights[k]));
            if (of->velocities && core->momentum)
                TRY(put(core, (uint32_t)VELOCITIES << core->offset_bits | place,
                        of->velocities[k]));
        }
    return RBP_OK;
}

void rbp_usual(const rbp_core *core, int recall, uint32_t patterns, rbp_settings *settings)
{
    settings->first = settings->dt_shift = settings->friction = settings->noise = 0;
    settings->patterns = settings->batch = patterns;
    settings->eta_shift = core->eta_least > 0      ? core->eta_least
                          : core->eta_greatest < 0 ? core->eta_greatest
                                                   : 0;
    settings->limit = recall ? 512 : 64;
    settings->tolerance = core->preset == 2 ? 2 : 4;
    settings->use_within = 64;
    settings->options = RBP_LOG;
}

int rbp_set(rbp_core *core, const rbp_settings *to)
{
    if (to->patterns < 1 || to->patterns > core->lanes * core->slots || to->batch < 1 ||
        to->batch > to->patterns || to->first >= to->patterns ||
        to->eta_shift < core->eta_least || to->eta_shift > core->eta_greatest ||
        to->dt_shift > 3 || to->friction > (core->momentum ? 7u : 0u) || to->limit < 1 ||
        to->limit > MOST_STEPS || to->tolerance > MOST_STEPS || to->use_within > MOST_STEPS ||
        to->options & ~OPTIONS_MASK || (to->options & RBP_DRAW && to->batch != 1) ||
        (to->options & RBP_RANDOM_START && !core->random_start))
        return RBP_E_RANGE;
    TRY(idle(core));
    TRY(put(core, MODE,
            to->dt_shift | (uint32_t)(to->eta_shift - core->eta_least) << 4 | to->options |
                to->friction << 16));
    TRY(put(core, LIMIT, to->limit));
    TRY(put(core, TOLERANCE, to->tolerance));
    TRY(put(core, USE_WITHIN, to->use_within));
    TRY(put(core, PATTERNS, to->patterns));
    TRY(put(core, BATCH, to->batch));
    TRY(put(core, FIRST, to->first % core->lanes | to->first / core->lanes << 16));
    TRY(put(core, NOISE, to->noise));
    core->batch = to->batch;
    return RBP_OK;
}

/* Address of a pattern's word; the unit by its number in the core. */
static uint32_t state_at(const rbp_core *core, uint32_t region, uint32_t pattern, uint32_t number)
{
    uint32_t place = (pattern % core->lanes) << 3 | region;
    place = (place << core->slot_bits | pattern / core->lanes) << core->unit_bits | number;
    return (uint32_t)STATE << core->offset_bits | place;
}

static int fits(const rbp_core *core, const rbp_network *of, uint32_t first, uint32_t count)
{
    uint32_t most = core->lanes * core->slots;
    return of->numbers <= core->units && first <= most && count <= most - first ? RBP_OK
                                                                                : RBP_E_SIZE;
}

int rbp_load_patterns(rbp_core *core, const rbp_network *of, uint32_t first, uint32_t count,
                      const int32_t *start, const int32_t *inputs, const int32_t *targets)
{
    uint32_t units = rbp_units(of);
    TRY(fits(core, of, first, count));
    if (!core->refill) TRY(idle(core));
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t n = 0; n < of->numbers; n++) {
            if (of->order[n] < 0) continue;
            uint32_t k = a * units + (uint32_t)of->order[n], place = first + a;
            int clamped = (of->flags[n] & CLAMP) && targets;
            uint32_t x = (uint32_t)(clamped && n < of->held ? targets[k] : start[k]);
            TRY(put(core, state_at(core, RBP_X, place, n), x));
            TRY(put(core, state_at(core, RBP_Y, place, n), 0));
            TRY(put(core, state_at(core, RBP_X_START, place, n), x));
            TRY(put(core, state_at(core, INPUT, place, n), inputs ? (uint32_t)inputs[k] : 0));
            if (targets) /* last: what comes first from a clamped unit is T */
                TRY(put(core, state_at(core, clamped ? CLAMPED : TARGET, place, n),
                        (uint32_t)targets[k]));
        }
    return RBP_OK;
}

static uint32_t next_tag(const rbp_core *core)
{
    return core->tag % 15u + 1u;
}

/* Start a run. The last read of STATUS waits until it is known whether it has started. */
static int start(rbp_core *core, uint32_t command, uint32_t updates)
{
    uint32_t status, tag;
    if (core->column) core->tag = next_tag(core); /* that of a column that was given up */
    core->column = 0, tag = next_tag(core);
    TRY(get(core, STATUS, &status));
    if (field(status, TAG, 4) != tag) { /* else a call that failed on the bus has started it */
        if (status & RBP_STATUS_PHASE) return RBP_E_BUSY;
        if (command == TRAIN) TRY(put(core, UPDATES, updates));
        TRY(put(core, CONTROL, command | tag << TAG));
        TRY(get(core, STATUS, &status));
        if (field(status, TAG, 4) != tag) return RBP_E_REFUSED;
    }
    core->tag = tag, core->training = command == TRAIN;
    core->seen = 0, core->energy = 0;
    return RBP_OK;
}

int rbp_train(rbp_core *core, uint32_t updates)
{
    return updates > MOST_UPDATES ? RBP_E_RANGE : start(core, TRAIN, updates);
}

int rbp_recall(rbp_core *core)
{
    return start(core, RECALL, 0);
}

int rbp_stop(rbp_core *core)
{
    return put(core, CONTROL, STOP);
}

int rbp_irq(rbp_core *core, uint32_t causes)
{
    if (causes > (RBP_IRQ_DONE | RBP_IRQ_LOG_HALF)) return RBP_E_RANGE;
    return put(core, IRQ_ENABLE, causes);
}

/* The log's word behind `skipped` others that are not yet read. */
static int log_word(const rbp_core *core, uint32_t skipped, uint32_t *word)
{
    uint32_t place = (core->log_read + skipped) & (core->log_words - 1u);
    return get(core, (uint32_t)LOG << core->offset_bits | place, word);
}

/* So many more words of the log are read. The core is told by the next call, so that a bus that
 * fails loses none. */
static void taken(rbp_core *core, uint32_t count)
{
    core->log_read = (core->log_read + count) & (2u * core->log_words - 1u);
}

static int give_back(rbp_core *core)
{
    if (core->given != core->log_read) TRY(put(core, LOG_READ, core->log_read));
    core->given = core->log_read;
    return RBP_OK;
}

int rbp_report(rbp_core *core, uint32_t *steps, uint64_t *energy)
{
    uint32_t status, count, word, seen = core->seen;
    uint32_t length = core->batch + (core->training ? 2 * core->lanes : 0);
    uint64_t sum = core->energy;
    if (!core->batch || !core->tag) return RBP_E_RANGE;
    TRY(give_back(core));
    TRY(get(core, STATUS, &status)); /* before the count: what a run writes last is then in it */
    TRY(get(core, LOG_COUNT, &count));
    if (count == 0) return status & RBP_STATUS_PHASE ? RBP_AGAIN : RBP_ENDED;
    if (count > length - seen) count = length - seen;
    for (uint32_t k = 0; k < count; k++, seen++) {
        TRY(log_word(core, k, &word));
        if (seen >= core->batch)
            sum += (uint64_t)word << 32 * ((seen - core->batch) % 2);
        else if (steps)
            steps[seen] = word;
    }
    taken(core, count);
    core->seen = seen % length, core->energy = seen == length ? 0 : sum;
    if (seen < length) return RBP_AGAIN;
    if (energy) *energy = sum;
    return RBP_OK;
}

int rbp_read_counters(rbp_core *core, rbp_counters *counters)
{
    uint32_t low, high, again;
    TRY(get(core, UNSETTLED, &counters->unsettled));
    TRY(get(core, SKIPPED, &counters->skipped));
    TRY(get(core, CYCLES_HIGH, &high));
    do { /* a run may be under way: both halves are of one moment */
        again = high;
        TRY(get(core, CYCLES, &low));
        TRY(get(core, CYCLES_HIGH, &high));
    } while (again != high);
    counters->cycles = (uint64_t)high << 32 | low;
    return RBP_OK;
}

/* The unit whose row a number of the core is, or -1. */
static int32_t unit_at(const rbp_network *of, uint32_t number)
{
    return number < of->numbers ? of->order[number] : -1;
}

/* A column, by its number in the core; -1: nobody's. In a higher order they are the products. */
static int32_t column_at(const rbp_network *of, uint32_t number)
{
    return of->product_words ? (int32_t)number : unit_at(of, number);
}

static int carried(const rbp_core *core, const rbp_network *of, rbp_area area)
{
    if (of->key != core->key) return RBP_E_NETWORK;
    if (area != RBP_WEIGHTS && !(area == RBP_VELOCITIES && core->momentum)) return RBP_E_RANGE;
    return idle(core);
}

/* Have a column written to the log, and wait for its words. */
static int ask(const rbp_core *core, uint32_t column, uint32_t rows)
{
    uint32_t count, patience = 16 * (core->entries + 256);
    TRY(put(core, COLUMN, column | next_tag(core) << TAG));
    do {
        TRY(get(core, LOG_COUNT, &count));
        if (count >= rows) return RBP_OK;
    } while (--patience);
    return RBP_E_TIMEOUT;
}

int rbp_read_weights(rbp_core *core, const rbp_network *of, rbp_area area, int32_t *words)
{
    uint32_t columns = rbp_columns(of), rows = of->blocks * core->macs, count, word;
    uint32_t bits = area == RBP_WEIGHTS ? core->weight.bits : core->velocity.bits;
    uint32_t velocities = (uint32_t)(area == RBP_VELOCITIES) << 16;
    TRY(carried(core, of, area));
    TRY(give_back(core));
    if (!core->column) { /* else a call that failed on the bus goes on */
        TRY(get(core, LOG_COUNT, &count));
        if (count) return RBP_E_LOG;
    }
    for (uint32_t m = core->column ? core->column - 1 : 0; m < (of->product_words ? columns : of->numbers); m++) {
        int32_t column = column_at(of, m);
        core->column = m + 1;
        if (column < 0) continue;
        TRY(give_back(core));
        TRY(ask(core, m | velocities, rows));
        for (uint32_t row = 0; row < rows; row++) {
            int32_t unit = unit_at(of, of->held + row);
            if (unit < 0) continue;
            TRY(log_word(core, row, &word));
            words[(uint32_t)unit * columns + (uint32_t)column] = number_of(word, bits);
        }
        taken(core, rows);
        core->column = m + 2, core->tag = next_tag(core);
    }
    core->column = 0;
    return give_back(core);
}

int rbp_write_weights(rbp_core *core, const rbp_network *of, rbp_area area, const int32_t *words)
{
    uint32_t columns = rbp_columns(of);
    TRY(carried(core, of, area));
    for (uint32_t e = 0; e < of->entries; e++)
        for (uint32_t p = 0; p < core->macs; p++) {
            int32_t unit = unit_at(of, of->held + of->block[e] * core->macs + p);
            int32_t column = of->columns[e] < 0 ? -1 : column_at(of, (uint32_t)of->columns[e]);
            int32_t word = 0;
            if (unit >= 0 && column >= 0)
                word = words[(uint32_t)unit * columns + (uint32_t)column];
            TRY(put(core, (uint32_t)area << core->offset_bits | p << core->word_bits | e,
                    (uint32_t)word));
        }
    return RBP_OK;
}

int rbp_read_states(rbp_core *core, const rbp_network *of, rbp_region region, uint32_t first,
                    uint32_t count, int32_t *words)
{
    uint32_t units = rbp_units(of), word;
    uint32_t bits = region == RBP_Y ? core->error.bits : core->state.bits;
    TRY(fits(core, of, first, count));
    TRY(idle(core));
    for (uint32_t a = 0; a < count; a++)
        for (uint32_t n = 0; n < of->numbers; n++) {
            if (of->order[n] < 0) continue;
            TRY(get(core, state_at(core, (uint32_t)region, first + a, n), &word));
            words[a * units + (uint32_t)of->order[n]] = number_of(word, bits);
        }
    return RBP_OK;
}
