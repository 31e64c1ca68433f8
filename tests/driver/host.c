/* A host by the driver: trains, recalls, and prints every word. The bus fails now and then: before a
 * word is carried, or after it, when the core has it and the host does not know. */
#include <stdio.h>
#include <stdlib.h>

#include "learning.h"
#include "resting.h"
#include "rbp.h"
#include "words.h"

#ifdef HIGHER
#define NETWORK_OF RBP_NETWORK_HIGHER
#else
#define NETWORK_OF RBP_NETWORK
#endif

struct Simulator;
struct Simulator *simulator_new(int seed, _Bool reset);
void simulator_free(struct Simulator *simulator);
_Bool simulator_write(struct Simulator *simulator, uint32_t address, uint32_t word);
_Bool simulator_read(struct Simulator *simulator, uint32_t address, uint32_t *word);
_Bool simulator_irq(struct Simulator *simulator);

static struct Simulator *simulator;
static unsigned long left, failures; /* accesses until one fails; 0: none does */

static int fails(void) { return left && --left == 0 && ++failures; }

static int read_word(void *context, uint32_t address, uint32_t *word)
{
    if (fails()) {
        if (failures % 2) simulator_read(simulator, address, word), *word = 0xdeadbeef;
        return -1;
    }
    return !simulator_read((struct Simulator *)context, address, word);
}

static int write_word(void *context, uint32_t address, uint32_t word)
{
    if (fails()) {
        if (failures % 2) simulator_write(simulator, address, word);
        return -1;
    }
    return !simulator_write((struct Simulator *)context, address, word);
}

static int checked(int result, const char *what)
{
    if (result < 0) {
        fprintf(stderr, "%s: %s\n", what, rbp_text(result));
        exit(1);
    }
    return result;
}

/* A call, which is made again where the bus fails, a little later each time. */
#define CALL(call)                                                                                 \
    do {                                                                                           \
        unsigned long least = 1;                                                                   \
        do {                                                                                       \
            left = FAILING ? least : 0;                                                            \
            least += 1 + least / 4;                                                                \
            found = (call);                                                                        \
        } while (found == RBP_E_BUS);                                                              \
        left = 0;                                                                                  \
        checked(found, #call);                                                                     \
    } while (0)

static rbp_core core;
static int found;

static void print(const int32_t *words, size_t count)
{
    for (size_t k = 0; k < count; k++) printf(" %ld", (long)words[k]);
    printf("\n");
}

static void print_reports(void)
{
    uint32_t steps[B];
    uint64_t energy;
    for (;;) {
        CALL(rbp_report(&core, steps, &energy));
        if (found == RBP_ENDED) return;
        if (found == RBP_AGAIN) continue;
        printf("report %llu", (unsigned long long)energy);
        for (int b = 0; b < B; b++)
            printf(" %lu %lu %lu %lu", (unsigned long)RBP_X_STEPS(steps[b]),
                   (unsigned long)RBP_Y_STEPS(steps[b]), (unsigned long)RBP_X_UNSETTLED(steps[b]),
                   (unsigned long)RBP_Y_UNSETTLED(steps[b]));
        printf("\n");
    }
}

static void train(const rbp_network *learning, rbp_settings settings)
{
    static int32_t words[N * M], states[A * N];
    rbp_counters counters;
    settings.batch = B, settings.eta_shift = ETA_SHIFT, settings.noise = SEED;
    settings.options |= OPTIONS, settings.friction = FRICTION;
    CALL(rbp_load(&core, learning));
    CALL(rbp_set(&core, &settings));
    CALL(rbp_load_patterns(&core, learning, 0, A, start, inputs, targets));
    for (int part = 0; part < 2; part++) { /* the second goes on */
        CALL(rbp_train(&core, part ? COUNT - 1 : 1));
        print_reports();
    }
    CALL(rbp_read_counters(&core, &counters));
    printf("counters %lu %lu\n", (unsigned long)counters.unsettled,
           (unsigned long)counters.skipped);
    CALL(rbp_read_states(&core, learning, RBP_X, 0, A, states));
    printf("x"), print(states, A * N);
    CALL(rbp_read_states(&core, learning, RBP_Y, 0, A, states));
    printf("y"), print(states, A * N);
    if (core.momentum) {
        CALL(rbp_read_weights(&core, learning, RBP_VELOCITIES, words));
        printf("v"), print(words, N * M);
    }
    CALL(rbp_read_weights(&core, learning, RBP_WEIGHTS, weights));
    printf("w"), print(weights, N * M);
}

static void recall(const rbp_network *resting)
{
    static int32_t states[A * N];
    rbp_settings settings;
    rbp_usual(&core, 1, A, &settings);
    CALL(rbp_load(&core, resting));
    CALL(rbp_write_weights(&core, resting, RBP_WEIGHTS, weights));
    CALL(rbp_set(&core, &settings));
    CALL(rbp_load_patterns(&core, resting, 0, A, cues, inputs, NULL));
    CALL(rbp_irq(&core, RBP_IRQ_DONE));
    printf("irq %d", simulator_irq(simulator));
    CALL(rbp_recall(&core));
    do {
        CALL(rbp_report(&core, NULL, NULL));
    } while (found != RBP_ENDED);
    printf(" %d\n", simulator_irq(simulator));
    CALL(rbp_read_states(&core, resting, RBP_X, 0, A, states));
    printf("recalled"), print(states, A * N);
}

int main(void)
{
    static const rbp_network learning = NETWORK_OF(learning, LEARNING);
    static const rbp_network resting = NETWORK_OF(resting, RESTING);
    rbp_settings settings;
    uint32_t status;
    simulator = simulator_new(7, 1); /* registers start at random */
    CALL(rbp_open(&core, read_word, write_word, simulator));
    if (rbp_units(&learning) != N || rbp_columns(&learning) != M) return 2;
    printf("core %lu %lu %lu %lu %lu %lu %lu %lu\n", (unsigned long)core.units,
           (unsigned long)core.macs, (unsigned long)core.lanes, (unsigned long)core.slots,
           (unsigned long)core.entries, (unsigned long)core.words, (unsigned long)core.log_words,
           (unsigned long)core.key);
    printf("formats %lu %lu %lu %lu %lu %lu %lu %lu\n", (unsigned long)core.state.bits,
           (unsigned long)core.state.fraction, (unsigned long)core.error.bits,
           (unsigned long)core.error.fraction, (unsigned long)core.weight.bits,
           (unsigned long)core.weight.fraction, (unsigned long)core.velocity.bits,
           (unsigned long)core.velocity.fraction);
    printf("eta %d %d\n", core.eta_least, core.eta_greatest);
    rbp_usual(&core, 0, A, &settings);
    printf("usual %lu %lu %lu\n", (unsigned long)settings.limit, (unsigned long)settings.tolerance,
           (unsigned long)settings.use_within);
    train(&learning, settings);
    recall(&resting);
    CALL(rbp_status(&core, &status));
    if (status & RBP_STATUS_REFUSED) fprintf(stderr, "an access was refused\n");
    if (FAILING && failures < 100) fprintf(stderr, "the bus failed only %lu times\n", failures);
    simulator_free(simulator);
    return 0;
}
