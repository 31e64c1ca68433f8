// Relaxation: Euler steps until nothing moves, x first, then y; up to BLOCK patterns side by side.
#pragma once
#include <cstring>

#include "products.hpp"
#include "settle.hpp"
#include "sums.hpp"

namespace rbp {

class Relaxation {
  public:
    // wide: sums may not fit a double, or folds 64 bits.
    Relaxation(const Network &net, const Products &products, bool wide)
        : net(net),
          products(products),
          wide(wide),
          R(int(net.rows.size())),
          x(room()),
          in(room()),
          u(room()),
          y(room()),
          j(room()),
          slope(room()),
          phi(padded(net.columns) * BLOCK),
          narrow_sums(padded(net.columns) * BLOCK),
          real_phi(padded(net.columns) * BLOCK),
          base(room()),
          sums(std::max<int64_t>(room(), padded(net.columns) * BLOCK)),
          real_y(room()),
          factors(net.order ? int64_t(net.N) * BLOCK : 0),
          slopes(net.order ? int64_t(net.N) * BLOCK : 0),
          derivatives(int64_t(products.terms.size()) * BLOCK),
          whole(net.order && !wide ? padded(net.columns) * BLOCK : 0),
          wide_sums(wide ? std::max<int64_t>(R, net.columns) * BLOCK : 0),
          to_net(net.weight.fraction + net.state.fraction - net.net.fraction, net.net),
          to_error(net.weight.fraction, net.error),
          wide_to_net(net.weight.fraction + net.state.fraction - net.net.fraction, net.net),
          wide_to_error(net.weight.fraction, net.error),
          folded(net.weight.fraction + net.state.fraction, net.error),
          wide_folded(net.weight.fraction + net.state.fraction, net.error),
          to_goal(int(net.given.slope.fraction), net.error) {}

    // Patterns first … first + count of the batch; y too where `errors`. The weights are given twice.
    void run(const int32_t *narrow, const double *weights, const Reach &reached,
             const rbp_state &state, Batch &batch, int first, int count, bool errors,
             const Logs &logs, Tally &tally);

  private:
    int64_t room() const { return int64_t(net.rows.size() + TOGETHER) * BLOCK; }

    void report(const int32_t *bad, int role) {
        if (lanes.any(bad)) total->saturated |= role;
    }

    int slot(int l) const { return lanes.slot[l]; }
    int64_t pattern(int l) const { return of->which[slot(l)] * net.N; }
    const int64_t *from(int l) const { return (keep ? at->x : at->start) + pattern(l); }

    // c of a unit that does not move.
    int64_t still(int unit, int l) const {
        return net.clamp[unit] ? at->targets[pattern(l) + unit] : from(l)[unit];
    }

    void load_x(int l) {
        const int64_t *x0 = from(l), *inputs = at->inputs + pattern(l);
        for (int r = 0; r < R; r++) {
            const int unit = net.rows[r].unit, c = net.column_of[r];
            x[r * BLOCK + l] = int32_t(x0[unit]);
            in[r * BLOCK + l] = net.input[unit] ? int32_t(inputs[unit]) : 0;
            if (c >= 0) phi[int64_t(c) * BLOCK + l] = int32_t(x0[unit]);
        }
        of->skip[slot(l)] = 0;
        if (net.order) return load_factors(l, [&](int unit) { return int32_t(still(unit, l)); });
        const int64_t *targets = at->targets + pattern(l);
        int32_t *kept = of->phi + slot(l) * of->phi_stride;
        for (int c = 0; c < net.constant; c++) {
            const int64_t unit = net.units[c];
            kept[c] = int32_t(net.clamp[unit] ? targets[unit] : x0[unit]);
        }
        for (int64_t c = 0; c < net.constant; c++) phi[c * BLOCK + l] = kept[c];
    }

    // Factors of one lane, from c of each unit.
    template <class C> void load_factors(int l, C c) {
        for (int unit : products.units) {
            const int32_t word = c(unit);
            factors[int64_t(unit) * BLOCK + l] =
                !net.given.f ? word : net.given.f[word - net.state.min];
            if (net.given.f_slope)
                slopes[int64_t(unit) * BLOCK + l] = net.given.f_slope[word - net.state.min];
        }
    }

    void begin_x() {
        if (net.order) {
            std::fill_n(bad_phi, BLOCK, 0);  // those of lanes that were not looked at, too
            products.phi(0, net.columns, factors, phi, bad_phi);
            for (int l = 0; l < lanes.used; l++)
                for (int c = 0; c < net.constant; c++)
                    of->phi[slot(l) * of->phi_stride + c] = phi[int64_t(c) * BLOCK + l];
        }
        if (wide) return;
        if (fits(0, net.constant)) constant_sums<int32_t>(net, w32, phi, base);
        else constant_sums<double>(net, w, real_phi, base);
    }

    // Whether 32 bits are enough for φ of columns from … to; else they become double, too.
    bool fits(int from, int to) {
        const int32_t *begin = phi + int64_t(from) * BLOCK;
        const int64_t size = int64_t(to - from) * BLOCK;
        int32_t most = 0;
        for (int64_t k = 0; k < size; k++) most = std::max(most, std::abs(begin[k]));
        if (reach.forward(most)) return true;
        std::copy_n(begin, size, real_phi + int64_t(from) * BLOCK);
        return false;
    }

    // Σ w·φ of each row.
    void sum_states() {
        if (wide) wide_forward(net, w32, phi, wide_sums);
        else if (fits(net.constant, net.columns)) forward<int32_t>(net, w32, phi, base, sums);
        else forward<double>(net, w, real_phi, base, sums);
    }

    // Words of the wide sums of a row, or column.
    void narrowed(int64_t at, const Narrow<int128> &narrow, int32_t *word, int32_t *bad) {
        for (int l = 0; l < BLOCK; l++) word[l] = narrow(wide_sums[at * BLOCK + l], bad[l]);
    }

    void step_x() {
        sum_states();
        const int dt = int(net.given.dt_shift), half = 1 << dt >> 1;
        const Narrow<double> narrow = to_net;
        const Format state = net.state;
        int32_t bad_net[BLOCK] = {}, bad_state[BLOCK] = {}, most[BLOCK] = {};
        for (int r = 0; r < R; r++) {
            const double *s = sums + r * BLOCK;
            int32_t *ur = u + r * BLOCK, *xr = x + r * BLOCK, g[BLOCK];
            const int32_t *inputs = in + r * BLOCK, *table = net.given.g + net.table[r];
            int32_t word[BLOCK];
            if (wide) narrowed(r, wide_to_net, word, bad_net);
            else
                for (int l = 0; l < BLOCK; l++) word[l] = narrow(s[l], bad_net[l]);
            for (int l = 0; l < BLOCK; l++) ur[l] = lanes.live[l] ? word[l] : ur[l];
            for (int l = 0; l < BLOCK; l++) g[l] = table[ur[l]];
            for (int l = 0; l < BLOCK; l++) {
                const int32_t full = g[l] + inputs[l], goal = state.clamp(full);
                bad_state[l] |= full ^ goal;
                const int32_t step = (goal - xr[l] + half) >> dt & lanes.live[l];
                xr[l] += step;
                most[l] = std::max(most[l], std::abs(step));
            }
            if (const int c = net.column_of[r]; c >= 0)
                for (int l = 0; l < BLOCK; l++) phi[int64_t(c) * BLOCK + l] = xr[l];
        }
        report(bad_net, RBP_NET);
        report(bad_state, RBP_STATE);
        std::memcpy(lanes.moved, most, sizeof most);
        if (net.order) next_products();
    }

    // φ of the new x. Whether one is clamped counts once it is used: after a step, or in learning.
    void next_products() {
        for (int unit : products.units) {
            if (net.still(unit)) continue;
            const int32_t *word = x + net.row_of[unit] * BLOCK;
            for (int l = 0; l < BLOCK; l++)
                factors[int64_t(unit) * BLOCK + l] =
                    !net.given.f ? word[l] : net.given.f[word[l] - net.state.min];
        }
        report(bad_phi, RBP_STATE);
        std::memset(bad_phi, 0, sizeof bad_phi);
        products.phi(net.constant, net.columns, factors, phi, bad_phi);
    }

    void finish_x() {
        const int first = slot(0);
        for (int r = 0; r < R; r++) {
            const int32_t *xr = x + r * BLOCK, *ur = u + r * BLOCK;
            const int32_t *table = net.given.g_slope + net.table[r];
            std::copy_n(xr, lanes.used, of->x + r * of->room + first);
            for (int l = 0; l < BLOCK; l++) slope[r * BLOCK + l] = table[ur[l]];
            if (const int c = net.column_of[r]; c >= 0)
                for (int l = 0; l < lanes.used; l++)
                    of->phi[(first + l) * of->phi_stride + c] = xr[l];
        }
        for (int l = 0; l < lanes.used && net.order; l++) {
            for (int c = net.constant; c < net.columns; c++)
                of->phi[(first + l) * of->phi_stride + c] = phi[int64_t(c) * BLOCK + l];
            of->clamped[first + l] = bad_phi[l] != 0;
        }
    }

    void load_y(int l);

    void begin_y() {
        int32_t bad[BLOCK] = {};
        products.derivatives(factors, !net.given.f_slope ? nullptr : slopes.get(),
                                         derivatives, bad);
        report(bad, RBP_STATE);
    }

    // The row's b, before it is narrowed, is that of nobody where its unit is clamped.
    void into_error(int r, int32_t *b, int32_t *bad) {
        const int64_t c = net.column_of[r];
        for (int l = 0; l < BLOCK; l++) b[l] = 0;
        if (net.order && !net.clamp[net.rows[r].unit]) {
            if (wide) products.fold(r, wide_sums.get(), derivatives, wide_folded, b, bad);
            else products.fold(r, whole.get(), derivatives, folded, b, bad);
        } else if (c >= 0 && wide) {
            narrowed(c, wide_to_error, b, bad);
        } else if (c >= 0) {
            const double *sum = sums + c * BLOCK;
            const Narrow<double> narrow = to_error;
            for (int l = 0; l < BLOCK; l++) b[l] = narrow(sum[l], bad[l]);
        }
    }

    // Σ w·y of each column.
    void sum_errors() {
        if (wide) return wide_backward(net, w32, y, wide_sums);
        const int64_t size = int64_t(R) * BLOCK, from = int64_t(net.constant) * BLOCK;
        int64_t sum[BLOCK] = {};
        for (int64_t k = 0; k < size; k += BLOCK)
            for (int l = 0; l < BLOCK; l++) sum[l] += std::abs(y[k + l]);
        if (reach.backward(*std::max_element(sum, sum + BLOCK))) {
            backward<int32_t>(net, w32, y, narrow_sums);
            std::copy(narrow_sums + from, narrow_sums + int64_t(net.columns) * BLOCK, sums + from);
        } else {
            std::copy_n(y.get(), size, real_y.get());
            backward<double>(net, w, real_y, sums);
        }
        if (net.order) std::copy(sums + from, sums + int64_t(net.columns) * BLOCK, whole + from);
    }

    void step_y() {
        sum_errors();
        const int dt = int(net.given.dt_shift), half = 1 << dt >> 1;
        const Narrow<double> narrow = to_goal;
        const Format format = net.error;
        int32_t bad[BLOCK] = {}, most[BLOCK] = {};
        for (int r = 0; r < R; r++) {
            int32_t b[BLOCK], *yr = y + r * BLOCK;
            const int32_t *jr = j + r * BLOCK, *slopes = slope + r * BLOCK;
            into_error(r, b, bad);
            for (int l = 0; l < BLOCK; l++) {
                const int32_t full = b[l] + jr[l], e = format.clamp(full);
                bad[l] |= full ^ e;
                const int32_t goal = narrow(double(slopes[l]) * e, bad[l]);
                const int32_t step = (goal - yr[l] + half) >> dt & lanes.live[l];
                yr[l] += step;
                most[l] = std::max(most[l], std::abs(step));
            }
        }
        report(bad, RBP_ERROR);
        std::memcpy(lanes.moved, most, sizeof most);
    }

    const Network &net;
    const Products &products;
    const bool wide;
    const int R;
    Buffer<int32_t> x, in, u, y, j, slope, phi, narrow_sums;
    Buffer<double> real_phi, base, sums, real_y;
    Buffer<double> factors, slopes;
    Buffer<int32_t> derivatives;
    Buffer<int64_t> whole;     // sums, to be folded
    Buffer<int128> wide_sums;  // of rows, then of columns
    Narrow<double> to_net, to_error;
    Narrow<int128> wide_to_net, wide_to_error;
    Narrow<int64_t> folded;
    Narrow<int128> wide_folded;
    Narrow<double> to_goal;
    int32_t bad_phi[BLOCK] = {};
    Lanes lanes;
    bool keep = false;
    // of the run
    const int32_t *w32 = nullptr;
    const double *w = nullptr;
    Reach reach;
    const rbp_state *at = nullptr;
    Batch *of = nullptr;
    Tally *total = nullptr;
};

}  // namespace rbp
