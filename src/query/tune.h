/* tune.h - from pairs of question and document to an adapter, and whether it is worth keeping.
 *
 *   pairs -> embed questions -> find passages -> fit five times, each without a fifth
 *         -> judge each question by the fit that has not seen it -> fit to all, if that helps
 *
 * Folds    documents are dealt into TUNE_FOLDS parts, and a question goes with its document, so a
 *          judged question's document is new to the fit: what is measured is not what a matrix can
 *          learn by heart. Every pair counts once in the figures and, at the end, in the adapter.
 *          A single held-out fifth of 326 questions has four times the variance, and could not tell
 *          a gain of 0.02 from chance.
 * Verdict  worth it when MRR@10 by vectors alone gains more than TUNE_ERRORS standard errors of the
 *          mean of the questions' differences, and that of hybrid mode does not fall. Against the
 *          plain model, never against an earlier adapter, which may have seen these very pairs.
 * Threads  one run on threads of its own, of low priority, so that a server's questions do not
 *          wait; the caller's becomes one of them. Deterministic for a seed on one level of simd.
 * Memory   five matrices a thread, and the vectors of the questions and of their documents' chunks.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "embed/adapter.h"

struct engine;

#define TUNE_FOLDS         5
#define TUNE_ERRORS        2.0
#define TUNE_QUESTIONS_MIN 25
#define TUNE_DOCUMENTS_MIN 10
#define TUNE_PAIRS_MAX     200000

struct tune_pair { /* borrowed */
    const char *question, *document;
    const char *chunk; /* as replies name it; NULL: the document's nearest */
};

/* On the caller's thread. */
typedef void (*tune_progress_fn)(void *arg, size_t done, size_t total, const char *what);

struct tune_options {
    const char *tenant, *collection;
    uint64_t seed;
    const volatile bool *cancelled;
    tune_progress_fn progress; /* may be NULL */
    void *arg;
};

/* By how much MRR@10 moved, and the standard error of that. */
struct tune_gain {
    double mrr, error;
};

struct tune_result {
    size_t n_questions, n_documents, n_pairs;
    size_t n_unknown; /* pairs left out: the document or chunk is not there, or has no vector */
    int n_rounds;
    struct adapter_effect vector, hybrid;
    struct tune_gain vector_gain, hybrid_gain;
    bool helps;
};

/* *adapter is the caller's, and NULL when it would not help. ERR_ARGUMENT when there are too few
 * pairs, ERR_NOT_FOUND for the collection, ERR_CANCELLED; what embedding and searching give. */
int tune_run(struct engine *e, const struct tune_pair *pairs, size_t n_pairs,
             const struct tune_options *o, struct tune_result *result, struct adapter **adapter);
