/* seen.h - requests that were asked before, byte for byte: their question keys without parsing.
 *
 *   what decides (route, header values, body) -> key, and what a hit needs beside it
 *
 * The bytes themselves are compared, so no two requests are ever taken for each other. Keys are
 * made of models and adapters too: all that was seen under others is forgotten (`generation`, see
 * query_keys_generation; taken before the key was made). A request is added after it was found in
 * order, and finding it here decides nothing but its key: whether its answer is still the one for
 * the collection as it is now, the answer cache says as ever.
 *
 * Memory   at most SEEN_BYTES_MAX; then all is forgotten, for a request costs one parse to learn.
 * Threads  confined: one a loop.
 */
#pragma once
#include "query/query.h"

#define SEEN_BYTES_MAX   ((size_t)8 << 20)
#define SEEN_REQUEST_MAX ((size_t)16 << 10) /* longer ones are not kept */
#define SEEN_PARTS_MAX   4

struct seen;

/* What a hit is served with. Of `query` there are question, tenant, collection and all numbers; no
 * filter, model or history, which only a run would need. */
struct seen_question {
    struct digest key;
    struct query query;
    struct str more; /* what the route itself read of the body */
};

struct seen *seen_new(void);
void seen_free(struct seen *s); /* NULL is fine */

/* parts: [n] what the request is told from others by, in the route's order. Borrowed until the next
 * call; NULL when it was not seen, or under other models. */
const struct seen_question *seen_find(struct seen *s, uint64_t generation, const struct str *parts,
                                      size_t n);

/* Everything is copied. */
void seen_add(struct seen *s, uint64_t generation, const struct str *parts, size_t n,
              const struct seen_question *q);
