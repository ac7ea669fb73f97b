/* tier_store.h - the answers that outlive the process: cache/tiers.h on top of
 * store/store_answers.h.
 *
 * Which prompts are there is known in memory, so that a miss costs no look into the database. The
 * set may name answers that have left since, never leave out one that is there: until it has been
 * read it names all.
 *
 * Threads  tier_store_find: any. The rest: the keeper's thread.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/lru.h"
#include "cache/origin.h"
#include "store/store.h"

struct tier_store;

struct tier_store *tier_store_new(struct store *store, int64_t bytes_max);
void tier_store_free(struct tier_store *s);

/* Reads which prompts are there. */
void tier_store_load(struct tier_store *s);

/* A reference or NULL. */
struct lru_value *tier_store_find(struct tier_store *s, const struct answer_origin *asker);

/* One to be put; or, when it is durable already, to be counted as asked for `asked` times more. */
struct tier_put {
    struct lru_value *answer; /* borrowed */
    unsigned asked;
};

/* All in one transaction. What has been overtaken by a change of its documents is left out; all is,
 * when the store was cleared since `generation` was taken. */
void tier_store_put(struct tier_store *s, const struct tier_put *v, size_t n, uint64_t generation);

/* Another one after each clearing. Any thread. */
uint64_t tier_store_generation(struct tier_store *s);

/* Forgets what is over, and what is over the bytes. */
void tier_store_tidy(struct tier_store *s);

int tier_store_clear(struct tier_store *s); /* any thread */

struct tier_store_stats {
    int64_t answers, bytes; /* as of the last load, tidying or clearing */
    uint64_t hits, puts;
};
void tier_store_stats_get(struct tier_store *s, struct tier_store_stats *out);
