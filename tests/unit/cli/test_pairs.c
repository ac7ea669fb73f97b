#include "cli/pairs.h"

#include "unit/cli/cli_fixture.h"

static char folder[32];

static void begin(void)
{
    strcpy(folder, "/tmp/ragd-pairs.XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static void end(void)
{
    nftw(folder, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

TestSuite(pairs, .init = begin, .fini = end);

static int read_as(struct pairs *p, const char *name, const char *text)
{
    char path[96];

    write_file(folder, name, text);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    pairs_init(p);
    return pairs_read(p, path);
}

Test(pairs, come_from_jsonl)
{
    struct pairs p;

    cr_assert_eq(read_as(&p, "p.jsonl",
                         "{\"question\":\"Why?\",\"document\":\"a.md\"}\n\n"
                         "{\"question\":\"Who?\",\"document\":\"b.md\",\"chunk\":\"00ff\"}\n"),
                 ERR_OK, "%s", err_text());
    cr_assert_eq(p.n, 2);
    cr_expect_str_eq(p.v[0].question, "Why?");
    cr_expect_str_eq(p.v[0].document, "a.md");
    cr_expect_null(p.v[0].chunk);
    cr_expect_str_eq(p.v[1].chunk, "00ff");
    pairs_done(&p);
}

Test(pairs, come_from_lines_with_tabs_and_a_head_line)
{
    struct pairs p;

    cr_assert_eq(
        read_as(&p, "p.tsv",
                "question\tdocument\tchunk\nWhy?\ta.md\r\nWho?\tb.md\t00ff\nquestion\tc\n"),
        ERR_OK, "%s", err_text());
    cr_assert_eq(p.n, 3);
    cr_expect_str_eq(p.v[0].document, "a.md");
    cr_expect_null(p.v[0].chunk);
    cr_expect_str_eq(p.v[1].chunk, "00ff");
    cr_expect_str_eq(p.v[2].question, "question");
    pairs_done(&p);
}

static void expect_refused(const char *name, const char *text, const char *said)
{
    struct pairs p;

    cr_expect_eq(read_as(&p, name, text), ERR_FORMAT, "%s: %s", text, err_text());
    cr_expect(strstr(err_text(), said), "'%s' does not say '%s'", err_text(), said);
    pairs_done(&p);
}

Test(pairs, what_is_wrong_is_named_with_its_line)
{
    expect_refused("p.tsv", "Why?\ta.md\nWho?\n", "p.tsv:2");
    expect_refused("p.tsv", "\ta.md\n", "p.tsv:1");
    expect_refused("p.tsv", "question\tdocument\n", "no pair");
    expect_refused("p.jsonl", "{\"question\":\"Why?\"}\n", "p.jsonl:1");
    expect_refused("p.jsonl", "{\"question\":1,\"document\":\"a\"}\n", "p.jsonl:1");
    expect_refused("p.jsonl", "[]\n", "p.jsonl:1");
    expect_refused("p.jsonl", "{\"question\"\n", "p.jsonl:1");
}

Test(pairs, come_from_questions_and_judgements)
{
    struct pairs p;
    char questions[96], qrels[96];

    write_file(folder, "q.jsonl",
               "{\"id\":\"1\",\"text\":\"Why?\"}\n{\"id\":\"2\",\"text\":\"Who?\"}\n");
    write_file(folder, "r.tsv", "1\ta.md\t1\n1\tb.md\t1\n9\tc.md\t1\n");
    snprintf(questions, sizeof questions, "%s/q.jsonl", folder);
    snprintf(qrels, sizeof qrels, "%s/r.tsv", folder);
    pairs_init(&p);
    cr_assert_eq(pairs_from_qrels(&p, questions, qrels), ERR_OK, "%s", err_text());
    cr_assert_eq(p.n, 2);
    cr_expect_str_eq(p.v[1].question, "Why?");
    pairs_done(&p);
    write_file(folder, "r.tsv", "9\tc.md\t1\n");
    pairs_init(&p);
    cr_expect_eq(pairs_from_qrels(&p, questions, qrels), ERR_FORMAT);
    pairs_done(&p);
}
