/* Figure 1 of Pineda's paper on the simulated core: 20 updates, then a recall.
 *
 *   python -c "from rbp.paper import figure1; figure1.problem().save('figure1.npz')"
 *   rbp program figure1.npz --macs 5 --out network.h
 *
 * The page on the C driver says how it is built. Prints raw words: the energy of each update, W row by
 * row, and what each pattern is recalled as from five of its ten bits. */
#include <stdio.h>

#include "network.h"
#include "rbp.h"

enum { N = 15, VISIBLE = 10, KNOWN = 5, A = 4, COUNT = 20, SEED = 37 };

static const int pattern[A][VISIBLE] = {
    {0, 1, 1, 1, 0, 0, 1, 1, 0, 0},
    {1, 0, 1, 1, 0, 0, 0, 0, 1, 0},
    {1, 1, 1, 1, 1, 0, 0, 0, 1, 1},
    {1, 0, 1, 0, 0, 1, 1, 0, 0, 0},
};

/* The simulated core's port, in cosim/simulator.cpp. */
#ifdef __cplusplus
#error "this example is of C: bool of simulator.cpp is _Bool"
#endif
struct Simulator;
struct Simulator *simulator_new(int seed, _Bool reset);
void simulator_free(struct Simulator *simulator);
_Bool simulator_write(struct Simulator *simulator, uint32_t address, uint32_t word);
_Bool simulator_read(struct Simulator *simulator, uint32_t address, uint32_t *word);

static int read_word(void *context, uint32_t address, uint32_t *word)
{
    return !simulator_read((struct Simulator *)context, address, word);
}

static int write_word(void *context, uint32_t address, uint32_t word)
{
    return !simulator_write((struct Simulator *)context, address, word);
}

#define TRY(call)                                                                                  \
    do {                                                                                           \
        int tried = (call);                                                                        \
        if (tried < 0) return tried;                                                               \
    } while (0)

/* A tenth's word, to nearest. */
static int32_t tenths(const rbp_core *core, int32_t count)
{
    return ((count << core->state.fraction) + 5) / 10;
}

/* The reports, until the run has ended. */
static int reports(rbp_core *core, int training)
{
    uint64_t energy;
    int found;
    while ((found = rbp_report(core, NULL, &energy)) != RBP_ENDED) {
        TRY(found);
        if (training && found == RBP_OK) printf("E %llu\n", (unsigned long long)energy);
    }
    return RBP_OK;
}

static void print(const char *name, const int32_t *words, int rows)
{
    for (int i = 0; i < rows; i++) {
        printf("%s[%d]", name, i);
        for (int j = 0; j < N; j++) printf(" %ld", (long)words[i * N + j]);
        printf("\n");
    }
}

static int run(rbp_core *core)
{
    static const rbp_network network = RBP_NETWORK(network, NETWORK);
    static int32_t start[A * N], targets[A * N], weights[N * N], states[A * N];
    rbp_settings settings;

    for (int a = 0; a < A; a++)
        for (int i = 0; i < N; i++) {
            start[a * N + i] = tenths(core, 5);
            targets[a * N + i] = i < VISIBLE ? tenths(core, pattern[a][i] ? 9 : 1) : 0;
        }
    TRY(rbp_load(core, &network));
    rbp_usual(core, 0, A, &settings);
    settings.noise = SEED;
    TRY(rbp_set(core, &settings));
    TRY(rbp_load_patterns(core, &network, 0, A, start, NULL, targets));
    TRY(rbp_train(core, COUNT));
    TRY(reports(core, 1));
    TRY(rbp_read_weights(core, &network, RBP_WEIGHTS, weights));
    print("w", weights, N);

    for (int a = 0; a < A; a++) /* no unit is held, so the same program serves the recall */
        for (int i = 0; i < KNOWN; i++) start[a * N + i] = targets[a * N + i];
    rbp_usual(core, 1, A, &settings);
    TRY(rbp_set(core, &settings));
    TRY(rbp_load_patterns(core, &network, 0, A, start, NULL, NULL));
    TRY(rbp_recall(core));
    TRY(reports(core, 0));
    TRY(rbp_read_states(core, &network, RBP_X, 0, A, states));
    print("x", states, A);
    return RBP_OK;
}

int main(void)
{
    struct Simulator *simulator = simulator_new(0, 1);
    rbp_core core;
    int result = rbp_open(&core, read_word, write_word, simulator);
    if (result == RBP_OK) result = run(&core);
    if (result != RBP_OK) fprintf(stderr, "%s\n", rbp_text(result));
    simulator_free(simulator);
    return result != RBP_OK;
}
