#include "engine/spending.h"

#include <stdio.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/mem.h"
#include "base/pool.h"
#include "engine/config.h"
#include "engine/spending_parts.h"
#include "store/store_keys.h"

#define ASKING_THREADS 2
#define MEAN_OF        8 /* requests, about, of what one takes */

const char *spending_limit_name(enum spending_limit l)
{
    static const char *const names[] = {"requests", "tokens", "day", "concurrency"};

    return names[l];
}

struct spending_now spending_now(void)
{
    return (struct spending_now){(int64_t)(clock_ns() / 1000000), clock_wall_ms()};
}

struct key_limits spending_defaults(const struct config *c)
{
    return (struct key_limits){c->limits.requests_per_minute, c->limits.tokens_per_minute,
                               c->limits.tokens_per_day, c->limits.concurrency};
}

struct spending *spending_new(const struct key_limits *defaults, struct redis *redis,
                              const char *uuid)
{
    struct spending *s = mem_calloc(1, sizeof *s);

    spending_set_defaults(s, defaults);
    s->redis = redis;
    s->stats.shared = redis != NULL;
    snprintf(s->uuid, sizeof s->uuid, "%s", uuid);
    s->accounts = map_new();
    pthread_mutex_init(&s->mu, NULL);
    if (redis) /* each account asks once at a time */
        s->pool = pool_new("limits", ASKING_THREADS, STORE_KEYS_MAX + 1);
    return s;
}

void spending_free(struct spending *s)
{
    size_t at = 0, n;
    const void *key;
    uint64_t value;

    if (!s)
        return;
    pool_free(s->pool);
    while (map_next(s->accounts, &at, &key, &n, &value))
        mem_free((struct account *)(uintptr_t)value);
    map_free(s->accounts);
    pthread_mutex_destroy(&s->mu);
    mem_free(s);
}

void spending_set_defaults(struct spending *s, const struct key_limits *l)
{
    atomic_store(&s->defaults.requests_per_minute, l->requests_per_minute);
    atomic_store(&s->defaults.tokens_per_minute, l->tokens_per_minute);
    atomic_store(&s->defaults.tokens_per_day, l->tokens_per_day);
    atomic_store(&s->defaults.concurrency, l->concurrency);
}

static int64_t either(int64_t own, int64_t fallback)
{
    return own ? own : fallback;
}

bool spending_limits(const struct spending *s, const struct caller *c, struct spender *out)
{
    struct key_limits l = c->limits;

    l.requests_per_minute = either(l.requests_per_minute, s->defaults.requests_per_minute);
    l.tokens_per_minute = either(l.tokens_per_minute, s->defaults.tokens_per_minute);
    l.tokens_per_day = either(l.tokens_per_day, s->defaults.tokens_per_day);
    l.concurrency = either(l.concurrency, s->defaults.concurrency);
    if (!(l.requests_per_minute | l.tokens_per_minute | l.tokens_per_day | l.concurrency))
        return false;
    *out = (struct spender){c->id, c->mark, l};
    return true;
}

/* ---- accounts ---- */

static struct account *find_locked(const struct spending *s, int64_t id)
{
    uint64_t at;

    return map_get(s->accounts, &id, sizeof id, &at) ? (struct account *)(uintptr_t)at : NULL;
}

static struct account *account_locked(struct spending *s, const struct spender *who)
{
    struct account *a = find_locked(s, who->id);

    if (!a) {
        a = mem_calloc(1, sizeof *a);
        map_put(s->accounts, &who->id, sizeof who->id, (uint64_t)(uintptr_t)a);
    }
    a->who = *who;
    return a;
}

/* Counts of yesterday are nobody's. A clock that goes back does not bring them again. */
static void begin_day(struct account *a, struct spending_now now)
{
    int64_t day = now.wall_ms / SPENDING_DAY_MS;

    if (day <= a->day)
        return;
    a->day = day;
    a->day_requests = a->day_tokens = 0;
}

static int64_t day_ends_ms(const struct account *a, struct spending_now now)
{
    return (a->day + 1) * SPENDING_DAY_MS - now.wall_ms;
}

static struct spending_report report_of(struct account *a, struct spending_now now)
{
    const struct key_limits *l = &a->who.limits;
    struct spending_report r = {.running = a->running};

    begin_day(a, now);
    if (l->requests_per_minute) {
        r.requests_left = token_bucket_left(&a->requests, l->requests_per_minute, now.mono_ms);
        r.requests_full_ms =
            token_bucket_full_ms(&a->requests, l->requests_per_minute, now.mono_ms);
    }
    if (l->tokens_per_minute) {
        r.tokens_left = token_bucket_left(&a->tokens, l->tokens_per_minute, now.mono_ms);
        r.tokens_full_ms = token_bucket_full_ms(&a->tokens, l->tokens_per_minute, now.mono_ms);
    }
    r.day_left = l->tokens_per_day > a->day_tokens ? l->tokens_per_day - a->day_tokens : 0;
    r.day_ends_ms = l->tokens_per_day ? day_ends_ms(a, now) : 0;
    r.requests_today = a->day_requests;
    r.tokens_today = a->day_tokens;
    return r;
}

/* ---- what may be taken ---- */

static void refuse_until(struct spending_decision *d, enum spending_limit over, int64_t wait_ms)
{
    if (wait_ms <= d->retry_ms)
        return;
    d->verdict = SPENDING_REFUSED;
    d->over = over;
    d->retry_ms = wait_ms;
}

/* Of several limits the one counts that is free last: the wait must be true. */
struct spending_decision spending_decide_locked(struct account *a, struct spending_now now,
                                                bool requests_too)
{
    const struct key_limits *l = &a->who.limits;
    struct spending_decision d = {.verdict = SPENDING_ADMITTED};

    begin_day(a, now);
    if (requests_too && l->requests_per_minute)
        refuse_until(&d, SPENDING_REQUESTS,
                     token_bucket_wait_ms(&a->requests, l->requests_per_minute, now.mono_ms, 1));
    if (l->tokens_per_minute)
        refuse_until(&d, SPENDING_TOKENS,
                     token_bucket_wait_ms(&a->tokens, l->tokens_per_minute, now.mono_ms, 1));
    if (l->tokens_per_day && a->day_tokens >= l->tokens_per_day)
        refuse_until(&d, SPENDING_DAY, day_ends_ms(a, now));
    if (l->concurrency && a->running >= l->concurrency)
        refuse_until(&d, SPENDING_CONCURRENCY, a->mean_ms > 0 ? a->mean_ms : 1);
    return d;
}

void spending_begin_locked(struct account *a, struct spending_decision *d, struct spending_now now)
{
    a->running++;
    a->day_requests++;
    d->verdict = SPENDING_ADMITTED;
    d->report = report_of(a, now);
}

void spending_settled_locked(struct spending *s, struct account *a, struct spending_decision *d,
                             struct spending_now now)
{
    if (d->verdict != SPENDING_REFUSED)
        return;
    s->stats.refused[d->over]++;
    d->report = report_of(a, now);
}

static void enter_alone_locked(struct account *a, struct spending_now now,
                               struct spending_decision *out)
{
    int64_t limit = a->who.limits.requests_per_minute;

    *out = spending_decide_locked(a, now, true);
    if (out->verdict != SPENDING_ADMITTED)
        return;
    if (limit)
        token_bucket_spend(&a->requests, limit, now.mono_ms, 1);
    spending_begin_locked(a, out, now);
}

void spending_enter(struct spending *s, const struct spender *who, struct spending_now now,
                    struct spending_wait *w, struct spending_decision *out)
{
    struct account *a;

    pthread_mutex_lock(&s->mu);
    a = account_locked(s, who);
    if (s->redis)
        spending_enter_shared_locked(s, a, now, w, out);
    else
        enter_alone_locked(a, now, out);
    spending_settled_locked(s, a, out, now);
    pthread_mutex_unlock(&s->mu);
}

/* ---- what was taken ---- */

void spending_add(struct spending *s, const struct spender *who, struct spending_now now,
                  struct spending_use use, struct spending_report *out)
{
    struct account *a;
    const struct key_limits *l = &who->limits;

    CHECK(use.requests >= 0);
    CHECK(use.tokens >= 0);
    pthread_mutex_lock(&s->mu);
    a = account_locked(s, who);
    begin_day(a, now);
    a->day_requests += use.requests;
    a->day_tokens += use.tokens;
    if (l->requests_per_minute)
        token_bucket_spend(&a->requests, l->requests_per_minute, now.mono_ms, use.requests);
    if (l->tokens_per_minute)
        token_bucket_spend(&a->tokens, l->tokens_per_minute, now.mono_ms, use.tokens);
    if (s->redis) {
        a->untold_requests += l->requests_per_minute ? use.requests : 0;
        a->untold_tokens += use.tokens;
        spending_tell_locked(s, a);
    }
    if (out)
        *out = report_of(a, now);
    pthread_mutex_unlock(&s->mu);
}

void spending_leave(struct spending *s, const struct spender *who, int64_t ran_ms)
{
    struct account *a;

    pthread_mutex_lock(&s->mu);
    a = find_locked(s, who->id);
    CHECK(a && a->running > 0);
    a->running--;
    a->mean_ms = a->mean_ms ? (a->mean_ms * (MEAN_OF - 1) + ran_ms) / MEAN_OF : ran_ms;
    pthread_mutex_unlock(&s->mu);
}

/* ---- for people ---- */

bool spending_of(struct spending *s, int64_t id, struct spending_now now,
                 struct spending_report *out)
{
    struct account *a;

    pthread_mutex_lock(&s->mu);
    a = find_locked(s, id);
    if (a)
        *out = report_of(a, now);
    pthread_mutex_unlock(&s->mu);
    return a != NULL;
}

void spending_each(struct spending *s, struct spending_now now, spending_fn fn, void *arg)
{
    size_t at = 0, n;
    const void *key;
    uint64_t value;

    pthread_mutex_lock(&s->mu);
    while (map_next(s->accounts, &at, &key, &n, &value)) {
        struct account *a = (struct account *)(uintptr_t)value;
        struct spending_report r = report_of(a, now);

        if (!fn(arg, &a->who, &r))
            break;
    }
    pthread_mutex_unlock(&s->mu);
}

void spending_stats_get(struct spending *s, struct spending_stats *out)
{
    pthread_mutex_lock(&s->mu);
    *out = s->stats;
    pthread_mutex_unlock(&s->mu);
}
