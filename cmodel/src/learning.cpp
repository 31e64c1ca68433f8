// An update of the rows that are a thread's.
#include "learning.hpp"

#include <algorithm>
#include <cstdlib>

namespace rbp {

void Learning::run(const Batch &batch, int64_t draw, int first, int last, Tally &tally) {
    patterns.clear();
    for (int a = 0; a < net.B; a++) {
        if (batch.skip[a]) continue;
        if (batch.clamped[a]) tally.saturated |= RBP_STATE;
        const int32_t *phi = batch.phi + a * stride;
        int32_t greatest = 0;
        for (int64_t c = 0; c < stride; c++) greatest = std::max(greatest, std::abs(phi[c]));
        most[patterns.size()] = greatest;
        patterns.push_back(a);
    }
    place = first < last ? net.rows[first].place : 0;
    if (noisy()) {
        for (size_t k = 0; k < patterns.size(); k++) hash(draw + patterns[k], k);
        if (net.momentum()) hash(draw + net.B, patterns.size());
    }
    for (int r = first; r < last; r++) {
        const Row &row = net.rows[r];
        if (!row.any()) continue;
        go_to(row.place);
        const bool small = choose(batch, r);
        if (small ? move_row<int32_t>(row) : move_row<int64_t>(row))
            tally.saturated |= net.momentum() ? RBP_VELOCITY : RBP_WEIGHT;
        if (net.momentum() && apply(row)) tally.saturated |= RBP_WEIGHT;
    }
}

}  // namespace rbp
