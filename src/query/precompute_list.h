/* precompute_list.h - which questions are answered beforehand.
 *
 * From a file: one a line; blank lines and those that begin with '#' are passed over. In a .jsonl
 * file each line is a request of POST /query, so that it may name collection, filter, model and so
 * on; "id" is passed over.
 *
 * From what is asked most: as the store has kept it (cache.keep_questions), or else as this process
 * has counted it.
 *
 * A line that is no question stays in the list with the reason, and fails when it is its turn. What
 * was listed before is not listed again.
 *
 * Errors   ERR_IO, ERR_NOT_FOUND; ERR_LIMIT for a file of more than PRECOMPUTE_FILE_MAX bytes.
 * Threads  confined; immutable once filled.
 */
#pragma once
#include <jansson.h>
#include <stddef.h>

#include "base/arena.h"

#define PRECOMPUTE_FILE_MAX ((size_t)64 << 20)

struct engine;
struct map;

struct precompute_question {
    const char *where; /* "FILE:3", or "" */
    const char *tenant;
    json_t *request;    /* of POST /query; NULL: there is none, and `reason` says why */
    const char *reason; /* NULL where there is a request */
};

struct precompute_list {
    struct arena *mem;
    struct map *seen;
    struct precompute_question *v; /* [n] */
    size_t n, cap;
};

void precompute_list_init(struct precompute_list *l);
void precompute_list_done(struct precompute_list *l);

/* `members` of a request that its own do not say; borrowed. ERR_NOT_FOUND: no question in it. */
int precompute_list_read(struct precompute_list *l, const char *path, const char *tenant,
                         const json_t *members);

/* The n most asked of a collection, or of all (tenant NULL). ERR_NOT_FOUND when none is known. */
int precompute_list_top(struct precompute_list *l, struct engine *e, const char *tenant,
                        const char *collection, size_t n, const json_t *members);
