#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"
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
#define U64_DIGITS 20

static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                            "25262728293031323334353637383940414243444546474849"
                            "50515253545556575859606162636465666768697071727374"
                            "75767778798081828384858687888990919293949596979899";

static int count_digits(uint64_t v)
{
    int n = 1;

    for (; v >= 100; v /= 100)
        n += 2;
    return v >= 10 ? n + 1 : n;
}

/* The last n decimal digits of v before `end`, two at a time: a reply has a dozen numbers. */
static void put_digits(char *end, uint64_t v, int n)
{
    for (; n >= 2; n -= 2, v /= 100) {
        end -= 2;
        memcpy(end, pairs + 2 * (v % 100), 2);
    }
    if (n > 0)
        end[-1] = (char)('0' + v % 10);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    int n = count_digits(v);

    buf_reserve(b, U64_DIGITS);
    put_digits(b->p + b->n + n, v, n);
    b->n += (size_t)n;
    b->p[b->n] = '\0';
}

static const uint64_t powers[] = {1,
                                  10,
                                  100,
                                  1000,
                                  10000,
                                  100000,
                                  1000000,
                                  10000000,
                                  100000000,
                                  1000000000,
                                  (uint64_t)1e10,
                                  (uint64_t)1e11,
                                  (uint64_t)1e12,
                                  (uint64_t)1e13,
                                  (uint64_t)1e14,
                                  (uint64_t)1e15,
                                  (uint64_t)1e16,
                                  (uint64_t)1e17,
                                  (uint64_t)1e18,
                                  (uint64_t)1e19};

void buf_add_fixed(struct buf *b, uint64_t v, int places)
{
    uint64_t whole = v < powers[places] ? 0 : v / powers[places]; /* mostly 0, of milliseconds */
    int n = whole ? count_digits(whole) : 1;
    char *p, *end;

    buf_reserve(b, U64_DIGITS + 1);
    p = b->p + b->n;
    put_digits(p + n, whole, n);
    p[n] = '.';
    end = p + n + 1 + places;
    put_digits(end, v - whole * powers[places], places);
    while (end[-1] == '0')
        end--;
    end -= end[-1] == '.';
    *end = '\0';
    b->n = (size_t)(end - b->p);
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
