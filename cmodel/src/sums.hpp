// Sums over connections, of patterns side by side: lanes are the innermost index, BLOCK apart.
// They are exact and take place in double where all stay below 2^53, else in 128 bits; so their
// order does not matter.
#pragma once
#include "network.hpp"

namespace rbp {

template <class S> struct Vector {
    typedef S type;
    static constexpr int width = 1;
};

template <> struct Vector<double> {
    typedef double type __attribute__((vector_size(8 * VECTOR)));
    static constexpr int width = VECTOR;
};

// For R rows whose slots lie beside each other.
template <class S, int R> struct Sums {
    typedef typename Vector<S>::type V;
    static constexpr int parts = BLOCK / Vector<S>::width;

    static V *at(S *lanes) { return reinterpret_cast<V *>(lanes); }
    static const V *at(const S *lanes) { return reinterpret_cast<const V *>(lanes); }

    // out = base + Σ w·φ over slots from … to of the first row, and those of the others.
    static void forward(const Network &net, const Row *rows, const S *w, int64_t from, int64_t to,
                        const S *phi, const S *base, S *out) {
        V sum[R][parts];
        const S *of[R];
        for (int r = 0; r < R; r++) {
            of[r] = w + rows[r].first - rows[0].first;
            for (int p = 0; p < parts; p++) sum[r][p] = base ? at(base + r * BLOCK)[p] : V{};
        }
        for (int64_t k = from; k < to; k++) {
            const V *f = at(phi + int64_t(net.slots[k]) * BLOCK);
            for (int r = 0; r < R; r++)
                for (int p = 0; p < parts; p++) sum[r][p] += of[r][k] * f[p];
        }
        for (int r = 0; r < R; r++)
            for (int p = 0; p < parts; p++) at(out + r * BLOCK)[p] = sum[r][p];
    }

    // Adds w·y of the rows to the sums of their columns.
    static void backward(const Network &net, const Row *rows, const S *w, const S *y, S *out) {
        V error[R][parts];
        const S *of[R];
        for (int r = 0; r < R; r++) {
            of[r] = w + rows[r].first - rows[0].first;
            for (int p = 0; p < parts; p++) error[r][p] = at(y + r * BLOCK)[p];
        }
        for (int64_t k = rows[0].split; k < rows[0].end; k++) {
            V *s = at(out + int64_t(net.slots[k]) * BLOCK);
            for (int p = 0; p < parts; p++) {
                V sum = s[p];
                for (int r = 0; r < R; r++) sum += of[r][k] * error[r][p];
                s[p] = sum;
            }
        }
    }
};

// Calls each(r, Sums<S, …>) for rows r, or those that are computed together from r on.
template <class S, class Each, int R = TOGETHER>
void of_rows(const Network &net, int r, Each &each) {
    if constexpr (R == 1) each(r, Sums<S, 1>());
    else if (net.rows[r].together == R) each(r, Sums<S, R>());
    else of_rows<S, Each, R / 2>(net, r, each);
}

template <class S, class Each> void by_rows(const Network &net, Each each) {
    for (int r = 0; r < int(net.rows.size()); r += net.rows[r].together)
        of_rows<S>(net, r, each);
}

// Σ w·φ of constant columns, for each row.
template <class S> void constant_sums(const Network &net, const S *w, const S *phi, S *out) {
    by_rows<S>(net, [&](int r, auto sums) {
        const Row *row = &net.rows[r];
        sums.forward(net, row, w, row->begin, row->split, phi, nullptr, out + r * BLOCK);
    });
}

// base + Σ w·φ of the other columns, for each row.
template <class S>
void forward(const Network &net, const S *w, const S *phi, const S *base, S *out) {
    by_rows<S>(net, [&](int r, auto sums) {
        const Row *row = &net.rows[r];
        sums.forward(net, row, w, row->split, row->end, phi, base + r * BLOCK, out + r * BLOCK);
    });
}

// Σ w·y, for each column that is not constant.
template <class S> void backward(const Network &net, const S *w, const S *y, S *out) {
    std::fill(out + int64_t(net.constant) * BLOCK, out + int64_t(net.columns) * BLOCK, S(0));
    by_rows<S>(
        net, [&](int r, auto sums) { sums.backward(net, &net.rows[r], w, y + r * BLOCK, out); });
}

}  // namespace rbp
