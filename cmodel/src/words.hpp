// Formats and the one narrowing: round half up, then clamp. Exact for whatever type a sum has. And
// the memory in which vectors of words lie.
#pragma once
#include <cmath>
#include <cstdint>
#include <memory>
#include <new>

#include "rbp_model.h"

namespace rbp {

__extension__ typedef __int128 int128;

struct Format {
    int32_t min, max;
    int fraction;

    explicit Format(const rbp_format &f)
        : min(int32_t(-(int64_t(1) << f.width >> 1))),
          max(int32_t((int64_t(1) << f.width >> 1) - 1)),
          fraction(int(f.fraction)) {}

    int32_t clamp(int32_t value) const { return value < min ? min : value > max ? max : value; }
};

// value / 2^shift, rounded half up, in a format. `bad` becomes other than 0 where it was clamped.
template <class S> struct Narrow {
    int shift;
    S half, min, max;

    Narrow(int shift, const Format &f)
        : shift(shift),
          half(shift > 0 ? S(1) << (shift - 1) : S(0)),
          min(f.min),
          max(f.max) {}

    int32_t operator()(S value, int32_t &bad) const {
        S full = shift > 0 ? (value + half) >> shift : value * (S(1) << -shift);
        S cut = full < min ? min : full > max ? max : full;
        bad |= full != cut;
        return int32_t(cut);
    }
};

// Of integers below 2^53, in double: each operation is exact, so compilers may fuse them.
template <> struct Narrow<double> {
    double half, scale, min, max;

    Narrow(int shift, const Format &f)
        : half(shift > 0 ? std::ldexp(1.0, shift - 1) : 0.0),
          scale(std::ldexp(1.0, -shift)),
          min(f.min),
          max(f.max) {}

    int32_t operator()(double value, int32_t &bad) const {
        double full = std::floor((value + half) * scale);
        double cut = full < min ? min : full;
        cut = cut > max ? max : cut;
        bad |= full != cut;
        return int32_t(cut);
    }
};

// Memory for vectors: aligned, zero at first, of one size for good.
template <class T> class Buffer {
  public:
    explicit Buffer(int64_t size = 0)
        : at_(static_cast<T *>(::operator new(sizeof(T) * (size + 1), std::align_val_t(64)))) {
        std::uninitialized_fill_n(at_.get(), size, T(0));
    }
    operator T *() { return at_.get(); }
    operator const T *() const { return at_.get(); }
    T *get() { return at_.get(); }

  private:
    struct Free {
        void operator()(T *at) const { ::operator delete(at, std::align_val_t(64)); }
    };
    std::unique_ptr<T, Free> at_;
};

}  // namespace rbp
