// The Verilated core behind its host port, for ctypes.
#include <cstdint>

#include "Vtop.h"
#include "verilated.h"

struct Simulator {
    VerilatedContext context;
    Vtop core;

    explicit Simulator(int seed) : core{start(&context, seed)} {}

    static VerilatedContext *start(VerilatedContext *context, int seed) {
        context->randReset(seed ? 2 : 0);
        context->randSeed(seed);
        return context;
    }

    void cycle() {
        core.clk = 1;
        core.eval();
        core.clk = 0;
        core.eval();
    }
};

extern "C" {

// Registers without an initial value start at random, drawn from a seed other than 0.
Simulator *simulator_new(int seed, bool reset) {
    auto *s = new Simulator(seed);
    s->core.clk = s->core.bus_w_en = s->core.bus_r_en = 0;
    s->core.rst = reset;
    s->core.eval();
    s->cycle();
    s->core.rst = 0;
    s->core.eval();
    return s;
}

void simulator_free(Simulator *s) {
    s->core.final();
    delete s;
}

void simulator_run(Simulator *s, uint64_t cycles) {
    while (cycles--) s->cycle();
}

// Both give up after a million cycles of wait and return false.
bool simulator_write(Simulator *s, uint32_t address, uint32_t data) {
    s->core.bus_addr = address;
    s->core.bus_w_data = data;
    s->core.bus_w_en = 1;
    s->core.eval();
    long patience = 1000000;
    while (s->core.bus_wait && --patience) s->cycle();
    s->cycle();
    s->core.bus_w_en = 0;
    s->core.eval();
    return patience;
}

bool simulator_read(Simulator *s, uint32_t address, uint32_t *data) {
    s->core.bus_addr = address;
    s->core.bus_r_en = 1;
    s->core.eval();
    long patience = 1000000;
    while (s->core.bus_wait && --patience) s->cycle();
    *data = s->core.bus_r_data;
    s->cycle();
    s->core.bus_r_en = 0;
    s->core.eval();
    return patience;
}

bool simulator_irq(Simulator *s) { return s->core.irq; }
}
