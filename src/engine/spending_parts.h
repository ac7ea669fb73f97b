/* spending_parts.h - what spending.c and spending_shared.c know of each other.
 *
 * Threads  what ends in _locked is called under s->mu.
 */
#pragma once
#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/token_bucket.h"
#include "engine/spending.h"

#define SPENDING_DAY_MS     86400000
#define SPENDING_FRESH_MS   1000 /* for how long a copy of what Redis has is good */
#define SPENDING_AHEAD_PART 600  /* of the limit of a minute is taken ahead: 0.1 s */

/* One id's. */
struct account {
    struct spender who; /* as it was told last */
    struct token_bucket requests, tokens;
    int64_t day; /* since 1970; what is counted below is this day's */
    int64_t day_requests, day_tokens;
    int64_t running, mean_ms;

    /* shared: */
    bool calling;            /* Redis is being asked */
    bool was_away;           /* it did not answer when asked last */
    int64_t fresh_until_ms;  /* the copy's, or when away until it is asked again */
    int64_t ahead;           /* requests that were taken there, not yet here */
    int64_t untold_requests; /* taken here without asking */
    int64_t untold_tokens;
    struct spending_wait *first, *last; /* who waits for the answer */
};

struct pool;

struct spending {
    struct {
        atomic_int_least64_t requests_per_minute, tokens_per_minute, tokens_per_day, concurrency;
    } defaults;          /* each may change by itself */
    struct redis *redis; /* NULL: not shared */
    char uuid[40];
    struct pool *pool;    /* asks Redis */
    pthread_mutex_t mu;   /* guards the fields below */
    struct map *accounts; /* id -> struct account */
    struct spending_stats stats;
};

/* Whether more may be taken, by what is here; of requests only with `requests_too`. Takes nothing.
 */
struct spending_decision spending_decide_locked(struct account *a, struct spending_now now,
                                                bool requests_too);

/* One request of the account begins; it counts from now on, but not in the bucket. */
void spending_begin_locked(struct account *a, struct spending_decision *d, struct spending_now now);

/* The decision is final: what refusals are counted and told by. */
void spending_settled_locked(struct spending *s, struct account *a, struct spending_decision *d,
                             struct spending_now now);

/* The same as spending_enter, shared; what else was taken is told soon. */
void spending_enter_shared_locked(struct spending *s, struct account *a, struct spending_now now,
                                  struct spending_wait *w, struct spending_decision *out);
void spending_tell_locked(struct spending *s, struct account *a);
