#include "cli/command.h"

#include "unit/cli/cli_fixture.h"
#include "unit/embed/tiny_model.h"

static struct cli_fixture f;

static void begin(void)
{
    cli_fixture_init(&f);
}

static void end(void)
{
    cli_fixture_done(&f);
}

TestSuite(cmd_eval, .init = begin, .fini = end);

#define CAPITAL "{\"id\":\"q1\",\"text\":\"What must CET1 be at least?\"}\n"
#define REPORT  "{\"id\":\"q2\",\"text\":\"When is a suspicious activity report filed?\"}\n"

static const char *eval_words(const char *more, char out[1024])
{
    snprintf(out, 1024, "eval|--questions|%s/q.jsonl|--qrels|%s/r.tsv%s", f.folder, f.folder, more);
    return out;
}

static double measure(const json_t *v, const char *name)
{
    return json_number_value(json_object_get(json_array_get(json_object_get(v, "modes"), 0), name));
}

Test(cmd_eval, measures_are_those_of_the_definition)
{
    char line[1024];
    json_t *v;

    /* q1 finds its only document first; q2's two documents of grade 1 and 2: reports.txt first. */
    write_file(f.folder, "q.jsonl", CAPITAL REPORT);
    write_file(
        f.folder, "r.tsv",
        "query-id\tcorpus-id\tscore\nq1\tcapital.md\t1\nq2\treports.txt\t2\nq2\tgone.md\t1\n");
    v = run_json(f.e, eval_words("|--json|--modes|hybrid", line), EXIT_DONE);
    cr_expect_eq(measure(v, "queries"), 2);
    cr_expect_float_eq(measure(v, "recall@1"), (1 + 0.5) / 2, 1e-6);
    cr_expect_float_eq(measure(v, "recall@10"), (1 + 0.5) / 2, 1e-6);
    cr_expect_float_eq(measure(v, "mrr@10"), 1, 1e-6);
    cr_expect_float_eq(measure(v, "ndcg@10"), (1 + 2 / (2 + 1 / 1.584962500721156)) / 2, 1e-5);
    json_decref(v);
    v = run_json(f.e, eval_words("|--json|--modes|summary", line), EXIT_DONE);
    cr_expect_float_eq(measure(v, "mrr@10"), 1, 1e-6, "short documents count by their chunks");
    json_decref(v);
}

Test(cmd_eval, questions_that_were_not_asked_count_as_zero)
{
    char line[1024];

    write_file(f.folder, "q.jsonl", CAPITAL);
    write_file(f.folder, "r.tsv", "q1\tcapital.md\t1\nq9\treports.txt\t1\n");
    expect_run(f.e, eval_words("", line), EXIT_DONE, "0.5000", "1 questions of the qrels");
}

Test(cmd_eval, run_file_has_documents_best_first)
{
    char line[1024], more[400], path[300];
    struct buf b;

    write_file(f.folder, "q.jsonl", CAPITAL);
    write_file(f.folder, "r.tsv", "q1\tcapital.md\t1\n");
    snprintf(path, sizeof path, "%s/run", f.folder);
    snprintf(more, sizeof more, "|--modes|vector|--run|%s", path);
    expect_run(f.e, eval_words(more, line), EXIT_DONE, "vector", "");
    buf_init(&b);
    cr_assert_eq(file_read(path, 10000, &b), ERR_OK);
    cr_expect(str_starts(buf_view(&b), STR_LIT("q1\tcapital.md\t")), "%s", b.p);
    buf_done(&b);
}

Test(cmd_eval, a_static_mode_needs_a_collection_that_has_a_table)
{
    char line[1024];

    write_file(f.folder, "q.jsonl", CAPITAL);
    write_file(f.folder, "r.tsv", "q1\tcapital.md\t1\n");
    expect_run(f.e, eval_words("|--modes|vector-static", line), EXIT_FAILED, "",
               "no static encoder");
}

Test(cmd_eval, bad_files_are_named_with_their_line)
{
    char line[1024];

    write_file(f.folder, "q.jsonl", CAPITAL);
    write_file(f.folder, "r.tsv", "q1\tcapital.md\t1\nq1 capital.md 1\n");
    expect_run(f.e, eval_words("", line), EXIT_FAILED, "", "r.tsv:2");
    expect_run(f.e, eval_words("|--modes|best", line), EXIT_USAGE, "", "");
    expect_run(f.e, "eval", EXIT_USAGE, "", "");
}

Test(cmd_eval, a_mode_with_a_model_needs_one_and_writes_its_scores)
{
    struct tiny_model m;
    struct config c = f.e->config;
    char line[1024], more[400], path[300];
    struct buf b;

    write_file(f.folder, "q.jsonl", CAPITAL);
    write_file(f.folder, "r.tsv", "q1\tcapital.md\t1\n");
    expect_run(f.e, eval_words("|--modes|hybrid+model", line), EXIT_USAGE, "", "rerank.model");
    tiny_open(&m);
    tiny_make_cross(&m);
    snprintf(c.rerank.model, sizeof c.rerank.model, "%s", m.dir);
    engine_close(f.e);
    cr_assert_eq(engine_open(&f.e, &c), ERR_OK, "%s", err_text());
    snprintf(path, sizeof path, "%s/run", f.folder);
    snprintf(more, sizeof more, "|--modes|hybrid+model,keyword+model|--run|%s", path);
    expect_run(f.e, eval_words(more, line), EXIT_DONE, "keyword+model", "");
    buf_init(&b);
    cr_assert_eq(file_read(path, 10000, &b), ERR_OK);
    cr_expect_leq(atof(strrchr(b.p, '\t') + 1), 1);
    buf_done(&b);
    tiny_close(&m);
}
