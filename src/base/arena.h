/* arena.h - memory of one request or one document, given back as a whole.
 *
 * Code on the request path allocates here and never frees. Never returns NULL (see mem.h).
 *
 * Threads  confined: one thread at a time, the request carries it along.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>

struct arena;

/* block_bytes: size of the blocks taken from the heap (0: 16 KiB); larger wishes get their own. */
struct arena *arena_new(size_t block_bytes);
void arena_free(struct arena *a);

/* Gives everything back but the first block, which the next request reuses. */
void arena_reset(struct arena *a);

/* Aligned to 16 bytes, not cleared. */
void *arena_alloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *a, size_t size) __attribute__((returns_nonnull));
void *arena_dup(struct arena *a, const void *p, size_t size) __attribute__((returns_nonnull));
char *arena_strdup(struct arena *a, const char *s) __attribute__((returns_nonnull));
char *arena_strndup(struct arena *a, const char *s, size_t n) __attribute__((returns_nonnull));
char *arena_printf(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Bytes handed out since arena_new or arena_reset. */
size_t arena_used(const struct arena *a);

#define ARENA_NEW(a, type)      ((type *)arena_zalloc((a), sizeof(type)))
#define ARENA_ARRAY(a, type, n) ((type *)arena_zalloc((a), sizeof(type) * (size_t)(n)))
