/* map.h - hash table from bytes to a 64-bit value. Open addressing, linear probing, keys copied.
 *
 * Memory   about 40 bytes an entry beside the key.
 * Threads  confined; immutable once built and then shared freely.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map;

struct map *map_new(void);
void map_free(struct map *m);

/* Sets key to value; the key's bytes are copied. */
void map_put(struct map *m, const void *key, size_t n, uint64_t value);

/* True and *value when the key is there; *value is untouched otherwise. */
bool map_get(const struct map *m, const void *key, size_t n, uint64_t *value);

/* The place of the key's value, made with `fresh` if it was not there; *added says which.
 * Borrowed until the next map_put or map_slot. */
uint64_t *map_slot(struct map *m, const void *key, size_t n, uint64_t fresh, bool *added);

bool map_remove(struct map *m, const void *key, size_t n);
size_t map_count(const struct map *m);

/* Walks all entries in no order: start with *at = 0, ends with false. Key borrowed. */
bool map_next(const struct map *m, size_t *at, const void **key, size_t *n, uint64_t *value);
