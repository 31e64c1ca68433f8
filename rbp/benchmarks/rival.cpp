// The same job on a CPU, written straight: settle x, then y, pattern by pattern, with early exit, then
// the rank-1 updates. Single precision, logistic units, Δt = 1. Compiled -O3 -march=native.
#include <algorithm>
#include <cmath>
#include <vector>

namespace {

float logistic(float u) { return 1 / (1 + std::exp(-u)); }

}  // namespace

// w is n×n by rows, changed in place; targets is patterns×n; clamp and target are n of 0 or 1.
// Returns the sweeps made, of x and of y together.
extern "C" long rival_train(int n, int patterns, int updates, float *w, const float *targets,
                            const unsigned char *clamp, const unsigned char *target,
                            float tolerance, int limit, float eta) {
    long sweeps = 0;
    std::vector<float> x(n), slope(n), b(n), c(patterns * n), y(patterns * n);
    for (int update = 0; update < updates; update++) {
        for (int a = 0; a < patterns; a++) {
            const float *t = targets + a * n;
            float *phi = c.data() + a * n, *error = y.data() + a * n;
            for (int i = 0; i < n; i++) {
                x[i] = 0.5f;
                phi[i] = clamp[i] ? t[i] : x[i];
                error[i] = 0;
            }
            for (int step = 0; step < limit; step++) {
                float moved = 0;
                sweeps++;
                for (int i = 0; i < n; i++) {
                    float u = 0;
                    for (int j = 0; j < n; j++) u += w[i * n + j] * phi[j];
                    float g = logistic(u);
                    slope[i] = g * (1 - g);
                    moved = std::max(moved, std::fabs(g - x[i]));
                    x[i] = g;
                }
                for (int i = 0; i < n; i++) phi[i] = clamp[i] ? t[i] : x[i];
                if (moved <= tolerance) break;
            }
            for (int step = 0; step < limit; step++) {
                float moved = 0;
                sweeps++;
                std::fill(b.begin(), b.end(), 0.0f);
                for (int i = 0; i < n; i++)
                    for (int j = 0; j < n; j++) b[j] += w[i * n + j] * error[i];
                for (int i = 0; i < n; i++) {
                    float j = target[i] ? t[i] - x[i] : 0;
                    float e = slope[i] * ((clamp[i] ? 0 : b[i]) + j);
                    moved = std::max(moved, std::fabs(e - error[i]));
                    error[i] = e;
                }
                if (moved <= tolerance) break;
            }
        }
        for (int a = 0; a < patterns; a++)
            for (int i = 0; i < n; i++) {
                float step = eta * y[a * n + i];
                for (int j = 0; j < n; j++) w[i * n + j] += step * c[a * n + j];
            }
    }
    return sweeps;
}
