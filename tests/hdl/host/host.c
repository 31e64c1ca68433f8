/* A host that trains and recalls, written from net_manual.md and net_regs.h alone.
 *
 * Prints W, then the states that it recalls, a word a line. */
#include <stdio.h>
#include <stdlib.h>

#include "net_regs.h"
#include "problem.h"

/* The port, in bus.cpp. */
void bus_write(uint32_t address, uint32_t word);
uint32_t bus_read(uint32_t address);

static void fail(const char *what)
{
    fprintf(stderr, "%s\n", what);
    exit(1);
}

static uint32_t status(void)
{
    return bus_read(NET_REG_STATUS);
}

static void write_state(uint32_t region, uint32_t pattern, uint32_t unit, double number)
{
    bus_write(net_state(region, pattern, unit), net_word(number, NET_STATE_FRACTION));
}

static void write_flags(void)
{
    for (uint32_t i = 0; i < NET_UNITS; i++) {
        uint32_t flags = 1u << NET_FLAG_INPUT_BIT;
        if (clamped[i]) flags |= 1u << NET_FLAG_CLAMP_BIT;
        if (target[i]) flags |= 1u << NET_FLAG_TARGET_BIT;
        bus_write(net_state(NET_REGION_FLAGS, 0, i), flags);
    }
}

static void write_patterns(int recall)
{
    for (uint32_t a = 0; a < PATTERNS; a++)
        for (uint32_t i = 0; i < NET_UNITS; i++) {
            write_state(NET_REGION_X_START, a, i, start[a][i]);
            write_state(NET_REGION_INPUT, a, i, input[a][i]);
            if (!recall)
                write_state(clamped[i] ? NET_REGION_CLAMPED : NET_REGION_TARGET, a, i, t[a][i]);
        }
}

static void write_weights(void)
{
    for (uint32_t i = 0; i < NET_UNITS; i++)
        for (uint32_t j = 0; j < NET_TERMS; j++)
            bus_write(net_weight(i, j), connected[i][j] ? net_weight_word(w[i][j]) : 0u);
}

static void write_settings(uint32_t batch, uint32_t limit)
{
    uint32_t mode = (uint32_t)(ETA_SHIFT - NET_ETA_LEAST) << NET_MODE_ETA_BIT;
#ifdef FRICTION
    mode |= FRICTION << NET_MODE_FRICTION_BIT;
#endif
    bus_write(NET_REG_MODE, mode | 1u << NET_MODE_LOG_BIT);
    bus_write(NET_REG_LIMIT, limit);
    bus_write(NET_REG_TOLERANCE, NET_USUAL_TOLERANCE);
    bus_write(NET_REG_USE_WITHIN, NET_USUAL_USE_WITHIN);
    bus_write(NET_REG_PATTERNS, PATTERNS);
    bus_write(NET_REG_BATCH, batch);
    bus_write(NET_REG_FIRST, 0u);
    bus_write(NET_REG_NOISE, SEED);
}

/* Starts a run and reads the log until it has ended. */
static void run(uint32_t command)
{
    bus_write(NET_REG_CONTROL, 1u << command);
    int busy = 1;
    for (uint32_t count = 0; busy || count;) {
        busy = NET_GET(status(), NET_STATUS_PHASE) != 0;
        count = bus_read(NET_REG_LOG_COUNT);
        for (uint32_t k = 0; k < count; k++) bus_read(NET_REG_LOG);
    }
    if (NET_GET(status(), NET_STATUS_REFUSED)) fail("an access was refused");
}

static void print_weights(void)
{
    for (uint32_t j = 0; j < NET_TERMS; j++) {
        bus_write(NET_REG_COLUMN, j);
        while (bus_read(NET_REG_LOG_COUNT) < NET_UNITS) continue;
        for (uint32_t i = 0; i < NET_UNITS; i++)
            printf("%ld\n", (long)net_signed(bus_read(NET_REG_LOG), NET_WEIGHT_BITS));
    }
}

static void print_states(void)
{
    for (uint32_t a = 0; a < PATTERNS; a++)
        for (uint32_t i = 0; i < NET_UNITS; i++) {
            int32_t x = (int32_t)bus_read(net_state(NET_REGION_X, a, i));
            printf("%ld\n", (long)x);
        }
}

int main(void)
{
    if (bus_read(NET_REG_IDENTITY) != NET_IDENTITY) fail("there is no core");
    for (int times = 0; times < 2; times++) { /* the second is as the first: nothing is left */
        bus_write(NET_REG_CONTROL, 1u << NET_CONTROL_CLEAR_BIT);
        write_settings(BATCH, NET_USUAL_LIMIT);
        write_flags();
        write_patterns(0);
        write_weights();
        for (uint32_t left = UPDATES, now = 1; left; left -= now, now = left) { /* it goes on */
            bus_write(NET_REG_UPDATES, now);
            run(NET_CONTROL_TRAIN_BIT);
        }
        print_weights();

        write_settings(PATTERNS, NET_USUAL_RECALL_LIMIT);
        write_patterns(1);
        run(NET_CONTROL_RECALL_BIT);
        print_states();
    }
    return 0;
}
