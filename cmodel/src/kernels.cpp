// What takes the time, relaxing and learning: compiled beside the rest, at the same time.
#include "relaxation.hpp"

#include "learning.hpp"

namespace rbp {

void Relaxation::run(const int32_t *narrow, const double *weights, const Reach &reached,
                     const rbp_state &state, Batch &batch, int first, int count, bool errors,
                     const Logs &logs, Tally &tally) {
    w32 = narrow, w = weights, reach = reached, at = &state, of = &batch, total = &tally;
    keep = errors && net.given.keep;
    lanes.start(first, count);
    for (int l = 0; l < count; l++) load_x(l);
    begin_x();
    lanes.settle(net.given, 0, logs, batch, tally, [&] { step_x(); });
    finish_x();
    if (!errors) return;
    lanes.start(first, count);
    for (int l = 0; l < count; l++) load_y(l);
    if (net.order) begin_y();
    lanes.settle(net.given, 1, logs, batch, tally, [&] { step_y(); });
    for (int r = 0; r < R; r++) std::copy_n(y + r * BLOCK, count, of->y + r * of->room + first);
}

void Relaxation::load_y(int l) {
    const int64_t *targets = at->targets + pattern(l), *x0 = from(l), *y0 = at->y + pattern(l);
    auto ended = [&](int unit) {
        return net.row_of[unit] < 0 ? int32_t(x0[unit]) : x[net.row_of[unit] * BLOCK + l];
    };
    for (int r = 0; r < R; r++) {
        y[r * BLOCK + l] = keep ? int32_t(y0[net.rows[r].unit]) : 0;
        j[r * BLOCK + l] = 0;
    }
    const Narrow<int64_t> to_j(net.state.fraction - net.error.fraction, net.error);
    int32_t bad = 0;
    for (int unit : net.targets) {
        if (net.row_of[unit] < 0) continue;
        const int64_t error = to_j(targets[unit] - ended(unit), bad);
        total->energy += error * error;
        j[net.row_of[unit] * BLOCK + l] = int32_t(error);
    }
    if (bad) total->saturated |= RBP_ERROR;
    if (net.order)
        load_factors(l, [&](int unit) {
            return net.clamp[unit] ? int32_t(targets[unit]) : ended(unit);
        });
}

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
