// When relaxations of a higher order end: rbp.hdl.fold_schedule, which has the reasons, in C++.
#include <algorithm>
#include <cstdint>
#include <deque>
#include <vector>

namespace {

struct Times {
    int64_t lanes, whole, brief;  // entries that a turn plays
    int64_t reach, sums, finish;  // sums: from a turn's end; finish: from a result
    int64_t ahead, pipeline, depth;
    const int64_t *behind;  // of each lane
    int64_t units;
    const int64_t *terms;  // of each unit
    int64_t places;
    const int64_t *rows;  // cycles of a FORWARD in which a row's result goes to the integrator
};

constexpr int64_t NEVER = INT64_MAX;

struct Pattern {
    int64_t at, x, y;  // from when on, or at which cycle; steps to come
};

// Of every cycle of a FORWARD, and every row of the fold's table.
struct Tables {
    std::vector<uint8_t> results, first, last;

    explicit Tables(const Times &time) {
        for (int64_t k = 0; k < time.places; k++) {
            if (time.rows[k] >= int64_t(results.size())) results.resize(time.rows[k] + 1);
            results[time.rows[k]] = 1;
        }
        for (int64_t unit = 0; unit < time.units; unit++)
            for (int64_t k = 0; k < time.terms[unit]; k++) {
                first.push_back(k == 0);
                last.push_back(k == time.terms[unit] - 1);
            }
    }
};

// A shift register of rows, or sweeps; it counts what is in it.
struct Pipe {
    std::vector<int64_t> words;
    size_t head = 0;
    int64_t filled = 0;

    explicit Pipe(int64_t length) : words(length, -1) {}

    int64_t shift(int64_t word) {
        std::swap(words[head], word);
        filled += (words[head] >= 0) - (word >= 0);
        head = head + 1 == words.size() ? 0 : head + 1;
        return word;
    }

    void drop() {
        std::fill(words.begin(), words.end(), -1);
        filled = 0;
    }
};

class Lane {
  public:
    Lane(const Times &time, const Tables &tables)
        : time(time),
          tables(tables),
          fetched(time.ahead),
          coming(time.pipeline - time.ahead - 1) {}

    std::deque<Pattern> ring, finishes;
    struct Turn {
        int64_t at, plays;
        bool brief;
    };
    std::deque<Turn> turns;

    bool ready(int64_t cycle, bool &backward) const {
        if (ring.empty() || ring.front().at > cycle) return false;
        backward = !ring.front().x;
        return !backward || unfolded < 2;
    }

    bool finishes_at(int64_t cycle) const {
        return std::any_of(finishes.begin(), finishes.end(),
                           [&](const Pattern &p) { return p.at == cycle; });
    }

    // The next cycle in which anything can happen, if no turn begins.
    int64_t next(int64_t cycle) const {
        if (fetched.filled || coming.filled || !waiting.empty()) return cycle;
        int64_t at = sweeps.empty() ? NEVER : sweeps.front().at;
        if (!turns.empty()) at = std::min(at, turns.front().at);
        for (const Pattern &p : finishes) at = std::min(at, p.at);
        return std::max(cycle, at);
    }

    void step(int64_t cycle) {
        if (!turns.empty() && turns.front().at == cycle) {
            take(cycle, turns.front());
            turns.pop_front();
        }
        fold(cycle);
    }

  private:
    void take(int64_t cycle, const Turn &turn) {
        bool backward = false;
        if (!ready(cycle, backward) || (turn.brief && !backward)) return;
        Pattern pattern = ring.front();
        ring.pop_front();
        const int64_t end = cycle + turn.plays + time.sums;
        if (backward) {
            pattern.y--;
            pattern.at = end + 1;
            sweeps.push_back(pattern);
            unfolded++;
        } else {
            pattern.x--;
            pattern.at = end + time.finish;
            finishes.push_back(pattern);
            forwards.push_back(cycle);
        }
    }

    bool accepts(int64_t cycle) {
        const int64_t length = int64_t(tables.results.size());
        while (!forwards.empty() && forwards.front() + length <= cycle) forwards.pop_front();
        return std::none_of(forwards.begin(), forwards.end(), [&](int64_t begun) {
            return tables.results[cycle - begun];
        });
    }

    // Words of `coming` and `waiting`: 1 of the last result of a sweep, 0 of another.
    void fold(int64_t cycle) {
        const bool go = !sweeps.empty() && sweeps.front().at <= cycle;
        const int64_t row = fetched.shift(go ? at : -1);
        const bool first = row >= 0 && tables.first[row], last = row >= 0 && tables.last[row];
        const bool refused = first && begun == time.depth, valid = row >= 0 && !refused;
        const bool end = valid && row + 1 == int64_t(tables.first.size());
        bool done = false;
        begun += valid && first;
        if (!waiting.empty() && accepts(cycle)) {
            done = waiting.front();
            waiting.pop_front();
            begun--;
        }
        if (refused || end) {
            fetched.drop();
            at = refused ? row : 0;
        } else if (go) {
            at = at + 1 == int64_t(tables.first.size()) ? 0 : at + 1;
        }
        if (end) {
            folded.push_back(sweeps.front());
            sweeps.pop_front();
        }
        const int64_t came = coming.shift(valid && last ? end : -1);
        if (came >= 0) waiting.push_back(came);
        if (!done) return;
        folded.front().at = cycle + time.finish;
        finishes.push_back(folded.front());
        folded.pop_front();
        unfolded--;
    }

    const Times &time;
    const Tables &tables;
    int64_t at = 0, begun = 0, unfolded = 0;
    Pipe fetched, coming;
    std::deque<uint8_t> waiting;
    std::deque<Pattern> sweeps, folded;  // to be folded; whose last result is on its way
    std::deque<int64_t> forwards;        // when they were taken
};

void relax(const Times &time, const Tables &tables, int64_t ready, int64_t free, int64_t count,
           const int64_t *held, const int64_t *steps, int64_t *idle, int64_t *dealt) {
    std::vector<Lane> lanes(time.lanes, Lane(time, tables));
    int64_t deal_at = ready + 1 + 2 * time.reach, next = 0, settling = count;
    *idle = 0;
    for (int64_t cycle = 0; settling; cycle++) {
        int64_t then = next < count ? deal_at : NEVER;  // where nothing happens before
        for (const Lane &lane : lanes) {
            then = std::min(then, lane.next(cycle));
            if (!lane.ring.empty()) then = std::min(then, std::max(free, lane.ring.front().at));
        }
        cycle = std::max(cycle, then);
        const bool deal = next < count && cycle == deal_at;
        Lane *to = deal ? &lanes[held[next] % time.lanes] : nullptr;
        const bool taken = deal && to->finishes_at(cycle);
        for (Lane &lane : lanes)
            for (size_t k = 0; k < lane.finishes.size();) {
                Pattern pattern = lane.finishes[k];
                if (pattern.at != cycle) {
                    k++;
                    continue;
                }
                lane.finishes.erase(lane.finishes.begin() + int64_t(k));
                if (pattern.x || pattern.y) {
                    pattern.at = cycle + 1;
                    lane.ring.push_back(pattern);
                } else {
                    *idle = cycle + 1;
                    settling--;
                }
            }
        if (deal) {
            if (!taken) {
                to->ring.push_back({cycle + 1, steps[2 * next], steps[2 * next + 1]});
                next++;
            }
            deal_at++;
        }
        bool any = false, forward = false;
        for (const Lane &lane : lanes) {
            bool backward = false;
            if (!lane.ready(cycle, backward)) continue;
            any = true;
            forward |= !backward;
        }
        if (cycle >= free && any) {
            const int64_t plays = forward ? time.whole : time.brief;
            for (int64_t k = 0; k < time.lanes; k++)
                lanes[k].turns.push_back({cycle + time.behind[k], plays, !forward});
            free = cycle + plays;
        }
        for (Lane &lane : lanes) lane.step(cycle);
    }
    *dealt = deal_at - time.reach;
}

}  // namespace

// Of each of so many relaxations: ready, free, its `batch` patterns and 2 steps of each, at least one;
// the cycles in which all lanes are idle and the deal is over.
extern "C" void rbp_folds(const Times *time, int64_t relaxations, int64_t batch,
                          const int64_t *ready, const int64_t *free, const int64_t *held,
                          const int64_t *steps, int64_t *idle, int64_t *dealt) {
    const Tables tables(*time);
    for (int64_t k = 0; k < relaxations; k++)
        relax(*time, tables, ready[k], free[k], batch, held + k * batch, steps + 2 * k * batch, idle + k,
              dealt + k);
}
