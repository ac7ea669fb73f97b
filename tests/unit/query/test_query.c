#include "query/query.h"

#include "unit/query/query_fixture.h"

Test(query, quotes_the_sentence_that_answers_and_says_where_it_stands)
{
    struct world w;
    struct world_reply r;
    json_t *source, *citation;
    const char *text;

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, capital, &r);
    cr_expect(json_is_true(json_object_get(r.json, "answered")));
    cr_expect_not_null(strstr(json_string_value(json_object_get(r.json, "answer")), "4.5 percent"));
    source = json_array_get(json_object_get(r.json, "sources"), 0);
    cr_expect_str_eq(json_string_value(json_object_get(source, "document")), "capital.md");
    citation = json_array_get(json_object_get(r.json, "citations"), 0);
    text = json_string_value(json_object_get(source, "text"));
    cr_expect_arr_eq(text + json_integer_value(json_object_get(citation, "start")) -
                         json_integer_value(json_object_get(source, "start")),
                     json_string_value(json_object_get(citation, "text")),
                     json_string_length(json_object_get(citation, "text")));
    world_forget(&r);
    world_close(&w);
}

Test(query, explain_says_how_the_search_was_done_and_is_another_answer)
{
    struct world w;
    struct world_reply plain, r;

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, capital, &plain);
    world_ask(&w, "{\"question\":\"What is the minimum CET1 ratio?\",\"explain\":true}", &r);
    cr_expect_null(json_object_get(plain.json, "explain"));
    cr_expect_str_eq(json_string_value(json_object_get(
                         json_object_get(json_object_get(r.json, "explain"), "search"), "plan")),
                     "flat");
    cr_expect_eq(r.ans.cache, CACHE_MISS);
    world_forget(&plain);
    world_forget(&r);
    world_close(&w);
}

Test(query, an_unknown_collection_is_named)
{
    struct world w;
    struct query q;
    struct answer ans = {.mem = arena_new(0)};

    WORLD_OPEN(&w);
    query_defaults(&q, w.engine);
    q.question = STR_LIT("Why?");
    q.collection = "nowhere";
    trace_start(&ans.trace);
    cr_expect_eq(query_run(w.engine, &q, &ans), ERR_NOT_FOUND);
    cr_expect(strstr(err_text(), "nowhere"), "%s", err_text());
    arena_free(ans.mem);
    world_close(&w);
}

Test(query, a_deadline_that_has_passed_leaves_out_the_answer_and_says_so)
{
    struct world w;
    struct world_reply r;
    json_t *degraded;

    WORLD_OPEN(&w);
    fill(&w);
    world_ask(&w, "{\"question\":\"How long are the reports kept, please?\",\"deadline_ms\":1}",
              &r);
    degraded = json_object_get(r.json, "degraded");
    cr_assert_geq(json_array_size(degraded), 1, "an encoder under ASan takes more than 1 ms");
    cr_expect_str_eq(json_string_value(json_array_get(degraded, json_array_size(degraded) - 1)),
                     "generate");
    cr_expect(json_is_null(json_object_get(r.json, "answer")));
    cr_expect_gt(json_array_size(json_object_get(r.json, "sources")), 0);
    world_forget(&r);
    world_ask(&w, "{\"question\":\"How long are the reports kept, please?\"}", &r);
    cr_expect_eq(r.ans.cache, CACHE_MISS, "a degraded answer is not stored");
    world_forget(&r);
    world_close(&w);
}
