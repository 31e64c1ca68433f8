/* A host that trains and recalls, written from net_manual.md and net_regs.h alone.
 *
 * It makes the program of a network with all connections; of any other, it has the arrays of
 * `rbp program`. Prints W, then the states that it recalls, a word a line. */
#include <stdio.h>
#include <stdlib.h>

#include "net_regs.h"
#include "problem.h"
#ifdef ARRAYS
#include "learning.h"
#include "resting.h"
#endif

/* The port, in bus.cpp. */
void bus_write(uint32_t address, uint32_t word);
uint32_t bus_read(uint32_t address);

/* A network as the core has it. */
struct network {
    uint32_t rows, held, blocks, numbers, words, entries;
    const uint32_t *program, *block;
    const int32_t *order, *columns;
};

static uint32_t weights[UNITS][UNITS]; /* words, as the user numbers units */

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

#ifdef ARRAYS
#define OF_ARRAYS(n, N) \
    {N##_ROWS, N##_HELD, N##_BLOCKS, N##_ORDER_COUNT, N##_PROGRAM_COUNT, N##_COLUMNS_COUNT, \
     n##_program, n##_block, n##_order, n##_columns}
static struct network learning_network(void)
{
    struct network made = OF_ARRAYS(learning, LEARNING);
    return made;
}

static struct network resting_network(void)
{
    struct network made = OF_ARRAYS(resting, RESTING);
    return made;
}
#else
static struct network learning_network(void)
{
    static uint32_t words[NET_WORDS], block[NET_ENTRIES];
    static int32_t order[UNITS], columns[NET_ENTRIES];
    struct network made = {0, 0, 0, UNITS, 0, 0, words, block, order, columns};
    made.words = net_dense(UNITS, 0, words);
    if (made.words == 0) fail("the core is too small");
    made.blocks = (UNITS + NET_MACS - 1) / NET_MACS;
    made.entries = made.blocks * net_dense_length(UNITS);
    for (uint32_t e = 0; e < made.entries; e++) columns[e] = -1;
    for (uint32_t i = 0; i < UNITS; i++)
        for (uint32_t j = 0; j < UNITS; j++) {
            uint32_t entry = net_dense_entry(UNITS, 0, i, j);
            order[i] = (int32_t)i, columns[entry] = (int32_t)j, block[entry] = i / NET_MACS;
        }
    return made;
}

static struct network resting_network(void) { return learning_network(); }
#endif

static uint32_t tag, log_read; /* of the last start; words of the log that were read */

static void clear(void)
{
    bus_write(NET_REG_CONTROL, 1u << NET_CONTROL_CLEAR_BIT);
    tag = log_read = 0;
}

/* Writes what starts something, with the next tag. */
static void begin(uint32_t reg, uint32_t word)
{
    tag = tag % 15u + 1u;
    bus_write(reg, word | tag << NET_CONTROL_TAG_BIT);
}

/* So many more words of the log are read. */
static void taken(uint32_t count)
{
    log_read = (log_read + count) % (2u * NET_LOG_DEPTH);
    bus_write(NET_REG_LOG_READ, log_read);
}

static uint32_t status(void)
{
    return bus_read(NET_REG_STATUS);
}

static void write_program(const struct network *of)
{
    clear();
    bus_write(NET_REG_ROWS, of->rows);
    for (uint32_t k = 0; k < of->words; k++) bus_write(NET_AREA_PROGRAM + k, of->program[k]);
    clear();
}

static void write_state(uint32_t region, uint32_t pattern, uint32_t unit, double number)
{
    bus_write(net_state(region, pattern, unit), net_word(number, NET_STATE_FRACTION));
}

static void write_flags(const struct network *of)
{
    for (uint32_t i = 0; i < NET_UNITS; i++) {
        int unit = i < of->numbers ? of->order[i] : -1;
        uint32_t flags = 0;
        if (unit >= 0) {
            flags = 1u << NET_FLAG_INPUT_BIT;
            if (clamped[unit]) flags |= 1u << NET_FLAG_CLAMP_BIT;
            if (target[unit]) flags |= 1u << NET_FLAG_TARGET_BIT;
            if (i >= of->held) flags |= 1u << NET_FLAG_MOVES_BIT;
        }
        bus_write(net_state(NET_REGION_FLAGS, 0, i), flags);
    }
}

static void write_patterns(const struct network *of, int recall)
{
    for (uint32_t a = 0; a < PATTERNS; a++)
        for (uint32_t i = 0; i < of->numbers; i++) {
            int unit = of->order[i];
            if (unit < 0) continue;
            double x = start[a][unit];
            if (i < of->held) { /* it stays where it is */
                x = clamped[unit] && !recall ? t[a][unit] : 0.5 + input[a][unit];
                write_state(NET_REGION_X, a, i, x);
                write_state(NET_REGION_Y, a, i, 0);
            }
            write_state(NET_REGION_X_START, a, i, x);
            write_state(NET_REGION_INPUT, a, i, input[a][unit]);
            if (!recall)
                write_state(clamped[unit] ? NET_REGION_CLAMPED : NET_REGION_TARGET, a, i,
                            t[a][unit]);
        }
}

/* The unit whose row a bank has in an entry's block, or -1. */
static int row_of(const struct network *of, uint32_t block, uint32_t bank)
{
    uint32_t number = of->held + block * NET_MACS + bank;
    return number < of->numbers ? of->order[number] : -1;
}

static void write_weights(const struct network *of)
{
    for (uint32_t e = 0; e < of->entries; e++)
        for (uint32_t p = 0; p < NET_MACS; p++) {
            int i = row_of(of, of->block[e], p), j = of->columns[e];
            if (j >= 0) j = of->order[j];
            bus_write(net_weight(p, e), i >= 0 && j >= 0 ? weights[i][j] : 0u);
        }
}

static void read_weights(const struct network *of)
{
    uint32_t rows = of->blocks * NET_MACS;
    for (uint32_t column = 0; column < of->numbers; column++) {
        if (of->order[column] < 0) continue;
        begin(NET_REG_COLUMN, column);
        while (bus_read(NET_REG_LOG_COUNT) < rows) continue;
        for (uint32_t row = 0; row < rows; row++) {
            int unit = row_of(of, 0, row);
            uint32_t word = bus_read(net_log(log_read + row));
            if (unit >= 0) weights[unit][of->order[column]] = word;
        }
        taken(rows);
    }
}

static void write_settings(uint32_t batch, uint32_t limit)
{
    uint32_t mode = (uint32_t)(ETA_SHIFT - NET_ETA_LEAST) << NET_MODE_ETA_BIT;
#ifdef FRICTION
    mode |= FRICTION << NET_MODE_FRICTION_BIT;
#endif
    bus_write(NET_REG_MODE, mode | 1u << NET_MODE_LOG_BIT);
    bus_write(NET_REG_LIMIT, limit);
    bus_write(NET_REG_TOLERANCE, NET_USUAL_TOLERANCE);
    bus_write(NET_REG_USE_WITHIN, NET_USUAL_USE_WITHIN);
    bus_write(NET_REG_PATTERNS, PATTERNS);
    bus_write(NET_REG_BATCH, batch);
    bus_write(NET_REG_FIRST, 0u);
    bus_write(NET_REG_NOISE, SEED);
}

/* Starts a run and reads the log until it has ended. */
static void run(uint32_t command)
{
    begin(NET_REG_CONTROL, 1u << command);
    int busy = 1;
    for (uint32_t count = 0; busy || count;) {
        busy = NET_GET(status(), NET_STATUS_PHASE) != 0;
        count = bus_read(NET_REG_LOG_COUNT);
        for (uint32_t k = 0; k < count; k++) bus_read(net_log(log_read + k));
        if (count) taken(count);
    }
    if (NET_GET(status(), NET_STATUS_REFUSED)) fail("an access was refused");
}

static void print_weights(void)
{
    for (uint32_t j = 0; j < UNITS; j++)
        for (uint32_t i = 0; i < UNITS; i++)
            printf("%ld\n", (long)net_signed(weights[i][j], NET_WEIGHT_BITS));
}

static void print_states(const struct network *of)
{
    static int32_t x[UNITS];
    for (uint32_t a = 0; a < PATTERNS; a++) {
        for (uint32_t i = 0; i < of->numbers; i++)
            if (of->order[i] >= 0)
                x[of->order[i]] = (int32_t)bus_read(net_state(NET_REGION_X, a, i));
        for (uint32_t i = 0; i < UNITS; i++) printf("%ld\n", (long)x[i]);
    }
}

int main(void)
{
    struct network learning = learning_network(), resting = resting_network();
    if (bus_read(NET_REG_IDENTITY) != NET_IDENTITY) fail("there is no core");
    for (int times = 0; times < 2; times++) { /* the second is as the first: nothing is left */
        for (uint32_t i = 0; i < UNITS; i++)
            for (uint32_t j = 0; j < UNITS; j++)
                weights[i][j] = connected[i][j] ? net_weight_word(w[i][j]) : 0u;
        write_program(&learning);
        write_settings(BATCH, NET_USUAL_LIMIT);
        write_flags(&learning);
        write_patterns(&learning, 0);
        write_weights(&learning);
        for (uint32_t left = UPDATES, now = 1; left; left -= now, now = left) { /* it goes on */
            bus_write(NET_REG_UPDATES, now);
            run(NET_CONTROL_TRAIN_BIT);
        }
        read_weights(&learning);
        print_weights();

        write_program(&resting);
        write_settings(PATTERNS, NET_USUAL_RECALL_LIMIT);
        write_flags(&resting);
        write_patterns(&resting, 1);
        write_weights(&resting);
        run(NET_CONTROL_RECALL_BIT);
        print_states(&resting);
    }
    return 0;
}
