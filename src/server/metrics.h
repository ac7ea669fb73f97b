/* metrics.h - counters and latency histograms, printed in Prometheus' text format.
 *
 * Threads  any; each that counts has numbers of its own, which a page adds up: no locked
 *          instruction beside a reply of some microseconds. A page shows each number as of some
 *          moment, not all of the same one.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "base/trace.h"

struct metrics;

enum counter {
    COUNT_CONNECTIONS,         /* accepted */
    COUNT_CONNECTIONS_REFUSED, /* over the limit */
    COUNT_BAD_REQUESTS,        /* refused by the gate */
    COUNT_TIMEOUTS,            /* dropped at a deadline */
    COUNT_RUNS,                /* questions run in full */
    COUNT_JOINED,              /* questions that shared another's run */
    COUNT_BUSY,                /* answered 503 because a queue was full */
    N_COUNTERS
};

/* What goes up and down. */
enum gauge {
    GAUGE_REQUESTS, /* with a handler */
    GAUGE_STREAMS,  /* replies that are being streamed */
    N_GAUGES
};

/* Of an answer, by the names of the reply's `degraded`. */
enum metrics_part {
    METRICS_PART_EMBED,
    METRICS_PART_RERANK,
    METRICS_PART_MODEL,
    METRICS_PART_GENERATE,
    METRICS_PART_LENGTH,
    N_METRICS_PARTS
};

/* Label values: "GET", "/documents/{id}"; static. */
struct metrics_route {
    const char *method, *route;
};

/* i_route below is an index into `routes`, which are copied. */
struct metrics *metrics_new(const struct metrics_route *routes, size_t n_routes);
void metrics_free(struct metrics *m);

void metrics_count(struct metrics *m, enum counter c);
void metrics_degraded(struct metrics *m, enum metrics_part part);
void metrics_adjust(struct metrics *m, enum gauge g, int by);
uint64_t metrics_counter(struct metrics *m, enum counter c);
void metrics_request(struct metrics *m, size_t i_route, int status, uint64_t ns);
/* Bodies, in and out. */
void metrics_bytes(struct metrics *m, uint64_t in, uint64_t out);
void metrics_trace(struct metrics *m, const struct trace *t);
uint64_t metrics_requests(struct metrics *m); /* all routes */

/* Our own numbers; the caller adds others with those below. */
void metrics_write(struct metrics *m, struct buf *out);
void metrics_gauge(struct buf *out, const char *name, const char *help, double value);
void metrics_total(struct buf *out, const char *name, const char *help, double value);

/* Numbers with labels: a head, then all of its samples. `labels` as in `a="x",b="y"`, escaped
 * (metrics_label). */
void metrics_head(struct buf *out, const char *name, const char *type, const char *help);
void metrics_sample(struct buf *out, const char *name, const char *labels, double value);
void metrics_histogram(struct buf *out, const char *name, const char *labels,
                       const struct histogram_scale *s, const struct histogram_counts *c);

/* Appends key="value"; quotes, backslashes and line feeds of the value are escaped. */
void metrics_label(struct buf *out, const char *key, const char *value);
