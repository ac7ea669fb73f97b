/* answers.h - the answer cache: never stale by construction (DESIGN section 7).
 *
 * An answer is a function of its prompt, so it is stored under the prompt's hash: change a
 * document that matters and the key is another. In front stands the question table:
 *
 *   question key -> (epoch, question vector, prompt hash)
 *
 *   1. found, and the epoch has not moved: serve (ANSWERS_HIT)
 *   2. found, epoch moved: the caller retrieves again with the kept vector; the same prompt hash
 *      means the answer still stands (answers_remember), another is looked up, else generated
 *   3. not found: run
 *
 * An index from document to answers exists for one thing: a deleted or replaced document's
 * answers leave at once.
 *
 * Threads  locked.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/str.h"
#include "cache/lru.h"
#include "cache/savings.h"

struct answers;

struct answers_options {
    size_t bytes_max;
    int64_t ttl_ms;
};

enum answers_state {
    ANSWERS_MISS,  /* never seen, or expired */
    ANSWERS_HIT,   /* `reply` is the answer, now */
    ANSWERS_MOVED, /* seen, but the collection has changed or the answer was evicted: retrieve with
                    * `vector`, then compare prompt hashes */
};

struct answers_entry {
    enum answers_state state;
    struct lru_value *reply; /* HIT: a reference, lru_value_unref it */
    float *vector;           /* MOVED: [dim], mem_free it; NULL when none was kept */
    size_t dim;
    struct digest prompt_hash; /* MOVED */
};

struct answers *answers_new(const struct answers_options *o);
void answers_free(struct answers *a);

/* For what is remembered from now on. */
void answers_set_ttl(struct answers *a, int64_t ttl_ms);

/* An epoch that no collection has: what is found under it has moved. */
#define ANSWERS_NO_EPOCH UINT64_MAX

/* The question table. `epoch` is the collection's now. Counts nothing: one question may look more
 * than once, and what came of it is told by answers_count. */
void answers_find(struct answers *a, const struct digest *question_key, uint64_t epoch,
                  struct answers_entry *out);

/* The same, for who only wants a hit: a reference or NULL, nothing copied. */
struct lru_value *answers_hit(struct answers *a, const struct digest *question_key, uint64_t epoch);

/* An answer by its prompt, a reference or NULL. */
struct lru_value *answers_get(struct answers *a, const struct digest *prompt_hash);

/* Remembers that this question, at this epoch, has this prompt. */
void answers_remember(struct answers *a, const struct digest *question_key, uint64_t epoch,
                      const float *vector, size_t dim, const struct digest *prompt_hash);

/* Taken before the snapshot that a run uses; see answers_put. */
uint64_t answers_ticket(struct answers *a);

/* Stores a reply that knows its origin (cache/origin.h). Not kept (false) when one of its documents
 * was purged since the ticket: the run may have read it while it was still there, and deleted means
 * gone. */
bool answers_put(struct answers *a, struct lru_value *reply, uint64_t ticket);

/* Drops every answer that shows this document. */
void answers_purge_document(struct answers *a, const char *tenant, const char *collection,
                            struct str document);
void answers_clear(struct answers *a);
void answers_shrink(struct answers *a); /* forgets the half that was used longest ago */

/* How a question ended, told once a question. Look-ups count nothing by themselves. */
enum answers_outcome {
    ANSWERS_OUTCOME_HIT,
    ANSWERS_OUTCOME_REVALIDATED,
    ANSWERS_OUTCOME_STORED, /* the prompt's: another question's, or the store's */
    ANSWERS_OUTCOME_SHARED, /* made by another replica */
    ANSWERS_OUTCOME_PRECOMPUTED,
    ANSWERS_OUTCOME_SEMANTIC, /* of another question that means the same */
    ANSWERS_OUTCOME_JOINED,   /* the run of another who asked the same was under way */
    ANSWERS_OUTCOME_MISS,
    N_ANSWERS_OUTCOMES
};
void answers_count(struct answers *a, enum answers_outcome outcome);

/* Beside answers_count, when the answer was there: what that saved (cache/savings.h). */
void answers_saved(struct answers *a, const struct lru_value *reply, uint64_t spent_ns);

/* "hits", "revalidated", ... "misses": as /cache and the metrics name them. */
const char *answers_outcome_name(enum answers_outcome outcome);

struct answers_stats {
    struct lru_stats answers, questions;
    uint64_t outcomes[N_ANSWERS_OUTCOMES];
    uint64_t purged; /* answers that left with their document */
    struct savings_stats saved;
};
void answers_stats_get(struct answers *a, struct answers_stats *out);

/* The share of questions for which nothing was made; NAN when there were none. */
double answers_hit_rate(const struct answers_stats *s);
