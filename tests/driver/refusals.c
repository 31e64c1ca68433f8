/* What the driver refuses: each line is a call, and its result. Network and core of Figure 1. */
#include <stdio.h>

#include "network.h"
#include "rbp.h"

struct Simulator;
struct Simulator *simulator_new(int seed, _Bool reset);
void simulator_free(struct Simulator *simulator);
_Bool simulator_write(struct Simulator *simulator, uint32_t address, uint32_t word);
_Bool simulator_read(struct Simulator *simulator, uint32_t address, uint32_t *word);

enum { NOWHERE = 0xffff };
static uint32_t odd = NOWHERE, answer; /* an address that answers otherwise */
static int broken;

static int read_word(void *context, uint32_t address, uint32_t *word)
{
    _Bool done = simulator_read((struct Simulator *)context, address, word);
    if (address == odd) *word = answer;
    return broken || !done;
}

static int write_word(void *context, uint32_t address, uint32_t word)
{
    return broken || !simulator_write((struct Simulator *)context, address, word);
}

static rbp_core core;
static struct Simulator *simulator;

#define SAY(what, call) printf("%s: %s\n", what, rbp_text(call))

static void opened(const char *what, uint32_t address, uint32_t word)
{
    odd = address, answer = word;
    SAY(what, rbp_open(&core, read_word, write_word, simulator));
    odd = NOWHERE;
}

static void with(const char *what, const rbp_settings *usual, uint32_t value, int which)
{
    rbp_settings to = *usual;
    switch (which) {
    case 0: to.patterns = value; break;
    case 1: to.batch = value; break;
    case 2: to.first = value; break;
    case 3: to.eta_shift = (int)value; break;
    case 4: to.dt_shift = value; break;
    case 5: to.friction = value; break;
    case 6: to.limit = value; break;
    case 7: to.tolerance = value; break;
    case 8: to.use_within = value; break;
    default: to.options |= value; break;
    }
    SAY(what, rbp_set(&core, &to));
}

int main(void)
{
    rbp_network network = RBP_NETWORK(network, NETWORK);
    static int32_t words[15 * 15], states[4 * 15];
    rbp_settings usual;
    int found;
    simulator = simulator_new(0, 1);
    opened("nothing there", 0, 0xffffffffu);
    opened("an older map", 0, 0x52425033u);
    opened("no units", 32, 0);
    opened("another preset", 33, 7u << 14);
    broken = 1;
    opened("a broken bus", NOWHERE, 0);
    broken = 0;
    opened("a core", NOWHERE, 0);

    network.key ^= 1;
    SAY("another core's network", rbp_load(&core, &network));
    SAY("its weights", rbp_write_weights(&core, &network, RBP_WEIGHTS, words));
    network.key ^= 1;
    network.words += core.words;
    SAY("a long program", rbp_load(&core, &network));
    network.words -= core.words;
    SAY("load", rbp_load(&core, &network));
    SAY("start before settings", rbp_train(&core, 1));
    SAY("report before a start", rbp_report(&core, NULL, NULL) == RBP_E_RANGE ? RBP_E_RANGE : 0);

    rbp_usual(&core, 0, 4, &usual);
    with("patterns 0", &usual, 0, 0), with("patterns 5", &usual, 5, 0);
    with("batch 0", &usual, 0, 1), with("batch 5", &usual, 5, 1), with("first 4", &usual, 4, 2);
    with("eta high", &usual, (uint32_t)core.eta_greatest + 1, 3), with("dt 4", &usual, 4, 4);
    with("friction", &usual, 1, 5), with("limit 0", &usual, 0, 6);
    with("limit", &usual, 32768, 6), with("tolerance", &usual, 32768, 7);
    with("use_within", &usual, 32768, 8), with("options", &usual, 1u << 14, 9);
    with("draw of a batch", &usual, RBP_DRAW, 9), with("random", &usual, RBP_RANDOM_START, 9);
    SAY("settings", rbp_set(&core, &usual));
    SAY("patterns at 1", rbp_load_patterns(&core, &network, 1, 4, states, NULL, NULL));
    SAY("states at 1", rbp_read_states(&core, &network, RBP_X, 1, 4, states));
    SAY("patterns", rbp_load_patterns(&core, &network, 0, 4, states, NULL, states));
    SAY("updates", rbp_train(&core, 1u << 24));
    SAY("causes", rbp_irq(&core, 4));
    SAY("no velocities", rbp_read_weights(&core, &network, RBP_VELOCITIES, words));

    SAY("start", rbp_train(&core, 0));
    SAY("start again", rbp_train(&core, 0));
    SAY("recall", rbp_recall(&core));
    SAY("settings in a run", rbp_set(&core, &usual));
    SAY("patterns in a run", rbp_load_patterns(&core, &network, 0, 4, states, NULL, NULL));
    SAY("states in a run", rbp_read_states(&core, &network, RBP_X, 0, 4, states));
    SAY("weights in a run", rbp_read_weights(&core, &network, RBP_WEIGHTS, words));
    SAY("stop", rbp_stop(&core));
    do odd = NOWHERE, found = rbp_report(&core, NULL, NULL);
    while (found == RBP_AGAIN);
    SAY("a report", found);
    while (found != RBP_ENDED && found >= 0) found = rbp_report(&core, NULL, NULL);
    SAY("the end", found);

    SAY("one more", rbp_train(&core, 1));
    uint32_t status;
    do rbp_status(&core, &status);
    while (!(status & RBP_STATUS_DONE));
    SAY("weights before its report", rbp_read_weights(&core, &network, RBP_WEIGHTS, words));
    SAY("clear", rbp_clear(&core));
    odd = 18, answer = 0; /* LOG_COUNT */
    SAY("no column comes", rbp_read_weights(&core, &network, RBP_WEIGHTS, words));
    odd = NOWHERE;
    SAY("weights after that", rbp_read_weights(&core, &network, RBP_WEIGHTS, words));
    simulator_free(simulator);
    return 0;
}
