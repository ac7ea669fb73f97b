/* tiers.h - answers beyond memory: the store's, which outlive the process, and those that replicas
 * share in a Redis, where one is configured.
 *
 *   asker:  memory (cache/answers.h) --no--> the store --no--> Redis --no--> its own run
 *           a new answer: tiers_keep            |                |
 *   keeper (one thread): puts, renews locks, purges, forgets what is over
 *
 * The store keeps what was made beforehand, what a language model was paid for, and any other once
 * it is asked for TIERS_POPULAR times; over its bytes the least asked for leave. Redis gets all.
 * Nobody waits for a put. What is down is a miss.
 *
 * Deleted means gone: from the store in the very transaction that deletes a document, from Redis by
 * the keeper soon after.
 *
 * Across replicas one run serves all who come with the same prompt (cache/shared_flight.h); the
 * keeper renews the locks of those who lead and looks again for those who wait.
 *
 * Threads  locked. tiers_find, tiers_join and tiers_clear wait for the disk and for Redis.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/lru.h"
#include "cache/origin.h"
#include "cache/shared_answers.h"
#include "net/redis.h"
#include "store/store.h"

#define TIERS_POPULAR     3
#define TIERS_WAITING_MAX 4096 /* answers that wait to be put; more are not */

struct tiers;
struct tiers_flight;

struct tiers_options {
    struct store *store;
    struct redis *redis; /* NULL: none; taken either way */
    int64_t store_bytes; /* 0: the store keeps none */
};

struct tiers *tiers_new(const struct tiers_options *o);

/* What waits is still put, as far as the store and Redis are there. */
void tiers_free(struct tiers *t);

/* To be taken before a run reads anything, and given to tiers_keep. */
int64_t tiers_ticket(struct tiers *t);

enum tier { TIER_NONE, TIER_STORE, TIER_SHARED };

/* The answer of the asker's prompt, a reference or NULL. `asker` has no documents; the answer's
 * origin is the same with the documents that it shows. */
struct lru_value *tiers_find(struct tiers *t, const struct answer_origin *asker, enum tier *from);

/* A new answer. Ends `flight` (NULL: none) once it is put. */
void tiers_keep(struct tiers *t, struct lru_value *answer, int64_t ticket,
                struct tiers_flight *flight);

/* An answer was served from memory again; at once. */
void tiers_asked(struct tiers *t, struct lru_value *answer);

/* After the document's change was published; at once. */
void tiers_purge(struct tiers *t, const char *tenant, const char *collection, struct str document);

/* All of this store, and of its copies in Redis. ERR_UNAVAILABLE: not in Redis, and it says so. */
int tiers_clear(struct tiers *t);

/* ---- one run for all replicas ---- */

enum tiers_turn {
    TIERS_LEAD,     /* run; tiers_keep with the flight, or tiers_leave when there is no answer */
    TIERS_ANSWERED, /* *answer is a reference; no flight */
    TIERS_WAIT,     /* another runs: tiers_wait, or tiers_leave */
};

/* Without a Redis, or when it is away, you LEAD, with a flight that is NULL. */
enum tiers_turn tiers_join(struct tiers *t, const struct answer_origin *asker,
                           struct tiers_flight **flight, struct lru_value **answer);

/* Waits beside: `done` is called once, on the keeper's thread, when it is LEAD or ANSWERED, or at
 * until_ns (of clock_ns) LEAD with the flight still to be left. tiers_turn_of tells then. */
void tiers_wait(struct tiers_flight *f, uint64_t until_ns, void (*done)(void *arg), void *arg);

/* From now on nobody waits: who does is told to LEAD soon, and so is who comes. For who ends;
 * NULL is fine. */
void tiers_end_waits(struct tiers *t);

/* After `done`: whose turn it is. ANSWERED: the reference is the caller's. */
enum tiers_turn tiers_turn_of(struct tiers_flight *f, struct lru_value **answer);

/* Lets go; frees the flight. NULL is fine. Not between tiers_wait and its `done`. */
void tiers_leave(struct tiers_flight *f);

struct tiers_stats {
    int64_t store_answers, store_bytes;       /* as of the keeper's last look */
    uint64_t store_hits, store_puts, dropped; /* dropped: too many waited */
    bool has_shared;                          /* the fields below mean something */
    struct shared_answers_stats shared;
    struct redis_stats redis;
    const char *redis_shown; /* the URL without user and password */
};
void tiers_stats_get(struct tiers *t, struct tiers_stats *out);
