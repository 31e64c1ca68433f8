// What is connected, in the order in which it is computed: rows that are not held, columns that have
// weights. Those come first whose φ is constant while x settles: their part of a sum is taken once,
// and nobody asks for their sums of errors.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "words.hpp"

namespace rbp {

constexpr int BLOCK = 16;  // patterns that relax side by side
constexpr int PAD = 16;   // slots that a row is padded to

#if defined(__AVX512F__)
constexpr int VECTOR = 8, TOGETHER = 8;  // doubles of a vector; rows, by the registers there are
#elif defined(__AVX__)
constexpr int VECTOR = 4, TOGETHER = 4;
#else
constexpr int VECTOR = 2, TOGETHER = 2;
#endif

constexpr int64_t padded(int64_t size) { return (size + PAD - 1) / PAD * PAD; }

// A row's weights lie in slots from `first` on, `count` with those that hold none: a stretch of
// columns from `from` on, or where that would be mostly empty (from -1) just the connected ones.
struct Row {
    int unit;
    int place;  // of the noise
    int64_t first;
    int count;
    int from;
    int64_t begin, split, end;  // slots: of constant columns up to split, then of the others
    int together;  // rows from this one on that have the same stretch: 1, 2, 4 … TOGETHER
    bool any() const { return count > 0; }
};

struct Network {
    rbp_network given;  // sizes, settings and tables; its other pointers are not used later
    Format state, error, weight, net, velocity;
    int N, M, A, B, order;

    std::vector<uint8_t> held, clamp, input;
    std::vector<int> targets;  // units
    std::vector<Row> rows;
    std::vector<int> row_of;     // of a unit; -1 where it is held
    std::vector<int64_t> units;  // of the columns: unit, or product
    int columns, constant;       // connected; of them constant
    std::vector<int> slots;      // column of each slot
    std::vector<int>
        column_of;  // of a row's unit, in first order; -1 where its φ is constant or unused
    std::vector<int64_t> numbers;
    int64_t most_forward = 0, most_backward = 0;  // terms of a sum

    std::vector<int64_t> table;  // of a row: where its word 0 lies in g
    std::vector<int> products;   // M × order; N is the factor 1

    Network(const rbp_network &n, const int64_t *weights)
        : given(n),
          state(n.state),
          error(n.error),
          weight(n.weight),
          net(n.net),
          velocity(n.velocity),
          N(int(n.units)),
          M(int(n.columns)),
          A(int(n.patterns)),
          B(int(n.batch)),
          order(int(n.order)),
          held(n.held, n.held + N),
          clamp(n.clamp, n.clamp + N),
          input(n.input, n.input + N),
          row_of(N, -1) {
        products.assign(n.products, n.products + int64_t(M) * order);
        for (int unit = 0; unit < N; unit++)
            if (n.target[unit]) targets.push_back(unit);
        for (int r = 0; r < n.rows; r++) {
            Row row{};
            row.unit = int(n.row_units[r]);
            row.place = int(n.places[r]);
            row_of[row.unit] = r;
            table.push_back((n.activation[row.unit] << n.net.width) - net.min);
            rows.push_back(row);
        }
        choose_columns(weights);
        place_rows(weights);
        join_rows();
    }

    bool random() const { return given.start_seed >= 0; }
    bool momentum() const { return given.friction >= 0; }

    // A unit that does not move, or whose movement no sum sees.
    bool still(int unit) const { return held[unit] || clamp[unit]; }

    // The units of product m that are factors, and how many.
    const int *factors(int64_t m, int &count) const {
        const int *at = &products[m * order];
        for (count = 0; count < order && at[count] < N; count++) {
        }
        return at;
    }

  private:
    bool is_constant(int64_t m) const {
        if (!order) return still(int(m));
        int count;
        const int *at = factors(m, count);
        return std::all_of(at, at + count, [&](int unit) { return still(unit); });
    }

    void choose_columns(const int64_t *weights) {
        std::vector<int64_t> terms(M);
        for (auto &row : rows)
            for (int64_t m = 0; m < M; m++) terms[m] += weights[int64_t(row.unit) * M + m] != 0;
        std::vector<int64_t> moving;
        for (int64_t m = 0; m < M; m++) {
            if (!terms[m]) continue;
            most_backward = std::max(most_backward, terms[m]);
            (is_constant(m) ? units : moving).push_back(m);
        }
        // A bias of many rows comes last, beside the columns that those have besides.
        std::stable_sort(units.begin(), units.end(),
                         [&](int64_t a, int64_t b) { return terms[a] < terms[b]; });
        constant = int(units.size());
        units.insert(units.end(), moving.begin(), moving.end());
        columns = int(units.size());
        for (int64_t m : units) numbers.push_back(given.numbers[m]);
        column_of.assign(rows.size(), -1);
        if (!order)
            for (int c = constant; c < columns; c++) column_of[row_of[units[c]]] = c;
    }

    void place_rows(const int64_t *weights) {
        std::vector<int> here;
        for (auto &row : rows) {
            const int64_t *w = weights + int64_t(row.unit) * M;
            here.clear();
            for (int c = 0; c < columns; c++)
                if (w[units[c]]) here.push_back(c);
            most_forward = std::max(most_forward, int64_t(here.size()));
            row.first = row.begin = row.split = row.end = int64_t(slots.size());
            if (here.empty()) continue;
            row.from = here[0] / PAD * PAD;
            row.count = int(padded(here.back() + 1)) - row.from;
            if (row.count > std::max<int64_t>(3 * here.size(), padded(here.size()))) {
                row.from = -1;
                row.count = int(padded(here.size()));
                slots.insert(slots.end(), here.begin(), here.end());
                slots.resize(row.first + row.count);  // in slots without a weight is column 0
            } else {
                for (int c = 0; c < row.count; c++) slots.push_back(row.from + c);
                row.begin += here[0] - row.from;
            }
            row.end = row.from < 0 ? row.first + int64_t(here.size())
                                   : row.first + here.back() + 1 - row.from;
            row.split = std::partition_point(&slots[row.begin], &slots[0] + row.end,
                                             [&](int c) { return c < constant; }) -
                        &slots[0];
        }
    }

    // Rows that are computed together have the same slots of a sum: those that any has.
    void join_rows() {
        for (size_t r = 0; r < rows.size(); r += rows[r].together) {
            Row *at = &rows[r];
            at->together = 1;
            if (!at->any() || at->from < 0) continue;
            const size_t most = std::min<size_t>(TOGETHER, rows.size() - r);
            size_t same = 1;
            while (same < most && at[same].from == at->from && at[same].count == at->count) same++;
            while (at->together * 2 <= int(same)) at->together *= 2;
            int64_t begin = at->count, end = 0;
            for (int k = 0; k < at->together; k++) {
                begin = std::min(begin, at[k].begin - at[k].first);
                end = std::max(end, at[k].end - at[k].first);
            }
            const int64_t split = std::clamp<int64_t>(constant - at->from, begin, end);
            for (int k = 0; k < at->together; k++) {
                at[k].begin = at[k].first + begin;
                at[k].split = at[k].first + split;
                at[k].end = at[k].first + end;
            }
        }
    }
};

}  // namespace rbp
