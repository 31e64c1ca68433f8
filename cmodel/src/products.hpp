// Products of factors f(c), rounded after each multiplication, and the derivatives of the sums.
#pragma once
#include "network.hpp"

namespace rbp {

class Products {
  public:
    // A derivative of column's product, by the factor of a row's unit: the others, then f'(c).
    struct Term {
        int row, column, unit;
        int count, others[2];
    };

    explicit Products(const Network &net)
        : net(net),
          one(std::ldexp(1.0, net.state.fraction)),
          times(net.state.fraction, net.state) {
        std::vector<uint8_t> used(net.N);
        std::vector<std::vector<Term>> of_rows(net.rows.size());
        for (int c = 0; c < net.columns && net.order; c++) {
            int count;
            const int *at = net.factors(net.units[c], count);
            for (int place = 0; place < count; place++) {
                used[at[place]] = 1;
                if (net.held[at[place]]) continue;
                Term term{net.row_of[at[place]], c, at[place], 0, {0, 0}};
                for (int k = 0; k < count; k++)
                    if (k != place) term.others[term.count++] = at[k];
                of_rows[term.row].push_back(term);
            }
        }
        for (int unit = 0; unit < net.N; unit++)
            if (used[unit]) units.push_back(unit);
        terms_of.push_back(0);
        for (auto &own : of_rows) {
            most_terms = std::max(most_terms, int64_t(own.size()));
            terms.insert(terms.end(), own.begin(), own.end());
            terms_of.push_back(int64_t(terms.size()));
        }
    }

    std::vector<int> units;  // that are factors
    std::vector<Term> terms;
    std::vector<int64_t> terms_of;  // of a row: those from here to that of the next row
    int64_t most_terms = 0;

    // φ of columns from … to; `bad` of a lane is set where one was clamped.
    void phi(int from, int to, const double *factors, int32_t *phi, int32_t *bad) const {
        for (int c = from; c < to; c++) {
            int count;
            const int *at = net.factors(net.units[c], count);
            double p[BLOCK];
            product(at, count, net.order, factors, p, bad);
            for (int l = 0; l < BLOCK; l++) phi[int64_t(c) * BLOCK + l] = int32_t(p[l]);
        }
    }

    // ∂φ/∂c of all terms; slopes are f'(c), null where f is the identity.
    void derivatives(const double *factors, const double *slopes, int32_t *out,
                     int32_t *bad) const {
        for (size_t t = 0; t < terms.size(); t++) {
            const Term &term = terms[t];
            double p[BLOCK];
            int32_t unsaid = 0;
            product(term.others, term.count, net.order - 1, factors, p, bad);
            const double *slope = slopes + int64_t(term.unit) * BLOCK;
            for (int l = 0; l < BLOCK; l++)
                out[t * BLOCK + l] = slopes ? times(p[l] * slope[l], unsaid) : int32_t(p[l]);
        }
    }

    // Σ s·∂φ/∂c of a row's unit, narrowed.
    template <class S>
    void fold(int row, const S *sums, const int32_t *derivatives, const Narrow<S> &narrow,
              int32_t *out, int32_t *bad) const {
        S sum[BLOCK] = {};
        for (int64_t t = terms_of[row]; t < terms_of[row + 1]; t++) {
            const S *s = sums + int64_t(terms[t].column) * BLOCK;
            for (int l = 0; l < BLOCK; l++) sum[l] += s[l] * derivatives[t * BLOCK + l];
        }
        for (int l = 0; l < BLOCK; l++) out[l] = narrow(sum[l], bad[l]);
    }

  private:
    // Of `count` factors; golden makes them `length` by ones, which only clamps a product of none.
    void product(const int *at, int count, int length, const double *factors, double *p,
                 int32_t *bad) const {
        const double none = length ? net.state.clamp(int32_t(one)) : one;
        for (int l = 0; l < BLOCK; l++) {
            p[l] = count ? factors[int64_t(at[0]) * BLOCK + l] : none;
            if (!count) bad[l] |= none != one;
        }
        for (int k = 1; k < count; k++)
            for (int l = 0; l < BLOCK; l++)
                p[l] = times(p[l] * factors[int64_t(at[k]) * BLOCK + l], bad[l]);
    }

    const Network &net;
    double one;
    Narrow<double> times;
};

}  // namespace rbp
