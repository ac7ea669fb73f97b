/* http_client.h - one HTTP request to another server, bounded in time and size.
 *
 * A thin contract over libcurl: connections are kept and used again, every call has a deadline,
 * a reply has a limit, redirects are not followed (a 3xx is a status like any other), nothing but
 * http and https is spoken.
 *
 * Secrets  a URL is shown without user, password, query and fragment; `key` is shown nowhere.
 * Proxies  https_proxy, http_proxy and no_proxy of the environment are honoured, as curl does,
 *          but never for this machine itself (localhost, 127.0.0.1, ::1).
 * Errors   ERR_TIMEOUT: the deadline passed. ERR_UNAVAILABLE: not reached, cut off, not HTTP, more
 *          than the limit. ERR_ARGUMENT: a URL or key that cannot be used. Each names the URL.
 *          A status of 400 and above is no error here: the caller judges it.
 * Traces   what the calling thread works for (base/trace_context.h) goes along as traceparent.
 * Threads  any number of calls at once; each has a connection of its own while it runs.
 * Limits   HTTP_CLIENT_IDLE_MAX connections are kept, HTTP_HANDLE_HEAD_MAX bytes of reply head.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/str.h"

#define HTTP_CLIENT_IDLE_MAX    16
#define HTTP_CLIENT_CONNECT_MAX 3000 /* ms to connect, or the call's deadline if that is sooner */

struct http_client;

struct http_call {
    const char *url;
    const char *key;          /* sent as "Authorization: Bearer KEY"; NULL: none */
    struct str body;          /* JSON to POST; p NULL: GET */
    const char *const *lines; /* more header lines, "Name: value", the last NULL; NULL: none */
    int64_t within_ms;        /* connecting, sending and receiving; at least 1 */
    size_t body_max;          /* bytes of reply */
};

struct http_result {
    int status;
    int64_t retry_after_ms; /* of the header Retry-After in seconds or as a date; -1: none */
    struct buf body;
};

struct http_client *http_client_new(void);
void http_client_free(struct http_client *c); /* no call is running */

/* Fills `out` (buf_done(&out->body) gives it back), which stays untouched when the call fails. */
int http_client_call(struct http_client *c, const struct http_call *call, struct http_result *out);
