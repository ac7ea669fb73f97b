/* question_rerank.h - the candidates of a question read again, with the question, by a model.
 *
 *   search for max(k, rerank.candidates) --fetch--> scores, best candidates first --sort--> k
 *
 * What has no score keeps its order behind what has: the question's time was over (a fifth of what
 * is left of `deadline_ms` is kept for the rest of the path), or the reranking server failed. The
 * answer says "rerank" in `degraded` then.
 *
 * Threads  locked.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"

struct answer;
struct engine;
struct query;

/* ERR_ARGUMENT when the query asks for a model and none is configured. */
int question_rerank_check(const struct engine *e, const struct query *q);

/* How many hits to search for. */
int question_candidates(const struct engine *e, const struct query *q);

/* Which reranker puts the hits in order, for names of what depends on it: in `mem`. */
const char *question_rerank_name(const struct engine *e, const struct query *q, struct arena *mem);

/* For a query whose rerank is the model's: reorders hits and passages of the answer and cuts them
 * to q->k. False: some have no score. */
bool question_rerank(struct engine *e, const struct query *q, struct answer *ans);
