// The port of a Verilated core, for a host in C: a request is kept until the core does not wait.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "Vnet.h"

static Vnet &core()
{
    static Vnet core;
    static bool fresh = true;
    if (fresh) {
        fresh = false;
        core.bus_w_en = core.bus_r_en = core.clk = 0;
        core.rst = 1;
        core.eval();
        core.clk = 1;
        core.eval();
        core.clk = core.rst = 0;
        core.eval();
    }
    return core;
}

static void cycle()
{
    core().clk = 1;
    core().eval();
    core().clk = 0;
    core().eval();
}

static uint32_t request(uint32_t address, uint32_t word, bool write)
{
    core().bus_addr = address;
    core().bus_w_data = word;
    core().bus_w_en = write;
    core().bus_r_en = !write;
    core().eval();
    for (int k = 0; core().bus_wait; k++) {
        if (k == 1000000) {
            std::fputs("the core does not answer\n", stderr);
            std::exit(1);
        }
        cycle();
    }
    uint32_t found = core().bus_r_data;
    cycle();
    core().bus_w_en = core().bus_r_en = 0;
    core().eval();
    return found;
}

// Each request a second time, as where a link lost the answer to the first.
extern "C" void bus_write(uint32_t address, uint32_t word)
{
    request(address, word, true);
    request(address, word, true);
}

extern "C" uint32_t bus_read(uint32_t address)
{
    request(address, 0, false);
    return request(address, 0, false);
}
