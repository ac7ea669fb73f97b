#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
#include "base/digits.h"
#include "base/mem.h"

void buf_init(struct buf *b)
{
    *b = (struct buf){0};
}

void buf_done(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){0};
}

void buf_clear(struct buf *b)
{
    b->n = 0;
    if (b->p)
        b->p[0] = '\0';
}

void buf_grow(struct buf *b, size_t more)
{
    size_t need = b->n + more + 1;

    b->p = mem_grow(b->p, &b->cap, need < 64 ? 64 : need, 1);
}

void buf_addf(struct buf *b, const char *fmt, ...)
{
    va_list ap, again;
    int n;

    buf_reserve(b, 96); /* most pieces fit, so most are formatted once */
    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(b->p + b->n, b->cap - b->n, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    if ((size_t)n >= b->cap - b->n) {
        buf_reserve(b, (size_t)n);
        vsnprintf(b->p + b->n, b->cap - b->n, fmt, again);
    }
    va_end(again);
    b->n += (size_t)n;
}

/* printf is most of what a short reply costs; numbers are most of what it is asked to print. */
void buf_add_u64(struct buf *b, uint64_t v)
{
    buf_reserve(b, U64_DIGITS);
    b->n = (size_t)(put_u64(b->p + b->n, v) - b->p);
    b->p[b->n] = '\0';
}

void buf_add_fixed(struct buf *b, uint64_t v, int places)
{
    buf_reserve(b, FIXED_DIGITS);
    b->n = (size_t)(put_fixed(b->p + b->n, v, places) - b->p);
    b->p[b->n] = '\0';
}

void buf_cut(struct buf *b, size_t n)
{
    CHECK(n <= b->n);
    b->n = n;
    if (b->p)
        b->p[n] = '\0';
}

char *buf_take(struct buf *b)
{
    char *p;

    buf_reserve(b, 0);
    p = b->p;
    p[b->n] = '\0';
    *b = (struct buf){0};
    return p;
}
