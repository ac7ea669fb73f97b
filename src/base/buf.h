/* buf.h - bytes that grow. Always NUL-terminated, so buf.p prints.
 *
 * Memory   from the heap; buf_done gives it back. buf_take hands it to the caller (mem_free).
 * Threads  confined.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct buf {
    char *p;
    size_t n;
    size_t cap;
};

void buf_init(struct buf *b);
void buf_done(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory */

void buf_grow(struct buf *b, size_t more); /* of buf_reserve, when there is no room */

static inline void buf_reserve(struct buf *b, size_t more)
{
    if (__builtin_expect(b->n + more + 1 > b->cap, 0))
        buf_grow(b, more);
}

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
    buf_reserve(b, n);
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += n;
    b->p[b->n] = '\0';
}

static inline void buf_add_char(struct buf *b, char c)
{
    buf_reserve(b, 1);
    b->p[b->n++] = c;
    b->p[b->n] = '\0';
}

/* Of a literal the compiler knows the length. */
static inline void buf_add_str(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static inline void buf_add_view(struct buf *b, struct str s)
{
    buf_add(b, s.p, s.n);
}

void buf_addf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_add_u64(struct buf *b, uint64_t v); /* in decimal */
/* v / 10^places in decimal, places 1..19, without zeros at the end: (1500, 3) is "1.5". */
void buf_add_fixed(struct buf *b, uint64_t v, int places);
void buf_cut(struct buf *b, size_t n); /* keeps the first n bytes */
char *buf_take(struct buf *b);         /* never NULL; the buffer is empty afterwards */

static inline struct str buf_view(const struct buf *b)
{
    return (struct str){b->p ? b->p : "", b->n};
}
