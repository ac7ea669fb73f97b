/* sse_reader.h - reads text/event-stream as it arrives, however it is cut.
 *
 *   bytes --lines (CR, LF, CRLF)--> fields --empty line--> event
 *
 * Source   WHATWG HTML, "Server-sent events": parsing and interpreting an event stream. One byte
 *          order mark at the start is skipped, lines that begin with ':' are comments, unknown
 *          fields mean nothing, an event without data is none, and what has no empty line behind
 *          it when the stream ends never happened.
 * Bytes    come out as they came in: whoever reads them checks that they are UTF-8.
 * Limits   one event, with the line that is being read, has at most the bytes given at the start;
 *          beyond them ERR_LIMIT.
 * Threads  confined.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

struct sse_event {
    struct str name; /* "message" when the stream names none */
    struct str data; /* its lines joined by LF */
    struct str id;   /* the last id so far; "": none */
};

/* Everything is borrowed for the call. A negative return ends the reading. */
typedef int (*sse_event_fn)(void *arg, const struct sse_event *e);

struct sse_reader {
    size_t event_max;
    sse_event_fn event;
    void *arg;
    int64_t retry_ms; /* what the stream last asked for; -1: nothing */
    struct buf line;  /* the beginning of one that is not whole yet */
    struct buf name, data, id;
    bool begun;    /* the first line is behind us */
    bool after_cr; /* an LF now belongs to the CR before it */
};

void sse_reader_init(struct sse_reader *r, size_t event_max, sse_event_fn event, void *arg);
void sse_reader_done(struct sse_reader *r);

/* ERR_OK, ERR_LIMIT, or what `event` returned when that was negative; then the reader is of no
 * more use. */
int sse_reader_feed(struct sse_reader *r, struct str bytes);
