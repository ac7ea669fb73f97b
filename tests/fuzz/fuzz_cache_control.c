/* fuzz_cache_control.c - values of Cache-Control, and what they make of a question. */
#include "fuzz/asking.h"
#include "query/query.h"
#include "server/cache_control.h"

FUZZ_TARGET(cache_control)
{
    struct cache_control c = {0};
    struct query q;

    (void)mem;
    while (in.n)
        cache_control_parse(fuzz_part(&in), &c);
    FUZZ_TRUE(c.max_age_s >= 0 && c.max_age_s <= CACHE_CONTROL_S_MAX);
    FUZZ_TRUE(c.min_fresh_s >= 0 && c.min_fresh_s <= CACHE_CONTROL_S_MAX);
    query_defaults(&q, asking_engine());
    cache_control_apply(&c, &q);
    FUZZ_TRUE(!c.no_store || c.only_if_cached || q.cache == QUERY_CACHE_NO_STORE);
}
