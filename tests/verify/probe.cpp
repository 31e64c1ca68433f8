// A core that can be reset, broken and flipped while it runs, for ctypes.
#include "../../cosim/simulator.cpp"

// Resets the core for some cycles, wherever it is.
extern "C" void probe_reset(Simulator *s, uint64_t cycles) {
    s->core.bus_w_en = s->core.bus_r_en = 0;
    s->core.rst = 1;
    s->core.eval();
    while (cycles--) s->cycle();
    s->core.rst = 0;
    s->core.eval();
}

// Mutation k from now on; 0: none.
extern "C" void probe_select(Simulator *s, uint32_t k) {
    s->core.mutsel = k;
    s->core.eval();
}

// As simulator_write and _read, but gives the cycles of wait; patience itself where it gives up.
static uint64_t wait(Simulator *s, uint64_t patience) {
    uint64_t waited = 0;
    while (s->core.bus_wait && waited < patience) {
        s->cycle();
        waited++;
    }
    return waited;
}

extern "C" uint64_t probe_write(Simulator *s, uint32_t address, uint32_t data, uint64_t patience) {
    s->core.bus_addr = address;
    s->core.bus_w_data = data;
    s->core.bus_w_en = 1;
    s->core.eval();
    uint64_t waited = wait(s, patience);
    s->cycle();
    s->core.bus_w_en = 0;
    s->core.eval();
    return waited;
}

extern "C" uint64_t probe_read(Simulator *s, uint32_t address, uint32_t *data, uint64_t patience) {
    s->core.bus_addr = address;
    s->core.bus_r_en = 1;
    s->core.eval();
    uint64_t waited = wait(s, patience);
    *data = s->core.bus_r_data;
    s->cycle();
    s->core.bus_r_en = 0;
    s->core.eval();
    return waited;
}
