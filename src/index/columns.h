/* columns.h - the metadata of a segment's documents, laid out for filters.
 *
 * Every field is a column: its distinct values, and which document (or chunk) has which of them.
 *
 *   "year"   values  2019 | 2020 | "n/a"      entries (document, value)  0,1  1,0  2,1  2,2
 *
 * A comparison is made once per distinct value and then spread over the entries; and, or, not are
 * operations on bitmaps. Lists give several entries, objects give fields named "a.b", null gives
 * none. Comparing is filter_value_passes, the same for columns and for filter_matches.
 *
 * In a file (base/sections.h), each name behind the caller's prefix:
 *
 *   head         6 u64   layout (1), n_documents, n_chunks, columns n, entries e, values v
 *   first_chunk  u32 [n_documents + 1]   chunks of a document are neighbours
 *   starts       3 u64 [n + 1]   a column's first entry, its first value, 1 if rows are chunks
 *   entries      2 u32 [e]   a row, ascending, and a value's place in its column
 *   value_ids    u32 [v]   in the dictionary of values
 *   names.*      the columns' names (index/dict.h)
 *   values.*     column u32, type u8, then the string, the double or the bool
 *
 * Threads  the builder is confined; columns are immutable.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/sections.h"
#include "index/filter.h"
#include "store/store.h"

struct columns;
struct columns_builder;

struct columns_builder *columns_builder_new(void);
void columns_add_document(struct columns_builder *b, const struct document_row *doc);
void columns_add_chunk(struct columns_builder *b, const struct chunk_row *chunk);
struct columns *columns_finish(struct columns_builder *b); /* frees b */
void columns_free(struct columns *c);
size_t columns_bytes(const struct columns *c); /* on the heap */

void columns_save(const struct columns *c, struct sections_writer *w, const char *prefix);

/* In place, in a time that depends on the number of columns only: `s` must stay open and is
 * believed (sections_verify). ERR_FORMAT when parts are missing or of the wrong size. */
int columns_map(struct columns **out, const struct sections *s, const char *prefix);

/* One set of columns of several; what the dead bitmaps (NULL: none) name is left out. */
struct columns_part {
    const struct columns *columns;
    const uint64_t *dead_chunks, *dead_documents;
};
struct columns *columns_merge(const struct columns_part *parts, size_t n);

/* The chunks that pass, as a new bitmap in `mem`; f may not be NULL. */
uint64_t *columns_filter(const struct columns *c, const struct filter *f, struct arena *mem);
