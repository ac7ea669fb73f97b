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

/* Adds {"key": value} as an event; value is JSON. */
void sse_add_member(struct event_log *l, const char *event, const char *key, struct str value);
/* {"text": text} */
void sse_add_token(struct event_log *l, struct str text);

/* What was said so far is void; sources (JSON, may be empty) begin again. */
void sse_add_reset(struct event_log *l, struct str sources);

/* The words of the reply's answer, where they are not those that a model has said. `said`: it has
 * said some, which a "reset" voids; sources begin again after it. */
void sse_add_stand_in(struct event_log *l, struct str reply, bool said);

/* An event for each of the reply's citations. */
void sse_add_citations(struct event_log *l, struct str reply);

/* The log of an answer: `reply` is the whole reply of /query. ERR_FORMAT when it is not. */
int sse_log_of_reply(struct event_log **out, const struct digest *request, struct str reply);

/* Starts streaming a log (taken) to r from event `from`; ends r by itself, when the log has ended.
 * `reset`: begins with an event that says that what came before is void. */
void sse_stream(struct request *r, struct event_log *l, size_t from, bool reset);

/* In another form: `write` puts what becomes of event i into `out`, which may stay empty. */
typedef void (*sse_write_fn)(void *arg, const struct event_log *l, size_t i, struct buf *out);
void sse_stream_as(struct request *r, struct event_log *l, sse_write_fn write, void *arg);

/* The text of a token event's data. */
void sse_token_text(struct str data, struct buf *out);

/* The same answer for those who accept text/plain: the text flows and nothing else. */
void sse_stream_text(struct request *r, struct event_log *l);
