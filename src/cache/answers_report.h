/* answers_report.h - how the answers in memory are doing, as JSON: of GET /cache, /stats and `ragd
 * cache stats`.
 *
 *   "entries", "bytes", ...                         what is there
 *   "hits": N, "revalidated": N, ... "misses": N    questions by what came of them; "hit_rate"
 *   "saved": {"answers", "ms", "mean_ms", "prompt_tokens", "completion_tokens", "cost"}
 *
 * Threads  free of state.
 */
#pragma once
#include "base/jsonw.h"
#include "cache/answers.h"

/* Questions whose answer was there, and all; a question that joins another's run counts as one. */
uint64_t answers_reused(const struct answers_stats *s);
uint64_t answers_asked(const struct answers_stats *s);

/* The members, into an object that is open. */
void answers_report_json(const struct answers_stats *s, struct jsonw *w);
