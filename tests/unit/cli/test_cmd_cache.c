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

TestSuite(cmd_cache, .init = begin, .fini = end);

Test(cmd_cache, counts_answers_and_forgets_them)
{
    json_t *v;

    expect_run(f.e, "query|What is CET1?", EXIT_DONE, "capital.md", "");
    expect_run(f.e, "query|What is CET1?", EXIT_DONE, "hit", "");
    v = run_json(f.e, "cache|stats|--json", EXIT_DONE);
    cr_expect_eq(json_integer_value(json_object_get(v, "entries")), 1);
    cr_expect_eq(json_integer_value(json_object_get(v, "hits")), 1);
    cr_expect_eq(json_integer_value(json_object_get(v, "joined")), 0);
    cr_expect_eq(json_number_value(json_object_get(v, "hit_rate")), 0.5);
    cr_expect_gt(json_number_value(json_object_get(json_object_get(v, "saved"), "ms")), 0);
    json_decref(v);
    expect_run(f.e, "cache|stats", EXIT_DONE, "not made again", "");
    expect_run(f.e, "cache|stats", EXIT_DONE, "50.0 %", "");
    expect_run(f.e, "cache|stats", EXIT_DONE, "time saved ", "");
    expect_run(f.e, "cache|clear", EXIT_DONE, "the cache is empty", "");
    expect_run(f.e, "cache|stats", EXIT_DONE, "answers      0", "");
}

Test(cmd_cache, without_a_server_it_says_where_the_cache_lives)
{
    expect_run(NULL, "cache|stats", EXIT_DONE, "", "lives in the server");
    expect_run(NULL, "cache|drop", EXIT_USAGE, "", "");
}
