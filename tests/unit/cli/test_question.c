#include "cli/command.h"

#include "unit/cli/cli_fixture.h"

static struct cli_fixture f;

static void begin(void)
{
    cli_fixture_init(&f);
}

static void end(void)
{
    cli_fixture_done(&f);
}

TestSuite(question, .init = begin, .fini = end);

#include "cli/question.h"

Test(question, options_become_the_request_of_the_contract)
{
    struct question_options o = {.k = 3,
                                 .mode = "vector",
                                 .rerank = "model",
                                 .filter = "year>=2020",
                                 .cache = "no-store",
                                 .deadline_ms = 50};
    json_t *v = NULL, *want;

    cr_assert_eq(question_request(&o, "Why?", "docs", false, &v), ERR_OK, "%s", err_text());
    want = json_pack("{s:s,s:s,s:i,s:s,s:s,s:i,s:{s:{s:i}}}", "question", "Why?", "collection",
                     "docs", "k", 3, "mode", "vector", "cache", "no-store", "deadline_ms", 50,
                     "filter", "year", "gte", 2020);
    cr_expect_eq(json_integer_value(json_object_get(v, "k")), 3);
    cr_expect_str_eq(json_string_value(json_object_get(v, "cache")), "no-store");
    cr_expect_str_eq(json_string_value(json_object_get(v, "rerank")), "model");
    cr_expect(json_is_object(json_object_get(v, "filter")));
    json_decref(want);
    json_decref(v);
}

Test(question, what_makes_the_ranking_goes_along)
{
    struct question_options o = {.recall_target = 0.9,
                                 .has_mmr = true, /* 0 is a value like others */
                                 .collapse = true,
                                 .window = 2,
                                 .explain = true};
    json_t *v = NULL;

    cr_assert_eq(question_request(&o, "Why?", "docs", true, &v), ERR_OK, "%s", err_text());
    cr_expect_eq(json_real_value(json_object_get(v, "recall_target")), 0.9);
    cr_expect(json_is_real(json_object_get(v, "mmr")));
    cr_expect(json_is_true(json_object_get(v, "collapse")));
    cr_expect_eq(json_integer_value(json_object_get(v, "window")), 2);
    cr_expect(json_is_true(json_object_get(v, "explain")));
    json_decref(v);
    o = (struct question_options){0};
    cr_assert_eq(question_request(&o, "Why?", "docs", true, &v), ERR_OK);
    cr_expect_eq(json_object_size(v), 2, "what is not said is not sent");
    json_decref(v);
}

Test(question, a_search_has_no_members_of_answers)
{
    struct question_options o = {.cache = "no-store", .context_chars = 5};
    json_t *v = NULL;

    cr_assert_eq(question_request(&o, "Why?", "docs", true, &v), ERR_OK);
    cr_expect_null(json_object_get(v, "cache"));
    cr_expect_null(json_object_get(v, "context_chars"));
    json_decref(v);
}

Test(question, what_is_not_utf8_is_refused)
{
    struct question_options o = {0};
    json_t *v = NULL;

    cr_expect_eq(question_request(&o, "\xff", "docs", false, &v), ERR_FORMAT);
    cr_expect_null(v);
}

static void count_tokens(void *arg, struct str text)
{
    *(size_t *)arg += text.n > 0;
}

Test(question, is_asked_of_the_engine)
{
    struct question_options o = {0};
    struct common common = {.config = f.e->config};
    json_t *v = NULL;
    size_t n_tokens = 0;
    struct answer_listener listener = {.token = count_tokens, .arg = &n_tokens};
    struct buf reply;

    buf_init(&reply);
    cr_assert_eq(question_request(&o, "What is CET1?", "default", false, &v), ERR_OK);
    cr_expect_eq(question_ask(f.e, &common, v, false, &reply), ERR_OK, "%s", err_text());
    cr_expect_not_null(strstr(reply.p, "\"id\":\"q_"));
    buf_clear(&reply);
    cr_expect_eq(question_ask_for(f.e, &common, v, &listener, &reply), ERR_OK);
    cr_expect_not_null(strstr(reply.p, "\"id\":\"q_"));
    cr_expect_eq(n_tokens, 0, "no language model has said anything");
    json_decref(v);
    buf_done(&reply);
}
