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

TestSuite(cmd_precompute, .init = begin, .fini = end);

static const char *of_file(const char *name, const char *text, char line[1024])
{
    write_file(f.folder, name, text);
    return in_folder(&f, "precompute|--questions", name, line);
}

Test(cmd_precompute, answers_the_questions_of_a_file_once)
{
    char line[1024];

    of_file("q.txt", "# ours\nWhat is CET1?\nWhat does a bank file?\n", line);
    expect_run(f.e, line, EXIT_DONE, "2 made, 0 kept, 0 failed", "");
    expect_run(f.e, line, EXIT_DONE, "0 made, 2 kept, 0 failed", "");
    expect_run(f.e, "query|What is CET1?|--json", EXIT_DONE, "\"precomputed\"", "");
}

Test(cmd_precompute, options_are_part_of_the_question)
{
    char line[1024];

    of_file("q.txt", "What is CET1?\n", line);
    strcat(line, "|-k|2|--mode|keyword");
    expect_run(f.e, line, EXIT_DONE, "1 made", "");
    expect_run(f.e, "query|What is CET1?|--json", EXIT_DONE, "\"miss\"", "");
    expect_run(f.e, "query|What is CET1?|-k|2|--mode|keyword|--json", EXIT_DONE, "\"precomputed\"",
               "");
}

Test(cmd_precompute, who_answers_is_part_of_the_question_too)
{
    char line[1024];

    of_file("q.txt", "What is CET1?\n", line);
    strcat(line, "|--answer|extractive");
    expect_run(f.e, line, EXIT_DONE, "1 made", "");
    of_file("q.txt", "What is CET1?\n", line);
    strcat(line, "|--llm|fast");
    expect_run(f.e, line, EXIT_PARTLY, "1 failed", "no language model is configured");
}

Test(cmd_precompute, a_bad_line_fails_with_its_place_and_the_others_do_not)
{
    char line[1024];
    struct ran r;
    json_t *v, *failed;

    of_file("q.jsonl", "{\"question\":\"What is CET1?\"}\n{\"question\":\"x\",\"k\":0}\nnot json\n",
            line);
    expect_run(f.e, line, EXIT_PARTLY, "1 made, 0 kept, 2 failed", "q.jsonl:2: 'k'");
    expect_run(f.e, line, EXIT_PARTLY, "0 made, 1 kept, 2 failed", "q.jsonl:3: ");
    r = run_words(f.e, line);
    cr_expect(strstr(r.err, "q.jsonl:3: request: ") && !strstr(r.err, "q.jsonl:3: q"), "%s", r.err);
    ran_done(&r);
    strcat(line, "|--json");
    v = run_json(f.e, line, EXIT_PARTLY);
    failed = json_object_get(v, "failed");
    cr_expect_eq(json_integer_value(json_object_get(v, "kept")), 1);
    cr_assert_eq(json_array_size(failed), 2);
    cr_expect_not_null(
        strstr(json_string_value(json_object_get(json_array_get(failed, 0), "where")), "q.jsonl:"));
    cr_expect_neq(json_string_length(json_object_get(json_array_get(failed, 0), "reason")), 0);
    json_decref(v);
}

Test(cmd_precompute, says_what_it_cannot_do)
{
    char line[1024];

    expect_run(f.e, "precompute|--top|5", EXIT_FAILED, "", "cache.keep_questions");
    expect_run(f.e, "precompute|--questions|/nonexistent/q", EXIT_FAILED, "", "/nonexistent/q");
    of_file("empty.txt", "# nothing\n", line);
    expect_run(f.e, line, EXIT_FAILED, "", "no question");
    expect_run(NULL, "precompute", EXIT_USAGE, "", "");
    expect_run(NULL, "precompute|--top|0", EXIT_USAGE, "", "");
    expect_run(NULL, "precompute|--top|5|--ttl|x", EXIT_USAGE, "", "");
    of_file("q.txt", "What is CET1?\n", line);
    strcat(line, "|-c|nosuch");
    expect_run(f.e, line, EXIT_PARTLY, "1 failed", "nosuch");
}

Test(cmd_precompute, top_takes_what_was_asked_most)
{
    for (int i = 0; i < 2; i++)
        expect_run(f.e, "query|What is CET1?", EXIT_DONE, "", "");
    expect_run(f.e, "query|What does a bank file?", EXIT_DONE, "", "");
    expect_run(f.e, "precompute|--top|1|--ttl|60", EXIT_DONE, "1 made", "");
    expect_run(f.e, "query|What is CET1?|--json", EXIT_DONE, "\"ttl_s\":60", "");
    expect_run(f.e, "query|What does a bank file?|--json", EXIT_DONE, "\"hit\"", "");
}
