#include "ingest/owed.h"

#include "ingest/summary.h"
#include "support/library.h"

struct bench {
    struct world w;
    struct run run;
    struct ingest_options o;
    struct ingest_report r;
    struct owed_document doc;
    int64_t after_id;
};

static void bench_open(struct bench *b)
{
    b->o = USUAL_OPTIONS;
    b->after_id = 0;
    ingest_report_init(&b->r);
    cr_assert_eq(run_open(&b->run, b->w.engine, &b->o, &b->r), ERR_OK, "%s", err_text());
}

static void bench_close(struct bench *b)
{
    run_close(&b->run);
    ingest_report_done(&b->r);
    world_close(&b->w);
}

static void put(struct bench *b, const char *id, int n_paragraphs)
{
    struct buf text;

    buf_init(&text);
    for (int i = 0; i < n_paragraphs; i++)
        buf_addf(&text,
                 "The bank of paragraph %d holds %d loans in its own books until they end.\n\n", i,
                 i * 7);
    world_put(&b->w, id, text.p, "{\"year\":2024}");
    buf_done(&text);
}

static bool next(struct bench *b)
{
    struct owed_spec spec = owed_spec_of(&b->run, NULL);
    bool found;

    cr_assert_eq(owed_next(&b->run, &spec, &b->after_id, &b->doc, &found), ERR_OK, "%s",
                 err_text());
    return found;
}

Test(owed, gives_longer_documents_one_after_another_as_they_are_stored)
{
    struct bench b;
    struct arena *mem = arena_new(0);
    struct document_row row;

    WORLD_OPEN(&b.w);
    b.w.config.chunk.chars = 200;
    b.w.config.chunk.overlap = 0;
    world_reopen(&b.w);
    put(&b, "a", 20);
    put(&b, "short", 2);
    put(&b, "b", 30);
    bench_open(&b);
    cr_assert(next(&b));
    cr_assert(library_find(&b.w, "a", mem, &row));
    cr_expect(str_eq(b.doc.ready->row.key, STR_LIT("a")));
    cr_expect(str_eq(b.doc.ready->row.metadata, row.metadata));
    cr_expect(str_eq(b.doc.ready->row.text, row.text));
    cr_expect(digest_eq(b.doc.ready->over, &row.hash));
    cr_expect_eq(b.doc.ready->n_chunks, (size_t)row.n_chunks);
    cr_expect_eq(b.doc.ready->n_summaries, 0);
    cr_expect(str_eq(b.doc.excerpt, row.text), "all of it, where it fits");
    ready_free(b.doc.ready);
    cr_assert(next(&b));
    cr_expect(str_eq(b.doc.ready->row.key, STR_LIT("b")));
    ready_free(b.doc.ready);
    cr_expect(!next(&b));
    arena_free(mem);
    bench_close(&b);
}

Test(owed, of_a_long_document_gives_its_beginning_and_central_sentences)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    put(&b, "a", 400);
    bench_open(&b);
    cr_assert(next(&b));
    cr_expect_gt(b.doc.ready->row.text.n, SUMMARY_READ);
    cr_expect_leq(b.doc.excerpt.n, SUMMARY_READ);
    cr_expect_gt(b.doc.excerpt.n, SUMMARY_READ * 3 / 4);
    cr_expect_not_null(strstr(b.doc.excerpt.p, "\n[...]\n"));
    ready_free(b.doc.ready);
    bench_close(&b);
}

Test(owed, of_no_collection_gives_none)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    bench_open(&b);
    cr_expect(!next(&b));
    bench_close(&b);
}
