#include "ingest/feed.h"

#include "support/library.h"

struct bench {
    struct world w;
    struct run run;
    struct ingest_options o;
    struct ingest_report r;
    struct walk *walk;
    struct feed *feed;
};

static void bench_open(struct bench *b)
{
    b->o = USUAL_OPTIONS;
    ingest_report_init(&b->r);
    cr_assert_eq(run_open(&b->run, b->w.engine, &b->o, &b->r), ERR_OK, "%s", err_text());
    cr_assert_eq(walk_open(&b->walk, library_path(&b->w, "docs")), ERR_OK, "%s", err_text());
    cr_assert_eq(feed_open(&b->feed, &b->run, &b->walk, 1), ERR_OK, "%s", err_text());
}

static void bench_close(struct bench *b)
{
    feed_close(b->feed);
    walk_close(b->walk);
    run_close(&b->run);
    ingest_report_done(&b->r);
    world_close(&b->w);
}

Test(feed, gives_files_in_order_with_what_is_wrong_with_them)
{
    struct bench b;
    struct fed_file *f;

    WORLD_OPEN(&b.w);
    library_put(&b.w, "docs/a.txt", "Banks hold capital.");
    library_put(&b.w, "docs/b.txt", "");
    library_put(&b.w, "docs/c.png", "");
    library_put(&b.w, "docs/d.jsonl",
                "{\"id\":\"1\",\"text\":\"One.\"}\n{\"id\":\"2\",\"text\":\"Two.\"}\n");
    bench_open(&b);

    f = feed_next(b.feed);
    cr_assert_not_null(f);
    cr_expect_str_eq(f->file->key, "a.txt");
    cr_assert_not_null(f->source, "%s", f->reason);
    cr_expect_eq(f->source->list.n, 1);
    cr_expect_eq(f->n_bytes, 19);
    fed_file_free(f);
    f = feed_next(b.feed);
    cr_expect_lt(f->rc, 0);
    cr_expect_str_eq(f->reason, "the file is empty");
    cr_expect_null(f->source);
    fed_file_free(f);
    f = feed_next(b.feed);
    cr_expect_eq(f->file->fate, WALK_SKIP);
    fed_file_free(f);
    f = feed_next(b.feed);
    cr_assert_not_null(f->source);
    cr_expect_eq(f->source->list.n, 2);
    fed_file_free(f);
    cr_expect_null(feed_next(b.feed));
    cr_expect_null(feed_next(b.feed), "and again");
    bench_close(&b);
}

Test(feed, extracts_nothing_that_is_unchanged)
{
    struct bench b;
    struct ingest_report r;
    struct fed_file *f;

    WORLD_OPEN(&b.w);
    library_put(&b.w, "docs/a.txt", "Banks hold capital.");
    library_ingest(&b.w, "docs", &r);
    ingest_report_done(&r);
    bench_open(&b);
    f = feed_next(b.feed);
    cr_assert_not_null(f);
    cr_expect(f->unchanged);
    cr_expect_null(f->source);
    fed_file_free(f);
    bench_close(&b);
}

Test(feed, may_be_closed_at_any_time)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    for (int i = 0; i < 10; i++) {
        char name[32];

        snprintf(name, sizeof name, "docs/%d.txt", i);
        library_put(&b.w, name, "Banks hold capital.");
    }
    bench_open(&b);
    fed_file_free(feed_next(b.feed));
    bench_close(&b); /* the sanitizer looks for what is left */
}
