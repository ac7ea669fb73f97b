/* precompute.h - answers made before anybody asks, and kept for long (DESIGN section 7).
 *
 *   each question -> retrieval -> its prompt is answered already, beforehand, and half of its life
 *                                 is left: kept, not paid for again
 *                              -> else made anew -> memory, store, Redis (cache/tiers.h)
 *
 * What computes does so behind those who ask (the pool's bulk lane); of waiting for a language
 * model there are PRECOMPUTE_AT_ONCE. Askers do not wait for such a run, they make their own.
 *
 * An answer that is degraded is no answer here: nothing is kept, and the question counts as failed.
 *
 * Threads  precompute_run belongs on a thread of its own, none of the pool's. progress and failed
 * come from several threads, one at a time.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query/precompute_list.h"

#define PRECOMPUTE_AT_ONCE 4

struct answer;
struct answer_listener;
struct engine;
struct query;

struct precompute_options {
    int64_t ttl_ms;
    bool (*cancelled)(void *arg); /* what is done stays; NULL: never. From any thread, often */
    void (*progress)(void *arg, size_t n_done, size_t n_total); /* may be NULL */
    void (*failed)(void *arg, const struct precompute_question *q,
                   const char *reason); /* likewise */
    void *arg;
};

struct precompute_report {
    size_t n_made, n_kept, n_failed;
    uint64_t tokens_in, tokens_out;
    double cost; /* by the models' prices; 0 without any */
    double seconds;
};

/* All that are not answered yet. ERR_CANCELLED when it was stopped; the report tells of what was
 * done in any case. */
int precompute_run(struct engine *e, const struct precompute_list *list,
                   const struct precompute_options *o, struct precompute_report *report);

/* One question that nobody has asked yet (q->precomputing is set here), for who may let go of it
 * (query_answer_for). ERR_UNAVAILABLE, saying why, for an answer that is degraded. */
int precompute_answer(struct engine *e, struct query *q, struct answer *ans,
                      const struct answer_listener *listener);
