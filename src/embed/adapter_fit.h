/* adapter_fit.h - fits an adapter to questions whose passages are known.
 *
 * From the identity, by Adam on InfoNCE (embed/adapter_loss.h), and pulled back to the identity at
 * every step (decoupled, as in Loshchilov & Hutter 2019, "Decoupled Weight Decay Regularization"):
 * a few hundred questions cannot say much about dim * dim numbers. The candidates of a batch are
 * its own passages and, of each question, the nearest wrong ones.
 *
 * Wrong passages are taken only from those that are right for another question. Taken from the
 * whole index they taught the matrix to push away whatever nobody had asked about: MRR@10 of
 * documents that the fit had not seen fell from 0.428 to 0.411 instead of rising to 0.477
 * (tatqa-dev, the rest being equal), and without the pull it fell to 0.35.
 *
 * The figures below were chosen on tatqa-dev and cfr-dev with halves of the documents held out.
 * Between 4 and 8 wrong ones, a pull of 15 and 30, batches of 64 and 128 nothing changes by more
 * than chance, nor does a temperature of 0.05 by vectors alone; but that spreads the scores
 * further, so that in hybrid mode the words count less, and on tatqa-dev too little.
 *
 * Held     with a part held out, its loss is looked at after every round; the fit ends when that
 *          has not fallen for ADAPTER_PATIENCE rounds, and the best weights count.
 * Cost     about dim * (2 dim + 5 ADAPTER_BATCH) * 4 operations a question and round: 384
 *          dimensions, 2,000 questions, 12 rounds some seconds on one thread. Five matrices.
 * Threads  confined; any number of fits on the same data at once. Deterministic for a seed on one
 *          level of simd.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADAPTER_TEMPERATURE 0.03f
#define ADAPTER_BATCH       64
#define ADAPTER_WRONG       4     /* nearest wrong passages of a question */
#define ADAPTER_RATE        1e-3f /* of Adam, falling to a tenth */
#define ADAPTER_PULL        30.0f /* times the rate: the share of the way back at each step */
#define ADAPTER_ROUNDS_MIN  12
#define ADAPTER_ROUNDS_MAX  60
#define ADAPTER_STEPS       150 /* aimed at: few questions get more rounds */
#define ADAPTER_PATIENCE    3

struct adapter_pair {
    uint32_t question, passage;
};

struct adapter_data {
    size_t dim, n_questions, n_passages, n_pairs;
    const float *questions;           /* [n_questions, dim], of length 1 */
    const float *passages;            /* [n_passages, dim], of length 1 */
    const struct adapter_pair *pairs; /* [n_pairs], rising by question */
    const uint8_t *fold;              /* [n_questions] */
};

/* Told after each round; false gives the fit up. */
typedef bool (*adapter_round_fn)(void *arg);

struct adapter_fit_options {
    uint64_t seed;
    int held;               /* the questions of this fold are held out; -1: none */
    int rounds;             /* exactly so many, with none held out */
    adapter_round_fn round; /* may be NULL */
    void *arg;
};

/* The most rounds that a fit to so many pairs takes. */
int adapter_fit_rounds(size_t n_pairs);

/* weights [dim, dim], the caller's; *n_rounds: after how many they were best. ERR_CANCELLED when
 * `round` said so, ERR_ARGUMENT when there is nothing to learn from or to hold out. */
int adapter_fit(const struct adapter_data *data, const struct adapter_fit_options *o,
                float *weights, int *n_rounds);
