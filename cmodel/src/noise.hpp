// The noise of rbp.golden.noise. Of a column, r of row i is that of row 0 after i steps of F, so
// it is a look-up in F's orbit; where rows follow each other, F itself is quicker.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rbp {

constexpr uint32_t GOLDEN_RATIO = 0x9E3779B9u;

inline uint32_t xorshift(uint32_t z) {
    z ^= z << 13;
    z ^= z >> 17;
    return z ^ z << 5;
}

// z of a hash: s = seed + (t + 1)·GOLDEN_RATIO, then three times z = X(X(z)) + s.
inline uint32_t stream_start(int64_t seed, int64_t t) {
    uint32_t s = uint32_t(seed) + (uint32_t(t) + 1) * GOLDEN_RATIO, z = s;
    for (int k = 0; k < 3; k++) z = xorshift(xorshift(z)) + s;
    return z ? z : GOLDEN_RATIO;
}

// F, of r in the upper 12 of 16 bits.
inline uint16_t mix(uint16_t v) {
    return uint16_t(((v << 2 ^ v << 9 ^ v >> 10 ^ v >> 3) & 0xFFF0) ^ (v >> 1 & 0x6870));
}

class Noise {
  public:
    static constexpr int ORBIT = 4095, ZERO = 2 * ORBIT;  // words but 0; where those of r = 0 begin

    explicit Noise(const std::vector<int64_t> &numbers) : orbit_(3 * ORBIT), places_(8192) {
        std::vector<uint16_t> place(4096);
        uint16_t v = 1 << 4;
        for (int m = 0; m < ORBIT; m++, v = mix(v)) {
            orbit_[m] = orbit_[m + ORBIT] = v;
            orbit_[m + ZERO] = 0;
            place[v >> 4] = uint16_t(m);
        }
        for (int h = 0; h < 8192; h++) {
            uint16_t r = 0;
            for (int k = 0; k < 12; k++) r ^= h >> 10 * k % 13 & 1 ? orbit_[k] : 0;
            places_[h] = r ? place[r >> 4] : ZERO;
        }
        for (int64_t j : numbers) numbers_.push_back(uint16_t(j & 8191));
        numbers_.resize((numbers_.size() + 15) / 16 * 16);
    }

    // Where row 0 of each column is in the orbit; that of row i is i % ORBIT further.
    void find(uint32_t z, uint16_t *places) const {
        hashed(z, places, [](uint16_t place) { return place; });
    }

    // r << 4 of a row, of all columns.
    void start(uint32_t z, int row, uint16_t *r) const {
        const uint16_t *at = orbit(row);
        hashed(z, r, [at](uint16_t place) { return at[place]; });
    }

    // r << 4 of a row, by place.
    const uint16_t *orbit(int row) const { return orbit_.data() + row % ORBIT; }

  private:
    // H has bit k of v where here is bit m = 6k, then 10k (mod 13): so C moves no bits.
    template <class Of> void hashed(uint32_t z, uint16_t *out, Of of) const {
        const uint16_t keys[] = {key(z, 20, 1), key(z, 17, 6), key(z, 2, 6), key(z, 0, 10),
                                 key(z, 27, 10)};
        for (size_t at = 0; at < numbers_.size(); at += 16) {
            uint16_t h[16];
            for (int l = 0; l < 16; l++) {
                uint16_t v = numbers_[at + l];
                v = v ^ right(v, 4) ^ right(v, 10) ^ keys[0];
                v = v ^ (~right(v, 6) & right(v, 12)) ^ keys[1];
                v = v ^ right(v, 11) ^ right(v, 8) ^ keys[2];
                v = v ^ (~right(v, 10) & right(v, 7)) ^ keys[3];
                h[l] = v ^ right(v, 1) ^ right(v, 9) ^ keys[4];
            }
            for (int l = 0; l < 16; l++) out[at + l] = of(places_[h[l]]);
        }
    }

    static uint16_t right(uint16_t v, int n) { return uint16_t((v >> n | v << (13 - n)) & 8191); }

    static uint16_t key(uint32_t z, int shift, int stride) {
        uint32_t from = z >> shift | (shift ? z << (32 - shift) : 0);
        uint16_t bits = 0;
        for (int k = 0, m = 0; k < 13; k++, m = (m + stride) % 13) bits |= (from >> k & 1) << m;
        return bits;
    }

    std::vector<uint16_t> orbit_, places_, numbers_;
};

}  // namespace rbp
