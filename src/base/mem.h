/* mem.h - memory that lives as long as the process, or until it is freed by hand.
 *
 * Nothing here returns NULL: when memory runs out the process stops with a message, and SQLite
 * holds the truth. That bargain needs one habit: check sizes that come from outside against a
 * named limit before allocating. For the memory of one request or document see arena.h.
 *
 * Threads  free of state.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

void *mem_alloc(size_t size) __attribute__((malloc, alloc_size(1), returns_nonnull));
void *mem_calloc(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t size) __attribute__((alloc_size(2), returns_nonnull));

/* For what a library makes and fails to only for want of memory: stops in the same way unless it
 * was `made`. */
void mem_must_have(bool made, const char *what);

/* Aligned to 64 bytes, a cache line and an AVX-512 register; zeroed; freed with mem_free. */
void *mem_alloc_aligned(size_t size) __attribute__((malloc, returns_nonnull));

char *mem_strdup(const char *s) __attribute__((returns_nonnull));
void *mem_dup(const void *p, size_t size) __attribute__((returns_nonnull));
void mem_free(void *p);

/* Grows an array so that it holds at least n elements; doubles, so appending is amortised O(1). */
void *mem_grow(void *p, size_t *cap, size_t n, size_t elem_size) __attribute__((returns_nonnull));

/* At a program's start: a heap for each processor, not one for each thread, so that what a thread
 * has freed is used by the next. An hour of questions holds a quarter less, and none is slower. */
void mem_share_heaps(void);

/* Gives the kernel the pages that are free among what is in use, which freeing alone keeps. Takes
 * some milliseconds, in which others may wait for memory. */
void mem_return(void);

/* This process's resident set in bytes (/proc/self/statm); 0: not known. The own part of it is what
 * belongs to no file, so that the kernel cannot take it back. */
size_t mem_resident_bytes(void);
size_t mem_own_bytes(void);
