/* embed_rows.h - texts of chunks in, rows of the store out: a vector each, and those of its
 * sentences as signed bytes.
 *
 * Threads  confined; embedding spreads over the pool, in its bulk lane.
 */
#pragma once
#include <stddef.h>

#include "base/arena.h"
#include "embed/embedder.h"
#include "store/store.h"

/* About 16,000 tokens at most: enough for every thread of the pool to have several pieces of the
 * size that its cache holds, and a second or two between two looks at a cancel flag. */
#define EMBED_AT_ONCE     64
#define EMBED_AT_ONCE_MAX 256 /* by a server, so that it has several requests at once */

/* How many to a call. */
size_t embed_rows_at_once(const struct embedder *model);

struct todo {
    struct vector_row *row; /* text_hash is set; the rest is filled */
    struct str text;
    struct arena *mem; /* where the row's vectors go */
};

/* n: 1..EMBED_AT_ONCE_MAX. `scratch` is reset. Rows are untouched when it fails. */
int embed_rows(struct embedder *model, struct pool *pool, const struct todo *todo, size_t n,
               struct arena *scratch);
