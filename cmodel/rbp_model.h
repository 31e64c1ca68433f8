/* The golden model of a network that learns, as compiled software: the same bits.

   Words are raw, as in rbp.golden. Arrays are by rows and the caller's: what a model is made from is
   read when it is made, but the tables and the state's arrays, which must live as long as it does.
   Models do not share anything: each may run in a thread of its own. */
#ifndef RBP_MODEL_H
#define RBP_MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bits of rbp_state.saturated. */
enum {
    RBP_STATE = 1,
    RBP_ERROR = 2,
    RBP_WEIGHT = 4,
    RBP_NET = 8,
    RBP_SLOPE = 16,
    RBP_VELOCITY = 32
};

typedef struct {
    int64_t width, fraction;
} rbp_format;

typedef struct {
    rbp_format state, error, weight, net, slope, velocity; /* at most 26 bits */
    int64_t units, columns, patterns;                      /* N, M, A */
    int64_t rows;                                          /* units that are not held */
    const int64_t *row_units;                     /* which they are, in the order of the machine */
    const int64_t *places;                        /* rows of the noise that they have */
    const int64_t *numbers;                       /* M: the noise's number of each column */
    const uint8_t *held, *clamp, *target, *input; /* N of 0 or 1 */
    const int64_t *activation;                    /* N: which pair of tables */
    int64_t tables;
    const int32_t *g, *g_slope; /* tables × 2^net.width, from the least word on */
    int64_t order;              /* factors of the longest product; 0 where a column is a unit */
    const int64_t *products;    /* M × order units; N where there is none */
    const int32_t *f, *f_slope; /* 2^state.width; null where f is the identity */
    /* when a relaxation ends */
    int64_t dt_shift, tolerance, limit, use_within, fixed;
    /* how weights move; seeds of 32 bits, -1 where there is none; friction -1 without momentum */
    int64_t shift, seed, batch, draw, keep, friction, start_seed;
    int64_t threads;
} rbp_network;

typedef struct {
    int64_t *weights, *velocity;     /* N × M */
    const int64_t *targets, *inputs; /* A × N */
    int64_t *start, *x, *y;          /* A × N */
    int64_t t, unsettled, skipped, saturated;
} rbp_state;

typedef struct rbp_model rbp_model;

/* Weights and velocities are read here. Null where there is no memory. */
rbp_model *rbp_create(const rbp_network *network, const rbp_state *state);
void rbp_destroy(rbp_model *model);

/* At most so many updates, and none begins after so many seconds; returns how many were made, at
   least one. Of each: energy, batch × 2 steps, and batch × 2 flags of what reached the limit. */
int64_t rbp_train(rbp_model *model, rbp_state *state, int64_t updates, double seconds,
                  int64_t *energy, int64_t *steps, uint8_t *unsettled);

/* Relaxes x of the next update's patterns and, where errors, y, or x of all A patterns; no weight
   moves. Of each pattern 2 or 1 steps and flags; skip: too far from settled to be used. */
void rbp_relax(rbp_model *model, rbp_state *state, int errors, int64_t *energy, int64_t *steps,
               uint8_t *unsettled, uint8_t *skip);

#ifdef __cplusplus
}
#endif
#endif
