#include "engine/spending.h"

#include <criterion/criterion.h>

#define NOON ((int64_t)20000 * 86400000 + 43200000) /* of some day */

static struct spending *s;

static void up(void)
{
    s = spending_new(&(struct key_limits){0}, NULL, "u");
}

static void down(void)
{
    spending_free(s);
}

TestSuite(spending, .init = up, .fini = down);

/* At so many ms since some start. */
static struct spending_now at(int64_t ms)
{
    return (struct spending_now){1000 + ms, NOON + ms};
}

static struct spending_decision enter(const struct spender *who, int64_t ms)
{
    struct spending_decision d;

    spending_enter(s, who, at(ms), NULL, &d);
    return d;
}

static bool is_admitted(const struct spender *who, int64_t ms)
{
    return enter(who, ms).verdict == SPENDING_ADMITTED;
}

Test(spending, a_minutes_worth_at_once_and_then_what_flows_in)
{
    struct spender who = {.id = 1, .limits.requests_per_minute = 60};
    struct spending_decision d;

    for (int i = 0; i < 60; i++) {
        d = enter(&who, 0);
        cr_expect_eq(d.verdict, SPENDING_ADMITTED);
        cr_expect_eq(d.report.requests_left, 59 - i);
        cr_expect_eq(d.report.requests_full_ms, 1000 * (i + 1));
    }
    d = enter(&who, 0);
    cr_expect_eq(d.verdict, SPENDING_REFUSED);
    cr_expect_eq(d.over, SPENDING_REQUESTS);
    cr_expect_eq(d.retry_ms, 1000);
    cr_expect(!is_admitted(&who, 999));
    cr_expect(is_admitted(&who, 1000));
    cr_expect(!is_admitted(&who, 1001));
}

Test(spending, keys_do_not_spend_each_others)
{
    struct spender a = {.id = 1, .limits.requests_per_minute = 1}, b = a;

    b.id = 2;
    cr_expect(is_admitted(&a, 0));
    cr_expect(!is_admitted(&a, 0));
    cr_expect(is_admitted(&b, 0));
}

Test(spending, tokens_are_taken_when_they_are_known_and_waited_for_by_the_next)
{
    struct spender who = {.id = 1, .limits.tokens_per_minute = 600};
    struct spending_report r;
    struct spending_decision d;

    cr_expect(is_admitted(&who, 0));
    spending_add(s, &who, at(0), 1200, &r);
    cr_expect_eq(r.tokens_left, 0);
    cr_expect_eq(r.tokens_full_ms, 120000);
    d = enter(&who, 0);
    cr_expect_eq(d.over, SPENDING_TOKENS);
    cr_expect_eq(d.retry_ms, 60100, "what is beyond, and one token");
    cr_expect(!is_admitted(&who, 60099));
    cr_expect(is_admitted(&who, 60100));
}

Test(spending, the_days_tokens_come_back_at_midnight)
{
    struct spender who = {.id = 1, .limits.tokens_per_day = 1000};
    struct spending_decision d;
    struct spending_report r;

    cr_expect(is_admitted(&who, 0));
    spending_add(s, &who, at(0), 999, &r);
    cr_expect_eq(r.day_left, 1);
    cr_expect_eq(r.day_ends_ms, 43200000);
    cr_expect(is_admitted(&who, 1));
    spending_add(s, &who, at(1), 5000, NULL);
    d = enter(&who, 2);
    cr_expect_eq(d.over, SPENDING_DAY);
    cr_expect_eq(d.retry_ms, 43200000 - 2);
    cr_expect(!is_admitted(&who, 43199999));
    d = enter(&who, 43200000);
    cr_expect_eq(d.verdict, SPENDING_ADMITTED);
    cr_expect_eq(d.report.day_left, 1000);
    cr_expect_eq(d.report.tokens_today, 0);
}

Test(spending, so_many_at_once)
{
    struct spender who = {.id = 1, .limits.concurrency = 2};
    struct spending_decision d;

    cr_expect(is_admitted(&who, 0));
    cr_expect(is_admitted(&who, 0));
    d = enter(&who, 0);
    cr_expect_eq(d.over, SPENDING_CONCURRENCY);
    cr_expect_gt(d.retry_ms, 0);
    cr_expect_eq(d.report.running, 2);
    spending_leave(s, &who, 300);
    cr_expect(is_admitted(&who, 0));
    cr_expect_eq(enter(&who, 0).retry_ms, 300, "what one took lately");
}

Test(spending, of_two_limits_the_later_one_counts)
{
    struct spender who = {.id = 1, .limits = {1, 60, 0, 0}};
    struct spending_decision d;

    cr_expect(is_admitted(&who, 0));
    spending_add(s, &who, at(0), 179, NULL);
    d = enter(&who, 0);
    cr_expect_eq(d.over, SPENDING_TOKENS);
    cr_expect_eq(d.retry_ms, 120000);
    cr_expect(!is_admitted(&who, 119999));
    cr_expect(is_admitted(&who, 120000));
}

Test(spending, what_is_refused_takes_nothing)
{
    struct spender who = {.id = 1, .limits = {100, 0, 10, 0}};
    struct spending_report r;

    cr_expect(is_admitted(&who, 0));
    spending_add(s, &who, at(0), 10, NULL);
    for (int i = 0; i < 50; i++)
        cr_expect(!is_admitted(&who, 0));
    cr_assert(spending_of(s, 1, at(0), &r));
    cr_expect_eq(r.requests_left, 99);
    cr_expect_eq(r.requests_today, 1);
    cr_expect_eq(r.running, 1);
}

Test(spending, a_clock_that_goes_back_gives_no_day_twice)
{
    struct spender who = {.id = 1, .limits.tokens_per_day = 10};

    cr_expect(is_admitted(&who, 43200000));
    spending_add(s, &who, at(43200000), 10, NULL);
    cr_expect(!is_admitted(&who, 0));
    cr_expect(!is_admitted(&who, 43200001));
}

Test(spending, a_key_says_its_own_limits_and_the_rest_are_the_configurations)
{
    struct spending *t = spending_new(&(struct key_limits){60, 0, 1000, 0}, NULL, "u");
    struct caller c = {.id = 3, .limits = {5, 7, 0, 0}};
    struct spender who;

    cr_assert(spending_limits(t, &c, &who));
    cr_expect_eq(who.id, 3);
    cr_expect_eq(who.limits.requests_per_minute, 5);
    cr_expect_eq(who.limits.tokens_per_minute, 7);
    cr_expect_eq(who.limits.tokens_per_day, 1000);
    cr_expect_eq(who.limits.concurrency, 0);
    c.limits = (struct key_limits){0};
    cr_expect(!spending_limits(s, &c, &who), "nobody says any");
    spending_free(t);
}

static bool add_id(void *arg, const struct spender *who, const struct spending_report *r)
{
    int64_t *sum = arg;

    (void)r;
    *sum += who->id;
    return who->id != 0;
}

Test(spending, who_has_spent_is_listed)
{
    struct spender a = {.id = 3, .limits.concurrency = 9}, b = {.id = 4, .limits.concurrency = 9};
    struct spending_report r;
    struct spending_stats stats;
    int64_t sum = 0;

    cr_expect(!spending_of(s, 3, at(0), &r));
    is_admitted(&a, 0);
    is_admitted(&b, 0);
    spending_each(s, at(0), add_id, &sum);
    cr_expect_eq(sum, 7);
    spending_stats_get(s, &stats);
    cr_expect(!stats.shared);
    cr_expect_eq(stats.refused[SPENDING_CONCURRENCY], 0);
}
