/* trace_context.h - which distributed trace a piece of work belongs to, as one server tells the
 * next.
 *
 *   traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
 *                |  trace id, 16 bytes               span id, 8        flags: 1 sampled
 *                version
 *   tracestate: rojo=00f067aa0ba902b7,congo=t61rcWkgMzE     of others, passed on as it came
 *
 * Source   W3C Trace Context, Recommendation of November 2021
 * (https://www.w3.org/TR/trace-context/). Threads  free of state, but for what a thread works for:
 * each has its own.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

#define TRACE_ID_BYTES    16
#define SPAN_ID_BYTES     8
#define TRACEPARENT_BYTES 56 /* NUL included */
#define TRACE_ID_HEX      (2 * TRACE_ID_BYTES + 1)

struct trace_context {
    unsigned char trace_id[TRACE_ID_BYTES];
    unsigned char span_id[SPAN_ID_BYTES]; /* of whoever does the work */
    bool sampled;
    const char *state; /* tracestate; NULL: none; borrowed */
};

/* False, and `out` untouched, unless it is a traceparent to the letter. Versions to come may have
 * more behind the flags. The state is set to NULL. */
bool trace_context_parse(struct str traceparent, struct trace_context *out);

void trace_context_write(const struct trace_context *c, char out[TRACEPARENT_BYTES]);

/* 2 * n hex digits and a NUL; n is 4, 8, 12, ... */
void trace_hex(const unsigned char *id, size_t n, char *out);

/* Whether a new trace is among the share 0..1 that is recorded. */
bool trace_is_chosen(uint64_t random, double share);

/* A random id, of the system: for what is rare beside a system call. */
void trace_new_span_id(unsigned char out[SPAN_ID_BYTES]);

/* What this thread works for just now: its log lines carry the trace's id, and requests to other
 * servers the context. NULL: nothing. Borrowed until it is set again. */
void trace_context_bind(const struct trace_context *c);
const struct trace_context *trace_context_bound(void);
