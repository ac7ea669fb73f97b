/* origin.h - what an answer was made from, kept with it: its prompt, its collection, the epoch, and
 * the documents that it shows. All that another tier has to know to keep the answer rightly.
 *
 *   value = body | prompt, epoch, n, tenant NUL collection NUL, n times (length, key)
 *           n bytes  the tail (cache/lru.h)
 *
 * Threads  free of state; a value's origin does not change.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"
#include "cache/lru.h"

struct answer_origin {
    struct digest prompt_hash;
    const char *tenant, *collection;
    uint64_t epoch;              /* of the snapshot that it was made from, or found right under */
    const struct str *documents; /* [n_documents] keys; one may stand there twice */
    size_t n_documents;
};

/* A value with one reference; all is copied, each document once. */
struct lru_value *origin_value(struct str body, const struct answer_origin *o, int64_t ttl_ms);

/* Reads it again, borrowed from the value; `documents` is not filled, see origin_next. */
void origin_of(const struct lru_value *v, struct answer_origin *out);

/* The documents one by one: *at is 0 at first. False: there are no more. */
bool origin_next(const struct lru_value *v, size_t *at, struct str *document);
