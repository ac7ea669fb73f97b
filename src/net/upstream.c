#include "net/upstream.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "net/breaker.h"
#include "net/http_client.h"
#include "net/refusal.h"

/* A time-out with less time than this says nothing about the server: whoever asks with a deadline
 * of a millisecond must not close it to everybody else. */
#define FAIR_MS 1000

struct upstream {
    struct upstream_options o;
    char *key; /* NULL: none */
    struct http_client *client;
    struct breaker *breaker;
    atomic_uint_fast64_t n_requests, n_failures, n_retries;
    pthread_mutex_t mu;        /* guards the field below */
    char reason[ERR_TEXT_MAX]; /* of the last failure, for those whom the breaker refuses */
};

struct upstream *upstream_new(const struct upstream_options *o)
{
    struct upstream *u = mem_calloc(1, sizeof *u);

    u->o = *o;
    u->key = o->key && *o->key ? mem_strdup(o->key) : NULL;
    u->client = http_client_new();
    u->breaker = breaker_new();
    pthread_mutex_init(&u->mu, NULL);
    return u;
}

void upstream_free(struct upstream *u)
{
    if (!u)
        return;
    breaker_free(u->breaker);
    http_client_free(u->client);
    if (u->key)
        explicit_bzero(u->key, strlen(u->key));
    mem_free(u->key);
    pthread_mutex_destroy(&u->mu);
    mem_free(u);
}

int64_t upstream_now_ms(void)
{
    return (int64_t)(clock_ns() / 1000000);
}

int64_t upstream_allowed_ms(const struct upstream *u, int64_t within_ms)
{
    return within_ms > 0 && within_ms < u->o.timeout_ms ? within_ms : u->o.timeout_ms;
}

void upstream_stats_get(struct upstream *u, struct upstream_stats *out)
{
    *out = (struct upstream_stats){.requests = u->n_requests,
                                   .failures = u->n_failures,
                                   .retries = u->n_retries,
                                   .open = breaker_is_open(u->breaker)};
}

/* ---- one try ---- */

static int nonsense(const struct upstream_call *c)
{
    char reason[ERR_TEXT_MAX];

    snprintf(reason, sizeof reason, "%s", err_text());
    refusal_make_plain(reason);
    return FAIL(ERR_FORMAT, "%s: %s", c->shown, reason);
}

static int judge(struct upstream *u, struct upstream_call *c, const struct http_result *reply)
{
    struct refusal refusal = {.shown = c->shown,
                              .section = u->o.section,
                              .key = u->key,
                              .status = reply->status,
                              .body = buf_view(&reply->body)};
    int rc;

    c->status = reply->status;
    c->retry_after_ms = reply->retry_after_ms;
    if (reply->status == 200) {
        rc = c->read(c->arg, buf_view(&reply->body));
        c->failed = rc < 0;
        return rc < 0 ? nonsense(c) : ERR_OK;
    }
    c->again = refusal_passes(reply->status);
    c->failed = reply->status >= 500;
    if (u->o.refused)
        u->o.refused(u->o.arg, reply->status, buf_view(&reply->body));
    return refusal_explain(&refusal);
}

static int try_once(struct upstream *u, struct upstream_call *c)
{
    int64_t left = c->until_ms - upstream_now_ms();
    struct http_call call = {.url = c->url,
                             .key = u->key,
                             .body = c->body,
                             .within_ms = left > 1 ? left : 1,
                             .body_max = c->reply_max};
    struct http_result reply;
    int rc = http_client_call(u->client, &call, &reply);

    u->n_requests++;
    c->again = false;
    c->status = 0;
    c->retry_after_ms = -1;
    if (rc < 0) {
        c->again = rc == ERR_UNAVAILABLE;
        c->failed = rc == ERR_UNAVAILABLE || left >= FAIR_MS || left * 2 >= u->o.timeout_ms;
        return rc;
    }
    rc = judge(u, c, &reply);
    buf_done(&reply.body);
    return rc;
}

/* ---- the breaker ---- */

static void note_failure(struct upstream *u)
{
    u->n_failures++;
    pthread_mutex_lock(&u->mu);
    snprintf(u->reason, sizeof u->reason, "%s", err_text());
    pthread_mutex_unlock(&u->mu);
}

static int refused_by_breaker(struct upstream *u, int64_t wait_ms)
{
    char reason[ERR_TEXT_MAX];

    pthread_mutex_lock(&u->mu);
    memcpy(reason, u->reason, sizeof reason);
    pthread_mutex_unlock(&u->mu);
    if (wait_ms == 0)
        return FAIL(ERR_UNAVAILABLE, "it is being tried after failures: %.700s", reason);
    return FAIL(ERR_UNAVAILABLE,
                "it failed %d times in a row and is left alone for %lld ms: %.700s",
                BREAKER_FAILURES, (long long)wait_ms, reason);
}

/* A try, and what the breaker learns of it. A time-out that was ours teaches nothing. */
static int try_through(struct upstream *u, struct upstream_call *c, enum breaker_pass pass)
{
    int rc = try_once(u, c);

    if (c->failed)
        note_failure(u);
    if (c->failed || rc == ERR_OK || c->status != 0 || pass == BREAKER_PROBE)
        breaker_leave(u->breaker, pass, rc == ERR_OK || (c->status != 0 && !c->failed),
                      upstream_now_ms());
    return rc;
}

int upstream_probe(struct upstream *u, struct upstream_call *c)
{
    int64_t soon = upstream_now_ms() + UPSTREAM_PROBE_MS;

    c->until_ms = c->until_ms < soon ? c->until_ms : soon;
    return try_through(u, c, BREAKER_PROBE);
}

static int try_if_allowed(struct upstream *u, struct upstream_call *c)
{
    int rc = ERR_OK;
    int64_t wait_ms;
    enum breaker_pass pass = breaker_enter(u->breaker, upstream_now_ms(), &wait_ms);

    c->again = false;
    c->status = 0;
    if (pass == BREAKER_REFUSED)
        return refused_by_breaker(u, wait_ms);
    if (pass == BREAKER_PROBE)
        TRY(u->o.probe(u->o.arg, c->until_ms));
    rc = try_through(u, c, BREAKER_CALL);
out:
    return rc;
}

/* ---- tries ---- */

static void sleep_ms(int64_t ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};

    while (nanosleep(&t, &t) < 0 && errno == EINTR)
        ;
}

int upstream_ask(struct upstream *u, struct upstream_call *c)
{
    for (int i = 0;; i++) {
        int rc = try_if_allowed(u, c);
        int64_t wait;

        if (rc == ERR_OK)
            return rc;
        wait = refusal_pause_ms(i, c->retry_after_ms);
        if (!c->again || i + 1 == UPSTREAM_TRIES || upstream_now_ms() + wait >= c->until_ms)
            return rc;
        sleep_ms(wait);
        u->n_retries++;
    }
}
