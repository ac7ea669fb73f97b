#include "cli/qrels.h"

#include "unit/cli/cli_fixture.h"

static int read_text(const char *text, struct qrels *q)
{
    char folder[] = "/tmp/ragd-qrels.XXXXXX", path[64];
    int rc;

    cr_assert_not_null(mkdtemp(folder));
    write_file(folder, "r.tsv", text);
    snprintf(path, sizeof path, "%s/r.tsv", folder);
    *q = (struct qrels){0};
    rc = qrels_read(q, path);
    remove(path);
    remove(folder);
    return rc;
}

Test(qrels, are_by_question_with_the_highest_grade_first)
{
    struct qrels q;
    uint64_t at = 9;

    cr_assert_eq(
        read_text("query-id\tcorpus-id\tscore\nq1\ta\t1\nq2\tb\t1\r\n\nq1\tc\t3\nq1\td\t0\n", &q),
        ERR_OK, "%s", err_text());
    cr_expect_eq(q.n, 2);
    cr_assert(map_get(q.by_id, "q1", 2, &at));
    cr_assert_eq(q.v[at].n, 2, "grade 0 says nothing");
    cr_expect_str_eq(q.v[at].v[0].document, "c");
    cr_expect_eq(q.v[at].v[0].grade, 3);
    qrels_done(&q);
}

Test(qrels, a_bad_line_is_named)
{
    struct qrels q;

    cr_expect_eq(read_text("q1\ta\t1\nq1 a 1\n", &q), ERR_FORMAT);
    cr_expect(strstr(err_text(), "r.tsv:2"), "%s", err_text());
    qrels_done(&q);
    cr_expect_eq(read_text("q1\ta\t1\nq1\ta\tmuch\n", &q), ERR_FORMAT);
    qrels_done(&q);
    cr_expect_eq(read_text("q1\ta\t1001\n", &q), ERR_LIMIT);
    qrels_done(&q);
    cr_expect_eq(read_text("\n", &q), ERR_FORMAT);
    cr_expect(strstr(err_text(), "no relevant document"), "%s", err_text());
    qrels_done(&q);
}
