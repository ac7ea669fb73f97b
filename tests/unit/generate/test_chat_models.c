#include "generate/chat_models.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "base/err.h"
#include "support/log_lines.h"

static const struct chat_model_options fine[] = {
    {.name = "fast",
     .url = "http://127.0.0.1:1/v1",
     .model = "small",
     .price_in = 1,
     .price_out = 2},
    {.name = "best",
     .url = "https://joe.example/v1/",
     .model = "large",
     .key = "sesame",
     .timeout_ms = 7000,
     .first_token_ms = 700},
};

static struct chat_models *make(void)
{
    struct chat_models *m = NULL;

    cr_assert_eq(chat_models_new(&m, fine, 2), ERR_OK, "%s", err_text());
    return m;
}

Test(chat_models, settings_are_kept_with_their_defaults)
{
    struct chat_models *m = make();
    const struct chat_model *fast = chat_models_get(m, 0), *best = chat_models_get(m, 1);

    cr_expect_eq(chat_models_n(m), 2);
    cr_expect_str_eq(fast->url, "http://127.0.0.1:1/v1/chat/completions");
    cr_expect_eq(fast->timeout_ms, CHAT_TIMEOUT_MS);
    cr_expect_eq(fast->first_token_ms, CHAT_FIRST_TOKEN_MS);
    cr_expect_null(fast->key);
    cr_expect_str_eq(best->url, "https://joe.example/v1/chat/completions");
    cr_expect_str_eq(best->key, "sesame");
    cr_expect_eq(best->timeout_ms, 7000);
    cr_expect_eq(best->first_token_ms, 700);
    cr_expect_eq(chat_models_find(m, "best"), 1);
    cr_expect_eq(chat_models_find(m, "worst"), -1);
    chat_models_free(m);
}

Test(chat_models, no_model_at_all_is_fine)
{
    struct chat_models *m = NULL;

    cr_assert_eq(chat_models_new(&m, NULL, 0), ERR_OK);
    cr_expect_eq(chat_models_n(m), 0);
    cr_expect_eq(chat_models_find(m, "fast"), -1);
    chat_models_free(m);
    chat_models_free(NULL);
}

static void refuse(struct chat_model_options o, const char *reason)
{
    struct chat_model_options both[] = {fine[0], o};
    struct chat_models *m = NULL;

    cr_expect_eq(chat_models_new(&m, both, 2), ERR_ARGUMENT);
    cr_expect_null(m);
    cr_expect(strstr(err_text(), reason), "%s", err_text());
    cr_expect_null(strstr(err_text(), "sesame"), "%s", err_text());
}

Test(chat_models, settings_that_cannot_be_used_are_refused_by_name)
{
    struct chat_model_options o = fine[1];

    o.url = "ftp://example.com";
    refuse(o, "language model 'best': 'ftp://example.com");
    o = fine[1];
    o.key = "sesame\nopen";
    refuse(o, "language model 'best': the key");
    o = fine[1];
    o.price_in = NAN;
    refuse(o, "prices");
    o = fine[1];
    o.timeout_ms = -1;
    refuse(o, "time-outs");
    o = fine[1];
    o.model = "";
    refuse(o, "needs name, url and model");
    o = fine[1];
    o.name = "fast";
    refuse(o, "two language models are called 'fast'");
}

Test(chat_models, that_one_is_away_and_back_is_logged_once_each)
{
    struct chat_models *m = make();
    struct log_lines l;
    const char *text;

    log_lines_begin(&l, LOG_INFO);
    for (int i = 0; i < 2 * BREAKER_FAILURES; i++) /* the later ones began before it opened */
        chat_models_leave(m, 1, BREAKER_CALL, CHAT_FAILED, "status 503");
    chat_models_leave(m, 1, BREAKER_CALL, CHAT_WORKED, NULL);
    chat_models_leave(m, 1, BREAKER_CALL, CHAT_WORKED, NULL);
    text = log_lines_end(&l);
    cr_expect_eq(log_lines_count(text, "\n"), 2, "%s", text);
    cr_expect(strstr(text, "\"warn\",\"event\":\"language_model_away\",\"name\":\"best\","
                           "\"url\":\"https://joe.example/v1/chat/completions\","
                           "\"reason\":\"status 503\"}"),
              "%s", text);
    cr_expect(strstr(text, "\"info\",\"event\":\"language_model_back\",\"name\":\"best\"}"), "%s",
              text);
    cr_expect_null(strstr(text, "sesame"), "%s", text);
    chat_models_free(m);
}

Test(chat_models, one_is_blamed_by_its_name_not_by_where_it_is)
{
    struct chat_models *m = make();
    char text[ERR_TEXT_MAX];

    chat_model_blame(chat_models_get(m, 1), "https://joe.example/v1/chat/completions: status 429",
                     text);
    cr_expect_str_eq(text, "language model 'best': status 429");
    chat_model_blame(chat_models_get(m, 1), "Could not resolve host: joe.example", text);
    cr_expect_str_eq(text, "language model 'best': Could not resolve host: its server");
    chat_models_free(m);
}

Test(chat_models, each_model_has_a_breaker_of_its_own_that_says_why)
{
    struct chat_models *m = make();

    for (int i = 0; i < BREAKER_FAILURES; i++) {
        cr_assert_eq(chat_models_enter(m, 0), BREAKER_CALL);
        chat_models_leave(m, 0, BREAKER_CALL, CHAT_FAILED, "the cable is cut");
    }
    cr_expect(chat_models_is_open(m, 0));
    cr_expect_eq(chat_models_enter(m, 0), BREAKER_REFUSED);
    cr_expect(strstr(err_text(), "'fast' failed 5 times in a row"), "%s", err_text());
    cr_expect(strstr(err_text(), "the cable is cut"), "%s", err_text());
    cr_expect_eq(chat_models_enter(m, 1), BREAKER_CALL);
    chat_models_leave(m, 1, BREAKER_CALL, CHAT_NOTHING, NULL);
    cr_expect_not(chat_models_is_open(m, 1));
    chat_models_free(m);
}

Test(chat_models, the_95th_percentile_is_known_after_twenty_and_forgets)
{
    struct chat_models *m = make();

    for (int i = 1; i < CHAT_OBSERVED_MIN; i++) {
        chat_models_first_token(m, 0, i);
        cr_expect_eq(chat_models_p95_ms(m, 0), -1);
    }
    chat_models_first_token(m, 0, 1000);
    cr_expect_eq(chat_models_p95_ms(m, 0), 19, "of 1..19 and 1000");
    for (int i = 100; i > 20; i--)
        chat_models_first_token(m, 0, i);
    cr_expect_eq(chat_models_p95_ms(m, 0), 96, "of 1..100 without 20, and 1000");
    for (int i = 0; i < CHAT_OBSERVED_MAX; i++)
        chat_models_first_token(m, 0, 5);
    cr_expect_eq(chat_models_p95_ms(m, 0), 5);
    chat_models_first_token(m, 1, INT64_MAX);
    cr_expect_eq(chat_models_p95_ms(m, 1), -1);
    chat_models_free(m);
}

Test(chat_models, tokens_cost_what_their_prices_say)
{
    struct chat_models *m = make();
    struct chat_model_stats s;
    double much = chat_models_charge(m, 0, 1000000, 500000),
           little = chat_models_charge(m, 0, 1, 0);

    cr_expect_float_eq(much, 2.0, 1e-9);
    cr_expect_float_eq(little, 1e-6, 1e-12);
    cr_expect_eq(chat_models_charge(m, 1, 5, 5), 0);
    chat_models_count(m, 0, CHAT_REQUESTS);
    chat_models_count(m, 0, CHAT_REQUESTS);
    chat_models_count(m, 0, CHAT_HEDGES);
    chat_models_failed(m, 0, ERR_UNAVAILABLE, 503);
    chat_models_chosen(m, 0, CHAT_CHOSEN_BEST);
    chat_models_took(m, 0, CHAT_TIME_ANSWER, 2000000000);
    chat_models_stats(m, 0, &s);
    cr_expect_eq(s.numbers.counts[CHAT_REQUESTS], 2);
    cr_expect_eq(s.numbers.counts[CHAT_RETRIES], 0);
    cr_expect_eq(s.numbers.counts[CHAT_HEDGES], 1);
    cr_expect_eq(s.numbers.failures[CHAT_FAILURE_SERVER], 1);
    cr_expect_eq(s.numbers.choices[CHAT_CHOSEN_BEST], 1);
    cr_expect_eq(s.numbers.times[CHAT_TIME_ANSWER].sum_ns, 2000000000);
    cr_expect_eq(s.numbers.tokens_in, 1000001);
    cr_expect_eq(s.numbers.tokens_out, 500000);
    cr_expect_float_eq(s.numbers.cost, 2.000001, 1e-9);
    cr_expect_eq(s.p95_ms, -1);
    cr_expect_not(s.open);
    chat_models_free(m);
}
