/* http.h - what a request says and how a reply is written; no sockets.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/str.h"

#define REQUEST_ID_MAX 64

struct http_field {
    struct str name, value;
};

/* The parsed head. Views into the bytes that the gate passed. */
struct http_head {
    struct str method, target;
    struct str path, query; /* target, cut at the first '?'; still percent-encoded */
    int http_minor;
    bool keep_alive;
    struct http_field *fields;
    size_t n_fields;
};

/* Parses what the gate passed. Views point into `head`, fields live in `mem`. ERR_FORMAT when the
 * parser sees it otherwise than the gate. */
int http_parse_head(struct str head, struct arena *mem, struct http_head *out);

/* The path of a head that may not be whole, for refusing it in the right shape; "" before it is. */
struct str http_path_of(struct str head);

/* The value of a field without surrounding space; {NULL, 0} when it is not there. */
struct str http_field(const struct http_head *h, const char *name);

/* Whether a media type ("application/json; charset=utf-8") is `type`, parameters aside. */
bool http_media_is(struct str value, const char *type);

/* Whether an Accept value lists `type` itself (not by wildcard) with q above 0. */
bool http_accepts(struct str accept, const char *type);

/* Decodes %XX. ERR_ARGUMENT for a bad escape, a NUL or bytes that are not UTF-8. */
int http_percent_decode(struct str in, struct arena *mem, struct str *out);

/* A parameter of the query string, decoded ('+' is a space); *out untouched when absent. */
int http_query_param(struct str query, const char *name, struct arena *mem, struct str *out);

/* ERR_ARGUMENT, naming it, when the query string has a parameter that is not listed. */
int http_query_only(struct str query, const char *const *known);

/* "Not Found", ... */
const char *http_reason(int status);

/* The one table from ERR_* to status. */
int http_status_of(int rc);

/* application/problem+json (RFC 9457). `code` is a short stable word, e.g. err_name(rc). */
void http_problem(struct buf *out, int status, const char *code, struct str detail);

/* Randomness for ids, drawn in large pieces: a system call for each would be dear beside a cached
 * reply. Starts as zeros. Threads: confined. */
struct id_source {
    unsigned char bytes[4096];
    size_t left;
};

/* So many random bytes, at most 32. */
void http_random_bytes(struct id_source *ids, void *out, size_t n);

/* The client's id when it is sane, else a fresh one. */
void http_request_id(struct id_source *ids, struct str wanted, char out[REQUEST_ID_MAX + 1]);

/* "prefix" and 32 hex digits of randomness; out holds 33 bytes more than the prefix has. Without a
 * source (NULL) they are drawn for this one alone. */
void http_random_id(struct id_source *ids, const char *prefix, char *out);

/* Quotes bytes for a quoted-string; what may not stand there becomes '?'. */
void http_quote(struct buf *out, struct str s);
