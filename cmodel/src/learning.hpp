// How weights move: a rank-1 update for each pattern of a batch, in order; then momentum.
#pragma once
#include "noise.hpp"
#include "settle.hpp"

namespace rbp {

// r, to add before `shift` bits are dropped: of r << 4 of the noise, or half.
template <class A> struct Rounding {
    int shift, up, down;
    A half;

    explicit Rounding(int shift)
        : shift(shift),
          up(std::max(shift - 16, 0)),
          down(std::max(16 - shift, 0)),
          half((A(1) << shift) >> 1) {}

    A operator()(const uint16_t *noise, int k) const {
        return noise ? (A(noise[k] | 8) << up) >> down : half;
    }
};

// w ← sat(w + ((y·φ + r) >> shift)) in slots of a row; `present`, where given, is 0 where there is no
// weight, else w itself is. Returns whether something was clamped.
template <class A, bool NOISE, bool PRESENT>
bool move(int32_t *__restrict w, const int32_t *__restrict present, const int32_t *__restrict phi,
          const uint16_t *__restrict noise, int count, A y, const Rounding<A> rounding,
          const Format format, int32_t least) {
    A bad = 0;
    const A min = format.min, max = format.max;
    for (int k = 0; k < count; k++) {
        const A old = w[k], here = (PRESENT ? present[k] : w[k]) ? -1 : 0;
        const A r = rounding(NOISE ? noise : nullptr, k), step = (y * phi[k] + r) >> rounding.shift;
        const A full = old + (step & here);
        const A cut = std::min(std::max(full, min), max);
        bad |= full ^ cut;
        w[k] = int32_t(cut ? cut : least & here);
    }
    return bad;
}

struct Weights {
    Buffer<int32_t> w, v;  // of each slot

    Weights(const Network &net)
        : w(int64_t(net.slots.size())),
          v(net.momentum() ? int64_t(net.slots.size()) : 0) {}
};

class Learning {
  public:
    Learning(const Network &net, Weights &weights)
        : net(net),
          weights(weights),
          noise(net.numbers),
          stride(padded(net.columns)),
          shift(int(net.given.shift)),
          words((net.B + 1) * stride),
          places((net.B + 1) * stride),
          most(net.B),
          row_phi(stride),
          row_noise(stride) {
        patterns.reserve(net.B);
        const int64_t span = net.rows.empty() ? 0 : net.rows.back().place + 1;
        by_steps = span * stride <= 6 * int64_t(net.slots.size());
    }

    // Rows first … last, by the batch; the noise's first hash is `draw`. Calls moved(row) for those
    // whose weights have moved.
    template <class Moved>
    void run(const Batch &batch, int64_t draw, int first, int last, Tally &tally, Moved moved) {
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
        if (net.given.seed >= 0) {
            for (size_t k = 0; k < patterns.size(); k++) hash(draw + patterns[k], k);
            if (net.momentum()) hash(draw + net.B, patterns.size());
        }
        for (int r = first; r < last; r++) {
            const Row &row = net.rows[r];
            if (!row.any()) continue;
            go_to(row.place);
            bool any = net.momentum();
            for (size_t k = 0; k < patterns.size(); k++)
                if (const int32_t y =
                        batch.y[patterns[k] * batch.rows + r]) {  // of 0, r moves nothing
                    any = true;
                    rank_one(row, y, int(k), batch.phi + patterns[k] * stride, tally);
                }
            if (net.momentum()) apply(row, tally);
            if (any) moved(row);
        }
    }

  private:
    void hash(int64_t draw, size_t k) {
        const uint32_t z = stream_start(net.given.seed, draw);
        if (by_steps) noise.start(z, place, words + k * stride);
        else noise.find(z, places + k * stride);
    }

    void go_to(int row) {
        if (net.given.seed < 0 || !by_steps) {
            place = row;
            return;
        }
        uint16_t *at = words;
        const int64_t size = (patterns.size() + net.momentum()) * stride;
        for (; place < row; place++)
            for (int64_t k = 0; k < size; k++) at[k] = mix(at[k]);
    }

    // r << 4 in the slots of a row.
    const uint16_t *row_words(const Row &row, int k) {
        if (net.given.seed < 0) return nullptr;
        if (by_steps && row.from >= 0) return words + k * stride + row.from;
        const int *columns = &net.slots[row.first];
        uint16_t *out = row_noise;
        if (by_steps) {
            const uint16_t *from = words + k * stride;
            for (int s = 0; s < row.count; s++) out[s] = from[columns[s]];
        } else {
            const uint16_t *from = places + k * stride, *orbit = noise.orbit(place);
            for (int s = 0; s < row.count; s++) out[s] = orbit[from[columns[s]]];
        }
        return out;
    }

    void rank_one(const Row &row, int32_t y, int k, const int32_t *phi, Tally &tally) {
        const uint16_t *r = row_words(row, k);
        if (row.from >= 0) phi += row.from;
        else {
            int32_t *out = row_phi;
            for (int s = 0; s < row.count; s++) out[s] = phi[net.slots[row.first + s]];
            phi = out;
        }
        const bool small =
            shift < 30 && std::abs(int64_t(y)) * most[k] + (int64_t(1) << shift) < 1 << 30;
        if (small ? move_row<int32_t>(row, y, phi, r) : move_row<int64_t>(row, y, phi, r))
            tally.saturated |= net.momentum() ? RBP_VELOCITY : RBP_WEIGHT;
    }

    template <class A> bool move_row(const Row &row, A y, const int32_t *phi, const uint16_t *r) {
        int32_t *w = weights.w + row.first, *v = weights.v + row.first;
        const Rounding<A> rounding(shift);
        if (net.momentum()) {
            if (r)
                return move<A, true, true>(v, w, phi, r, row.count, y, rounding, net.velocity, 0);
            return move<A, false, true>(v, w, phi, r, row.count, y, rounding, net.velocity, 0);
        }
        if (r)
            return move<A, true, false>(w, nullptr, phi, r, row.count, y, rounding, net.weight, 1);
        return move<A, false, false>(w, nullptr, phi, r, row.count, y, rounding, net.weight, 1);
    }

    // w ← sat(w + round(v)), v ← v − ((v + r) >> friction), both of the v before.
    void apply(const Row &row, Tally &tally) {
        const uint16_t *r = row_words(row, int(patterns.size()));
        int32_t *w = weights.w + row.first, *v = weights.v + row.first, bad = 0;
        const Rounding<int32_t> narrower(net.velocity.fraction - net.weight.fraction),
            lost(int(net.given.friction));
        for (int k = 0; k < row.count; k++) {
            const int32_t here = w[k] ? -1 : 0;
            const int32_t full = w[k] + ((v[k] + narrower(r, k)) >> narrower.shift),
                          cut = net.weight.clamp(full);
            bad |= (full ^ cut) & here;
            w[k] = (cut ? cut : 1) & here;
            v[k] -= (v[k] + lost(r, k)) >> lost.shift;
        }
        if (bad) tally.saturated |= RBP_WEIGHT;
    }

    const Network &net;
    Weights &weights;
    Noise noise;
    const int64_t stride;
    const int shift;
    bool by_steps;
    int place = 0;
    Buffer<uint16_t> words, places;  // of the patterns, then of momentum
    std::vector<int> patterns;       // that are not skipped
    std::vector<int64_t> most;       // their greatest |φ|
    Buffer<int32_t> row_phi;
    Buffer<uint16_t> row_noise;
};

}  // namespace rbp
