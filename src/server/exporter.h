/* exporter.h - brings spans to a collector of OpenTelemetry's, behind everybody's back.
 *
 *   exporter_add -> what waits, bounded -> a thread: POST URL, in batches
 *                    | full: dropped and counted
 *
 * Batches  after EXPORTER_WAIT_MS, or when EXPORTER_BATCH spans wait.
 * Tries    OTLP/HTTP: again on 429, 502, 503, 504 and when the collector is not reached, after
 *          what Retry-After says or 0.1 s doubling with jitter, at most EXPORTER_PAUSE_MAX_MS, for
 *          EXPORTER_KEEP_MS; any other status loses the batch, as does the end of that time.
 * Log      one line when the collector is lost, one when it is back.
 * Stopping what waits is sent within EXPORTER_FLUSH_MS; a request on its way takes at most
 *          timeout_ms. The rest is dropped and counted.
 * Threads  locked; nobody ever waits for the network.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define EXPORTER_QUEUE_SPANS  4096
#define EXPORTER_QUEUE_BYTES  ((size_t)4 << 20)
#define EXPORTER_BATCH        512
#define EXPORTER_WAIT_MS      1000
#define EXPORTER_PAUSE_MAX_MS 10000
#define EXPORTER_KEEP_MS      60000
#define EXPORTER_FLUSH_MS     2000
#define EXPORTER_HEADERS_MAX  16

struct exporter;

struct exporter_options {
    const char *url;     /* "http://127.0.0.1:4318/v1/traces" */
    const char *service; /* service.name */
    const char *headers; /* "name=value,name=value", values percent-encoded, as in
                          * OTEL_EXPORTER_OTLP_HEADERS; NULL: none. Secrets: shown nowhere */
    int64_t timeout_ms;  /* of one request; at least 1 */
};

/* ERR_ARGUMENT: a URL or headers that cannot be used. Options are copied. */
int exporter_new(struct exporter **out, const struct exporter_options *o);

/* Flushes and ends. NULL is fine. */
void exporter_free(struct exporter *e);

/* n spans of otlp_span_write, copied. False: there was no room. */
bool exporter_add(struct exporter *e, struct str spans, size_t n);

struct exporter_stats {
    uint64_t sent, dropped, failed; /* spans: taken by the collector; for want of room; refused by
                                     * it, or never brought to it */
    size_t waiting;
};

void exporter_stats_get(struct exporter *e, struct exporter_stats *out);
