#include "ingest/prepare.h"

#include "support/library.h"

struct bench {
    struct world w;
    struct run run;
    struct ingest_options o;
    struct ingest_report r;
};

static void bench_open(struct bench *b)
{
    b->o = USUAL_OPTIONS;
    ingest_report_init(&b->r);
    cr_assert_eq(run_open(&b->run, b->w.engine, &b->o, &b->r), ERR_OK, "%s", err_text());
}

static void bench_close(struct bench *b)
{
    run_close(&b->run);
    ingest_report_done(&b->r);
    world_close(&b->w);
}

#define FILE_ORIGIN(k)                                                                             \
    ((struct origin){.key = STR_LIT(k),                                                            \
                     .root = STR_LIT("r"),                                                         \
                     .folder = STR_LIT("/r"),                                                      \
                     .shown = k,                                                                   \
                     .from_file = true})

static int prepare(struct bench *b, struct origin o, struct extracted doc, struct ready **out)
{
    *out = NULL;
    return prepare_document(&b->run, &o, NULL, &doc, out);
}

Test(prepare, makes_rows_of_a_document)
{
    struct bench b;
    struct ready *d;
    struct heading_mark h = {0, 7, 1};
    struct extracted doc = {
        .text = STR_LIT("Capital\n\nBanks hold it."), .headings = &h, .n_headings = 1};

    WORLD_OPEN(&b.w);
    bench_open(&b);
    cr_assert_eq(prepare(&b, FILE_ORIGIN("sub/a.md"), doc, &d), ERR_OK, "%s", err_text());
    cr_expect(str_eq(d->row.key, STR_LIT("sub/a.md")));
    cr_expect(str_eq(d->row.uri, STR_LIT("/r/sub/a.md")));
    cr_expect(str_eq(d->row.title, STR_LIT("Capital")), "the first heading");
    cr_expect(str_eq(d->row.metadata, STR_LIT("{}")));
    cr_assert_eq(d->n_chunks, 1);
    cr_expect(str_eq(d->chunks[0].text, doc.text));
    cr_expect(str_eq(d->chunks[0].heading, STR_LIT("Capital")));
    cr_expect_neq(d->chunks[0].id, 0);
    ready_free(d);
    bench_close(&b);
}

Test(prepare, titles_a_document_by_what_is_there)
{
    struct bench b;
    struct ready *d;

    WORLD_OPEN(&b.w);
    bench_open(&b);
    cr_assert_eq(
        prepare(&b, FILE_ORIGIN("s/a.txt"), (struct extracted){.text = STR_LIT("Text.")}, &d),
        ERR_OK);
    cr_expect(str_eq(d->row.title, STR_LIT("a.txt")), "the file's name");
    ready_free(d);
    cr_assert_eq(prepare(&b, FILE_ORIGIN("s/b.txt"),
                         (struct extracted){.text = STR_LIT("Text."), .title = STR_LIT(" Said ")},
                         &d),
                 ERR_OK);
    cr_expect(str_eq(d->row.title, STR_LIT("Said")));
    ready_free(d);
    cr_assert_eq(prepare(&b, FILE_ORIGIN("s/d.pdf"),
                         (struct extracted){.text = STR_LIT("PART I\n\nText."),
                                            .headings = &(struct heading_mark){0, 6, 1},
                                            .n_headings = 1},
                         &d),
                 ERR_OK);
    cr_expect(str_eq(d->row.title, STR_LIT("d.pdf")), "a guessed heading is no title");
    ready_free(d);
    cr_assert_eq(prepare(&b, FILE_ORIGIN("s/c.jsonl"),
                         (struct extracted){.text = STR_LIT("Text."), .id = STR_LIT("c1")}, &d),
                 ERR_OK);
    cr_expect_eq(d->row.title.n, 0, "a record is not called like its file");
    ready_free(d);
    bench_close(&b);
}

Test(prepare, gives_chunks_ids_that_stay)
{
    struct bench b;
    struct ready *d;
    uint64_t a, other;

    WORLD_OPEN(&b.w);
    bench_open(&b);
    cr_assert_eq(
        prepare(&b, FILE_ORIGIN("a.txt"), (struct extracted){.text = STR_LIT("Text.")}, &d),
        ERR_OK);
    a = d->chunks[0].id;
    ready_free(d);
    cr_assert_eq(
        prepare(&b, FILE_ORIGIN("b.txt"), (struct extracted){.text = STR_LIT("Text.")}, &d),
        ERR_OK);
    other = d->chunks[0].id;
    ready_free(d);
    cr_expect_neq(a, other, "another document");
    run_close(&b.run);
    bench_open(&b);
    cr_assert_eq(
        prepare(&b, FILE_ORIGIN("a.txt"), (struct extracted){.text = STR_LIT("Text.")}, &d),
        ERR_OK);
    cr_expect_eq(d->chunks[0].id, a, "another run");
    ready_free(d);
    bench_close(&b);
}

Test(prepare, knows_what_is_unchanged_and_whose_it_is)
{
    struct bench b;
    struct origin o = {.key = STR_LIT("a"), .shown = "a"};
    struct extracted doc = {.id = STR_LIT("a"), .text = STR_LIT("Banks hold capital.")};
    struct ready *d;

    WORLD_OPEN(&b.w);
    world_put(&b.w, "a", "Banks hold capital.", NULL);
    bench_open(&b);
    cr_expect_eq(prepare(&b, o, doc, &d), ERR_OK, "%s", err_text());
    cr_expect_null(d, "unchanged");
    run_close(&b.run);
    bench_open(&b);
    doc.text = STR_LIT("Banks hold cash.");
    cr_expect_eq(prepare(&b, o, doc, &d), ERR_OK);
    cr_expect_not_null(d, "changed");
    ready_free(d);
    run_close(&b.run);
    bench_open(&b);
    o.root = STR_LIT("/elsewhere");
    cr_expect_eq(prepare(&b, o, doc, &d), ERR_EXISTS);
    cr_expect_not_null(strstr(err_text(), "'/elsewhere'"), "%s", err_text());
    bench_close(&b);
}

Test(prepare, refuses_with_a_reason)
{
    struct bench b;
    struct ready *d;
    char *long_key = mem_alloc(STORE_KEY_MAX + 2);

    WORLD_OPEN(&b.w);
    bench_open(&b);
    memset(long_key, 'k', STORE_KEY_MAX + 1);
    cr_expect_eq(prepare(&b, FILE_ORIGIN("e.txt"), (struct extracted){.text = STR_LIT(" \n")}, &d),
                 ERR_FORMAT);
    cr_expect_eq(prepare(&b, FILE_ORIGIN("n.txt"), (struct extracted){.text = STR_LIT("a\0b")}, &d),
                 ERR_FORMAT);
    cr_expect_eq(
        prepare(&b, FILE_ORIGIN("l.txt"),
                (struct extracted){.id = {long_key, STORE_KEY_MAX + 1}, .text = STR_LIT("a")}, &d),
        ERR_LIMIT);
    cr_expect_eq(
        prepare(&b, FILE_ORIGIN("e.txt"), (struct extracted){.text = STR_LIT("twice")}, &d),
        ERR_EXISTS);
    mem_free(long_key);
    bench_close(&b);
}

Test(prepare, refuses_names_that_the_store_could_not_keep)
{
    struct bench b;
    struct ready *d;
    char *long_uri = mem_alloc(STORE_KEY_MAX + 2);

    WORLD_OPEN(&b.w);
    bench_open(&b);
    memset(long_uri, 'u', STORE_KEY_MAX + 1);
    cr_expect_eq(prepare(&b, FILE_ORIGIN("a.jsonl"),
                         (struct extracted){.id = STR_LIT("a"),
                                            .uri = {long_uri, STORE_KEY_MAX + 1},
                                            .text = STR_LIT("Text.")},
                         &d),
                 ERR_LIMIT);
    cr_expect_not_null(strstr(err_text(), "4096"), "%s", err_text());
    cr_expect_eq(prepare(&b, FILE_ORIGIN("a.jsonl"),
                         (struct extracted){.id = STR_LIT("a\0b"), .text = STR_LIT("Text.")}, &d),
                 ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), "NUL"), "%s", err_text());
    cr_expect_eq(prepare(&b, FILE_ORIGIN("a.jsonl"),
                         (struct extracted){.id = STR_LIT("c"),
                                            .uri = STR_LIT("http://c\0d"),
                                            .text = STR_LIT("Text.")},
                         &d),
                 ERR_FORMAT);
    cr_expect_not_null(strstr(err_text(), "uri"), "%s", err_text());
    mem_free(long_uri);
    bench_close(&b);
}

Test(file_hash, changes_with_bytes_key_and_what_is_said_about_them)
{
    struct bench b;
    struct digest a, c;
    json_t *given = json_pack("{s:s}", "team", "risk");

    WORLD_OPEN(&b.w);
    bench_open(&b);
    a = file_hash(&b.run, STR_LIT("/r"), STR_LIT("a.txt"), STR_LIT("text"));
    c = file_hash(&b.run, STR_LIT("/r"), STR_LIT("a.txt"), STR_LIT("text"));
    cr_expect(digest_eq(&a, &c));
    c = file_hash(&b.run, STR_LIT("/r"), STR_LIT("a.txt"), STR_LIT("text2"));
    cr_expect(!digest_eq(&a, &c));
    c = file_hash(&b.run, STR_LIT("/r"), STR_LIT("b.txt"), STR_LIT("text"));
    cr_expect(!digest_eq(&a, &c));
    c = file_hash(&b.run, STR_LIT("/moved"), STR_LIT("a.txt"), STR_LIT("text"));
    cr_expect(!digest_eq(&a, &c));
    run_close(&b.run);
    b.o = USUAL_OPTIONS;
    b.o.metadata = given;
    cr_assert_eq(run_open(&b.run, b.w.engine, &b.o, &b.r), ERR_OK);
    c = file_hash(&b.run, STR_LIT("/r"), STR_LIT("a.txt"), STR_LIT("text"));
    cr_expect(!digest_eq(&a, &c));
    json_decref(given);
    bench_close(&b);
}
