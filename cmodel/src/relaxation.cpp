// A relaxation of the patterns that lie side by side.
#include "relaxation.hpp"

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

}  // namespace rbp
