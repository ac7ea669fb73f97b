/* cache_control.h - the Cache-Control of a request (RFC 9111, section 5.2.1).
 *
 *   no-cache         an answer counts when its prompt is made again and found the same
 *   max-age=N        the same, when it is older than N seconds
 *   min-fresh=N      it must have N seconds to live, else it is made anew
 *   no-store         neither looked for nor kept
 *   only-if-cached   only what is there: 504 when it is not
 *
 * max-stale asks for nothing here, where nothing stale is ever served. Other directives are
 * ignored, and so are numbers that are none; of a directive that comes twice the first counts.
 *
 * Threads  free of state.
 */
#pragma once
#include "query/query.h"

struct http_head;

struct cache_control {
    bool no_cache, no_store, only_if_cached;
    bool has_max_age, has_min_fresh;
    int64_t max_age_s, min_fresh_s; /* at most CACHE_CONTROL_S_MAX, as the RFC has it */
};

#define CACHE_CONTROL_S_MAX ((int64_t)1 << 31)

/* Adds the directives of one field value. */
void cache_control_parse(struct str value, struct cache_control *c);

/* Of all Cache-Control lines of a head. */
struct cache_control cache_control_of(const struct http_head *h);

/* To a question whose request has no "cache" of its own. */
void cache_control_apply(const struct cache_control *c, struct query *q);
