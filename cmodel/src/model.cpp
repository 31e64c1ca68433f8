// The functions of rbp_model.h: updates, with everything that persists between them.
#include <chrono>

#include "learning.hpp"
#include "relaxation.hpp"
#include "team.hpp"

using namespace rbp;

namespace {

double now() {
    return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

// Greatest |sum| of so many products of words of two formats, and what rounding adds.
double bound(int64_t terms, double a, double b, int shift) {
    return double(terms) * a * b + std::ldexp(1.0, shift);
}

struct Bounds {
    double sums, folds;

    Bounds(const Network &net, const Products &products) {
        const double w = -double(net.weight.min), c = -double(net.state.min),
                     e = -double(net.error.min);
        const int forward = net.weight.fraction + net.state.fraction;
        const double back = bound(net.most_backward, w, e, net.weight.fraction);
        sums = std::max(bound(net.most_forward, w, c, forward), back);
        folds = net.order ? bound(products.most_terms, back, 2 * c, forward) : 0;
    }

    bool wide() const { return sums >= std::ldexp(1.0, 53) || folds >= std::ldexp(1.0, 63); }
};

// What a thread works with.
struct Worker {
    Relaxation relaxation;
    Learning learning;
    Tally tally;
    Reach reach;              // of its rows
    int first = 0, last = 0;  // rows of W

    Worker(const Network &net, const Products &products, Weights &weights, bool wide)
        : relaxation(net, products, wide),
          learning(net, weights) {}
};

}  // namespace

struct rbp_model {
    rbp_model(const rbp_network &network, const rbp_state &state)
        : net(network, state.weights),
          products(net),
          weights(net),
          exact(int64_t(net.slots.size())),
          room(std::max<int>(net.B, BLOCK * int(net.given.threads))),
          batch(net, room),
          rested(net.A),
          team(int(net.given.threads)) {
        each_weight([&](int64_t slot, int64_t at) {
            weights.w[slot] = int32_t(state.weights[at]);
            weights.here[slot] = weights.w[slot] ? -1 : 0;
            if (net.momentum()) weights.v[slot] = int32_t(state.velocity[at]);
        });
        const bool wide = Bounds(net, products).wide();
        int row = 0;
        for (int k = 0; k < team.size; k++) {
            workers.push_back(std::make_unique<Worker>(net, products, weights, wide));
            workers[k]->first = row;
            const int64_t until = int64_t(net.slots.size()) * (k + 1) / team.size;
            while (row < int(net.rows.size()) &&
                   (k + 1 == team.size || net.rows[row].first < until))
                row++;
            workers[k]->last = row;
            refresh(*workers[k]);
        }
    }

    int64_t train(rbp_state &state, int64_t updates, double seconds, int64_t *energy,
                  int64_t *steps, uint8_t *unsettled) {
        const double begun = now();
        int64_t done = 0;
        do {
            const int64_t at = done * net.B * 2;
            energy[done] = relax_batch(state, steps + at, unsettled + at);
            learn(state);
            done++;
        } while (done < updates && now() - begun < seconds);
        each_weight([&](int64_t slot, int64_t at) {
            state.weights[at] = weights.w[slot];
            if (net.momentum()) state.velocity[at] = weights.v[slot];
        });
        return done;
    }

    void relax(rbp_state &state, bool errors, int64_t *energy, int64_t *steps, uint8_t *unsettled,
               uint8_t *skip) {
        if (errors) {
            *energy = relax_batch(state, steps, unsettled);
            std::copy_n(batch.skip.data(), net.B, skip);
            return;
        }
        *energy = 0;
        for (int first = 0; first < net.A; first += room) {
            const int count = std::min(room, net.A - first);
            for (int k = 0; k < count; k++) batch.which[k] = first + k;
            settle(state, count, false, {steps + first, unsettled + first, 1});
            std::copy_n(batch.skip.data(), count, skip + first);
            for (int k = 0; k < count; k++) keep_x(state, k, false);
        }
    }

  private:
    // Calls each(slot, place in N × M) for each weight.
    template <class Each> void each_weight(Each each) {
        for (auto &row : net.rows)
            for (int64_t slot = row.begin; slot < row.end; slot++)
                each(slot, int64_t(row.unit) * net.M + net.units[net.slots[slot]]);
    }

    // What sums take of a worker's weights.
    void refresh(Worker &own) {
        int32_t most[PAD] = {};
        uint32_t sum = 0, greatest = 0;  // Σ|w| of a chunk
        for (int r = own.first; r < own.last; r++)
            for (int at = 0; at < net.rows[r].count; at += PAD) {
                const int32_t *w = weights.w + net.rows[r].first + at;
                double *out = exact + net.rows[r].first + at;
                if (at % Reach::CHUNK == 0) sum = 0;
                for (int k = 0; k < PAD; k++) {
                    const int32_t word = std::abs(w[k]);
                    sum += uint32_t(word);
                    most[k] = std::max(most[k], word);
                    out[k] = w[k];
                }
                greatest = std::max(greatest, sum);
            }
        own.reach = {greatest, *std::max_element(most, most + PAD)};
    }

    Reach reach() const {
        Reach most;
        for (auto &own : workers) most.add(own->reach);
        return most;
    }

    // The first hash of the batch.
    int64_t first_draw(int64_t t) const {
        return t + t / net.B * (net.B * net.random() + net.momentum());
    }

    void choose(const rbp_state &state) {
        for (int k = 0; k < net.B; k++) batch.which[k] = (state.t + k) % net.A;
        if (net.given.draw >= 0) {
            const int64_t z = stream_start(net.given.draw, first_draw(state.t)) >> 16;
            batch.which[0] = net.A * z >> 16;
        }
        for (int k = 0; k < net.B && net.random(); k++) {
            uint32_t z = stream_start(net.given.start_seed, first_draw(state.t) + k);
            int place = -1;
            for (auto &row : net.rows) {
                for (; place < row.place; place++) z = xorshift(z);
                state.start[batch.which[k] * net.N + row.unit] =
                    int64_t(z) >> (32 - net.state.fraction);
            }
        }
    }

    int64_t relax_batch(rbp_state &state, int64_t *steps, uint8_t *unsettled) {
        choose(state);
        const int64_t energy = settle(state, net.B, true, {steps, unsettled, 2});
        for (int k = 0; k < net.B; k++) {
            const int64_t a = batch.which[k];
            keep_x(state, k, net.given.keep || rested[a]);
            int64_t *y = state.y + a * net.N;
            for (int unit = 0; unit < net.N && !net.given.keep && !rested[a]; unit++)
                if (net.held[unit]) y[unit] = 0;
            rested[a] = 1;
            for (size_t r = 0; r < net.rows.size(); r++)
                y[net.rows[r].unit] = batch.y[int64_t(r) * room + k];
        }
        return energy;
    }

    // Relaxes so many patterns of the batch, shared among the team; returns the energy.
    int64_t settle(rbp_state &state, int count, bool errors, const Logs &logs) {
        const int share = std::min(BLOCK, (count + team.size - 1) / team.size);
        const Reach most = reach();
        team.run([&](int k) {
            Worker &own = *workers[k];
            for (int first = k * share; first < count; first += team.size * share)
                own.relaxation.run(weights.w, exact, most, state, batch, first,
                                   std::min(share, count - first), errors, logs, own.tally);
        });
        return count_in(state);
    }

    // x of pattern k of the batch; held units stay at x(t0).
    void keep_x(rbp_state &state, int k, bool kept) {
        const int64_t *start = state.start + batch.which[k] * net.N;
        int64_t *x = state.x + batch.which[k] * net.N;
        for (int unit = 0; unit < net.N && !kept; unit++)
            if (net.held[unit]) x[unit] = start[unit];
        for (size_t r = 0; r < net.rows.size(); r++)
            x[net.rows[r].unit] = batch.x[int64_t(r) * room + k];
    }

    void learn(rbp_state &state) {
        const int64_t draw = first_draw(state.t) + net.B * net.random();
        for (int k = 0; k < net.B; k++) state.skipped += batch.skip[k];
        team.run([&](int k) {
            Worker &own = *workers[k];
            own.learning.run(batch, draw, own.first, own.last, own.tally);
            refresh(own);
        });
        state.t += net.B;
        count_in(state);
    }

    // Adds what the workers have counted; returns the energy.
    int64_t count_in(rbp_state &state) {
        int64_t energy = 0;
        for (auto &own : workers) {
            energy += own->tally.energy;
            state.unsettled += own->tally.unsettled;
            state.saturated |= own->tally.saturated;
            own->tally = Tally();
        }
        return energy;
    }

    Network net;
    Products products;
    Weights weights;
    Buffer<double> exact;  // the weights, as sums take them
    const int room;   // patterns of the batch's memory
    Batch batch;
    std::vector<uint8_t> rested;  // of A: whether x and y of held units are written
    Team team;
    std::vector<std::unique_ptr<Worker>> workers;
};

rbp_model *rbp_create(const rbp_network *network, const rbp_state *state) try {
    return new rbp_model(*network, *state);
} catch (const std::exception &) {  // no memory, or no thread
    return nullptr;
}

void rbp_destroy(rbp_model *model) { delete model; }

int64_t rbp_train(rbp_model *model, rbp_state *state, int64_t updates, double seconds,
                  int64_t *energy, int64_t *steps, uint8_t *unsettled) {
    return model->train(*state, updates, seconds, energy, steps, unsettled);
}

void rbp_relax(rbp_model *model, rbp_state *state, int errors, int64_t *energy, int64_t *steps,
               uint8_t *unsettled, uint8_t *skip) {
    model->relax(*state, errors, energy, steps, unsettled, skip);
}
