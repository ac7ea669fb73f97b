#include "cache/answers_report.h"

#include <criterion/criterion.h>
#include <jansson.h>

static json_t *report(const struct answers_stats *s)
{
    struct buf b = {0};
    struct jsonw w = jsonw_to(&b);
    json_t *v;

    jsonw_open(&w, '{');
    answers_report_json(s, &w);
    jsonw_close(&w, '}');
    v = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, NULL);
    cr_assert_not_null(v, "%s", b.p);
    buf_done(&b);
    return v;
}

Test(answers_report, every_outcome_is_told_and_all_but_a_miss_are_reuse)
{
    struct answers_stats s = {.saved = {.answers = 2, .ms = 500, .tokens_out = 9, .cost = 0.5}};
    json_t *v;
    const json_t *saved;

    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        s.outcomes[i] = 1;
    s.outcomes[ANSWERS_OUTCOME_MISS] = N_ANSWERS_OUTCOMES - 1;
    v = report(&s);
    saved = json_object_get(v, "saved");
    for (int i = 0; i < N_ANSWERS_OUTCOMES; i++)
        cr_expect_eq(
            json_integer_value(json_object_get(v, answers_outcome_name((enum answers_outcome)i))),
            s.outcomes[i]);
    cr_expect_eq(answers_reused(&s), N_ANSWERS_OUTCOMES - 1);
    cr_expect_eq(json_number_value(json_object_get(v, "hit_rate")), 0.5);
    cr_expect_eq(json_number_value(json_object_get(saved, "mean_ms")), 250);
    cr_expect_eq(json_integer_value(json_object_get(saved, "completion_tokens")), 9);
    cr_expect_eq(json_number_value(json_object_get(saved, "cost")), 0.5);
    json_decref(v);
}

Test(answers_report, shares_of_nothing_are_null)
{
    struct answers_stats s = {0};
    json_t *v = report(&s);

    cr_expect(json_is_null(json_object_get(v, "hit_rate")));
    cr_expect(json_is_null(json_object_get(json_object_get(v, "saved"), "mean_ms")));
    cr_expect_eq(answers_asked(&s), 0);
    json_decref(v);
}
