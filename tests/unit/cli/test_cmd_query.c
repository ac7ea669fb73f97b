#include "cli/command.h"

#include "support/chat_world.h"
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

TestSuite(cmd_query, .init = begin, .fini = end);

Test(cmd_query, answers_with_sources_for_people)
{
    expect_run(f.e, "query|What must CET1 be at least?", EXIT_DONE, "4.5 percent", "");
    expect_run(f.e, "query|What must CET1 be at least?", EXIT_DONE, "[1] capital.md, bytes ", "");
    expect_run(f.e, "query|--timings|What must CET1 be at least?", EXIT_DONE, "embed", "");
}

Test(cmd_query, json_is_the_reply_of_the_contract)
{
    json_t *v = run_json(f.e, "query|--json|-k|1|What must CET1 be at least?", EXIT_DONE);

    cr_expect(json_is_true(json_object_get(v, "answered")));
    cr_expect_eq(json_array_size(json_object_get(v, "sources")), 1);
    cr_expect_not_null(json_object_get(json_object_get(v, "timings"), "total_ms"));
    json_decref(v);
}

Test(cmd_query, second_time_comes_from_the_cache_unless_told_otherwise)
{
    expect_run(f.e, "query|What is CET1?", EXIT_DONE, "capital.md", "");
    expect_run(f.e, "query|What is CET1?", EXIT_DONE, "(from the cache: hit", "");
    json_t *v = run_json(f.e, "query|--json|--no-cache|What is CET1?", EXIT_DONE);

    cr_expect_str_eq(json_string_value(json_object_get(json_object_get(v, "cache"), "status")),
                     "bypass");
    json_decref(v);
}

Test(cmd_query, reuse_by_meaning_says_what_was_answered)
{
    expect_run(f.e, "query|--semantic|strict|What is the minimum CET1 ratio?", EXIT_DONE,
               "capital.md", "");
    expect_run(f.e, "query|--semantic|strict|What's the lowest CET1 ratio?", EXIT_DONE,
               "(from the cache: semantic", "");
    expect_run(f.e, "query|--semantic|strict|Please tell me the minimum CET1 ratio.", EXIT_DONE,
               "Answered question: What is the minimum CET1 ratio?", "");
    expect_run(f.e, "query|--semantic|loose|What is CET1?", EXIT_USAGE, "", "off, strict");
}

Test(cmd_query, search_lists_passages_alone)
{
    json_t *v = run_json(f.e, "search|--json|--mode|keyword|suspicious activity", EXIT_DONE);
    const json_t *first = json_array_get(json_object_get(v, "hits"), 0);

    cr_expect_str_eq(json_string_value(json_object_get(first, "document")), "reports.txt");
    cr_expect_null(json_object_get(v, "answer"));
    json_decref(v);
    expect_run(f.e, "search|--filter|_document=capital.md|report", EXIT_DONE, "capital.md", "");
    expect_run(f.e, "search|--mode|keyword|zebra", EXIT_DONE, "nothing was found", "");
}

Test(cmd_query, ranking_options_are_understood)
{
    json_t *v = run_json(f.e,
                         "search|--json|--mmr|0.5|--collapse|--window|1|--recall-target|0.9|"
                         "--explain|report",
                         EXIT_DONE);

    cr_expect_not_null(json_object_get(json_object_get(v, "explain"), "search"));
    cr_expect(
        json_is_array(json_object_get(json_array_get(json_object_get(v, "hits"), 0), "window")));
    json_decref(v);
    expect_run(f.e, "query|--explain|What is CET1?", EXIT_DONE, "search: flat, ", "");
    expect_run(f.e, "search|--mode|keyword|--explain|report", EXIT_DONE, "search: by words, ", "");
}

Test(cmd_query, a_quoted_answer_streams_in_one_part)
{
    struct ran r = run_words(f.e, "query|--stream|What must CET1 be at least?");
    const char *first;

    cr_expect_eq(r.code, EXIT_DONE, "%s", r.err);
    first = strstr(r.out, "CET1 must be at least 4.5 percent");
    cr_expect_eq(first, r.out, "%s", r.out);
    cr_expect_not_null(strstr(r.out, "Sources:"));
    ran_done(&r);
    expect_run(f.e, "query|--stream|--json|What is CET1?", EXIT_USAGE, "", "");
}

Test(cmd_query, wrong_values_are_wrong_usage)
{
    expect_run(f.e, "search|--mmr|2|report", EXIT_USAGE, "", "");
    expect_run(f.e, "search|--window|4|report", EXIT_USAGE, "", "");
    expect_run(f.e, "search|--recall-target|0.2|report", EXIT_USAGE, "", "");
    expect_run(f.e, "query|--mode|best|x", EXIT_USAGE, "", "hybrid, vector, keyword");
    expect_run(f.e, "query|--filter|a=(|x", EXIT_USAGE, "", "filter");
    expect_run(f.e, "query|-k|0|x", EXIT_USAGE, "", "");
    expect_run(f.e, "query|--context-tokens|0|x", EXIT_USAGE, "", "");
    expect_run(f.e, "query|--context-tokens|5|--context-chars|5|x", EXIT_USAGE, "", "one of them");
    expect_run(f.e, "query|one|two", EXIT_USAGE, "", "");
    expect_run(f.e, "query|-c|nowhere|x", EXIT_FAILED, "", "nowhere");
}

Test(cmd_query, says_which_language_model_answered_and_why_and_lets_one_be_named)
{
    struct chat_world c;

    CHAT_WORLD_OPEN(&c, 2);
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    c.model.text = "They eat flies [1].";
    expect_run(c.w.engine, "query|--llm|best|What do frogs eat?", EXIT_DONE,
               "(answered by the language model 'best': asked for)", "");
    expect_run(c.w.engine, "query|--llm|worst|What do frogs eat?", EXIT_USAGE, "", "'worst'");
    expect_run(c.w.engine, "query|--json|--answer|extractive|What do frogs eat?", EXIT_DONE,
               "\"model\":\"extractive\"", "");
    expect_run(c.w.engine, "query|--answer|none|What do frogs eat?", EXIT_DONE, "Looked at:\n[1]",
               "");
    expect_run(c.w.engine, "query|--answer|loud|What do frogs eat?", EXIT_USAGE, "", "'answer'");
    chat_world_close(&c);
    expect_run(f.e, "search|--llm|best|What is CET1?", EXIT_USAGE, "", "");
}

Test(cmd_query, a_deadline_is_no_failure_of_the_model)
{
    struct chat_world c;

    CHAT_WORLD_OPEN(&c, 1);
    world_put(&c.w, "frogs", "Frogs eat flies.", NULL);
    c.model.fault = CHAT_FAKE_SILENT;
    expect_run(c.w.engine, "query|--deadline-ms|400|What do frogs eat?", EXIT_DONE,
               "(no time for the language model 'fast': quoted instead)", "");
    c.model.fault = CHAT_FAKE_NOT_HTTP;
    expect_run(c.w.engine, "query|--deadline-ms|60000|What do frogs eat?", EXIT_DONE,
               "(the language model 'fast' did not answer: quoted instead)", "");
    chat_world_close(&c);
}
