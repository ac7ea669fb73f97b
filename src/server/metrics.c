#include "server/metrics.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"

#define N_CLASSES 6 /* status / 100, 0 unused */

/* All of one thread's, or of all threads together: nothing but numbers of one kind, so that they
 * are added up as an array. A gauge that goes down wraps, and is right again in the sum. */
struct route_numbers {
    atomic_uint_least64_t by_class[N_CLASSES];
    struct histogram latency;
};

struct numbers {
    atomic_uint_least64_t counters[N_COUNTERS];
    atomic_uint_least64_t degraded[N_METRICS_PARTS];
    atomic_uint_least64_t gauges[N_GAUGES];
    atomic_uint_least64_t bytes_in, bytes_out;
    struct histogram stages[N_STAGES];
    struct route_numbers routes[];
};

struct shard {
    struct shard *next;
    struct numbers numbers;
};

struct metrics {
    uint64_t id; /* never used again in this process */
    struct metrics_route *labels;
    size_t n_routes;
    pthread_mutex_t mu; /* guards the field below; shards are freed with us */
    struct shard *shards;
};

static const struct {
    const char *name, *help;
} counter_words[N_COUNTERS] = {
    [COUNT_CONNECTIONS] = {"ragd_connections_total", "Connections accepted."},
    [COUNT_CONNECTIONS_REFUSED] = {"ragd_connections_refused_total",
                                   "Connections refused over limits.connections."},
    [COUNT_BAD_REQUESTS] = {"ragd_bad_requests_total", "Requests refused before any route."},
    [COUNT_TIMEOUTS] = {"ragd_timeouts_total", "Connections dropped at a deadline."},
    [COUNT_RUNS] = {"ragd_query_runs_total", "Questions run in full."},
    [COUNT_JOINED] = {"ragd_query_joined_total", "Questions that shared the run of another."},
    [COUNT_BUSY] = {"ragd_busy_total", "Requests answered 503 because a queue was full."},
};

/* ---- whose numbers ---- */

static size_t numbers_bytes(const struct metrics *m)
{
    return sizeof(struct numbers) + m->n_routes * sizeof(struct route_numbers);
}

static struct shard *shard_new(struct metrics *m)
{
    struct shard *s = mem_calloc(1, offsetof(struct shard, numbers) + numbers_bytes(m));

    pthread_mutex_lock(&m->mu);
    s->next = m->shards;
    m->shards = s;
    pthread_mutex_unlock(&m->mu);
    return s;
}

/* This thread's. Known by the metrics' id: another's address may be the same. */
static struct numbers *mine(struct metrics *m)
{
    static _Thread_local struct {
        uint64_t id;
        struct shard *shard;
    } last;

    if (last.id != m->id) {
        last.shard = shard_new(m);
        last.id = m->id;
    }
    return &last.shard->numbers;
}

struct metrics *metrics_new(const struct metrics_route *routes, size_t n_routes)
{
    static atomic_uint_least64_t n_made;
    struct metrics *m = mem_calloc(1, sizeof *m);

    m->id = atomic_fetch_add(&n_made, 1) + 1;
    m->n_routes = n_routes;
    m->labels = mem_dup(routes, n_routes * sizeof *routes);
    pthread_mutex_init(&m->mu, NULL);
    return m;
}

void metrics_free(struct metrics *m)
{
    if (!m)
        return;
    for (struct shard *s = m->shards, *next; s; s = next) {
        next = s->next;
        mem_free(s);
    }
    pthread_mutex_destroy(&m->mu);
    mem_free(m->labels);
    mem_free(m);
}

/* ---- counting ---- */

static uint64_t get(const atomic_uint_least64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

/* Of a number that no other thread changes. */
static void add(atomic_uint_least64_t *n, uint64_t v)
{
    atomic_store_explicit(n, get(n) + v, memory_order_relaxed);
}

void metrics_count(struct metrics *m, enum counter c)
{
    add(&mine(m)->counters[c], 1);
}

void metrics_degraded(struct metrics *m, enum metrics_part part)
{
    add(&mine(m)->degraded[part], 1);
}

void metrics_adjust(struct metrics *m, enum gauge g, int by)
{
    add(&mine(m)->gauges[g], (uint64_t)(int64_t)by);
}

void metrics_request(struct metrics *m, size_t i_route, int status, uint64_t ns)
{
    int class = status / 100;
    struct route_numbers *r;

    CHECK(i_route < m->n_routes);
    CHECK(class > 0 && class < N_CLASSES);
    r = &mine(m)->routes[i_route];
    add(&r->by_class[class], 1);
    histogram_add_alone(&r->latency, &histogram_of_requests, ns);
}

void metrics_bytes(struct metrics *m, uint64_t in, uint64_t out)
{
    struct numbers *n = mine(m);

    add(&n->bytes_in, in);
    add(&n->bytes_out, out);
}

void metrics_trace(struct metrics *m, const struct trace *t)
{
    struct numbers *n = mine(m);

    for (int i = 0; i < N_STAGES; i++)
        if (t->ns[i])
            histogram_add_alone(&n->stages[i], &histogram_of_requests, t->ns[i]);
}

/* ---- adding up ---- */

_Static_assert(sizeof(struct numbers) % sizeof(atomic_uint_least64_t) == 0, "an array of numbers");
_Static_assert(sizeof(struct route_numbers) % sizeof(atomic_uint_least64_t) == 0, "likewise");

/* Of all threads; mem_free it. */
static struct numbers *sum_of(struct metrics *m)
{
    struct numbers *sum = mem_calloc(1, numbers_bytes(m));
    size_t n = numbers_bytes(m) / sizeof(atomic_uint_least64_t);

    pthread_mutex_lock(&m->mu);
    for (const struct shard *s = m->shards; s; s = s->next)
        for (size_t i = 0; i < n; i++)
            add((atomic_uint_least64_t *)sum + i,
                get((const atomic_uint_least64_t *)&s->numbers + i));
    pthread_mutex_unlock(&m->mu);
    return sum;
}

uint64_t metrics_counter(struct metrics *m, enum counter c)
{
    struct numbers *sum = sum_of(m);
    uint64_t n = get(&sum->counters[c]);

    mem_free(sum);
    return n;
}

uint64_t metrics_requests(struct metrics *m)
{
    struct numbers *sum = sum_of(m);
    uint64_t n = 0;

    for (size_t i = 0; i < m->n_routes; i++)
        for (int k = 0; k < N_CLASSES; k++)
            n += get(&sum->routes[i].by_class[k]);
    mem_free(sum);
    return n;
}

/* ---- the page ---- */

void metrics_head(struct buf *out, const char *name, const char *type, const char *help)
{
    buf_addf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void metrics_sample(struct buf *out, const char *name, const char *labels, double value)
{
    buf_addf(out, "%s{%s} %.15g\n", name, labels, value);
}

void metrics_histogram(struct buf *out, const char *name, const char *labels,
                       const struct histogram_scale *s, const struct histogram_counts *c)
{
    for (size_t i = 0; i < s->n; i++)
        buf_addf(out, "%s_bucket{%s,le=\"%g\"} %llu\n", name, labels, (double)s->bounds_us[i] / 1e6,
                 (unsigned long long)c->up_to[i]);
    buf_addf(out, "%s_bucket{%s,le=\"+Inf\"} %llu\n", name, labels, (unsigned long long)c->n);
    buf_addf(out, "%s_sum{%s} %.9g\n", name, labels, (double)c->sum_ns / 1e9);
    buf_addf(out, "%s_count{%s} %llu\n", name, labels, (unsigned long long)c->n);
}

static void write_histogram(const struct histogram *h, const char *name, const char *labels,
                            struct buf *out)
{
    struct histogram_counts c;

    histogram_read(h, &histogram_of_requests, &c);
    metrics_histogram(out, name, labels, &histogram_of_requests, &c);
}

static void write_degraded(const struct numbers *n, struct buf *out)
{
    static const char *const names[N_METRICS_PARTS] = {
        [METRICS_PART_EMBED] = "embed",   [METRICS_PART_RERANK] = "rerank",
        [METRICS_PART_MODEL] = "model",   [METRICS_PART_GENERATE] = "generate",
        [METRICS_PART_LENGTH] = "length",
    };
    char labels[64];

    metrics_head(out, "ragd_degraded_total", "counter",
                 "Answers of which a part was left out, made cheaper or stood in for.");
    for (int i = 0; i < N_METRICS_PARTS; i++) {
        snprintf(labels, sizeof labels, "part=\"%s\"", names[i]);
        metrics_sample(out, "ragd_degraded_total", labels, (double)get(&n->degraded[i]));
    }
}

static void write_routes(const struct metrics *m, const struct numbers *n, struct buf *out)
{
    char labels[160];

    metrics_head(out, "ragd_http_requests_total", "counter", "Requests answered.");
    for (size_t i = 0; i < m->n_routes; i++)
        for (int k = 1; k < N_CLASSES; k++)
            if (get(&n->routes[i].by_class[k]))
                buf_addf(out,
                         "ragd_http_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} "
                         "%llu\n",
                         m->labels[i].method, m->labels[i].route, k,
                         (unsigned long long)get(&n->routes[i].by_class[k]));
    metrics_head(out, "ragd_http_request_seconds", "histogram",
                 "From the first byte of a request to its reply handed to the socket.");
    for (size_t i = 0; i < m->n_routes; i++) {
        snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\"", m->labels[i].method,
                 m->labels[i].route);
        write_histogram(&n->routes[i].latency, "ragd_http_request_seconds", labels, out);
    }
}

static void write_stages(const struct numbers *n, struct buf *out)
{
    char labels[64];

    metrics_head(out, "ragd_stage_seconds", "histogram", "Time of each stage of a question.");
    for (int i = 0; i < N_STAGES; i++) {
        snprintf(labels, sizeof labels, "stage=\"%s\"", stage_name((enum stage)i));
        write_histogram(&n->stages[i], "ragd_stage_seconds", labels, out);
    }
}

void metrics_write(struct metrics *m, struct buf *out)
{
    struct numbers *n = sum_of(m);

    for (int i = 0; i < N_COUNTERS; i++)
        metrics_total(out, counter_words[i].name, counter_words[i].help,
                      (double)get(&n->counters[i]));
    metrics_total(out, "ragd_http_received_bytes_total", "Bytes of requests' bodies.",
                  (double)get(&n->bytes_in));
    metrics_total(out, "ragd_http_sent_bytes_total", "Bytes of replies, heads and all.",
                  (double)get(&n->bytes_out));
    metrics_gauge(out, "ragd_requests_in_flight", "Requests that are being answered.",
                  (double)(int64_t)get(&n->gauges[GAUGE_REQUESTS]));
    metrics_gauge(out, "ragd_streams_open", "Of these, those whose reply is a stream.",
                  (double)(int64_t)get(&n->gauges[GAUGE_STREAMS]));
    write_degraded(n, out);
    write_routes(m, n, out);
    write_stages(n, out);
    mem_free(n);
}

void metrics_gauge(struct buf *out, const char *name, const char *help, double value)
{
    metrics_head(out, name, "gauge", help);
    buf_addf(out, "%s %.15g\n", name, value);
}

void metrics_total(struct buf *out, const char *name, const char *help, double value)
{
    metrics_head(out, name, "counter", help);
    buf_addf(out, "%s %.15g\n", name, value);
}

void metrics_label(struct buf *out, const char *key, const char *value)
{
    buf_addf(out, "%s%s=\"", out->n ? "," : "", key);
    for (const char *p = value; *p; p++) {
        if (*p == '"' || *p == '\\')
            buf_add_char(out, '\\');
        if (*p == '\n')
            buf_add_str(out, "\\n");
        else
            buf_add_char(out, *p);
    }
    buf_add_char(out, '"');
}
