/* spending.h - what each key has taken of its limits, and whether it may take more.
 *
 *   spending_enter --> admitted: one request is taken, and runs --> spending_add(tokens) ...
 *                 |                                             --> spending_leave
 *                 +--> refused: which limit, and in how many ms the same would be admitted
 *                 +--> later: Redis is asked, and wait->done tells
 *
 *   limit                what it bounds                           how
 *   requests_per_minute  requests                                 bucket of a minute's worth
 *   tokens_per_minute    tokens, known when they have been taken  bucket that may go below empty
 *   tokens_per_day       the same                                 a count that begins anew at 0:00
 * UTC concurrency          requests that run                        a count, of this process alone
 *
 * Tokens are added when they are known. So a request is admitted while one token is there, and what
 * it takes beyond is waited for by the next.
 *
 * Shared (limits.shared), the buckets and the day's count are in Redis, changed by one script under
 * Redis' clock (spending_shared.c), and here is a copy that holds for a second. Requests are taken
 * ahead, a tenth of a second's worth at once, so most are admitted without asking; the others wait
 * for one round trip. What is taken ahead is taken: all servers together never admit more requests
 * than the bucket holds, but each may use what it took ahead, within limit / 600, up to whenever a
 * quiet second ends. Tokens of other servers are seen a second late at most. While Redis does not
 * answer, each server goes by its own copy, and tells Redis afterwards.
 *
 * State belongs to a key's id (0: whoever needs no key, all together) and stays until the process
 * ends, or in Redis two days.
 *
 * Clocks   times come with each call: a monotonic one for buckets, the wall's for the day.
 * Memory   200 bytes an id, and ids are at most STORE_KEYS_MAX and one.
 * Threads  locked.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/caller.h"

struct redis;
struct spending;

enum spending_limit {
    SPENDING_REQUESTS,
    SPENDING_TOKENS,
    SPENDING_DAY,
    SPENDING_CONCURRENCY,
    N_SPENDING_LIMITS
};
const char *spending_limit_name(enum spending_limit l); /* "requests", "tokens", "day", ... */

struct spending_now {
    int64_t mono_ms, wall_ms;
};
struct spending_now spending_now(void);

/* Who spends, under which limits. */
struct spender {
    int64_t id;
    uint64_t mark;            /* as struct caller */
    struct key_limits limits; /* 0: none */
};

/* As of some moment. Of a limit that is none: zeros. */
struct spending_report {
    int64_t requests_left, requests_full_ms; /* until all are there again */
    int64_t tokens_left, tokens_full_ms;
    int64_t day_left, day_ends_ms; /* from now */
    int64_t running;
    int64_t requests_today, tokens_today; /* UTC */
};

enum spending_verdict { SPENDING_ADMITTED, SPENDING_REFUSED, SPENDING_LATER };

struct spending_decision {
    enum spending_verdict verdict;
    enum spending_limit over; /* when refused: the one that is free last */
    int64_t retry_ms;         /* when refused: until then the same request is refused. Of
                               * SPENDING_CONCURRENCY a guess, by what requests took lately */
    struct spending_report report;
};

/* Somebody who waits for Redis. `done` is called on another thread, when `decision` is there and
 * is not SPENDING_LATER; then the wait is the caller's again. */
struct spending_wait {
    void (*done)(struct spending_wait *w);
    struct spending_decision decision;
    struct spender who; /* ours, as all below */
    struct spending_now now;
    struct spending_wait *next;
};

struct config;

/* What a configuration gives whoever has no limits of their own. */
struct key_limits spending_defaults(const struct config *c);

/* Limits of whoever has none of their own. redis (borrowed, NULL: not shared) outlives this; uuid:
 * of the store. */
struct spending *spending_new(const struct key_limits *defaults, struct redis *redis,
                              const char *uuid);
/* From the next request on. */
void spending_set_defaults(struct spending *s, const struct key_limits *defaults);
void spending_free(struct spending *s); /* NULL is fine; nobody waits */

/* The limits in force for a caller; false: there are none, and nothing needs to be told here. */
bool spending_limits(const struct spending *s, const struct caller *c, struct spender *out);

/* w is used for SPENDING_LATER alone; NULL: the copy here decides. */
void spending_enter(struct spending *s, const struct spender *who, struct spending_now now,
                    struct spending_wait *w, struct spending_decision *out);

/* What a request took, as far as it is known by now. */
struct spending_use {
    int64_t requests; /* beside the one that was admitted, where it holds several */
    int64_t tokens;
};

/* Of a request that was admitted: what it took, and its end after `ran_ms`. */
void spending_add(struct spending *s, const struct spender *who, struct spending_now now,
                  struct spending_use use, struct spending_report *out); /* out may be NULL */
void spending_leave(struct spending *s, const struct spender *who, int64_t ran_ms);

/* What an id has taken; false: nothing is known of it. */
bool spending_of(struct spending *s, int64_t id, struct spending_now now,
                 struct spending_report *out);

/* Those that are known, in no order; stops when fn returns false. fn must not call back. */
typedef bool (*spending_fn)(void *arg, const struct spender *who, const struct spending_report *r);
void spending_each(struct spending *s, struct spending_now now, spending_fn fn, void *arg);

struct spending_stats {
    uint64_t refused[N_SPENDING_LIMITS];
    uint64_t asked; /* of Redis */
    uint64_t alone; /* decided without Redis though it is shared */
    bool shared, away;
};
void spending_stats_get(struct spending *s, struct spending_stats *out);
