/* store_summaries.h - which documents a language model has summarised, and what it was paid.
 *
 * A document without a mark is owed a summary. The mark is set in the transaction that writes the
 * summary and goes with the next version of the document, so nothing else says what is left to do.
 *
 * Threads  as store.h.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

/* The model (and prompt) `by` was asked about the document as it stands. */
int store_tx_mark_summary(struct store_tx *tx, int64_t document, const struct digest *by);

/* A document whose chunks of text are more than `over_chunks`, without a mark or, where `not_by` is
 * not NULL, with another's. */
struct owed_spec {
    int64_t collection;
    int64_t over_chunks;
    const struct digest *not_by;
};

/* In order of ids, after `after_id`: the next one's id and key. ERR_NOT_FOUND: there is no more. */
int store_next_owed(struct store_reader *r, const struct owed_spec *spec, int64_t after_id,
                    struct arena *mem, int64_t *id, struct str *key);
int store_count_owed(struct store_reader *r, const struct owed_spec *spec, uint64_t *n);

/* Paid on a day, counted in days since 1970. */
struct spent {
    int64_t tokens;
    double cost;
};
int store_tx_add_spent(struct store_tx *tx, int64_t day, const struct spent *more);
int store_find_spent(struct store_reader *r, int64_t day, struct spent *out); /* none is 0 */
