#include "cli/bench_run.h"

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

TestSuite(bench_run, .init = begin, .fini = end);

static int run_plan(const char *question, bool cached, struct bench_side *side)
{
    static const volatile bool cancelled = false;
    struct common common = {.config = f.e->config};
    struct question_options how = {0};
    struct questions questions = {0};
    struct bench_plan plan = {.e = f.e,
                              .common = &common,
                              .how = &how,
                              .questions = &questions,
                              .iterations = 5,
                              .concurrency = 2,
                              .cancelled = &cancelled};
    int rc;

    questions_add(&questions, "1", question);
    rc = bench_run(&plan, cached, side);
    questions_done(&questions);
    return rc;
}

Test(bench_run, every_stage_has_one_time_for_each_question)
{
    struct bench_side side;

    cr_assert_eq(run_plan("What is CET1?", false, &side), ERR_OK, "%s", err_text());
    cr_expect_eq(bench_column(&side, "embed_ms")->n, 5);
    cr_expect_eq(bench_column(&side, "total_ms")->n, 5);
    cr_expect_gt(bench_column(&side, "embed_ms")->v[0], 0);
    cr_expect_null(bench_column(&side, "round_trip_ms"));
    bench_side_done(&side);
}

Test(bench_run, cached_questions_are_not_embedded)
{
    struct bench_side side;

    cr_assert_eq(run_plan("What is CET1?", true, &side), ERR_OK, "%s", err_text());
    cr_expect_float_eq(stats_of(bench_column(&side, "embed_ms")).max, 0, 0);
    bench_side_done(&side);
}

Test(bench_run, a_question_that_fails_ends_it_with_its_reason)
{
    struct bench_side side;

    cr_expect_eq(run_plan(" ", false, &side), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "question"), "%s", err_text());
}
