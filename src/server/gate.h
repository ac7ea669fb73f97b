/* gate.h - the strict check of a request's head, byte by byte as it arrives.
 *
 * Request smuggling lives on what two programs read differently, so nothing of that kind passes:
 *
 *   METHOD SP TARGET SP HTTP/1.x CRLF  ( name ":" value CRLF )*  CRLF
 *
 * CRLF alone ends a line (a bare LF or CR is refused at once), no folding, no control characters,
 * names are tokens directly followed by ':', one Host, at most one Content-Length of digits, no
 * Transfer-Encoding (411), HTTP/1.0 or 1.1, methods we serve. An Upgrade line is left out of
 * `head`, so nobody learns of it.
 *
 *   METHOD -> TARGET -> VERSION -> VERSION_LF -> LINE -> NAME -> VALUE -> VALUE_LF -> LINE ...
 *                                                LINE -> END_LF -> passed
 *
 * Errors   a refusal is an HTTP status and a sentence; it is final.
 * Threads  confined; free of I/O.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define GATE_TARGET_MAX  8192
#define GATE_FIELDS_MAX  100
#define GATE_METHOD_MAX  7
#define GATE_METHODS     "GET, HEAD, POST, PUT, DELETE, PATCH, OPTIONS"
#define GATE_VERSION_LEN 8 /* "HTTP/1.1" */

struct gate_limits {
    size_t header_bytes;
    bool local_hosts_only; /* Host must name this machine: localhost, 127.0.0.1, [::1] */
};

enum gate_verdict { GATE_MORE, GATE_PASSED, GATE_REFUSED };

struct gate {
    const struct gate_limits *limits;
    int state;
    struct buf head; /* what http_parse_head is given; whole when passed */
    size_t n_seen;   /* bytes of the head so far, those left out included */
    size_t n_fields;
    size_t at_token; /* where in head the current method, target, version or name begins */
    size_t at_value; /* where in head the current value begins */

    int http_minor;
    bool has_host, has_length;
    int64_t content_length; /* 0 without one */
    bool expect_continue;

    int status;         /* when refused */
    const char *reason; /* static */
};

/* limits are borrowed for as long as the gate is in use. */
void gate_init(struct gate *g, const struct gate_limits *limits);
void gate_done(struct gate *g);

/* Takes bytes up to the end of the head; *used says how many. What follows belongs to the body or
 * to the next request. After GATE_PASSED or GATE_REFUSED feed nothing more. */
enum gate_verdict gate_feed(struct gate *g, const char *p, size_t n, size_t *used);

/* The name of a method that we serve, NUL-terminated; NULL: we do not. */
const char *gate_method(struct str method);

/* Whether a Host value (or the authority of an Origin) names this machine; any port. */
bool gate_host_is_local(struct str host);
