/* freshness.h - whether a kept answer will do for a question that says how fresh it wants it.
 *
 * Nothing kept is ever stale: at the epoch that it was found at, its prompt is the one that would
 * be made now. Who asks for that to be looked at gets a run up to the prompt, and the kept answer
 * when it is the same; its age begins there (RFC 9111, section 5.1).
 *
 * Threads  free of state.
 */
#pragma once
#include "query/query.h"

/* Without another look. */
bool freshness_takes_hit(const struct query_freshness *f, const struct lru_value *reply);

/* After its prompt was found the same. */
bool freshness_takes(const struct query_freshness *f, const struct lru_value *reply);
