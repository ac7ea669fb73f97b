/* chat_try.h - one request to one language model, and what came of it.
 *
 *   POST -> 200 text/event-stream -> events -> token, token, ... -> end
 *        -> 200 anything else     -> the whole text as one token -> end
 *        -> another status, cut, garbage, too much              -> end with the reason
 *
 * Threads  confined to the loop of its http_async.
 * Limits   CHAT_TEXT_MAX bytes of text, CHAT_EVENT_MAX of one event, CHAT_WIRE_MAX in all; beyond
 *          them ERR_LIMIT.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "generate/chat_models.h"
#include "generate/chat_wire.h"
#include "net/http_async.h"
#include "net/sse_reader.h"

#define CHAT_TEXT_MAX  ((size_t)1 << 20)
#define CHAT_EVENT_MAX ((size_t)2 << 20)   /* the text with its escapes, and some more */
#define CHAT_WIRE_MAX  ((size_t)256 << 20) /* a megabyte of text in events of one letter */

struct chat_try {
    const struct chat_model *model;
    /* Called from the loop; either may cancel this try. After `end` the try may be started anew. */
    void (*token)(void *arg, struct str text); /* at least one byte */
    void (*end)(void *arg);
    void *arg;
    const struct trace_context *trace; /* that the request is part of; NULL: of none */

    /* How it went: right when `end` is called. */
    int rc;                   /* as `error` says */
    char error[ERR_TEXT_MAX]; /* for whoever asks: the model's name, not its URL */
    char fault[ERR_TEXT_MAX]; /* without name and without any words of the server's */
    int status;               /* 0: none came */
    int64_t retry_after_ms;   /* -1: none */
    bool again;               /* another try may help */
    bool failed;              /* the server did not do its part: counts for the breaker */
    bool complete;            /* finished by stop or length, and ended as it should */
    struct chat_reply reply;
    uint64_t start_ns;

    /* Private. */
    bool running, is_stream;
    struct http_async_run *run; /* NULL: the reply is in, or has been cut off */
    struct sse_reader events;
    struct buf body; /* of what is no stream */
    size_t n_text, n_wire;
};

/* The try is zeroed or has ended; model, token, end and arg are set. `body` of chat_ask_write is
 * borrowed for the call. */
void chat_try_start(struct chat_try *t, struct http_async *h, struct str body);

/* No callback after it; the connection is closed at once. Fine for a try that has ended. */
void chat_try_cancel(struct chat_try *t);

/* Cancels and gives the memory back. Not from inside `token`. */
void chat_try_done(struct chat_try *t);
