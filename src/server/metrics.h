/* metrics.h - counters and latency histograms, printed in Prometheus' text format.
 *
 * Threads  atomic; a page shows each number as of some moment, not all of the same one.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
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

/* Label values: "GET", "/documents/{id}"; static. */
struct metrics_route {
    const char *method, *route;
};

/* i_route below is an index into `routes`, which are copied. */
struct metrics *metrics_new(const struct metrics_route *routes, size_t n_routes);
void metrics_free(struct metrics *m);

void metrics_count(struct metrics *m, enum counter c);
uint64_t metrics_counter(const struct metrics *m, enum counter c);
void metrics_request(struct metrics *m, size_t i_route, int status, uint64_t ns);
void metrics_trace(struct metrics *m, const struct trace *t);
uint64_t metrics_requests(const struct metrics *m); /* all routes */

/* Our own numbers; the caller adds gauges with the two below. */
void metrics_write(const struct metrics *m, struct buf *out);
void metrics_gauge(struct buf *out, const char *name, const char *help, double value);
void metrics_total(struct buf *out, const char *name, const char *help, double value);
