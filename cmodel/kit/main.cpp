// Trains the problem and prints what it comes to, all in words: the same lines as expected.txt.
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "problem.h"

static void print_words(const char *name, const int64_t *words) {
    for (int64_t i = 0; i < problem_network.units; i++) {
        std::printf("%s[%" PRId64 "]", name, i);
        for (int64_t m = 0; m < problem_network.columns; m++)
            std::printf(" %" PRId64, words[i * problem_network.columns + m]);
        std::putchar('\n');
    }
}

int main(int count, char **given) {
    const long long updates = count > 1 ? std::strtoll(given[1], nullptr, 10) : PROBLEM_UPDATES;
    if (updates < 1 || count > 2) {
        std::fprintf(stderr, "usage: %s [UPDATES]\n", given[0]);
        return 2;
    }
    rbp_state &state = problem_state;
    rbp_model *model = rbp_create(&problem_network, &state);
    if (!model) {
        std::fprintf(stderr, "no memory\n");
        return 1;
    }
    const size_t relaxations = size_t(problem_network.batch) * 2;  // x and y of each pattern
    std::vector<int64_t> steps(relaxations);
    std::vector<uint8_t> unsettled(relaxations);
    std::puts("# " PROBLEM_MADE);
    for (long long update = 0; update < updates; update++) {
        int64_t energy = 0;
        rbp_train(model, &state, 1, 0, &energy, steps.data(), unsettled.data());
        std::printf("update %lld E %" PRId64 " steps", update, energy);
        for (size_t k = 0; k < relaxations; k++)
            std::printf(" %" PRId64 "%s", steps[k], unsettled[k] ? "!" : "");
        std::putchar('\n');
    }
    rbp_destroy(model);
    std::printf("unsettled %" PRId64 " skipped %" PRId64 " saturated %" PRId64 "\n",
                state.unsettled, state.skipped, state.saturated);
    print_words("w", state.weights);
    if (problem_network.friction >= 0) print_words("v", state.velocity);
}
