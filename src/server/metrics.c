#include "server/metrics.h"

#include <stdatomic.h>
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"

#define N_CLASSES 6 /* status / 100, 0 unused */

struct route_numbers {
    struct metrics_route labels;
    atomic_uint_least64_t by_class[N_CLASSES];
    struct histogram latency;
};

struct metrics {
    atomic_uint_least64_t counters[N_COUNTERS];
    atomic_uint_least64_t degraded[N_METRICS_PARTS];
    atomic_uint_least64_t bytes_in, bytes_out;
    struct histogram stages[N_STAGES];
    size_t n_routes;
    struct route_numbers routes[];
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

struct metrics *metrics_new(const struct metrics_route *routes, size_t n_routes)
{
    struct metrics *m = mem_calloc(1, sizeof *m + n_routes * sizeof *m->routes);

    m->n_routes = n_routes;
    for (size_t i = 0; i < n_routes; i++)
        m->routes[i].labels = routes[i];
    return m;
}

void metrics_free(struct metrics *m)
{
    mem_free(m);
}

static void add(atomic_uint_least64_t *n, uint64_t v)
{
    atomic_fetch_add_explicit(n, v, memory_order_relaxed);
}

static uint64_t get(const atomic_uint_least64_t *n)
{
    return atomic_load_explicit(n, memory_order_relaxed);
}

void metrics_count(struct metrics *m, enum counter c)
{
    add(&m->counters[c], 1);
}

void metrics_degraded(struct metrics *m, enum metrics_part part)
{
    add(&m->degraded[part], 1);
}

uint64_t metrics_counter(const struct metrics *m, enum counter c)
{
    return get(&m->counters[c]);
}

void metrics_request(struct metrics *m, size_t i_route, int status, uint64_t ns)
{
    int class = status / 100;

    CHECK(i_route < m->n_routes);
    CHECK(class > 0 && class < N_CLASSES);
    add(&m->routes[i_route].by_class[class], 1);
    histogram_add(&m->routes[i_route].latency, &histogram_of_requests, ns);
}

void metrics_bytes(struct metrics *m, uint64_t in, uint64_t out)
{
    if (in)
        add(&m->bytes_in, in);
    add(&m->bytes_out, out);
}

void metrics_trace(struct metrics *m, const struct trace *t)
{
    for (int i = 0; i < N_STAGES; i++)
        if (t->ns[i])
            histogram_add(&m->stages[i], &histogram_of_requests, t->ns[i]);
}

uint64_t metrics_requests(const struct metrics *m)
{
    uint64_t n = 0;

    for (size_t i = 0; i < m->n_routes; i++)
        for (int k = 0; k < N_CLASSES; k++)
            n += get(&m->routes[i].by_class[k]);
    return n;
}

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

static void write_degraded(const struct metrics *m, struct buf *out)
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
        metrics_sample(out, "ragd_degraded_total", labels, (double)get(&m->degraded[i]));
    }
}

static void write_routes(const struct metrics *m, struct buf *out)
{
    char labels[160];

    metrics_head(out, "ragd_http_requests_total", "counter", "Requests answered.");
    for (size_t i = 0; i < m->n_routes; i++)
        for (int k = 1; k < N_CLASSES; k++)
            if (get(&m->routes[i].by_class[k]))
                buf_addf(out,
                         "ragd_http_requests_total{method=\"%s\",route=\"%s\",status=\"%dxx\"} "
                         "%llu\n",
                         m->routes[i].labels.method, m->routes[i].labels.route, k,
                         (unsigned long long)get(&m->routes[i].by_class[k]));
    metrics_head(out, "ragd_http_request_seconds", "histogram",
                 "From the first byte of a request to its reply handed to the socket.");
    for (size_t i = 0; i < m->n_routes; i++) {
        snprintf(labels, sizeof labels, "method=\"%s\",route=\"%s\"", m->routes[i].labels.method,
                 m->routes[i].labels.route);
        write_histogram(&m->routes[i].latency, "ragd_http_request_seconds", labels, out);
    }
}

void metrics_write(const struct metrics *m, struct buf *out)
{
    char labels[64];

    for (int i = 0; i < N_COUNTERS; i++)
        metrics_total(out, counter_words[i].name, counter_words[i].help,
                      (double)get(&m->counters[i]));
    metrics_total(out, "ragd_http_received_bytes_total", "Bytes of requests' bodies.",
                  (double)get(&m->bytes_in));
    metrics_total(out, "ragd_http_sent_bytes_total", "Bytes of replies, heads and all.",
                  (double)get(&m->bytes_out));
    write_degraded(m, out);
    write_routes(m, out);
    metrics_head(out, "ragd_stage_seconds", "histogram", "Time of each stage of a question.");
    for (int i = 0; i < N_STAGES; i++) {
        snprintf(labels, sizeof labels, "stage=\"%s\"", stage_name((enum stage)i));
        write_histogram(&m->stages[i], "ragd_stage_seconds", labels, out);
    }
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
