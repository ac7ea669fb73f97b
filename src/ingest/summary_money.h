/* summary_money.h - what summaries by a language model may cost a day, and what they take.
 *
 * Days are of UTC. What was paid is in the store (store/store_summaries.h).
 *
 * Threads  free of state.
 */
#pragma once
#include "generate/chat_models.h"
#include "store/store_summaries.h"

struct engine;

/* Counted in days since 1970. */
int64_t summary_money_day(void);

void spent_add(struct spent *sum, struct spent more);

/* By a guess that is rather too high; bytes_said -1: all that a summary may take. */
struct spent spent_guess(const struct chat_model *model, int64_t bytes_asked, int64_t bytes_said);

/* Whether `more` beside what was paid today stays within ingest.summary_tokens and
 * ingest.summary_budget; `why` names the limit that it does not, with what was spent,
 * or stays as it is. */
int summary_money_left(struct engine *e, const struct spent *more, char *why, size_t size);
