#include "server/cache_control.h"

#include <criterion/criterion.h>

#include "server/http.h"

static struct cache_control parsed(const char *value)
{
    struct cache_control c = {0};

    cache_control_parse(str_of(value), &c);
    return c;
}

Test(cache_control, reads_the_directives_of_a_request)
{
    struct cache_control c = parsed("no-cache, No-Store ,only-if-cached,max-age=60, min-fresh = 5");

    cr_expect(c.no_cache);
    cr_expect(c.no_store);
    cr_expect(c.only_if_cached);
    cr_expect(c.has_max_age);
    cr_expect_eq(c.max_age_s, 60);
    cr_expect(c.has_min_fresh);
    cr_expect_eq(c.min_fresh_s, 5);
}

Test(cache_control, numbers_may_be_quoted_and_may_be_huge)
{
    cr_expect_eq(parsed("max-age=\"7\"").max_age_s, 7);
    cr_expect_eq(parsed("max-age=0").max_age_s, 0);
    cr_expect(parsed("max-age=0").has_max_age);
    cr_expect_eq(parsed("max-age=99999999999999999999999").max_age_s, CACHE_CONTROL_S_MAX);
}

Test(cache_control, what_is_no_number_is_as_if_it_were_not_there)
{
    cr_expect_not(parsed("max-age").has_max_age);
    cr_expect_not(parsed("max-age=").has_max_age);
    cr_expect_not(parsed("max-age=-1").has_max_age);
    cr_expect_not(parsed("max-age=1.5").has_max_age);
    cr_expect_not(parsed("max-age=\"\"").has_max_age);
    cr_expect_not(parsed("min-fresh=soon").has_min_fresh);
}

Test(cache_control, unknown_directives_are_ignored_with_what_they_quote)
{
    struct cache_control c =
        parsed("max-stale=9, x=\"no-cache, \\\", no-store\", , foo, max-age=3");

    cr_expect_not(c.no_cache);
    cr_expect_not(c.no_store);
    cr_expect_eq(c.max_age_s, 3);
    c = parsed("x=\"never closed, no-cache");
    cr_expect_not(c.no_cache);
    c = parsed("x=\"\\");
    cr_expect_not(c.no_cache);
    c = parsed("");
    cr_expect_not(c.no_cache);
}

Test(cache_control, of_two_the_first_counts)
{
    struct http_field fields[] = {{STR_LIT("Cache-Control"), STR_LIT("max-age=3")},
                                  {STR_LIT("Accept"), STR_LIT("no-store")},
                                  {STR_LIT("cache-control"), STR_LIT("max-age=9, no-cache")}};
    struct http_head head = {.fields = fields, .n_fields = 3};
    struct cache_control c = cache_control_of(&head);

    cr_expect_eq(c.max_age_s, 3);
    cr_expect(c.no_cache, "of both lines");
    cr_expect_not(c.no_store);
}

static struct query applied(const char *value)
{
    struct cache_control c = parsed(value);
    struct query q = {0};

    cache_control_apply(&c, &q);
    return q;
}

Test(cache_control, tells_the_question_what_will_do)
{
    struct query q = applied("max-age=60, min-fresh=5");

    cr_expect_eq(q.cache, QUERY_CACHE_DEFAULT);
    cr_expect(q.freshness.has_max_age);
    cr_expect_eq(q.freshness.max_age_s, 60);
    cr_expect_eq(q.freshness.min_fresh_s, 5);
    cr_expect(applied("no-cache").freshness.revalidate);
    cr_expect_eq(applied("no-store").cache, QUERY_CACHE_NO_STORE);
    cr_expect_eq(applied("only-if-cached").cache, QUERY_CACHE_ONLY);
    cr_expect_eq(applied("no-store, only-if-cached").cache, QUERY_CACHE_ONLY);
    cr_expect_eq(applied("max-stale").cache, QUERY_CACHE_DEFAULT);
}
