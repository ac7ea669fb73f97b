/* store_questions.h - what is asked, and how often; kept only where `keep_questions` is on.
 *
 * A question belongs to a collection, and so to a tenant, and goes with it. Texts are compared as
 * they are: the caller makes them alike.
 *
 * Threads  as store.h.
 * Limits   STORE_QUESTION_MAX bytes (ERR_LIMIT). STORE_QUESTIONS_MAX of a collection, and a few
 *          hundred new ones: then those asked least go, of these the ones not asked for longest.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "store/store.h"

#define STORE_QUESTION_MAX  8192
#define STORE_QUESTIONS_MAX 10000

struct question_row {
    int64_t collection;
    const char *tenant, *collection_name;
    struct str text;
    int64_t count, last_ms;
};

/* It was asked n times more, lately at now_ms. ERR_NOT_FOUND: no such collection. */
int store_tx_count_question(struct store_tx *tx, int64_t collection, struct str text, int64_t n,
                            int64_t now_ms);

/* Forgets those of a collection (0: of all). */
int store_tx_forget_questions(struct store_tx *tx, int64_t collection);

/* Most asked first, of a collection (0: of all), at most `limit`. Rows are borrowed during fn; its
 * negative return stops the walk and is returned. */
typedef int (*question_fn)(void *arg, const struct question_row *row);
int store_top_questions(struct store_reader *r, int64_t collection, size_t limit, question_fn fn,
                        void *arg);
