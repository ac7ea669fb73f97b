#include "cli/questions.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/err.h"

static int read_text(struct questions *q, const char *ending, const char *text)
{
    char folder[] = "/tmp/test_questions.XXXXXX", path[256];
    FILE *f;
    int rc;

    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/q%s", folder, ending);
    f = fopen(path, "w");
    fputs(text, f);
    fclose(f);
    rc = questions_read(q, path);
    unlink(path);
    rmdir(folder);
    return rc;
}

Test(questions, jsonl_has_text_or_question_and_maybe_an_id)
{
    struct questions q = {0};

    cr_assert_eq(
        read_text(&q, ".jsonl", "{\"id\":\"a\",\"text\":\"What?\"}\n\n{\"question\":\"Why?\"}\n"),
        ERR_OK, "%s", err_text());
    cr_assert_eq(q.n, 2);
    cr_expect_str_eq(q.v[0].id, "a");
    cr_expect_str_eq(q.v[0].text, "What?");
    cr_expect_str_eq(q.v[1].id, "2");
    cr_expect_str_eq(q.v[1].text, "Why?");
    questions_done(&q);
}

Test(questions, other_files_have_one_a_line)
{
    struct questions q = {0};

    cr_assert_eq(read_text(&q, ".txt", "What is CET1?\r\n\n  Explain Basel III"), ERR_OK);
    cr_assert_eq(q.n, 2);
    cr_expect_str_eq(q.v[0].text, "What is CET1?");
    cr_expect_str_eq(q.v[1].text, "Explain Basel III");
    questions_done(&q);
}

Test(questions, bad_files_are_named_with_their_line)
{
    struct questions q = {0};

    cr_expect_eq(read_text(&q, ".jsonl", "{\"text\":\"a\"}\n{\"title\":\"b\"}\n"), ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), ".jsonl:2"), "%s", err_text());
    cr_expect_lt(read_text(&q, ".jsonl", "{broken\n"), 0);
    questions_done(&q);
    cr_expect_eq(read_text(&q, ".txt", "\n\n"), ERR_FORMAT);
    cr_expect_eq(questions_read(&q, "/nowhere/q.txt"), ERR_NOT_FOUND);
    questions_done(&q);
}
