/* kept_questions.h - writes down what is asked, where `cache.keep_questions` is on.
 *
 *   asked.h  --each KEPT_QUESTIONS_MS, and at the end-->  store_questions.h
 *
 * Questions may say much about who asks: so nothing is written unless the setting says so, and
 * kept_questions_forget deletes all of it, from the file too (secure_delete). A collection takes
 * its questions with it.
 *
 * Threads  locked. The functions wait for the store.
 */
#pragma once
#include "cache/asked.h"
#include "store/store.h"

#define KEPT_QUESTIONS_MS 10000
#define KEPT_AT_ONCE      512 /* of one transaction */

struct kept_questions;

/* Starts the thread that writes. Both outlive it. */
struct kept_questions *kept_questions_new(struct store *store, struct asked *asked);
void kept_questions_free(struct kept_questions *k); /* writes what is left; NULL is fine */

/* Writes what was counted by now. What cannot be written is lost, and a line in the log. */
void kept_questions_write(struct store *store, struct asked *asked);

/* All of them, in memory (NULL: none is counted) and in the store, whether any are kept now or were
 * once. */
int kept_questions_forget(struct store *store, struct asked *asked);
