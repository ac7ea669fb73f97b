#include "server/limits.h"

#include "base/clock.h"
#include "base/err.h"
#include "engine/engine.h"
#include "server/exchange.h"
#include "server/routes.h"
#include "server/service.h"

#define MINUTE_S 60
#define DAY_S    86400

struct limited {
    struct spending *spending;
    struct spender who;
    struct spending_report report; /* as it is told */
    uint64_t since_ns;
    bool entered; /* it runs, and is to leave */

    struct request *request; /* while Redis is asked, as all below */
    void (*decided)(struct request *r, int status);
    struct spending_wait wait;
    struct work work;
};

static bool is_free(const struct request *r)
{
    return r->from_local || r->route->role == ROLE_ANYONE || r->route->role == ROLE_ADMIN;
}

/* ---- refusing ---- */

static int64_t whole_seconds(int64_t ms)
{
    int64_t s = (ms + 999) / 1000;

    return s > 0 ? s : 1;
}

static int64_t limit_of(const struct key_limits *l, enum spending_limit over)
{
    switch (over) {
    case SPENDING_REQUESTS: return l->requests_per_minute;
    case SPENDING_TOKENS: return l->tokens_per_minute;
    case SPENDING_DAY: return l->tokens_per_day;
    default: return l->concurrency;
    }
}

static int refuse(struct request *r, const struct spending_decision *d)
{
    static const char *const what[] = {
        [SPENDING_REQUESTS] = "requests a minute",
        [SPENDING_TOKENS] = "tokens a minute",
        [SPENDING_DAY] = "tokens a day (UTC)",
        [SPENDING_CONCURRENCY] = "requests at once",
    };
    long long limit = (long long)limit_of(&r->limited->who.limits, d->over);
    long long retry_s = (long long)whole_seconds(d->retry_ms);

    buf_addf(&r->extra, "Retry-After: %lld\r\n", retry_s);
    (void)FAIL(429, "over the limit of %lld %s; try again in %lld s", limit, what[d->over],
               retry_s);
    return 429;
}

/* ---- entering and leaving ---- */

static int take(struct request *r, const struct spending_decision *d)
{
    r->limited->report = d->report;
    if (d->verdict == SPENDING_REFUSED)
        return refuse(r, d);
    r->limited->entered = true;
    return 0;
}

/* On the loop again; the client may have left meanwhile. */
static void redis_answered(struct work *w)
{
    struct limited *l = (struct limited *)((char *)w - offsetof(struct limited, work));
    struct request *r = l->request;

    l->decided(r, take(r, &l->wait.decision));
    request_release(r);
}

static void on_decided(struct spending_wait *w)
{
    struct limited *l = (struct limited *)((char *)w - offsetof(struct limited, wait));

    loop_post(&l->work);
}

int limits_admit(struct request *r, void (*decided)(struct request *r, int status))
{
    struct spending *spending = r->loop->service->engine->spending;
    struct spender who;
    struct spending_decision d;
    struct limited *l;

    if (!r->caller || is_free(r) || !spending_limits(spending, r->caller, &who))
        return 0;
    l = r->limited = ARENA_NEW(r->mem, struct limited);
    *l = (struct limited){.spending = spending, .who = who, .since_ns = clock_ns()};
    l->request = r;
    l->decided = decided;
    l->wait.done = on_decided;
    l->work = (struct work){.loop = r->loop, .done = redis_answered};
    spending_enter(spending, &who, spending_now(), &l->wait, &d);
    if (d.verdict != SPENDING_LATER)
        return take(r, &d);
    request_hold(r);
    work_expect(&l->work);
    return LIMITS_LATER;
}

void limits_spend(struct limited *l, int64_t tokens)
{
    if (l && tokens > 0)
        spending_add(l->spending, &l->who, spending_now(), tokens, &l->report);
}

void limits_leave(struct request *r)
{
    struct limited *l = r->limited;

    if (!l || !l->entered)
        return;
    l->entered = false;
    spending_leave(l->spending, &l->who, (int64_t)clock_ms_since(l->since_ns));
}

/* ---- telling ---- */

/* One limit as it is told: `q` a window of `w` seconds, `r` left, all of it again in `full_ms`. */
struct told {
    const char *name;
    int64_t q, w, r, full_ms;
};

static void add_number(struct buf *out, const char *before, int64_t v)
{
    buf_add_str(out, before);
    buf_add_u64(out, (uint64_t)v);
}

static void add_policies(const struct told *t, size_t n, struct buf *out)
{
    for (size_t i = 0; i < n; i++) {
        buf_add_str(out, i ? ", \"" : "RateLimit-Policy: \"");
        buf_add_str(out, t[i].name);
        add_number(out, "\";q=", t[i].q);
        add_number(out, ";w=", t[i].w);
    }
    buf_add_str(out, n ? "\r\nRateLimit: " : "");
    for (size_t i = 0; i < n; i++) {
        buf_add_str(out, i ? ", \"" : "\"");
        buf_add_str(out, t[i].name);
        add_number(out, "\";r=", t[i].r);
        add_number(out, ";t=", (t[i].full_ms + 999) / 1000);
    }
    buf_add_str(out, n ? "\r\n" : "");
}

void limits_add_duration(struct buf *out, int64_t ms)
{
    int64_t s = ms / 1000;

    if (ms > 0 && ms < 1000) {
        buf_add_u64(out, (uint64_t)ms);
        buf_add_str(out, "ms");
        return;
    }
    if (s >= 3600)
        add_number(out, "", s / 3600), buf_add_char(out, 'h');
    if (s >= 60)
        add_number(out, "", s % 3600 / 60), buf_add_char(out, 'm');
    buf_add_fixed(out, (uint64_t)(ms % 60000), 3);
    buf_add_char(out, 's');
}

static void add_openai(const struct told *t, const char *what, struct buf *out)
{
    buf_add_str(out, "x-ratelimit-limit-");
    buf_add_str(out, what);
    add_number(out, ": ", t->q);
    buf_add_str(out, "\r\nx-ratelimit-remaining-");
    buf_add_str(out, what);
    add_number(out, ": ", t->r);
    buf_add_str(out, "\r\nx-ratelimit-reset-");
    buf_add_str(out, what);
    buf_add_str(out, ": ");
    limits_add_duration(out, t->full_ms);
    buf_add_str(out, "\r\n");
}

/* OpenAI's clients know one limit of tokens: the minute's, or where there is none the day's. */
void limits_add_lines(const struct limited *l, struct buf *out)
{
    const struct key_limits *k = &l->who.limits;
    const struct spending_report *r = &l->report;
    struct told told[3];
    size_t n = 0, at_tokens;

    if (k->requests_per_minute)
        told[n++] = (struct told){"requests", k->requests_per_minute, MINUTE_S, r->requests_left,
                                  r->requests_full_ms};
    at_tokens = n;
    if (k->tokens_per_minute)
        told[n++] = (struct told){"tokens", k->tokens_per_minute, MINUTE_S, r->tokens_left,
                                  r->tokens_full_ms};
    if (k->tokens_per_day)
        told[n++] = (struct told){"day", k->tokens_per_day, DAY_S, r->day_left, r->day_ends_ms};
    add_policies(told, n, out);
    if (at_tokens > 0)
        add_openai(&told[0], "requests", out);
    if (n > at_tokens)
        add_openai(&told[at_tokens], "tokens", out);
}
