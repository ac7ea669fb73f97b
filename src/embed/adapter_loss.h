/* adapter_loss.h - what a fit makes small, and where it leads: InfoNCE of a batch of questions.
 *
 *   u = W q     a = u / |u|     loss = mean over questions of  -log softmax(a . c / t)[right]
 *
 * over the candidates c, one of which is right; others that are right for the same question are
 * left out of the sum. (van den Oord et al. 2018, "Representation Learning with Contrastive
 * Predictive Coding", equation 4, with cosines at a temperature.)
 *
 * Threads  confined.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct adapter_batch {
    size_t dim, n, m;
    const float *questions;  /* [n, dim] */
    const float *candidates; /* [m, dim], of length 1 */
    const uint32_t *right;   /* [n] which candidate is */
    const bool *left_out;    /* [n, m], false at right; NULL: none */
    float temperature;
};

/* Floats that adapter_loss needs beside. */
size_t adapter_loss_room(size_t dim, size_t n, size_t m);

/* The loss for weights [dim, dim]. gradient [dim, dim] is overwritten; NULL: not wanted. */
double adapter_loss(const struct adapter_batch *b, const float *weights, float *gradient,
                    float *room);
