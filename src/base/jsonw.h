/* jsonw.h - writes JSON straight into a buffer.
 *
 * Replies are written, never built as a tree: one pass, no allocation but the buffer's.
 * The writer puts commas where they belong; the caller keeps objects and arrays balanced.
 *
 *   struct jsonw w = jsonw_to(&buf);
 *   jsonw_open(&w, '{');
 *   jsonw_key(&w, "answered"), jsonw_bool(&w, true);
 *   jsonw_close(&w, '}');
 *
 * Strings must be UTF-8; invalid bytes are written as U+FFFD, so the output is always valid.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

struct jsonw {
    struct buf *out;
    bool comma; /* a value stands before, so the next key or value needs one */
};

static inline struct jsonw jsonw_to(struct buf *out)
{
    return (struct jsonw){out, false};
}

void jsonw_open(struct jsonw *w, char bracket);  /* '{' or '[' */
void jsonw_close(struct jsonw *w, char bracket); /* '}' or ']' */
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_str(struct jsonw *w, struct str s);
void jsonw_cstr(struct jsonw *w, const char *s); /* NULL: null */
void jsonw_int(struct jsonw *w, int64_t v);
/* v / 10^places (1..19): exact, and many times faster than a real. */
void jsonw_fixed(struct jsonw *w, uint64_t v, int places);
void jsonw_real(struct jsonw *w,
                double v); /* up to 6 significant digits; NaN and infinities: null */
/* A list of numbers, 9 significant digits each: as many as bring every float back bit for bit.
 * Ten times faster than printf. At most JSONW_FLOAT_MAX bytes a number, comma included. */
#define JSONW_FLOAT_MAX 16
void jsonw_floats(struct jsonw *w, const float *v, size_t n);
/* A string of the bytes in base64 (RFC 4648, with padding). */
void jsonw_base64(struct jsonw *w, const void *p, size_t n);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
void jsonw_raw(struct jsonw *w, struct str json); /* already valid JSON */

/* The pieces, for callers that format by hand. */
void jsonw_string(struct buf *out, struct str s);
void jsonw_integer(struct buf *out, int64_t v);
void jsonw_number(struct buf *out, double v);
