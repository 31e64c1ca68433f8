// A Verilated design behind its serial line, for ctypes. The far end is a UART of its own.
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "Vtop.h"
#include "verilated.h"

template <typename Top, typename = void>
struct Reset {
    static void set(Top &, bool) {}
};
template <typename Top>  // where the design has one
struct Reset<Top, std::void_t<decltype(std::declval<Top &>().rst)>> {
    static void set(Top &top, bool value) { top.rst = value; }
};

struct Line {
    VerilatedContext context;
    Vtop top;
    double bit;                // cycles a bit takes at the far end
    double sends = 0, looks = 0;  // cycles until the next bit
    int left = 0, due = 0;     // bits of the byte on its way
    unsigned shift = 0, found = 0;
    uint64_t cycles = 0;

    explicit Line(double bit) : top{&context}, bit{bit} {}

    void cycle() {
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
        cycles++;
    }
};

extern "C" {

Line *line_new(double bit) {
    auto *l = new Line(bit);
    l->top.clk = 0;
    l->top.rx = 1;
    Reset<Vtop>::set(l->top, true);
    l->top.eval();
    l->cycle();
    Reset<Vtop>::set(l->top, false);
    l->top.eval();
    return l;
}

void line_free(Line *l) {
    l->top.final();
    delete l;
}

uint64_t line_cycles(Line *l) { return l->cycles; }

// Sends bytes, and lets so many cycles pass beside; returns how many bytes came, at most `room`.
// Ends early where `room` is full, or where the line has been quiet for so many cycles.
size_t line_run(Line *l, const uint8_t *bytes, size_t count, uint8_t *came, size_t room,
                uint64_t cycles, uint64_t quiet) {
    size_t got = 0, sent = 0;
    uint64_t still = 0;
    while (got < room && (sent < count || l->left || (cycles && still < quiet))) {
        if (l->left == 0 && sent < count) {
            l->shift = bytes[sent++] << 1 | 0x200;
            l->left = 10;
            l->sends = 0;
        }
        if (l->left) {
            if (l->sends <= 0) {
                l->top.rx = l->shift & 1;
                l->shift >>= 1;
                l->sends += l->bit;
            }
            if ((l->sends -= 1) <= 0) l->left--;
        } else {
            l->top.rx = 1;
            if (cycles) cycles--;
        }
        l->cycle();
        still = l->top.tx && !l->due ? still + 1 : 0;
        if (!l->due) {
            if (!l->top.tx) l->due = 10, l->looks = l->bit / 2, l->found = 0;
        } else if ((l->looks -= 1) <= 0) {
            l->looks += l->bit;
            l->found |= unsigned(l->top.tx) << (10 - l->due);
            if (--l->due == 0) came[got++] = l->found >> 1 & 255;
        }
    }
    return got;
}
}
