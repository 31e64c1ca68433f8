// Sums over connections, of patterns side by side: lanes are the innermost index, BLOCK apart.
// They are exact, so their order does not matter. They take place in 32 bits where weights and words
// are so small that all fit; else in double where all stay below 2^53, else in 128 bits.
#pragma once
#include "network.hpp"

namespace rbp {

template <class T> struct Vector;

template <> struct Vector<double> {
    typedef double type __attribute__((vector_size(8 * VECTOR)));
    static constexpr int width = VECTOR;
};

template <> struct Vector<int32_t> {
    typedef int32_t type __attribute__((vector_size(8 * VECTOR)));
    static constexpr int width = 2 * VECTOR;
};

// How great a sum of 32 bits may become, by the weights that are there.
struct Reach {
    static constexpr int CHUNK = 32;  // slots of a row, of which the sum is taken in one

    int64_t row = 0, weight = 0;  // greatest Σ|w| of a chunk, and |w|

    void add(const Reach &other) {
        row = std::max(row, other.row);
        weight = std::max(weight, other.weight);
    }
    // Of a row's chunk times words up to so much; of a column times words of that sum.
    bool forward(int64_t most) const { return row * most < int64_t(1) << 31; }
    bool backward(int64_t sum) const { return weight * sum < int64_t(1) << 31; }
};

// In T, for R rows whose slots lie beside each other.
template <class T, int R> struct Sums {
    typedef typename Vector<T>::type V;
    static constexpr int parts = BLOCK / Vector<T>::width;

    static V *at(T *lanes) { return reinterpret_cast<V *>(lanes); }
    static const V *at(const T *lanes) { return reinterpret_cast<const V *>(lanes); }

    // out = base + Σ w·φ over slots from … to of the first row, and those of the others.
    static void forward(const Network &net, const Row *rows, const T *w, int64_t from, int64_t to,
                        const T *phi, const double *base, double *out) {
        constexpr int chunk = sizeof(T) < sizeof(double) ? Reach::CHUNK : 1 << 30;
        if (base) std::copy_n(base, R * BLOCK, out);
        else std::fill_n(out, R * BLOCK, 0.0);
        while (from < to) {
            const int64_t end = rows->first + (from - rows->first) / chunk * chunk + chunk;
            V sum[R][parts] = {};
            add(net, rows, w, from, std::min(end, to), phi, sum);
            const T *lanes = reinterpret_cast<const T *>(sum);
            for (int l = 0; l < R * BLOCK; l++) out[l] += double(lanes[l]);
            from = end;
        }
    }

    static void add(const Network &net, const Row *rows, const T *w, int64_t from, int64_t to,
                    const T *phi, V (*out)[parts]) {
        V sum[R][parts] = {};
        const T *of[R];
        for (int r = 0; r < R; r++) of[r] = w + rows[r].first - rows[0].first;
        for (int64_t k = from; k < to; k++) {
            const V *f = at(phi + int64_t(net.slots[k]) * BLOCK);
            for (int r = 0; r < R; r++)
                for (int p = 0; p < parts; p++) sum[r][p] += of[r][k] * f[p];
        }
        for (int r = 0; r < R; r++)
            for (int p = 0; p < parts; p++) out[r][p] = sum[r][p];
    }

    // Adds w·y of the rows to the sums of their columns.
    static void backward(const Network &net, const Row *rows, const T *w, const T *y, T *out) {
        V error[R][parts];
        const T *of[R];
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

// Calls each(r, Sums<T, …>) for rows r, or those that are computed together from r on.
template <class T, class Each, int R = TOGETHER>
void of_rows(const Network &net, int r, Each &each) {
    if constexpr (R == 1) each(r, Sums<T, 1>());
    else if (net.rows[r].together == R) each(r, Sums<T, R>());
    else of_rows<T, Each, R / 2>(net, r, each);
}

template <class T, class Each> void by_rows(const Network &net, Each each) {
    for (int r = 0; r < int(net.rows.size()); r += net.rows[r].together) of_rows<T>(net, r, each);
}

// Σ w·φ of constant columns, for each row.
template <class T> void constant_sums(const Network &net, const T *w, const T *phi, double *out) {
    by_rows<T>(net, [&](int r, auto sums) {
        const Row *row = &net.rows[r];
        sums.forward(net, row, w, row->begin, row->split, phi, nullptr, out + r * BLOCK);
    });
}

// base + Σ w·φ of the other columns, for each row.
template <class T>
void forward(const Network &net, const T *w, const T *phi, const double *base, double *out) {
    by_rows<T>(net, [&](int r, auto sums) {
        const Row *row = &net.rows[r];
        sums.forward(net, row, w, row->split, row->end, phi, base + r * BLOCK, out + r * BLOCK);
    });
}

// Σ w·y, for each column that is not constant.
template <class T> void backward(const Network &net, const T *w, const T *y, T *out) {
    std::fill(out + int64_t(net.constant) * BLOCK, out + int64_t(net.columns) * BLOCK, T(0));
    by_rows<T>(
        net, [&](int r, auto sums) { sums.backward(net, &net.rows[r], w, y + r * BLOCK, out); });
}

// The same where only 128 bits are enough; of a row's constant columns, too.
inline void wide_forward(const Network &net, const int32_t *w, const int32_t *phi, int128 *out) {
    std::fill_n(out, int64_t(net.rows.size()) * BLOCK, 0);
    for (auto &row : net.rows) {
        for (int64_t k = row.begin; k < row.end; k++)
            for (int l = 0; l < BLOCK; l++)
                out[l] += int64_t(w[k]) * phi[int64_t(net.slots[k]) * BLOCK + l];
        out += BLOCK;
    }
}

inline void wide_backward(const Network &net, const int32_t *w, const int32_t *y, int128 *out) {
    std::fill_n(out, int64_t(net.columns) * BLOCK, 0);
    for (auto &row : net.rows) {
        for (int64_t k = row.split; k < row.end; k++)
            for (int l = 0; l < BLOCK; l++)
                out[int64_t(net.slots[k]) * BLOCK + l] += int64_t(w[k]) * y[l];
        y += BLOCK;
    }
}

}  // namespace rbp
