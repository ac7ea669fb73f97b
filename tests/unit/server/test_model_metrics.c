#include "server/model_metrics.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <string.h>

#include "base/err.h"
#include "generate/chat_models.h"

static struct chat_models *two(void)
{
    static const struct chat_model_options o[] = {
        {.name = "fast", .url = "http://127.0.0.1:1/v1", .model = "s", .price_in = 1},
        {.name = "best", .url = "http://127.0.0.1:1/v1", .model = "l"},
    };
    struct chat_models *m = NULL;

    cr_assert_eq(chat_models_new(&m, o, 2), ERR_OK, "%s", err_text());
    return m;
}

static void do_something(struct chat_models *m)
{
    chat_models_count(m, 0, CHAT_REQUESTS);
    chat_models_count(m, 0, CHAT_HEDGES_WON);
    chat_models_failed(m, 1, ERR_UNAVAILABLE, 429);
    chat_models_chosen(m, 1, CHAT_CHOSEN_BEST);
    chat_models_charge(m, 0, 2000000, 30);
    chat_models_took(m, 0, CHAT_TIME_FIRST_TOKEN, 200000000);
}

Test(model_metrics, the_page_has_each_model_under_one_head)
{
    static const char *const lines[] = {
        "ragd_llm_requests_total{model=\"fast\"} 1\n",
        "ragd_llm_requests_total{model=\"best\"} 0\n",
        "ragd_llm_hedges_won_total{model=\"fast\"} 1\n",
        "ragd_llm_failures_total{model=\"best\",kind=\"busy\"} 1\n",
        "ragd_llm_failures_total{model=\"fast\",kind=\"busy\"} 0\n",
        "ragd_llm_routed_total{model=\"best\",route=\"best\"} 1\n",
        "ragd_llm_tokens_total{model=\"fast\",direction=\"in\"} 2000000\n",
        "ragd_llm_cost_total{model=\"fast\"} 2\n",
        "ragd_llm_breaker_open{model=\"best\"} 0\n",
        "ragd_llm_first_token_seconds_bucket{model=\"fast\",le=\"0.1\"} 0\n",
        "ragd_llm_first_token_seconds_bucket{model=\"fast\",le=\"0.25\"} 1\n",
        "ragd_llm_answer_seconds_count{model=\"best\"} 0\n",
    };
    struct chat_models *m = two();
    struct buf b = {0};
    const char *head;

    do_something(m);
    model_metrics_write(m, &b);
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        cr_expect(strstr(b.p, lines[i]), "%s is not in\n%s", lines[i], b.p);
    head = strstr(b.p, "# TYPE ragd_llm_requests_total counter\n");
    cr_assert(head);
    cr_expect_null(strstr(head + 1, "# TYPE ragd_llm_requests_total"));
    buf_done(&b);
    chat_models_free(m);
}

Test(model_metrics, statistics_have_the_same_numbers)
{
    struct chat_models *m = two();
    struct buf b = {0};
    struct jsonw w = jsonw_to(&b);
    json_t *v, *fast, *best;

    do_something(m);
    model_metrics_json(m, &w);
    v = json_loadb(b.p, b.n, 0, NULL);
    cr_assert_eq(json_array_size(v), 2, "%s", b.p);
    fast = json_array_get(v, 0);
    best = json_array_get(v, 1);
    cr_expect_str_eq(json_string_value(json_object_get(fast, "name")), "fast");
    cr_expect_eq(json_integer_value(json_object_get(fast, "requests")), 1);
    cr_expect_eq(json_integer_value(json_object_get(fast, "prompt_tokens")), 2000000);
    cr_expect_float_eq(json_number_value(json_object_get(fast, "first_token_ms")), 200, 1e-9);
    cr_expect(json_is_null(json_object_get(best, "first_token_ms")), "none was seen");
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(best, "failures"), "busy")), 1);
    cr_expect_eq(json_integer_value(json_object_get(json_object_get(best, "routed"), "best")), 1);
    json_decref(v);
    buf_done(&b);
    chat_models_free(m);
}

Test(model_metrics, without_models_there_is_nothing)
{
    struct buf b = {0}, list = {0};
    struct jsonw w = jsonw_to(&list);

    model_metrics_write(NULL, &b);
    cr_expect_eq(b.n, 0);
    model_metrics_json(NULL, &w);
    cr_expect_str_eq(list.p, "[]");
    buf_done(&b);
    buf_done(&list);
}
