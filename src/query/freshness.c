#include "query/freshness.h"

#include "base/clock.h"

static int64_t age_ms(const struct lru_value *reply)
{
    return clock_wall_ms() - reply->stored_ms;
}

bool freshness_takes(const struct query_freshness *f, const struct lru_value *reply)
{
    return f->min_fresh_s == 0 || reply->ttl_ms - age_ms(reply) >= f->min_fresh_s * 1000;
}

bool freshness_takes_hit(const struct query_freshness *f, const struct lru_value *reply)
{
    if (f->revalidate || (f->has_max_age && age_ms(reply) / 1000 > f->max_age_s))
        return false;
    return freshness_takes(f, reply);
}
