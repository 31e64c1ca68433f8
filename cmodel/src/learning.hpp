// How weights move: a rank-1 update for each pattern of a batch, in order; then momentum.
#pragma once
#include "noise.hpp"
#include "settle.hpp"

namespace rbp {

// r, to add before `shift` bits are dropped: of r << 4 of the noise, or half where all words are HALF.
struct Rounding {
    static constexpr uint16_t HALF = 1 << 15;
    int shift, up, down, below;

    Rounding(int shift, bool noise)
        : shift(shift),
          up(std::max(shift - 16, 0)),
          down(std::max(16 - shift, 0)),
          below(noise ? 8 : 0) {}

    template <class A> A of(uint16_t word) const { return (A(word | below) << up) >> down; }
};

// A pattern that moves a row: y, and φ and the noise in the slots of the row.
struct Mover {
    int32_t y;
    const int32_t *phi;
    const uint16_t *noise;
};

// w ← sat(w + ((y·φ + r) >> shift)) in slots of a row, by COUNT patterns one after the other. `here` is 0
// where there is no weight, else -1; what becomes 0 is `least` instead. Returns whether something was
// clamped.
template <class A, int COUNT>
bool move(int32_t *__restrict w, const int32_t *__restrict here, int count, const Mover *by,
          const Rounding rounding, const Format format, const int32_t least) {
    const A min = format.min, max = format.max;
    A y[COUNT], bad = 0;
    const int32_t *__restrict phi[COUNT];
    const uint16_t *__restrict noise[COUNT];
    for (int p = 0; p < COUNT; p++) y[p] = by[p].y, phi[p] = by[p].phi, noise[p] = by[p].noise;
    for (int k = 0; k < count; k++) {
        A value = w[k];
        for (int p = 0; p < COUNT; p++) {
            const A step = (y[p] * phi[p][k] + rounding.of<A>(noise[p][k])) >> rounding.shift;
            const A full = value + (step & here[k]), cut = std::min(std::max(full, min), max);
            bad |= full ^ cut;
            value = cut ? cut : least & here[k];
        }
        w[k] = int32_t(value);
    }
    return bad;
}

struct Weights {
    Buffer<int32_t> w, v, here;  // of each slot; here: -1 where there is a weight

    Weights(const Network &net)
        : w(int64_t(net.slots.size())),
          v(net.momentum() ? int64_t(net.slots.size()) : 0),
          here(int64_t(net.slots.size())) {}
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
          row_phi(net.B * stride),
          row_noise((net.B + 1) * stride),
          moving(net.B + 1),
          chosen(net.B + 1) {
        patterns.reserve(net.B);
        const int64_t span = net.rows.empty() ? 0 : net.rows.back().place + 1;
        by_steps = !noisy() || span * stride <= 6 * int64_t(net.slots.size());
        if (!noisy()) std::fill_n(words.get(), (net.B + 1) * stride, Rounding::HALF);
    }

    // Rows first … last, by the batch; the noise's first hash is `draw`.
    void run(const Batch &batch, int64_t draw, int first, int last, Tally &tally);

  private:
    bool noisy() const { return net.given.seed >= 0; }

    void hash(int64_t draw, size_t k) {
        const uint32_t z = stream_start(net.given.seed, draw);
        if (by_steps) noise.start(z, place, words + k * stride);
        else noise.find(z, places + k * stride);
    }

    void go_to(int row) {
        if (!noisy() || !by_steps) {
            place = row;
            return;
        }
        uint16_t *at = words;
        const int64_t size = (patterns.size() + net.momentum()) * stride;
        for (; place < row; place++)
            for (int64_t k = 0; k < size; k++) at[k] = mix(at[k]);
    }

    // Who moves a row: of y = 0, r moves nothing. Returns whether 32 bits are enough for all.
    bool choose(const Batch &batch, int r) {
        const Row &row = net.rows[r];
        const int32_t *y = batch.y + r * batch.room;
        movers = 0;
        bool small = shift < 30;
        for (int k = 0; k < int(patterns.size()); k++) {
            const int32_t error = y[patterns[k]];
            chosen[movers] = k;
            moving[movers].y = error;
            movers += error != 0;
            small &= std::abs(int64_t(error)) * most[k] + (int64_t(1) << shift) < 1 << 30;
        }
        for (int m = 0; m < movers; m++) {
            const int k = chosen[m];
            const int32_t *phi = batch.phi + patterns[k] * stride;
            moving[m].phi = in_slots(row, phi, row_phi + k * stride);
            moving[m].noise = noise_of(row, k);
        }
        return small;
    }

    // The words of a row's slots; of `own` where their columns are apart.
    template <class T> const T *in_slots(const Row &row, const T *words, T *own) const {
        if (row.from >= 0) return words + row.from;
        for (int s = 0; s < row.count; s++) own[s] = words[net.slots[row.first + s]];
        return own;
    }

    // r << 4 in the slots of a row, of a pattern or, behind them, of momentum.
    const uint16_t *noise_of(const Row &row, size_t k) {
        uint16_t *own = row_noise + k * stride;
        if (by_steps) return in_slots<uint16_t>(row, words + k * stride, own);
        const uint16_t *from = in_slots<uint16_t>(row, places + k * stride, own),
                       *orbit = noise.orbit(place);
        for (int s = 0; s < row.count; s++) own[s] = orbit[from[s]];
        return own;
    }

    template <class A> bool move_row(const Row &row) {
        const bool momentum = net.momentum();
        int32_t *moved = (momentum ? weights.v : weights.w) + row.first;
        const int32_t *here = weights.here + row.first;
        const Format &format = momentum ? net.velocity : net.weight;
        const Rounding rounding(shift, noisy());
        bool bad = false;
        int k = 0;
        for (; k + 4 <= movers; k += 4)
            bad |= move<A, 4>(moved, here, row.count, &moving[k], rounding, format, !momentum);
        for (; k < movers; k++)
            bad |= move<A, 1>(moved, here, row.count, &moving[k], rounding, format, !momentum);
        return bad;
    }

    // w ← sat(w + round(v)), v ← v − ((v + r) >> friction), both of the v before. Returns whether a
    // weight was clamped.
    bool apply(const Row &row) {
        const uint16_t *r = noise_of(row, patterns.size());
        int32_t *w = weights.w + row.first, *v = weights.v + row.first, bad = 0;
        const int32_t *present = weights.here + row.first;
        const Format format = net.weight;
        const Rounding narrower(net.velocity.fraction - format.fraction, noisy()),
            lost(int(net.given.friction), noisy());
        for (int k = 0; k < row.count; k++) {
            const int32_t here = present[k];
            const int32_t full = w[k] + ((v[k] + narrower.of<int32_t>(r[k])) >> narrower.shift),
                          cut = format.clamp(full);
            bad |= (full ^ cut) & here;
            w[k] = (cut ? cut : 1) & here;
            v[k] -= (v[k] + lost.of<int32_t>(r[k])) >> lost.shift;
        }
        return bad;
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
    std::vector<Mover> moving;  // the row, so many
    std::vector<int> chosen;    // their places among the patterns
    int movers = 0;
};

}  // namespace rbp
