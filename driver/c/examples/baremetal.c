/* A loop without an operating system, for a RISC-V processor beside the core: the core learns from
 * what the sensor gives, and an interrupt ends the wait.
 * The project's tests compile it, and do not run it.
 *
 *   rbp example xor --out problem.npz
 *   rbp program problem.npz --macs 4 --out network.h
 *
 * RBP_BASE is the address of the core's first word on your bus; words follow every 4 bytes. */
#include <stddef.h>

#include "network.h"
#include "rbp.h"

#ifndef RBP_BASE
#define RBP_BASE 0x40000000u
#endif

enum { A = 4, UPDATES = 1000, N = NETWORK_ORDER_COUNT /* some may be nobody's */ };

/* Yours: words of A x N targets and inputs, in the format of the state. */
void sensor(int32_t *start, int32_t *inputs, int32_t *targets);
void use(const int32_t *states);
void failed(const char *why);

static int read_word(void *context, uint32_t address, uint32_t *word)
{
    *word = ((volatile uint32_t *)context)[address];
    return 0;
}

static int write_word(void *context, uint32_t address, uint32_t word)
{
    ((volatile uint32_t *)context)[address] = word;
    return 0;
}

/* Sleep until `irq` is high. An interrupt that is high already, but masked, ends WFI too. */
static void wait_for_interrupt(void)
{
#ifdef __riscv
    __asm__ volatile("wfi");
#endif
}

static int run_to_its_end(rbp_core *core)
{
    int found;
    do {
        found = rbp_report(core, NULL, NULL); /* or the log becomes full, and the core waits */
        if (found == RBP_AGAIN) wait_for_interrupt();
    } while (found == RBP_OK || found == RBP_AGAIN);
    return found == RBP_ENDED ? RBP_OK : found;
}

static int learn(rbp_core *core)
{
    static const rbp_network network = RBP_NETWORK(network, NETWORK);
    static int32_t start[A * N], inputs[A * N], targets[A * N], states[A * N];
    rbp_settings settings;
    int result = rbp_load(core, &network);
    if (result == RBP_OK) result = rbp_irq(core, RBP_IRQ_DONE | RBP_IRQ_LOG_HALF);
    rbp_usual(core, 0, A, &settings);
    if (result == RBP_OK) result = rbp_set(core, &settings);
    while (result == RBP_OK) { /* the weights stay in the core, and go on to learn */
        sensor(start, inputs, targets);
        result = rbp_load_patterns(core, &network, 0, A, start, inputs, targets);
        if (result == RBP_OK) result = rbp_train(core, UPDATES);
        if (result == RBP_OK) result = run_to_its_end(core);
        if (result == RBP_OK) result = rbp_read_states(core, &network, RBP_X, 0, A, states);
        if (result == RBP_OK) use(states);
    }
    return result;
}

int main(void)
{
    rbp_core core;
    int result = rbp_open(&core, read_word, write_word, (void *)(uintptr_t)RBP_BASE);
    if (result == RBP_OK) result = learn(&core);
    failed(rbp_text(result));
    return 1;
}
