// Patterns side by side, each in a lane, until all are done. One that is done stays in its lane, where
// nothing moves any more.
#pragma once
#include <vector>

#include "network.hpp"

namespace rbp {

// Of the patterns of an update, by their place in it.
struct Batch {
    int64_t phi_stride, room;
    std::vector<int64_t> which;
    Buffer<int32_t> phi, x, y;           // φ: patterns × columns; the others: rows × patterns
    std::vector<uint8_t> skip, clamped;  // clamped: what φ ends with was not exact

    Batch(const Network &net, int64_t size)
        : phi_stride(padded(net.columns)),
          room(size),
          which(size),
          phi(size * phi_stride),
          x(size * int64_t(net.rows.size())),
          y(size * int64_t(net.rows.size())),
          skip(size),
          clamped(size) {}
};

// Where steps and flags of the batch are written, for `phases` relaxations a pattern.
struct Logs {
    int64_t *steps;
    uint8_t *unsettled;
    int phases;
};

// What relaxing and learning leave beside.
struct Tally {
    int64_t energy = 0, unsettled = 0, saturated = 0;
};

class Lanes {
  public:
    // Patterns first … first + count of the batch.
    void start(int first, int count) {
        used = count;
        for (int l = 0; l < BLOCK; l++) live[l] = -(l < count), slot[l] = first + l;
    }

    // Calls step(), which sets `moved`, until every lane is done.
    template <class Step>
    void settle(const rbp_network &when, int phase, const Logs &logs, Batch &batch, Tally &tally,
                Step step) {
        int left = used;
        for (int64_t count = 1; left; count++) {
            step();
            for (int l = 0; l < used; l++) {
                const bool done = !when.fixed && moved[l] <= when.tolerance;
                if (!live[l] || (!done && count < when.limit)) continue;
                const bool late = !done && !when.fixed;
                const int64_t k = int64_t(slot[l]) * logs.phases + phase;
                logs.steps[k] = count;
                logs.unsettled[k] = late;
                tally.unsettled += late;
                if (late && moved[l] > when.use_within) batch.skip[slot[l]] = 1;
                live[l] = 0;
                left--;
            }
        }
    }

    // Whether something was clamped in a lane that is looked at.
    bool any(const int32_t *bad) const {
        bool found = false;
        for (int l = 0; l < used; l++) found |= live[l] && bad[l];
        return found;
    }

    int32_t moved[BLOCK] = {};  // greatest |step|
    int32_t live[BLOCK];            // -1 of those that are not done, else 0
    int slot[BLOCK], used = 0;
};

}  // namespace rbp
