#include "server/limits_report.h"

#include <criterion/criterion.h>
#include <jansson.h>

#include "engine/spending.h"

static struct spending *spent(void)
{
    struct spending *s = spending_new(&(struct key_limits){0}, NULL, "u");
    struct spender who = {.id = 7, .limits = {1, 0, 100, 0}};
    struct spending_decision d;

    for (int i = 0; i < 3; i++)
        spending_enter(s, &who, spending_now(), NULL, &d);
    spending_add(s, &who, spending_now(), 40, NULL);
    return s;
}

static int64_t int_of(const json_t *o, const char *key)
{
    return json_integer_value(json_object_get(o, key));
}

Test(limits_report, statistics_tell_each_key)
{
    struct spending *s = spent();
    struct buf b = {0};
    struct jsonw w = jsonw_to(&b);
    json_t *j, *key;

    limits_report_json(s, &w);
    j = json_loads(b.p, 0, NULL);
    cr_assert_not_null(j, "%s", b.p);
    cr_expect_eq(int_of(json_object_get(j, "refused"), "requests"), 2);
    cr_expect_eq(int_of(json_object_get(j, "refused"), "concurrency"), 0);
    cr_expect(json_is_false(json_object_get(j, "shared")));
    cr_assert_eq(json_array_size(json_object_get(j, "keys")), 1);
    key = json_array_get(json_object_get(j, "keys"), 0);
    cr_expect_eq(int_of(key, "id"), 7);
    cr_expect_eq(int_of(key, "requests_left"), 0);
    cr_expect(json_is_null(json_object_get(key, "tokens_left")));
    cr_expect_eq(int_of(key, "day_left"), 60);
    cr_expect_eq(int_of(key, "running"), 1);
    cr_expect_eq(int_of(key, "requests_today"), 1);
    cr_expect_eq(int_of(key, "tokens_today"), 40);
    json_decref(j);
    buf_done(&b);
    spending_free(s);
}

Test(limits_report, metrics_tell_no_key)
{
    struct spending *s = spent();
    struct buf b = {0};

    limits_report_metrics(s, &b);
    cr_expect(strstr(b.p, "# TYPE ragd_limited_total counter\n"), "%s", b.p);
    cr_expect(strstr(b.p, "\nragd_limited_total{limit=\"requests\"} 2\n"), "%s", b.p);
    cr_expect(strstr(b.p, "\nragd_limited_total{limit=\"day\"} 0\n"));
    cr_expect_null(strstr(b.p, "7"));
    cr_expect_null(strstr(b.p, "ragd_limits_away"), "nothing is shared");
    buf_done(&b);
    spending_free(s);
}
