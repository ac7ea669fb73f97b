/* asked.h - what is asked and how often, counted in memory.
 *
 *   asked for the first time: asked_add, with its text
 *   again, by whom has only the key: asked_again
 *
 * For two who come later: the store, where questions are kept (cache/kept_questions.h), takes what
 * was counted since it last did; and popular questions are answered again when their collection has
 * changed (query/refresh.h), which is why each has the epoch that it was last seen to.
 *
 * Memory   at most bytes_max. When they are used up all counts are halved, and questions asked once
 *          leave: what stays is what is asked often, lately rather than long ago.
 * Threads  locked: one mutex of ASKED_SHARDS, held for a look-up.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/str.h"

#define ASKED_SHARDS 16

struct asked;

struct asked_question {
    struct digest key; /* of the question, as the answer cache has it */
    const char *tenant, *collection;
    struct str text;
    uint64_t count; /* how often it was asked, or since the last asked_take */
    uint64_t epoch; /* of the collection when it was last seen to */
};

struct asked *asked_new(size_t bytes_max); /* 0: nothing is counted */
void asked_free(struct asked *a);

/* Once more. False: not known, and asked_add is next, where the text is at hand. */
bool asked_again(struct asked *a, const struct digest *key);

/* Asked for the first time; all of it is copied, but for the count, which is one. */
void asked_add(struct asked *a, const struct asked_question *q);

/* Was asked `count` times, as the store knows already. Nothing when it is known here. */
void asked_recall(struct asked *a, const struct asked_question *q);

/* What was counted since the last time: *out in `mem`, how many. Whoever writes it down asks
 * asked_generation again when it does: after another one, some of it is not to be kept any more. */
size_t asked_take(struct asked *a, struct arena *mem, struct asked_question **out,
                  uint64_t *generation);
uint64_t asked_generation(struct asked *a);

/* Asked at least min_count times, most asked first, at most `limit`; of a collection, or of all
 * (tenant NULL). */
size_t asked_popular(struct asked *a, const char *tenant, const char *collection,
                     uint64_t min_count, size_t limit, struct arena *mem,
                     struct asked_question **out);

/* It was seen to at this epoch. */
void asked_seen_to(struct asked *a, const struct digest *key, uint64_t epoch);

/* Forgets those of a collection; tenant NULL: all. */
void asked_forget(struct asked *a, const char *tenant, const char *collection);
