/* row_sum.h - checksums of rows, so that a flipped bit is an error and not a wrong answer.
 *
 * Stored in the `sum` columns; part of the file format.
 */
#pragma once
#include "base/hash.h"
#include "store/store.h"

/* Adds bytes to a sum. */
static inline uint64_t row_sum_add(uint64_t sum, const void *p, size_t n)
{
    return (sum ^ hash64_stable(p, n)) * 0x9e3779b97f4a7c15u + n;
}

static inline uint64_t row_sum_int(uint64_t sum, int64_t v)
{
    return row_sum_add(sum, &v, sizeof v);
}

static inline uint64_t row_sum_document(const struct document_row *d)
{
    uint64_t sum = row_sum_add(0, d->hash.b, DIGEST_BYTES);

    sum = row_sum_add(sum, d->key.p, d->key.n);
    sum = row_sum_add(sum, d->root.p, d->root.n);
    sum = row_sum_add(sum, d->uri.p, d->uri.n);
    sum = row_sum_add(sum, d->title.p, d->title.n);
    sum = row_sum_add(sum, d->metadata.p, d->metadata.n);
    return row_sum_int(row_sum_int(sum, d->ingested_ms), d->n_chunks);
}

static inline uint64_t row_sum_chunk(const struct chunk_row *c)
{
    const int64_t fixed[] = {(int64_t)c->id, c->ordinal, c->page, c->start, c->end, c->kind};
    uint64_t sum = row_sum_add(0, fixed, sizeof fixed);

    sum = row_sum_add(sum, c->text_hash.b, DIGEST_BYTES);
    sum = row_sum_add(sum, c->heading.p, c->heading.n);
    return row_sum_add(sum, c->text.p, c->text.n);
}
