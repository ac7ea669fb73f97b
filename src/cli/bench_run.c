#include "cli/bench_run.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/json.h"
#include "base/mem.h"
#include "cli/bench_http.h"
#include "cli/command.h"

struct run {
    const struct bench_plan *plan;
    const char *cache; /* of the request */
    size_t n;          /* questions to ask */
    struct bench_side *side;
    atomic_size_t next;
    _Atomic(int) rc;
    pthread_mutex_t mu; /* guards side (NULL: not counted) and error */
    char error[ERR_TEXT_MAX];
};

static struct sample *column(struct bench_side *s, const char *name)
{
    struct sample *found = bench_column(s, name);

    if (found || s->n_columns == BENCH_COLUMNS_MAX)
        return found;
    snprintf(s->names[s->n_columns], sizeof s->names[0], "%s", name);
    return &s->samples[s->n_columns++];
}

struct sample *bench_column(struct bench_side *s, const char *name)
{
    for (int i = 0; i < s->n_columns; i++)
        if (strcmp(s->names[i], name) == 0)
            return &s->samples[i];
    return NULL;
}

/* "timings" is a reply's last member; the rest is long and need not be read. */
static struct str timings_of(const struct buf *reply)
{
    static const char key[] = "\"timings\":";
    const char *found = NULL, *p = reply->p;
    size_t n;

    while (p && (p = strstr(p, key)))
        found = p++;
    if (!found)
        return STR_LIT("");
    found += sizeof key - 1;
    n = strcspn(found, "}");
    return (struct str){found, n + (found[n] == '}')};
}

static int record(struct run *r, const struct buf *reply, double round_trip_ms)
{
    int rc = ERR_OK;
    json_t *timings = NULL;
    const json_t *v;
    const char *name;

    TRY(json_parse(&timings, timings_of(reply), "timings of a reply"));
    pthread_mutex_lock(&r->mu);
    json_object_foreach(timings, name, v) {
        struct sample *s = column(r->side, name);

        if (s)
            sample_add(s, json_number_value(v));
    }
    if (round_trip_ms >= 0)
        sample_add(column(r->side, "round_trip_ms"), round_trip_ms);
    pthread_mutex_unlock(&r->mu);
out:
    json_decref(timings);
    return rc;
}

static int ask(struct run *r, struct bench_http *http, size_t i)
{
    int rc = ERR_OK;
    const struct bench_plan *p = r->plan;
    struct question_options how = *p->how;
    json_t *request = NULL;
    struct buf reply;
    uint64_t since;

    buf_init(&reply);
    how.cache = r->cache;
    TRY(question_request(&how, p->questions->v[i % p->questions->n].text,
                         p->common->config.collection, false, &request));
    since = clock_ns();
    if (http)
        TRY(bench_http_post(http, request, &reply));
    else
        TRY(question_ask(p->e, p->common, request, false, &reply));
    if (r->side)
        TRY(record(r, &reply, http ? clock_ms_since(since) : -1));
out:
    json_decref(request);
    buf_done(&reply);
    return rc;
}

static void *work(void *arg)
{
    struct run *r = arg;
    struct bench_http *http = r->plan->url ? bench_http_new(r->plan->url) : NULL;
    size_t i;

    while ((i = atomic_fetch_add(&r->next, 1)) < r->n && atomic_load(&r->rc) == ERR_OK) {
        int none = ERR_OK;
        int rc = *r->plan->cancelled ? FAIL(ERR_CANCELLED, "cancelled") : ask(r, http, i);

        if (rc < 0 && atomic_compare_exchange_strong(&r->rc, &none, rc)) {
            pthread_mutex_lock(&r->mu);
            snprintf(r->error, sizeof r->error, "%s", err_text());
            pthread_mutex_unlock(&r->mu);
        }
    }
    bench_http_free(http);
    return NULL;
}

static int ask_all(const struct bench_plan *p, const char *cache, size_t n, struct bench_side *side)
{
    int rc = ERR_OK, started = 0;
    struct run r = {
        .plan = p,
        .cache = cache,
        .n = n,
        .side = side,
        .mu = PTHREAD_MUTEX_INITIALIZER,
    };
    pthread_t *threads = mem_calloc((size_t)p->concurrency, sizeof *threads);

    for (; started < p->concurrency; started++)
        if (pthread_create(&threads[started], NULL, work, &r) != 0)
            break;
    for (int i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    if (started < p->concurrency)
        rc = FAIL(ERR_IO, "cannot start %d threads", p->concurrency);
    else if (atomic_load(&r.rc) < 0)
        rc = FAIL(atomic_load(&r.rc), "%s", r.error);
    mem_free(threads);
    return rc;
}

int bench_run(const struct bench_plan *p, bool cached, struct bench_side *out)
{
    int rc = ERR_OK;
    const char *cache = cached ? "default" : "no-store";
    size_t n_warm = p->questions->n < p->iterations ? p->questions->n : p->iterations;
    uint64_t since;

    *out = (struct bench_side){.n = p->iterations};
    TRY(ask_all(p, cache, cached || n_warm < 10 ? n_warm : 10, NULL)); /* warm, not counted */
    since = clock_ns();
    TRY(ask_all(p, cache, p->iterations, out));
    out->seconds = clock_ms_since(since) / 1e3;
out:
    if (rc < 0)
        bench_side_done(out);
    return rc;
}

void bench_side_done(struct bench_side *s)
{
    for (int i = 0; i < s->n_columns; i++)
        sample_done(&s->samples[i]);
    *s = (struct bench_side){0};
}
