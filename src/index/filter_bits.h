/* filter_bits.h - which chunks of a segment pass a filter, kept for the next question.
 *
 * A segment never changes, so a bitmap made once is right as long as the segment lives. People ask
 * with the same few filters ("the filings of this company") again and again: over 100,000 chunks
 * comparing takes longer than searching. FILTER_BITS_KEPT filters are kept, the one not asked for
 * longest goes.
 *
 * Memory   n_chunks / 8 bytes a filter.
 * Threads  locked; a bitmap is immutable and counted.
 */
#pragma once
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "index/columns.h"

#define FILTER_BITS_KEPT 32

struct filter_bits;

struct passing {
    atomic_int refs;
    size_t n_set;
    uint64_t bits[]; /* [bitmap_words(n_chunks)] */
};

struct filter_bits *filter_bits_new(size_t n_chunks);
void filter_bits_free(struct filter_bits *f); /* NULL is fine; what was given out stays */

/* The chunks of `columns` that pass `filter`, whose canonical text (filter_canonical) is its name.
 * A reference, given back with passing_unref. */
struct passing *filter_bits_get(struct filter_bits *f, const struct columns *columns,
                                const struct filter *filter, struct str canonical,
                                struct arena *mem);
void passing_unref(struct passing *p); /* NULL is fine */

size_t filter_bits_bytes(struct filter_bits *f);
