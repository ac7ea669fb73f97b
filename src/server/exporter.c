#include "server/exporter.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "net/http_client.h"
#include "net/refusal.h"
#include "net/url.h"
#include "server/http.h"
#include "server/otlp.h"

#define REPLY_MAX 65536

struct exporter {
    struct otlp_resource resource;
    char *url, *shown, *service;
    char instance[33];
    char *lines[EXPORTER_HEADERS_MAX + 1]; /* the last NULL */
    int64_t timeout_ms;
    struct http_client *client;
    pthread_t thread;
    atomic_uint_fast64_t n_sent, n_dropped, n_failed;
    bool away; /* the thread's: the collector did not take the last batch */

    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t changed;
    struct buf waiting;
    size_t n_waiting;
    bool stopping;
    int64_t stop_ms; /* until when it goes on; 0: for ever */
};

/* A batch on its way. */
struct batch {
    struct buf body;
    size_t n;
    int64_t began_ms;
};

static int64_t now_ms(void)
{
    return (int64_t)(clock_ns() / 1000000);
}

/* ---- headers ---- */

/* "name=value" as a header line. */
static int add_header(struct exporter *e, size_t i, struct str pair, struct arena *mem)
{
    const char *equals = memchr(pair.p, '=', pair.n);
    struct str name, value;
    struct buf line = {0};
    int rc;

    if (!equals || i >= EXPORTER_HEADERS_MAX)
        return FAIL(ERR_ARGUMENT, "trace.headers_env: %s",
                    equals ? "too many headers" : "a header must be name=value");
    name = str_trim(str_sub(pair, 0, (size_t)(equals - pair.p)));
    rc = http_percent_decode(str_trim(str_sub(pair, (size_t)(equals - pair.p) + 1, pair.n)), mem,
                             &value);
    if (rc == ERR_OK) {
        buf_add_view(&line, name);
        buf_add_str(&line, ": ");
        buf_add_view(&line, value);
        rc = name.n ? url_check_key(line.p) : ERR_ARGUMENT;
    }
    e->lines[i] = buf_take(&line);
    if (rc < 0) /* the reason may hold the secret */
        return FAIL(ERR_ARGUMENT, "trace.headers_env: header %zu cannot be sent", i + 1);
    return ERR_OK;
}

static int read_headers(struct exporter *e, const char *text)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);

    for (size_t i = 0; text && *text; i++) {
        size_t n = strcspn(text, ",");

        TRY(add_header(e, i, (struct str){text, n}, mem));
        text += n + (text[n] == ',');
    }
out:
    arena_free(mem);
    return rc;
}

/* ---- sending ---- */

/* What a 200 says that it did not take: {"partialSuccess":{"rejectedSpans":"2"}}. */
static size_t rejected_of(struct str reply, size_t n)
{
    json_t *tree = reply.n ? json_loadb(reply.p, reply.n, 0, NULL) : NULL;
    const json_t *v = json_object_get(json_object_get(tree, "partialSuccess"), "rejectedSpans");
    long long rejected = json_is_string(v) ? atoll(json_string_value(v)) : json_integer_value(v);

    json_decref(tree);
    return rejected < 0 ? 0 : (size_t)rejected > n ? n : (size_t)rejected;
}

static void say_away(struct exporter *e, const char *reason)
{
    if (!e->away)
        log_event(LOG_WARN, "traces_not_sent", LOG_S("url", e->shown), LOG_S("reason", reason));
    e->away = true;
}

static void taken(struct exporter *e, const struct batch *b, struct str reply)
{
    size_t rejected = rejected_of(reply, b->n);

    e->n_sent += b->n - rejected;
    e->n_failed += rejected;
    if (e->away)
        log_event(LOG_INFO, "traces_sent_again", LOG_S("url", e->shown));
    e->away = false;
}

/* What OTLP/HTTP says may be tried again. */
static bool passes(int status)
{
    return status == 429 || status == 502 || status == 503 || status == 504;
}

/* What a try may take; once we stop there is one more. */
static int64_t left_ms(struct exporter *e, bool *last)
{
    int64_t left = e->timeout_ms;

    pthread_mutex_lock(&e->mu);
    *last = e->stopping;
    if (e->stopping && e->stop_ms - now_ms() < left)
        left = e->stop_ms - now_ms();
    pthread_mutex_unlock(&e->mu);
    return left;
}

/* True: the batch is done with, one way or the other. */
static bool try_once(struct exporter *e, const struct batch *b, int64_t within_ms,
                     int64_t *retry_after_ms)
{
    struct http_call call = {.url = e->url,
                             .body = buf_view(&b->body),
                             .lines = (const char *const *)e->lines,
                             .within_ms = within_ms,
                             .body_max = REPLY_MAX};
    struct http_result reply;
    char reason[64];
    bool over;

    *retry_after_ms = -1;
    if (http_client_call(e->client, &call, &reply) < 0) {
        say_away(e, err_text());
        return false;
    }
    over = !passes(reply.status);
    *retry_after_ms = reply.retry_after_ms;
    if (reply.status / 100 == 2) {
        taken(e, b, buf_view(&reply.body));
    } else {
        snprintf(reason, sizeof reason, "status %d", reply.status);
        say_away(e, reason);
        e->n_failed += over ? b->n : 0;
    }
    buf_done(&reply.body);
    return over;
}

/* Returns early when we stop. */
static void pause_for(struct exporter *e, int64_t ms)
{
    struct timespec until = clock_until((int)ms);

    pthread_mutex_lock(&e->mu);
    while (!e->stopping && pthread_cond_timedwait(&e->changed, &e->mu, &until) == 0)
        ;
    pthread_mutex_unlock(&e->mu);
}

static void send_batch(struct exporter *e, const struct batch *b)
{
    bool last = false;

    for (int i = 0; !last && now_ms() - b->began_ms < EXPORTER_KEEP_MS; i++) {
        int64_t left = left_ms(e, &last), retry_after, pause;

        if (left <= 0)
            break;
        if (try_once(e, b, left, &retry_after))
            return;
        pause = refusal_pause_ms(i < 10 ? i : 10, retry_after);
        pause_for(e, pause < EXPORTER_PAUSE_MAX_MS ? pause : EXPORTER_PAUSE_MAX_MS);
    }
    e->n_failed += b->n;
}

/* ---- the thread ---- */

/* Waits until a batch is due and takes it; false: stopped, and nothing is left. */
static bool take_batch(struct exporter *e, struct batch *b)
{
    struct timespec until;
    struct buf spans = {0};

    pthread_mutex_lock(&e->mu);
    while (e->n_waiting == 0 && !e->stopping)
        pthread_cond_wait(&e->changed, &e->mu);
    until = clock_until(EXPORTER_WAIT_MS);
    while (e->n_waiting < EXPORTER_BATCH && !e->stopping &&
           pthread_cond_timedwait(&e->changed, &e->mu, &until) == 0)
        ;
    spans = e->waiting;
    b->n = e->n_waiting;
    buf_init(&e->waiting);
    e->n_waiting = 0;
    pthread_mutex_unlock(&e->mu);
    b->began_ms = now_ms();
    if (b->n)
        otlp_request_write(&e->resource, buf_view(&spans), &b->body);
    buf_done(&spans);
    return b->n > 0;
}

static void *export_main(void *arg)
{
    struct exporter *e = arg;
    struct batch b = {0};

    while (take_batch(e, &b)) {
        send_batch(e, &b);
        buf_done(&b.body);
    }
    return NULL;
}

bool exporter_add(struct exporter *e, struct str spans, size_t n)
{
    bool fits, wake;

    pthread_mutex_lock(&e->mu);
    fits = e->n_waiting + n <= EXPORTER_QUEUE_SPANS &&
           e->waiting.n + spans.n < EXPORTER_QUEUE_BYTES && !e->stopping;
    wake = fits && (e->n_waiting == 0 || e->n_waiting + n >= EXPORTER_BATCH);
    if (fits) {
        if (e->waiting.n)
            buf_add_char(&e->waiting, ',');
        buf_add_view(&e->waiting, spans);
        e->n_waiting += n;
    }
    pthread_mutex_unlock(&e->mu);
    if (wake)
        pthread_cond_signal(&e->changed);
    if (!fits)
        e->n_dropped += n;
    return fits;
}

/* ---- opening and closing ---- */

static struct exporter *exporter_alloc(const struct exporter_options *o)
{
    struct exporter *e = mem_calloc(1, sizeof *e);
    pthread_condattr_t attr;

    e->url = mem_strdup(o->url);
    e->shown = url_shown(o->url);
    e->service = mem_strdup(o->service);
    e->timeout_ms = o->timeout_ms;
    e->client = http_client_new();
    http_random_id(NULL, "", e->instance);
    e->resource = (struct otlp_resource){e->service, e->instance};
    pthread_mutex_init(&e->mu, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&e->changed, &attr);
    pthread_condattr_destroy(&attr);
    return e;
}

static void exporter_drop(struct exporter *e)
{
    for (size_t i = 0; i < EXPORTER_HEADERS_MAX; i++) {
        if (e->lines[i])
            explicit_bzero(e->lines[i], strlen(e->lines[i]));
        mem_free(e->lines[i]);
    }
    http_client_free(e->client);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->mu);
    buf_done(&e->waiting);
    mem_free(e->service);
    mem_free(e->shown);
    mem_free(e->url);
    mem_free(e);
}

int exporter_new(struct exporter **out, const struct exporter_options *o)
{
    int rc = url_check(o->url);
    struct exporter *e;

    if (rc < 0)
        return rc;
    e = exporter_alloc(o);
    rc = read_headers(e, o->headers);
    if (rc < 0) {
        exporter_drop(e);
        return rc;
    }
    thread_start(&e->thread, "export", export_main, e);
    *out = e;
    return ERR_OK;
}

void exporter_free(struct exporter *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->mu);
    e->stopping = true;
    e->stop_ms = now_ms() + EXPORTER_FLUSH_MS;
    pthread_mutex_unlock(&e->mu);
    pthread_cond_broadcast(&e->changed);
    pthread_join(e->thread, NULL);
    exporter_drop(e);
}

void exporter_stats_get(struct exporter *e, struct exporter_stats *out)
{
    *out =
        (struct exporter_stats){.sent = e->n_sent, .dropped = e->n_dropped, .failed = e->n_failed};
    pthread_mutex_lock(&e->mu);
    out->waiting = e->n_waiting;
    pthread_mutex_unlock(&e->mu);
}
