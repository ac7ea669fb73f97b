/* sse.h - an answer as a stream of events, or as plain text.
 *
 *   id: GENERATION-N
 *   event: sources | token | citation | done | error | reset
 *   data: JSON
 *
 * The events of a finished answer are a log (server/replay.h); a stream is a cursor over it that
 * writes while there is room and goes on when the socket has drained. A comment line goes out
 * whenever nothing else did for SSE_COMMENT_MS.
 *
 * Threads  confined to the loop.
 */
#pragma once
#include <stddef.h>

#include "base/buf.h"
#include "base/str.h"
#include "server/replay.h"

#define SSE_COMMENT_MS 15000

struct request;

/* One event in wire form. `n` < 0: without an id. Data must hold no line break (JSON does not). */
void sse_format(struct buf *out, const char *generation, int64_t n, const char *name,
                struct str data);

/* The log of an answer: `reply` is the whole reply of /query. ERR_FORMAT when it is not. */
int sse_log_of_reply(struct event_log **out, const struct digest *request, struct str reply);

/* Starts streaming a finished log (taken) to r from event `from`; ends r by itself. `reset`:
 * begins with an event that says that what came before is void. */
void sse_stream(struct request *r, struct event_log *l, size_t from, bool reset);

/* The same answer for those who accept text/plain: the text flows and nothing else. */
void sse_stream_text(struct request *r, struct event_log *l);
