#include "query/freshness.h"

#include <criterion/criterion.h>

#include "base/clock.h"

/* Whether a reply stored so many seconds ago, with a life of 100, will do. */
static bool takes(const struct query_freshness *f, int64_t age_s, bool hit)
{
    struct lru_value *v = lru_value_new("", 0, 100000);
    bool yes;

    v->stored_ms = clock_wall_ms() - age_s * 1000;
    yes = hit ? freshness_takes_hit(f, v) : freshness_takes(f, v);
    lru_value_unref(v);
    return yes;
}

Test(freshness, who_asks_for_nothing_takes_what_is_alive)
{

    cr_expect(takes(&(struct query_freshness){0}, 99, true));
    cr_expect(takes(&(struct query_freshness){0}, 99, false));
}

Test(freshness, no_cache_wants_the_prompt_made_again_and_takes_the_same)
{
    struct query_freshness f = {.revalidate = true};

    cr_expect_not(takes(&f, 0, true));
    cr_expect(takes(&f, 0, false));
}

Test(freshness, so_does_max_age_of_what_is_older)
{
    struct query_freshness f = {.has_max_age = true, .max_age_s = 60};

    cr_expect(takes(&f, 59, true));
    cr_expect_not(takes(&f, 61, true));
    cr_expect(takes(&f, 61, false));
    f.max_age_s = 0;
    cr_expect(takes(&f, 0, true), "whole seconds, as Age has them");
}

Test(freshness, min_fresh_wants_a_life_ahead_even_of_what_was_found_the_same)
{
    struct query_freshness f = {.min_fresh_s = 50};

    cr_expect(takes(&f, 10, true));
    cr_expect_not(takes(&f, 60, true));
    cr_expect_not(takes(&f, 60, false));
    f.min_fresh_s = INT64_C(1) << 31;
    cr_expect_not(takes(&f, 10, false));
}
