#include "cli/command.h"

#include "store/store_questions.h"
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

Test(cmd_cache, stats_tell_of_every_tier)
{
    json_t *v = run_json(f.e, "cache|stats|--json", EXIT_DONE);

    cr_expect_eq(json_integer_value(json_object_get(json_object_get(v, "store"), "entries")), 0);
    cr_expect(json_is_null(json_object_get(v, "redis")));
    cr_expect(json_is_object(json_object_get(v, "semantic")));
    json_decref(v);
    expect_run(f.e, "cache|stats", EXIT_DONE, "in the store 0, 0.0 of 67.1 MB", "");
    expect_run(f.e, "query|--semantic|strict|What is CET1?", EXIT_DONE, "", "");
    expect_run(f.e, "cache|stats", EXIT_DONE, "by meaning    1 questions; 0 served", "");
}

Test(cmd_cache, without_a_server_it_tells_and_clears_what_the_folder_keeps)
{
    struct config config = f.e->config;
    char line[1024];

    write_file(f.folder, "q.txt", "What is CET1?\n");
    expect_run(f.e, in_folder(&f, "precompute|--questions", "q.txt", line), EXIT_DONE, "1 made",
               "");
    engine_close(f.e);
    f.e = NULL;
    in_folder(&f, "cache|stats|--data", "data", line);
    expect_run(NULL, line, EXIT_DONE, "in the store 1, ", "known to a running one");
    in_folder(&f, "cache|clear|--data", "data", line);
    expect_run(NULL, line, EXIT_DONE, "the cache is empty", "");
    in_folder(&f, "cache|stats|--json|--data", "data", line);
    expect_run(NULL, line, EXIT_DONE, "{\"store\":{\"entries\":0,\"bytes\":0}}", "no server runs");
    cr_assert_eq(engine_open(&f.e, &config), ERR_OK);
    expect_run(f.e, "query|What is CET1?|--json", EXIT_DONE, "\"miss\"", "");
}

Test(cmd_cache, clearing_says_when_redis_is_away)
{
    char line[1024];

    engine_close(f.e);
    f.e = NULL;
    setenv("RAGD_REDIS_URL", "redis://127.0.0.1:1", 1);
    in_folder(&f, "cache|clear|--data", "data", line);
    expect_run(NULL, line, EXIT_FAILED, "", "127.0.0.1");
    unsetenv("RAGD_REDIS_URL");
}

Test(cmd_cache, wants_a_folder_and_a_word_that_it_knows)
{
    expect_run(NULL, "cache|stats|--data|/nonexistent", EXIT_FAILED, "", "no documents");
    expect_run(NULL, "cache|clear|--data|/nonexistent", EXIT_FAILED, "", "no documents");
    expect_run(NULL, "cache|drop", EXIT_USAGE, "", "");
}

static int count_row(void *arg, const struct question_row *row)
{
    (void)row;
    ++*(int *)arg;
    return ERR_OK;
}

static int n_kept(void)
{
    struct store_reader *r = store_reader_get(f.e->store);
    int n = 0;

    cr_assert_eq(store_top_questions(r, 0, 100, count_row, &n), ERR_OK);
    store_reader_put(f.e->store, r);
    return n;
}

Test(cmd_cache, forgets_the_questions_that_were_kept_with_a_server_and_without)
{
    struct config config = f.e->config;
    char line[1024];

    config.cache.keep_questions = true;
    for (int i = 0; i < 2; i++) {
        engine_close(f.e);
        cr_assert_eq(engine_open(&f.e, &config), ERR_OK);
        expect_run(f.e, "query|What is CET1?", EXIT_DONE, "", "");
        engine_close(f.e);
        cr_assert_eq(engine_open(&f.e, &config), ERR_OK);
        cr_expect_eq(n_kept(), 1);
        if (i == 0) {
            expect_run(f.e, "cache|forget-questions", EXIT_DONE, "no questions are kept", "");
        } else {
            engine_close(f.e);
            f.e = NULL;
            in_folder(&f, "cache|forget-questions|--json|--data", "data", line);
            expect_run(NULL, line, EXIT_DONE, "{\"forgotten\":true}", "");
            cr_assert_eq(engine_open(&f.e, &config), ERR_OK);
        }
        cr_expect_eq(n_kept(), 0);
    }
    expect_run(NULL, "cache|forget-questions|--data|/nonexistent", EXIT_FAILED, "", "no documents");
}
