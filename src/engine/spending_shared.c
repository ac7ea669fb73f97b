/* What servers that share a Redis do instead of deciding by themselves. One account asks once at a
 * time; who comes meanwhile waits for the next answer, so a burst is one or two round trips.
 *
 *   ragd:{UUID:l:ID:MARK}   a hash, so that a cluster keeps an account in one place
 *     at    ms of Redis' clock that the two below are as of
 *     r, t  what is owed of requests and tokens (base/token_bucket.h)
 *     day   since 1970     used  tokens of that day
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/pool.h"
#include "engine/spending_parts.h"
#include "net/redis.h"

enum { GRANTED, OWED_REQUESTS, OWED_TOKENS, DAY, DAY_USED, N_TOLD };

/* ARGV: requests a minute (0: no limit), how many are wanted, how many were taken already, tokens a
 * minute (0), how many were taken, tokens a day (0). A clock that went back stands still. */
static const char script[] =
    "local unit, day_ms = 60000, 86400000 "
    "local rpm, n, taken = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) "
    "local tpm, tokens, tpd = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]) "
    "local t = redis.call('TIME') "
    "local now = t[1] * 1000 + math.floor(t[2] / 1000) "
    "local h = redis.call('HMGET', KEYS[1], 'at', 'r', 't', 'day', 'used') "
    "local at = math.max(tonumber(h[1]) or now, 0) "
    "local function owed(v, limit) "
    "  return math.max((tonumber(v) or 0) - math.max(now - at, 0) * limit, 0) "
    "end "
    "local r, k = owed(h[2], rpm) + taken * unit, owed(h[3], tpm) + tokens * unit "
    "local day, used = math.floor(now / day_ms), tokens "
    "if tonumber(h[4]) == day then used = used + (tonumber(h[5]) or 0) end "
    "local over = (tpm > 0 and k > (tpm - 1) * unit) or (tpd > 0 and used >= tpd) "
    "local left = over and 0 or math.max(math.floor((rpm * unit - r) / unit), 0) "
    "local granted = rpm > 0 and math.min(n, left) or 0 "
    "r = math.max(r + granted * unit, 0) "
    "local function text(v) return string.format('%.0f', v) end "
    "redis.call('HSET', KEYS[1], 'at', text(math.max(at, now)), 'r', text(r), 't', text(k), "
    "           'day', text(day), 'used', text(used)) "
    "redis.call('PEXPIRE', KEYS[1], 2 * day_ms) "
    "return string.format('%.0f %.0f %.0f %.0f %.0f', granted, r, k, day, used)";

/* Five numbers and nothing else, none below zero but the first. */
static int read_told(const char *text, int64_t told[N_TOLD])
{
    for (int i = 0; i < N_TOLD; i++) {
        char *end;

        errno = 0;
        told[i] = strtoll(text, &end, 10);
        if (errno || end == text || *end != (i < N_TOLD - 1 ? ' ' : '\0') ||
            (i != GRANTED && told[i] < 0) || told[i] > INT64_MAX / 2)
            return FAIL(ERR_UNAVAILABLE, "Redis does not say what was taken");
        text = end + 1;
    }
    return ERR_OK;
}

struct question {
    struct spender who;
    int64_t n, requests, tokens;
};

static int ask(struct spending *s, const struct question *q, int64_t told[N_TOLD])
{
    const struct key_limits *l = &q->who.limits;
    const int64_t numbers[] = {l->requests_per_minute, q->n,      q->requests,
                               l->tokens_per_minute,   q->tokens, l->tokens_per_day};
    enum { N = sizeof numbers / sizeof *numbers };
    char key[96], rooms[N][24];
    struct str words[N], name;
    struct buf reply = {0};
    int rc;

    for (int i = 0; i < N; i++) {
        snprintf(rooms[i], sizeof rooms[i], "%" PRId64, numbers[i]);
        words[i] = str_of(rooms[i]);
    }
    name.p = key;
    name.n = (size_t)snprintf(key, sizeof key, "ragd:{%s:l:%" PRId64 ":%016" PRIx64 "}", s->uuid,
                              q->who.id, q->who.mark);
    rc = redis_run(s->redis, script, &name, 1, words, N, &reply);
    if (rc == ERR_OK)
        rc = read_told(buf_view(&reply).p, told);
    buf_done(&reply);
    return rc;
}

/* ---- what is told ---- */

static void take_over(struct account *a, const int64_t told[N_TOLD], struct spending_now now)
{
    const struct key_limits *l = &a->who.limits;

    a->ahead += told[GRANTED];
    a->requests = (struct token_bucket){told[OWED_REQUESTS], now.mono_ms};
    a->tokens = (struct token_bucket){told[OWED_TOKENS], now.mono_ms};
    if (l->requests_per_minute)
        token_bucket_spend(&a->requests, l->requests_per_minute, now.mono_ms, a->untold_requests);
    if (l->tokens_per_minute)
        token_bucket_spend(&a->tokens, l->tokens_per_minute, now.mono_ms, a->untold_tokens);
    if (told[DAY] < a->day) /* its clock is behind: what it has counted is yesterday's */
        return;
    if (a->day < told[DAY])
        a->day_requests = 0;
    a->day = told[DAY];
    a->day_tokens = told[DAY_USED] + a->untold_tokens;
}

static void note_away(struct spending *s, bool away)
{
    if (s->stats.away == away)
        return;
    s->stats.away = away;
    if (away)
        log_event(LOG_WARN, "limits_alone",
                  LOG_S("reason", "Redis does not answer: each server keeps its own limits"));
    else
        log_event(LOG_INFO, "limits_shared", LOG_S("reason", "Redis answers again"));
}

static void take_alone_locked(struct spending *s, struct account *a, struct spending_now now,
                              struct spending_decision *d)
{
    int64_t limit = a->who.limits.requests_per_minute;

    s->stats.alone++;
    *d = spending_decide_locked(a, now, true);
    if (d->verdict != SPENDING_ADMITTED)
        return;
    if (limit) {
        token_bucket_spend(&a->requests, limit, now.mono_ms, 1);
        a->untold_requests++;
    }
    spending_begin_locked(a, d, now);
}

/* From what was taken ahead, or the copy refuses; LATER: neither. */
static void take_ahead_locked(struct account *a, struct spending_now now,
                              struct spending_decision *d)
{
    bool counts = a->who.limits.requests_per_minute > 0;
    bool has = !counts || a->ahead > 0;

    *d = spending_decide_locked(a, now, !has);
    if (d->verdict != SPENDING_ADMITTED)
        return;
    if (!has) {
        d->verdict = SPENDING_LATER;
        return;
    }
    a->ahead -= counts;
    spending_begin_locked(a, d, now);
}

/* ---- asking ---- */

struct asking {
    struct spending *s;
    struct account *a;
};

static struct question question_locked(const struct account *a)
{
    struct question q = {.who = a->who,
                         .n = a->who.limits.requests_per_minute / SPENDING_AHEAD_PART - a->ahead,
                         .requests = a->untold_requests,
                         .tokens = a->untold_tokens};

    for (const struct spending_wait *w = a->first; w; w = w->next)
        q.n++;
    return q;
}

static void pop_locked(struct account *a)
{
    a->first = a->first->next;
    if (!a->first)
        a->last = NULL;
}

/* Those who have their decision, as a list in their order. Whoever came while Redis was being asked
 * may have to wait for the next time: not when it gave nothing. */
static struct spending_wait *settle_locked(struct spending *s, struct account *a, bool gave)
{
    struct spending_now now = spending_now();
    struct spending_wait *settled = NULL, **end = &settled;

    while (a->first) {
        struct spending_wait *w = a->first;

        if (a->was_away)
            take_alone_locked(s, a, now, &w->decision);
        else
            take_ahead_locked(a, now, &w->decision);
        if (w->decision.verdict == SPENDING_LATER && gave)
            break;
        if (w->decision.verdict == SPENDING_LATER)
            w->decision = (struct spending_decision){
                .verdict = SPENDING_REFUSED, .over = SPENDING_REQUESTS, .retry_ms = 1};
        spending_settled_locked(s, a, &w->decision, now);
        pop_locked(a);
        w->next = NULL;
        *end = w;
        end = &w->next;
    }
    return settled;
}

/* One round trip; whether another one is due. */
static bool ask_once(struct spending *s, struct account *a)
{
    struct question q;
    struct spending_wait *settled;
    struct spending_now now;
    int64_t told[N_TOLD] = {0};
    bool again, reached;

    pthread_mutex_lock(&s->mu);
    q = question_locked(a);
    s->stats.asked++;
    pthread_mutex_unlock(&s->mu);
    reached = ask(s, &q, told) == ERR_OK;
    now = spending_now();
    pthread_mutex_lock(&s->mu);
    a->was_away = !reached;
    a->fresh_until_ms = now.mono_ms + SPENDING_FRESH_MS;
    if (reached) {
        a->untold_requests -= q.requests;
        a->untold_tokens -= q.tokens;
        take_over(a, told, now);
    }
    settled = settle_locked(s, a, told[GRANTED] > 0);
    again = a->first || (reached && (a->untold_tokens > 0 || a->untold_requests > 0));
    a->calling = again;
    note_away(s, !reached);
    pthread_mutex_unlock(&s->mu);
    for (struct spending_wait *w = settled, *next; w; w = next) {
        next = w->next;
        w->done(w);
    }
    return again;
}

static void ask_on_thread(void *arg, int i_worker)
{
    struct asking *asking = arg;

    (void)i_worker;
    while (ask_once(asking->s, asking->a))
        ;
    mem_free(asking);
}

void spending_tell_locked(struct spending *s, struct account *a)
{
    struct asking *asking;

    if (a->calling)
        return;
    asking = mem_alloc(sizeof *asking);
    *asking = (struct asking){s, a};
    if (pool_submit(s->pool, QUEUE_URGENT, ask_on_thread, asking) == ERR_OK)
        a->calling = true;
    else
        mem_free(asking);
}

static void wait_locked(struct spending *s, struct account *a, struct spending_wait *w)
{
    w->next = NULL;
    *(a->last ? &a->last->next : &a->first) = w;
    a->last = w;
    spending_tell_locked(s, a);
}

void spending_enter_shared_locked(struct spending *s, struct account *a, struct spending_now now,
                                  struct spending_wait *w, struct spending_decision *out)
{
    int64_t limit = a->who.limits.requests_per_minute;
    bool fresh = now.mono_ms < a->fresh_until_ms;

    if (!w || (fresh && a->was_away)) {
        take_alone_locked(s, a, now, out);
        return;
    }
    *out = (struct spending_decision){.verdict = SPENDING_LATER};
    if (fresh && !a->first)
        take_ahead_locked(a, now, out);
    if (out->verdict == SPENDING_LATER)
        wait_locked(s, a, w);
    else if (out->verdict == SPENDING_ADMITTED && 2 * a->ahead < limit / SPENDING_AHEAD_PART)
        spending_tell_locked(s, a);
}
