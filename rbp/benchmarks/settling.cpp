// rival.cpp for a network of layers: the same steps, over the connections that there are. Compiled
// -O3 -march=native.
#include <algorithm>
#include <cmath>
#include <vector>

namespace {

float logistic(float u) { return 1 / (1 + std::exp(-u)); }

}  // namespace

// w is n×n by rows, changed in place. Row i has column 0, of the bias, and those from
// begin[i] to end[i]; no weights where end[i] is 0: such a unit keeps its start. Rows from `back` on
// hand errors on: those before feed on nothing that moves. start and targets are patterns×n; target
// is n of 0 or 1. An update takes `batch` patterns, in turn. Returns the sweeps made, of x and of y
// together.
extern "C" long settling_train(int n, int patterns, int batch, int updates, float *w,
                               const float *start, const float *targets, const int *begin,
                               const int *end, int back, const unsigned char *target,
                               float tolerance, int limit, float eta) {
    long sweeps = 0;
    std::vector<float> x(n), slope(n), b(n), c(batch * n), y(batch * n);
    for (int update = 0, next = 0; update < updates; update++) {
        for (int a = 0; a < batch; a++, next = (next + 1) % patterns) {
            const float *t = targets + next * n;
            float *phi = c.data() + a * n, *error = y.data() + a * n;
            std::copy_n(start + next * n, n, phi);
            for (int i = 0; i < n; i++) x[i] = phi[i], slope[i] = error[i] = 0;
            for (int step = 0; step < limit; step++) {
                float moved = 0;
                sweeps++;
                for (int i = 0; i < n; i++) {
                    const int from = begin[i], to = end[i];
                    if (!to) continue;
                    float u = w[i * n] * phi[0];
                    for (int j = from; j < to; j++) u += w[i * n + j] * phi[j];
                    float g = logistic(u);
                    slope[i] = g * (1 - g);
                    moved = std::max(moved, std::fabs(g - x[i]));
                    x[i] = g;
                }
                std::copy_n(x.data(), n, phi);
                if (moved <= tolerance) break;
            }
            for (int step = 0; step < limit; step++) {
                float moved = 0;
                sweeps++;
                std::fill(b.begin(), b.end(), 0.0f);
                for (int i = back; i < n; i++) {
                    const int from = begin[i], to = end[i];
                    b[0] += w[i * n] * error[i];
                    for (int j = from; j < to; j++) b[j] += w[i * n + j] * error[i];
                }
                for (int i = 0; i < n; i++) {
                    float j = target[i] ? t[i] - x[i] : 0;
                    float e = slope[i] * (b[i] + j);
                    moved = std::max(moved, std::fabs(e - error[i]));
                    error[i] = e;
                }
                if (moved <= tolerance) break;
            }
        }
        for (int a = 0; a < batch; a++)
            for (int i = 0; i < n; i++) {
                const int from = begin[i], to = end[i];
                if (!to) continue;
                float step = eta * y[a * n + i];
                w[i * n] += step * c[a * n];
                for (int j = from; j < to; j++) w[i * n + j] += step * c[a * n + j];
            }
    }
    return sweeps;
}
