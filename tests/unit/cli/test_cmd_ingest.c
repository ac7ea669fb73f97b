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

TestSuite(cmd_ingest, .init = begin, .fini = end);

Test(cmd_ingest, json_report_is_that_of_the_contract)
{
    char line[1024];
    json_t *v = run_json(f.e, in_folder(&f, "ingest|--json", "docs", line), EXIT_DONE);

    cr_expect_eq(json_integer_value(json_object_get(v, "documents")), 0);
    cr_expect_eq(json_integer_value(json_object_get(v, "unchanged")), 2);
    cr_expect(json_is_array(json_object_get(v, "skipped")));
    cr_expect(json_is_array(json_object_get(v, "refused")));
    cr_expect(json_is_number(json_object_get(v, "chunks_per_second")));
    json_decref(v);
}

Test(cmd_ingest, refused_files_are_named_and_the_exit_is_3)
{
    char line[1024];

    write_file(f.folder, "docs/bad.json", "{broken");
    write_file(f.folder, "docs/picture.xyz", "?");
    expect_run(f.e, in_folder(&f, "ingest", "docs", line), EXIT_PARTLY, "refused", "");
    expect_run(f.e, in_folder(&f, "ingest", "docs", line), EXIT_PARTLY, "bad.json: ", "");
    expect_run(f.e, in_folder(&f, "ingest", "docs", line), EXIT_PARTLY, "skipped ", "");
}

Test(cmd_ingest, metadata_of_the_options_can_be_filtered_by)
{
    char line[1024];

    expect_run(f.e, in_folder(&f, "ingest|--meta|year=2024|--meta|type=policy", "docs", line),
               EXIT_DONE, "2 documents", "");
    expect_run(f.e, "search|--filter|year>=2024 and type=policy|CET1", EXIT_DONE, "capital.md", "");
    expect_run(f.e, "search|--filter|year>2024|CET1", EXIT_DONE, "nothing was found", "");
}

Test(cmd_ingest, prune_removes_what_is_gone)
{
    char line[1024], path[512];

    snprintf(path, sizeof path, "%s/docs/reports.txt", f.folder);
    cr_assert_eq(unlink(path), 0);
    expect_run(f.e, in_folder(&f, "ingest", "docs", line), EXIT_DONE, "0 removed", "");
    expect_run(f.e, in_folder(&f, "ingest|--prune", "docs", line), EXIT_DONE, "1 removed", "");
}

Test(cmd_ingest, what_is_not_there_fails)
{
    char line[1024];

    expect_run(f.e, in_folder(&f, "ingest", "nowhere", line), EXIT_FAILED, "", "nowhere");
    expect_run(f.e, "ingest", EXIT_USAGE, "", "");
    expect_run(f.e, "ingest|--meta|x|y", EXIT_USAGE, "", "");
    expect_run(f.e, "ingest|--prune=all|y", EXIT_USAGE, "", "");
}

Test(cmd_ingest, a_new_collection_may_have_a_language_of_its_own)
{
    char line[1024];

    expect_run(f.e, in_folder(&f, "ingest|-c|de|--language|german", "docs", line), EXIT_DONE,
               "2 documents", "");
    expect_run(f.e, in_folder(&f, "ingest|-c|de|--language|german", "docs", line), EXIT_DONE,
               "2 unchanged", "");
    expect_run(f.e, in_folder(&f, "ingest|-c|de|--language|french", "docs", line), EXIT_USAGE, "",
               "'german'");
    expect_run(f.e, in_folder(&f, "ingest|-c|xx|--language|klingon", "docs", line), EXIT_USAGE, "",
               "klingon");
}
