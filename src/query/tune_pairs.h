/* tune_pairs.h - pairs of texts and names as vectors: what a fit and its judge work on.
 *
 * Questions are brought to the form in which they would be asked; the same question twice is one
 * with two documents. Of a document the passage nearest to the question counts, unless a pair names
 * one. A pair whose document is not in the collection is left out and counted.
 *
 * Threads  confined.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "embed/adapter_fit.h"
#include "embed/embedder.h"
#include "query/tune.h"

struct tune_question {
    struct str text;
    uint64_t *documents; /* [n_documents] the store's ids of its documents */
    size_t n_documents, cap;
};

struct tune_pairs {
    struct arena *mem;         /* texts */
    struct digest fingerprint; /* of the model that vectors are of */
    size_t dim;
    struct tune_question *questions; /* [n_questions] */
    size_t n_questions, n_documents, n_unknown;
    float *vectors;             /* [n_questions, dim]; filled by whoever embeds */
    struct adapter_data fitted; /* filled by tune_pairs_match */
    /* inside */
    struct tune_named *named; /* [n_named] */
    size_t n_named, cap_questions, cap_named;
    struct map *by_text;
    float *passages;
    struct adapter_pair *pairs;
    uint8_t *fold;
};

/* The different questions. ERR_FORMAT naming the pair whose question nobody could ask. */
int tune_pairs_read(struct tune_pairs *p, struct engine *e, const struct embedder *model,
                    const struct tune_pair *pairs, size_t n);

/* With the questions' vectors there: finds the passages, and deals into folds. Questions that are
 * left without a document go. ERR_ARGUMENT when too few are left. */
int tune_pairs_match(struct tune_pairs *p, struct engine *e, const struct tune_options *o);

void tune_pairs_done(struct tune_pairs *p);
