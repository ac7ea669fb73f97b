/* tiers_parts.h - what the files of cache/tiers.h have in common.
 *
 *   tiers.c          finding, handing over, the keeper
 *   tier_flights.c   one run for all replicas
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "cache/shared_flight.h"
#include "cache/tier_store.h"
#include "cache/tiers.h"

struct job;

enum flight_state {
    FLIGHT_STANDS,  /* nothing is done for it */
    FLIGHT_LEADS,   /* its lock is renewed */
    FLIGHT_WAITS,   /* it is looked at again */
    FLIGHT_LEAVING, /* the keeper gives up its lock and frees it */
};

struct tiers_flight {
    struct tiers *tiers;
    struct shared_flight lock;
    char tenant[65], collection[65];
    struct answer_origin asker;
    enum flight_state state; /* under the tiers' lock, as the fields below */
    bool has_lock;
    uint64_t due_ns, until_ns;
    void (*done)(void *arg);
    void *arg;
    enum tiers_turn turn;
    struct lru_value *answer;
    struct tiers_flight *next, *previous;
};

struct tiers {
    struct tier_store *kept; /* NULL: the store keeps none */
    struct redis *redis;     /* NULL: none */
    struct shared_answers *shared;
    pthread_t keeper;
    atomic_uint_fast64_t dropped;
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t changed;
    struct job *first, *last;
    size_t n_jobs;
    struct tiers_flight *flights;
    bool purges, stopping, waits_end;
};

struct shared_scope tiers_scope(const struct answer_origin *o);

/* An answer of Redis, with the asker's origin; a reference. */
struct lru_value *tiers_value(const struct shared_answer *a, const struct answer_origin *asker);

/* For the keeper, under the lock: when it has to see to a flight next, at `until` at the latest; at
 * once is 0. */
uint64_t tier_flights_due_locked(const struct tiers *t, uint64_t until);

/* For the keeper: renews, looks again, frees what is left. */
void tier_flights_see_to(struct tiers *t);
