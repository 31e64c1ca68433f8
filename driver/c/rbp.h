/**
 * @file
 * A driver of the core, in C99 or C++: no allocation, no library, no floating point.
 *
 * One driver serves every core: it reads what the core is from the core. Two functions of yours
 * carry words. A network comes from `rbp program`; patterns are words, as the core's manual says:
 * a value v of a format with F bits of fraction is the word floor(v * 2^F + 0.5).
 *
 * Every call returns #rbp_result: 0, or a number that says what else happened. Errors are negative.
 * A call that fails with #RBP_E_BUS may be made again, the same way: nothing in a core is done twice,
 * and no report is lost.
 *
 * Units are yours: unit i of your problem is row i of its arrays, whatever its number in the core.
 */
#ifndef RBP_H
#define RBP_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a call came to. */
typedef enum rbp_result {
    RBP_OK = 0,          /**< done */
    RBP_AGAIN = 1,       /**< no whole report is in the log yet: call again later */
    RBP_ENDED = 2,       /**< the run has ended, and all its reports are read */
    RBP_E_BUS = -1,      /**< a function of yours said that a word was not carried */
    RBP_E_NO_CORE = -2,  /**< no core answers at address 0 */
    RBP_E_VERSION = -3,  /**< the core's memory map is of a version that this driver does not know */
    RBP_E_UNKNOWN = -4,  /**< the core describes itself in a way that this driver does not know */
    RBP_E_NETWORK = -5,  /**< the network was made for another core */
    RBP_E_SIZE = -6,     /**< more units, patterns or words than the core holds */
    RBP_E_RANGE = -7,    /**< an argument is not in its range */
    RBP_E_BUSY = -8,     /**< a run is under way: wait until it ends, or rbp_clear() */
    RBP_E_REFUSED = -9,  /**< the core refused the start */
    RBP_E_TIMEOUT = -10, /**< the core does not send a column of weights */
    RBP_E_LOG = -11      /**< the log has words that are not read: read the reports first */
} rbp_result;

/** Read, or write, the 32-bit word at an address, which counts words from the core's first.
 *  Return 0 where it was done, else anything. */
typedef int (*rbp_read_word)(void *context, uint32_t address, uint32_t *word);
typedef int (*rbp_write_word)(void *context, uint32_t address, uint32_t word); /**< see above */

/** A signed word of `bits` bits, in units of 2^-fraction. */
typedef struct rbp_format {
    uint32_t bits;     /**< of a word; 0: there is none */
    uint32_t fraction; /**< F: a value is its word times 2^-F */
} rbp_format;

/** A core: what it says of itself. Set by rbp_open(); read what you like. */
typedef struct rbp_core {
    uint32_t version;      /**< of its memory map: '4' */
    uint32_t units;        /**< the greatest N */
    uint32_t macs;         /**< P: weights of an entry */
    uint32_t lanes;        /**< L */
    uint32_t slots;        /**< patterns of a lane: the core holds lanes * slots */
    uint32_t entries;      /**< the most entries of a program */
    uint32_t words;        /**< the most words of a program */
    uint32_t products;     /**< the greatest M of a higher order; 0: sums of states */
    uint32_t order;        /**< factors of the longest product */
    uint32_t folds;        /**< the most terms of the fold table */
    uint32_t log_words;    /**< words of the log */
    uint32_t activations;  /**< a code of 4 bits for each function, see the manual; 0: none */
    uint32_t key;          /**< of the networks that it takes */
    uint32_t momentum;     /**< 1 where built in, else 0 */
    uint32_t random_start; /**< 1 where x(t0) can be drawn, else 0 */
    uint32_t refill;       /**< 1 where patterns can be written during a run, else 0 */
    int eta_least;         /**< log2 of the least learning rate */
    int eta_greatest;      /**< log2 of the greatest */
    uint32_t preset;       /**< of the formats: 0 w16, 1 w18, 2 w8 */
    rbp_format state;      /**< of x, x(t0), I and T */
    rbp_format error;      /**< of y; its square is that of the energy */
    rbp_format weight;     /**< of W */
    rbp_format velocity;   /**< of momentum */

    /* The driver's own. */
    /** @cond */
    rbp_read_word read;
    rbp_write_word write;
    void *context;
    uint32_t unit_bits, slot_bits, word_bits, offset_bits;
    uint32_t tag, log_read, given, batch, training, seen, column;
    uint64_t energy;
    /** @endcond */
} rbp_core;

/** A network, as `rbp program` writes it; make it by RBP_NETWORK() or RBP_NETWORK_HIGHER(). */
typedef struct rbp_network {
    /* The driver's own. */
    /** @cond */
    uint32_t key, rows, held, blocks, numbers, entries, words, product_words, fold_words, flag_words;
    const uint32_t *program, *products, *folds, *flags, *block, *weights;
    /** @endcond */
    const uint32_t *velocities; /**< of `rbp program`, &NAME_velocities[0][0]; NULL: all are 0 */
    /** @cond */
    const int32_t *order, *columns;
    /** @endcond */
} rbp_network;

/** Initial value of a rbp_network from the arrays of a header: RBP_NETWORK(network, NETWORK). */
#define RBP_NETWORK(n, N)                                                                          \
    {N##_KEY, N##_ROWS, N##_HELD, N##_BLOCKS, N##_ORDER_COUNT, N##_COLUMNS_COUNT,                  \
     N##_PROGRAM_COUNT, 0, 0, N##_FLAGS_COUNT, n##_program, 0, 0, n##_flags, n##_block,            \
     &n##_weights[0][0], 0, n##_order, n##_columns}

/** The same of a network of a higher order. */
#define RBP_NETWORK_HIGHER(n, N)                                                                   \
    {N##_KEY, N##_ROWS, N##_HELD, N##_BLOCKS, N##_ORDER_COUNT, N##_COLUMNS_COUNT,                  \
     N##_PROGRAM_COUNT, N##_PRODUCTS_COUNT, N##_FOLDS_COUNT, N##_FLAGS_COUNT, n##_program,         \
     n##_products, n##_folds, n##_flags, n##_block, &n##_weights[0][0], 0, n##_order, n##_columns}

/** Bits of rbp_settings.options. */
enum {
    RBP_NEAREST = 1 << 8,     /**< round weights to nearest, else with noise */
    RBP_FIXED = 1 << 9,       /**< take `limit` steps, settled or not */
    RBP_LOG = 1 << 10,        /**< write reports, which rbp_report() reads */
    RBP_KEEP = 1 << 11,       /**< relaxations go on from the last x and y */
    RBP_DRAW = 1 << 12,       /**< draw the pattern of each update; batch is 1 */
    RBP_RANDOM_START = 1 << 13 /**< draw x(t0), where that is built in */
};

/** How a core settles and learns. */
typedef struct rbp_settings {
    uint32_t patterns;   /**< A, 1 ... lanes * slots */
    uint32_t batch;      /**< B, patterns of an update, 1 ... A; a recall: A */
    uint32_t first;      /**< the next pattern, 0 ... A - 1 */
    int eta_shift;       /**< log2 of the learning rate, eta_least ... eta_greatest */
    uint32_t dt_shift;   /**< k of dt = 2^-k, 0 ... 3 */
    uint32_t friction;   /**< k of a momentum of 1 - 2^-k, 0 ... 7; 0: none */
    uint32_t limit;      /**< steps of a relaxation, 1 ... 32767 */
    uint32_t tolerance;  /**< settled when no step is greater, ulp, 0 ... 32767 */
    uint32_t use_within; /**< an unsettled relaxation counts up to this step, ulp, 0 ... 32767 */
    uint32_t noise;      /**< the seed; after t draws seed + t * 0x9E3779B9 */
    uint32_t options;    /**< RBP_NEAREST ... */
} rbp_settings;

/** Counters, from the last rbp_clear() on. */
typedef struct rbp_counters {
    uint32_t unsettled; /**< relaxations at their limit, modulo 2^24 */
    uint32_t skipped;   /**< rank-1 updates left out, modulo 2^24 */
    uint64_t cycles;    /**< cycles of the clock in which a run was under way, modulo 2^48 */
} rbp_counters;

/** Fields of rbp_status(). */
enum {
    RBP_STATUS_PHASE = 3, /**< mask; 0 idle, 1 relaxing, 2 updating, 3 the last weights are coming */
    RBP_STATUS_SATURATED_STATE = 1 << 2,    /**< a word of the state was clamped to its format */
    RBP_STATUS_SATURATED_ERROR = 1 << 3,    /**< the same of y, J or b */
    RBP_STATUS_SATURATED_NET = 1 << 4,      /**< the same of u */
    RBP_STATUS_SATURATED_WEIGHT = 1 << 5,   /**< the same of a weight */
    RBP_STATUS_REFUSED = 1 << 6,            /**< an access was refused */
    RBP_STATUS_SATURATED_VELOCITY = 1 << 7, /**< a velocity was clamped */
    RBP_STATUS_DONE = 1 << 8,               /**< the run that was started last has ended */
    RBP_STATUS_LOG_HALF = 1 << 9            /**< the log is half full */
};

/** Causes of an interrupt, as of rbp_status(). */
enum {
    RBP_IRQ_DONE = 1,    /**< RBP_STATUS_DONE */
    RBP_IRQ_LOG_HALF = 2 /**< RBP_STATUS_LOG_HALF */
};

/** What rbp_read_states() reads. */
typedef enum rbp_region {
    RBP_X_START = 0, /**< x(t0) */
    RBP_X = 1,       /**< x at the end of the last relaxation */
    RBP_Y = 2        /**< y */
} rbp_region;

/** What rbp_read_weights() and rbp_write_weights() carry. */
typedef enum rbp_area {
    RBP_WEIGHTS = 2,   /**< W */
    RBP_VELOCITIES = 3 /**< of momentum */
} rbp_area;

/** Of a word of steps: Euler steps of x. */
#define RBP_X_STEPS(word) ((word) & 0x7fffu)
/** Of a word of steps: x reached the limit. */
#define RBP_X_UNSETTLED(word) ((word) >> 15 & 1u)
/** Of a word of steps: Euler steps of y; 0 in a recall. */
#define RBP_Y_STEPS(word) ((word) >> 16 & 0x7fffu)
/** Of a word of steps: y reached the limit. */
#define RBP_Y_UNSETTLED(word) ((word) >> 31 & 1u)

/** A line of text for a result, without a full stop; never NULL. */
const char *rbp_text(int result);

/** Learn what the core is. Writes nothing; a run that is under way goes on.
 *  @return RBP_E_BUS, RBP_E_NO_CORE, RBP_E_VERSION, RBP_E_UNKNOWN */
int rbp_open(rbp_core *core, rbp_read_word read, rbp_write_word write, void *context);

/** End a run at once. Counters, status and log become 0, and the velocities.
 *  @return RBP_E_BUS */
int rbp_clear(rbp_core *core);

/** N, the units of a network: rows of its arrays. */
uint32_t rbp_units(const rbp_network *network);

/** M, the columns of its weights: N, or in a higher order its products. */
uint32_t rbp_columns(const rbp_network *network);

/** Load a network: its program, flags, weights and velocities. Ends a run that is under way.
 *  @return RBP_E_BUS, RBP_E_NETWORK, RBP_E_SIZE, before anything is written */
int rbp_load(rbp_core *core, const rbp_network *network);

/** What is usual, at dt = 1 and eta = 1, or the nearest that is built in: in a recall (1), or in a
 *  training (0), of `patterns` patterns, all of them in an update. Sets all fields. */
void rbp_usual(const rbp_core *core, int recall, uint32_t patterns, rbp_settings *settings);

/** Write settings; they hold until they are written again.
 *  @return RBP_E_BUS, RBP_E_BUSY, RBP_E_RANGE, before anything is written */
int rbp_set(rbp_core *core, const rbp_settings *settings);

/** Write `count` patterns, the first to place `first`: x(t0), I and T, count x N words each, in the
 *  format of the state. `inputs` may be NULL: 0. `targets` may be NULL: none, as in a recall.
 *  x(t0) of a held unit, which no unit feeds, is its x at rest; T, where the unit is clamped.
 *  While a run is under way, a core with `refill` takes patterns that are not of its batch.
 *  @return RBP_E_BUS, RBP_E_BUSY, RBP_E_SIZE */
int rbp_load_patterns(rbp_core *core, const rbp_network *network, uint32_t first, uint32_t count,
                      const int32_t *start, const int32_t *inputs, const int32_t *targets);

/** Start a training of `updates` updates, 1 ... 16777215, or 0: until rbp_stop(). To train on, call
 *  it again. After a recall, load settings and patterns first.
 *  @return RBP_E_BUS, RBP_E_BUSY, RBP_E_RANGE, RBP_E_REFUSED */
int rbp_train(rbp_core *core, uint32_t updates);

/** Start a recall: x of each pattern settles from x(t0). No unit is clamped, no weight changes.
 *  @return RBP_E_BUS, RBP_E_BUSY, RBP_E_REFUSED */
int rbp_recall(rbp_core *core);

/** End the training after the update under way. @return RBP_E_BUS */
int rbp_stop(rbp_core *core);

/** Read #RBP_STATUS_PHASE and the fields behind it. @return RBP_E_BUS */
int rbp_status(rbp_core *core, uint32_t *status);

/** Choose when `irq` is high: RBP_IRQ_DONE | RBP_IRQ_LOG_HALF, 0 never. It is low again when the
 *  next run starts, or the log is read.
 *  @return RBP_E_BUS, RBP_E_RANGE */
int rbp_irq(rbp_core *core, uint32_t causes);

/** Read the next report: of an update, or of the recall. A full log makes the core wait, so read
 *  until RBP_ENDED. Never waits itself.
 *  @param core where a training or a recall was started
 *  @param steps B words, a word a pattern, see RBP_X_STEPS(); or NULL. The same array until RBP_OK.
 *  @param energy the sum of J * J before the update, in units of 2^(-2 * error.fraction); in a
 *  recall 0; or NULL
 *  @return RBP_OK: a report; RBP_AGAIN, RBP_ENDED; RBP_E_BUS; RBP_E_RANGE: nothing was started */
int rbp_report(rbp_core *core, uint32_t *steps, uint64_t *energy);

/** Read what has happened since the last rbp_clear(). @return RBP_E_BUS */
int rbp_read_counters(rbp_core *core, rbp_counters *counters);

/** Read W, or the velocities: N x M words, row by row, in the format of weights or velocities. Rows
 *  of held units stay as they are in your array: the core does not have them. Waits for each column,
 *  some turns of the program.
 *  @return RBP_E_BUS, RBP_E_BUSY, RBP_E_LOG, RBP_E_RANGE, RBP_E_TIMEOUT */
int rbp_read_weights(rbp_core *core, const rbp_network *network, rbp_area area, int32_t *words);

/** Write the same, N x M words. A word of 0 is no connection; one that the network does not have is
 *  left out. @return RBP_E_BUS, RBP_E_BUSY, RBP_E_RANGE */
int rbp_write_weights(rbp_core *core, const rbp_network *network, rbp_area area,
                      const int32_t *words);

/** Read `count` patterns from place `first` on: count x N words.
 *  @return RBP_E_BUS, RBP_E_BUSY, RBP_E_SIZE */
int rbp_read_states(rbp_core *core, const rbp_network *network, rbp_region region, uint32_t first,
                    uint32_t count, int32_t *words);

#ifdef __cplusplus
}
#endif
#endif
