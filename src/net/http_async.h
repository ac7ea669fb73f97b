/* http_async.h - HTTP requests on an event loop: many at once, none of them blocking it.
 *
 *   libcurl multi <--sockets, one timer--> libuv --> head, data..., done
 *
 * Connections are kept and used again; HTTP/2 over TLS where the server speaks it. Proxies,
 * secrets and errors are as http_client.h says (no redirects, nothing but http and https, the key
 * in its header only). A status of 400 and above is no error: the caller judges it. The body has
 * no limit: a caller who has had enough cancels.
 *
 * Callbacks  come from the loop, never from inside http_async_start, and may start and cancel any
 *            request. head (at most once) comes before data, done comes once and last.
 * Threads    confined to the thread of its loop.
 * Limits     HTTP_ASYNC_IDLE_MAX connections are kept; HTTP_HANDLE_HEAD_MAX bytes of head.
 */
#pragma once
#include <stdint.h>
#include <uv.h>

#include "base/str.h"

#define HTTP_ASYNC_IDLE_MAX 64
#define HTTP_ASYNC_REST_MS  1000 /* how long http_async_release lets a reply go on */
#define HTTP_ASYNC_REST_MAX 65536

struct http_async;
struct http_async_run;
struct trace_context;

struct http_async_call {
    const char *url;                   /* borrowed, as are key, body, accept and trace */
    const char *key;                   /* sent as "Authorization: Bearer KEY"; NULL: none */
    struct str body;                   /* JSON to POST */
    const char *accept;                /* "text/event-stream" */
    int64_t connect_ms;                /* at least 1 */
    int64_t total_ms;                  /* 0: for ever */
    const struct trace_context *trace; /* goes along as traceparent; NULL: none */
    /* content_type "" and retry_after_ms -1: the reply does not say. May be NULL. */
    void (*head)(void *arg, int status, const char *content_type, int64_t retry_after_ms);
    void (*data)(void *arg, struct str bytes); /* borrowed for the call, even if it cancels */
    void (*done)(void *arg, int rc);           /* rc < 0: err_text() says why */
    void *arg;
};

struct http_async *http_async_new(uv_loop_t *loop);

/* No request is running (cancel them first). The handles on the loop are closed; their memory and
 * that of `h` goes back as the owner runs the loop, as it must before uv_loop_close. */
void http_async_free(struct http_async *h);

/* Never fails at once: what is wrong comes by done. The run is ours; the pointer is good until
 * done, http_async_cancel or http_async_release. */
struct http_async_run *http_async_start(struct http_async *h, const struct http_async_call *call);

/* No callback after it; the connection is closed at once (HTTP/2: the stream). */
void http_async_cancel(struct http_async_run *run);

/* No callback after it, as when cancelled, but a reply that ends by itself within
 * HTTP_ASYNC_REST_MS and HTTP_ASYNC_REST_MAX bytes leaves its connection for others. */
void http_async_release(struct http_async_run *run);
