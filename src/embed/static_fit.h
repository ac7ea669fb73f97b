/* static_fit.h - fits a static encoder's table to texts and the vectors a real encoder gave them.
 *
 * Ridge regression: of all tables X the one that minimises |A X - B|^2 + lambda |X|^2, where row i
 * of A has the square roots of the token counts of text i, divided by their sum, and row i of B is
 * its vector. Solved by conjugate gradients on the normal equations, preconditioned by their
 * diagonal (Hestenes & Stiefel 1952; Saad 2003, algorithm 9.1), a few steps from zero; stopping
 * early is a part of the regularisation.
 *
 *   texts -> sparse rows A, and A'B summed as they come -> 32 columns of X at a time -> table
 *
 * Columns do not know of each other: each slice of 32 is one thread's work, and the result is the
 * same, bit for bit, whatever the number of threads.
 *
 * What to add: chunks AND their sentences. Questions are short; with sentences recall@10 of
 * squad-dev in the full model's index goes from 0.86 to 0.925 (the model itself: 0.917).
 *
 * It remembers what it saw: squad-dev without every tenth chunk gives 0.901, with half of the
 * chunks 0.79. So chunks are never left out while there is room; sentences can be: those of every
 * second chunk alone give 0.907, of every fourth 0.903.
 *
 * Time     8 steps over the entries (different tokens of each text), linear: 0.65 s of one core for
 *          440,000 entries (2,067 chunks and their sentences), 4.3 s for 4 million.
 * Memory   8 bytes an entry, 4 dim bytes a different token, 512 bytes a token and thread.
 * Threads  confined.
 */
#pragma once
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/pool.h"
#include "embed/static_encoder.h"

/* The best compromise over squad-dev, tatqa-dev and cfr-dev of 0.001, 0.002, 0.004, 0.008 and 5, 8,
 * 12 steps; 0.002 and 0.008 are within 0.008 of its recall@10 everywhere. */
#define STATIC_FIT_LAMBDA 0.004f
#define STATIC_FIT_STEPS  8

#define STATIC_FIT_ENTRIES_MAX (16u << 20) /* different tokens, summed over the texts */

struct static_samples;

struct static_samples *static_samples_new(size_t vocab, size_t dim);
void static_samples_free(struct static_samples *s);

/* A text and its unit vector; a text without tokens, or a vector of zeros, adds nothing. False when
 * there is no room for it.
 *   tokens  [n], ids below vocab, without [CLS] and [SEP]; the first STATIC_TOKENS_MAX count
 *   target  [dim] */
bool static_samples_add(struct static_samples *s, const struct token *tokens, size_t n,
                        const float *target);
size_t static_samples_count(const struct static_samples *s);

/* Spread over the pool (NULL: this thread). Uses the samples up: they can only be freed after.
 * ERR_CANCELLED when *cancel (may be NULL) became true, ERR_ARGUMENT when there is nothing. */
int static_fit(struct static_samples *s, const struct static_origin *origin, struct pool *pool,
               const atomic_bool *cancel, struct static_encoder **out);
