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

TestSuite(cmd_bench, .init = begin, .fini = end);

Test(cmd_bench, json_has_every_measure_of_both_sides)
{
    json_t *v = run_json(f.e, "bench|--json|--iterations|3", EXIT_DONE);
    const json_t *cold = json_object_get(json_object_get(v, "cold"), "total_ms");
    static const char *const names[] = {"mean", "std", "min", "max", "p50", "p95", "p99"};

    cr_expect_eq(json_integer_value(json_object_get(v, "iterations")), 3);
    for (int i = 0; i < 7; i++)
        cr_expect_not_null(json_object_get(cold, names[i]), "%s is missing", names[i]);
    cr_expect_not_null(json_object_get(json_object_get(v, "cached"), "total_ms"));
    json_decref(v);
}

Test(cmd_bench, tells_machine_and_data_and_writes_a_page)
{
    char line[1024], path[300];

    snprintf(path, sizeof path, "%s/b.html", f.folder);
    snprintf(line, sizeof line, "bench|--iterations|2|--concurrency|2|--report|%s", path);
    expect_run(f.e, line, EXIT_DONE, "2 documents, 2 chunks", "");
    cr_expect_eq(access(path, R_OK), 0);
}

Test(cmd_bench, questions_come_from_a_file_when_one_is_given)
{
    char line[1024];

    write_file(f.folder, "q.txt", "What is CET1?\n");
    expect_run(f.e, in_folder(&f, "bench|--iterations|2|--questions", "q.txt", line), EXIT_DONE,
               "1 different questions", "");
    expect_run(f.e, "bench|--questions|/nowhere/q", EXIT_FAILED, "", "/nowhere/q");
    expect_run(f.e, "bench|--url|http://127.0.0.1:1", EXIT_USAGE, "", "");
}
