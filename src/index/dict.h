/* dict.h - strings to dense ids 0, 1, 2, ... in order of arrival, and back.
 *
 * The words of a segment, the keys of its documents, the values of its columns.
 *
 * Memory   the bytes end to end, plus about 20 bytes a string.
 * Threads  confined while it grows; immutable afterwards and then shared freely.
 *
 * In a file (base/sections.h), each name behind the caller's prefix:
 *
 *   head    3 u64    seed of the hashes, strings n, bytes of all strings
 *   bytes   u8       the strings end to end
 *   end     n u64    where string i ends; it begins where i-1 ends
 *   table   m u64    m a power of two; the place of a string is the lower half of its hash (XXH3
 * with the seed), or the next free one: hash << 32 | id + 1, 0 where free
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sections.h"
#include "base/str.h"

struct dict;

struct dict *dict_new(void);
void dict_free(struct dict *d);

/* The id of s, which is copied in if it is new; *added may be NULL. Not of a mapped one. */
uint32_t dict_add(struct dict *d, struct str s, bool *added);

/* True and *id when s is there. */
bool dict_find(const struct dict *d, struct str s, uint32_t *id);

/* Borrowed until the next dict_add. */
struct str dict_at(const struct dict *d, uint32_t id);

uint32_t dict_count(const struct dict *d);
size_t dict_bytes(const struct dict *d); /* on the heap */

void dict_save(const struct dict *d, struct sections_writer *w, const char *prefix);

/* In place, in the same time whatever the size: `s` must stay open and is believed
 * (sections_verify). ERR_FORMAT when parts are missing or of the wrong size. */
int dict_map(struct dict **out, const struct sections *s, const char *prefix);
