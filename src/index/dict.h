/* dict.h - strings to dense ids 0, 1, 2, ... in order of arrival, and back.
 *
 * The words of a segment, the keys of its documents, the values of its columns.
 *
 * Memory   the bytes end to end, plus about 16 bytes a string.
 * Threads  confined while it grows; immutable afterwards and then shared freely.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

struct dict;

struct dict *dict_new(void);
void dict_free(struct dict *d);

/* The id of s, which is copied in if it is new; *added may be NULL. */
uint32_t dict_add(struct dict *d, struct str s, bool *added);

/* True and *id when s is there. */
bool dict_find(const struct dict *d, struct str s, uint32_t *id);

/* Borrowed until the next dict_add. */
struct str dict_at(const struct dict *d, uint32_t id);

uint32_t dict_count(const struct dict *d);
size_t dict_bytes(const struct dict *d);
