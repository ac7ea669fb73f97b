/* http_handle.h - what every libcurl handle of ours has in common, blocking or not.
 *
 * Only http and https are spoken, redirects are not followed, libcurl raises no signals, proxies
 * are those of the environment but never for this machine itself. Inside net/ only: the contracts
 * are http_client.h and http_async.h.
 *
 * Threads  free of state.
 */
#pragma once
#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "base/trace_context.h"

#define HTTP_HANDLE_HEAD_MAX ((size_t)64 << 10)

/* Hosts that no proxy is asked for: those of the environment and this machine; mem_free it. */
char *http_handle_no_proxy(void);

/* NULL when libcurl has no memory. `reason` [CURL_ERROR_SIZE] and no_proxy live as long. */
CURL *http_handle_new(const char *no_proxy, char *reason);

/* Header lines of a request; key NULL: none; trace NULL: of no trace. curl_slist_free_all gives
 * them back. */
struct curl_slist *http_handle_headers(const char *key, const char *accept, bool has_body,
                                       const struct trace_context *trace);

/* The head of a reply as it comes in. */
struct http_head {
    size_t bytes;
    int64_t retry_after_ms; /* of the header Retry-After in seconds or as a date; -1: none */
};

/* Takes one line; false when the head is longer than HTTP_HANDLE_HEAD_MAX. */
bool http_head_add(struct http_head *head, struct str line);

/* How long a call might take; total_ms 0: for ever. */
struct http_waits {
    int64_t connect_ms, total_ms;
};

void http_handle_set_waits(CURL *curl, const struct http_waits *w);

/* What went wrong with a call to `url`, as http_client.h lists it. Returns the code. */
int http_handle_explain(CURL *curl, CURLcode wrong, const char *url, const char *reason,
                        const struct http_waits *w);

/* The same for a reply that is longer than it may be. */
int http_handle_too_long(const char *url, size_t max);
