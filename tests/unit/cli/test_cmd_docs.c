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

TestSuite(cmd_docs, .init = begin, .fini = end);

Test(cmd_docs, list_shows_all_in_order)
{
    json_t *v = run_json(f.e, "docs|list|--json", EXIT_DONE);
    const json_t *all = json_object_get(v, "documents");

    cr_assert_eq(json_array_size(all), 2);
    cr_expect_str_eq(json_string_value(json_object_get(json_array_get(all, 0), "id")),
                     "capital.md");
    cr_expect_eq(json_integer_value(json_object_get(v, "total")), 2);
    json_decref(v);
    expect_run(f.e, "docs|list", EXIT_DONE, "reports.txt", "");
    expect_run(f.e, "docs|list|--after|reports.txt", EXIT_DONE, "no documents", "");
}

Test(cmd_docs, show_tells_one_with_its_text)
{
    json_t *v = run_json(f.e, "docs|show|--json|--text|reports.txt", EXIT_DONE);

    cr_expect_not_null(strstr(json_string_value(json_object_get(v, "text")), "30 days"));
    cr_expect_eq(json_array_size(json_object_get(v, "parts")), 1);
    cr_expect_str_eq(json_string_value(json_object_get(v, "summary")), "", "it is short");
    json_decref(v);
    expect_run(f.e, "docs|show|capital.md", EXIT_DONE, "bytes 0-", "");
    expect_run(f.e, "docs|show|--text|capital.md", EXIT_DONE, "4.5 percent", "");
    expect_run(f.e, "docs|show|nowhere.md", EXIT_FAILED, "", "nowhere.md");
}

Test(cmd_docs, delete_removes_and_says_what_was_not_there)
{
    expect_run(f.e, "docs|delete|capital.md", EXIT_DONE, "1 removed", "");
    expect_run(f.e, "docs|delete|capital.md|reports.txt", EXIT_FAILED, "1 removed", "1 of 2");
    expect_run(f.e, "docs|list", EXIT_DONE, "no documents", "");
}

Test(cmd_docs, wrong_words_are_wrong_usage)
{
    expect_run(f.e, "docs", EXIT_USAGE, "", "");
    expect_run(f.e, "docs|drop|x", EXIT_USAGE, "", "");
    expect_run(f.e, "docs|show", EXIT_USAGE, "", "");
    expect_run(f.e, "docs|delete", EXIT_USAGE, "", "");
    expect_run(f.e, "docs|list|x", EXIT_USAGE, "", "");
}
