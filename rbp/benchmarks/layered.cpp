// Backpropagation on a CPU, written for layers: one pass forward and one backward over the
// connections that there are, the bias's included. What a relaxation comes to, without its steps.
// Single precision, logistic units. Compiled -O3 -march=native.
#include <algorithm>
#include <cmath>
#include <vector>

// The first layer shows `inputs`, patterns×sizes[0]; `targets` are those of the last. `w` holds
// sizes[l]×(1 + sizes[l-1]) of each layer behind the first, the weight from the bias, at 1/2, first;
// changed in place. An update takes `batch` patterns, in turn.
extern "C" void layered_train(int layers, const int *sizes, int patterns, int batch, int updates,
                              float *w, const float *inputs, const float *targets, float eta) {
    int weights = 0, units = 0;
    std::vector<int> at(layers), from(layers);  // a layer's first unit, its first weight
    for (int l = 0; l < layers; l++) {
        at[l] = units;
        from[l] = weights;
        units += 1 + sizes[l];  // each with the bias in front
        if (l) weights += sizes[l] * (1 + sizes[l - 1]);
    }
    std::vector<float> a(units, 0.5f), y(units), step(weights);
    int next = 0;
    for (int update = 0; update < updates; update++) {
        std::fill(step.begin(), step.end(), 0.0f);
        for (int k = 0; k < batch; k++, next = (next + 1) % patterns) {
            std::copy_n(inputs + next * sizes[0], sizes[0], a.begin() + 1);
            for (int l = 1; l < layers; l++) {
                int below = 1 + sizes[l - 1];
                const float *x = a.data() + at[l - 1], *row = w + from[l];
                for (int i = 0; i < sizes[l]; i++, row += below) {
                    float u = 0;
                    for (int j = 0; j < below; j++) u += row[j] * x[j];
                    a[at[l] + 1 + i] = 1 / (1 + std::exp(-u));
                }
            }
            const float *t = targets + next * sizes[layers - 1];
            float *top = y.data() + at[layers - 1] + 1;
            const float *shown = a.data() + at[layers - 1] + 1;
            for (int i = 0; i < sizes[layers - 1]; i++)
                top[i] = (t[i] - shown[i]) * shown[i] * (1 - shown[i]);
            for (int l = layers - 1; l > 0; l--) {
                int below = 1 + sizes[l - 1];
                const float *x = a.data() + at[l - 1], *error = y.data() + at[l] + 1;
                float *sum = y.data() + at[l - 1];
                if (l > 1) std::fill_n(sum, below, 0.0f);
                for (int i = 0; i < sizes[l]; i++) {
                    const float *row = w + from[l] + i * below;
                    float *moved = step.data() + from[l] + i * below, e = error[i];
                    for (int j = 0; j < below; j++) moved[j] += e * x[j];
                    if (l > 1)
                        for (int j = 0; j < below; j++) sum[j] += row[j] * e;
                }
                if (l > 1)
                    for (int j = 0; j < below; j++) sum[j] *= x[j] * (1 - x[j]);
            }
        }
        for (int m = 0; m < weights; m++) w[m] += eta * step[m];
    }
}
