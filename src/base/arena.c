#include "base/arena.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"

#define DEFAULT_BLOCK (16u << 10)
#define ALIGN         16u

/* Blocks form a list, newest first. */
struct block {
    struct block *next;
    size_t used;
    size_t cap;
    size_t pad; /* keeps data[] aligned to 16 */
    unsigned char data[];
};

struct arena {
    struct block *top;
    size_t block_bytes;
    size_t used;
};

static struct block *block_new(size_t cap)
{
    struct block *b = mem_alloc(sizeof *b + cap);

    b->next = NULL;
    b->used = 0;
    b->cap = cap;
    return b;
}

struct arena *arena_new(size_t block_bytes)
{
    struct arena *a = mem_alloc(sizeof *a);

    a->block_bytes = block_bytes ? block_bytes : DEFAULT_BLOCK;
    a->top = block_new(a->block_bytes);
    a->used = 0;
    return a;
}

static void blocks_free(struct block *b)
{
    while (b) {
        struct block *next = b->next;

        mem_free(b);
        b = next;
    }
}

void arena_free(struct arena *a)
{
    if (!a)
        return;
    blocks_free(a->top);
    mem_free(a);
}

void arena_reset(struct arena *a)
{
    struct block *first = a->top;

    while (first->next) {
        struct block *next = first->next;

        mem_free(first);
        first = next;
    }
    a->top = first;
    first->used = 0;
    a->used = 0;
}

void *arena_alloc(struct arena *a, size_t size)
{
    size_t need = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    struct block *b = a->top;

    CHECK(need >= size);
    if (b->cap - b->used < need) {
        b = block_new(need > a->block_bytes ? need : a->block_bytes);
        b->next = a->top;
        a->top = b;
    }
    b->used += need;
    a->used += need;
    return b->data + b->used - need;
}

void *arena_zalloc(struct arena *a, size_t size)
{
    return memset(arena_alloc(a, size), 0, size);
}

void *arena_dup(struct arena *a, const void *p, size_t size)
{
    void *copy = arena_alloc(a, size);

    if (size)
        memcpy(copy, p, size);
    return copy;
}

char *arena_strdup(struct arena *a, const char *s)
{
    return arena_dup(a, s, strlen(s) + 1);
}

char *arena_strndup(struct arena *a, const char *s, size_t n)
{
    char *copy = arena_alloc(a, n + 1);

    if (n)
        memcpy(copy, s, n);
    copy[n] = '\0';
    return copy;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list ap, again;
    char *s;
    int n;

    va_start(ap, fmt);
    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    s = arena_alloc(a, (size_t)n + 1);
    vsnprintf(s, (size_t)n + 1, fmt, again);
    va_end(again);
    return s;
}

size_t arena_used(const struct arena *a)
{
    return a->used;
}
