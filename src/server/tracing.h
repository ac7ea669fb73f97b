/* tracing.h - one request's part in a distributed trace.
 *
 *   head: traceparent? --> the caller's trace, recorded if it says so
 *         none         --> one of our own, where trace.url is set; recorded by chance, and if not
 *                          without an id until somebody has to be told
 *   reply: traceresponse: 00-TRACE-SPAN-FLAGS; the log line: trace_id
 *   over:  SERVER "POST /query"
 *            +- INTERNAL queue, cache, embed, ...   as base/trace.h has them
 *            +- INTERNAL generate
 *                 +- CLIENT "chat MODEL"            one for each request to a model, hedges too
 *
 * A stage that was entered several times is one span, from when it first began, as long as it took
 * in all. Names are those of OpenTelemetry's conventions for HTTP and generative AI, and ragd.*.
 * Where trace.url is not set a caller's context is passed on as it came, and nothing recorded.
 * The question's words are in no span unless server.log_questions says so.
 *
 * `traceresponse` is what W3C Trace Context's second level drafted and OpenTelemetry's propagators
 * for PHP and Python send; x-trace-id has no definition.
 *
 * Threads  confined to the loop; workers read the context while they work for the request.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/trace.h"
#include "base/trace_context.h"

struct query;
struct request;

struct tracing {
    struct trace_context context; /* of this request's own span */
    char text[TRACEPARENT_BYTES]; /* the same, written once for reply and log */
    bool recorded;                /* its spans are sent when it is over */
    bool has_parent;
    unsigned char parent_id[SPAN_ID_BYTES];
    uint64_t end_ns;                        /* the reply was written */
    const struct trace *stages;             /* NULL: it had none */
    const char *tenant, *collection, *mode; /* of a question; NULL: it is none */
    int k;
    struct str question; /* empty unless it may be told */
};

/* Once the head is parsed: sets r->tracing, which stays NULL while the request is of no trace that
 * anybody has to know. */
void tracing_begin(struct request *r);

/* The header line that tells of it, or nothing. */
void tracing_write_head(const struct request *r, struct buf *out);

/* What its spans will be made of; both are cheap when they are not recorded. `t` lives as long as
 * the request. */
void tracing_stages(struct request *r, const struct trace *t);
void tracing_question(struct request *r, const struct query *q);

/* The reply was written. */
void tracing_over(struct request *r, uint64_t end_ns);

/* Nobody works for the request any more: sends its spans. */
void tracing_send(struct request *r);

/* For whoever tells another server or the log; NULL: of no trace. On the loop, also for a worker
 * (which then may read it), as it may be made only now. */
const struct trace_context *tracing_context(struct request *r);
bool tracing_is_recorded(const struct request *r);
