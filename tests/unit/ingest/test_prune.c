#include "ingest/prune.h"

#include "support/library.h"

/* Pruning after a run that met `keys` in folder docs, where a, b and c were stored. */
struct bench {
    struct world w;
    struct run run;
    struct ingest_options o;
    struct ingest_report r;
    struct walk *walk;
};

static void bench_open(struct bench *b, const char *keys)
{
    struct ingest_report r;

    library_put(&b->w, "docs/a.txt", "Banks hold capital.");
    library_put(&b->w, "docs/b.txt", "Banks hold cash.");
    library_put(&b->w, "docs/c.txt", "Banks lend.");
    library_ingest(&b->w, "docs", &r);
    ingest_report_done(&r);
    b->o = USUAL_OPTIONS;
    ingest_report_init(&b->r);
    cr_assert_eq(run_open(&b->run, b->w.engine, &b->o, &b->r), ERR_OK, "%s", err_text());
    cr_assert_eq(walk_open(&b->walk, library_path(&b->w, "docs")), ERR_OK, "%s", err_text());
    for (; *keys; keys++) {
        char key[] = "?.txt";

        key[0] = *keys;
        map_put(b->run.keys, key, strlen(key), 1);
    }
}

static void bench_close(struct bench *b)
{
    walk_close(b->walk);
    run_close(&b->run);
    ingest_report_done(&b->r);
    world_close(&b->w);
}

Test(prune, removes_what_the_run_did_not_meet)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    bench_open(&b, "ac");
    cr_expect_eq(prune_folder(&b.run, b.walk, false), ERR_OK, "%s", err_text());
    cr_expect_eq(b.r.removed, 1);
    cr_expect(!library_has(&b.w, "b.txt"));
    cr_expect(library_has(&b.w, "a.txt"));
    bench_close(&b);
}

Test(prune, removes_nothing_when_all_were_met)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    bench_open(&b, "abc");
    cr_expect_eq(prune_folder(&b.run, b.walk, true), ERR_OK);
    cr_expect_eq(b.r.removed, 0);
    bench_close(&b);
}

Test(prune, asks_for_force_when_in_doubt)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    bench_open(&b, "ab");
    cr_expect_eq(prune_folder(&b.run, b.walk, true), ERR_ARGUMENT);
    cr_expect_not_null(strstr(err_text(), "records"), "%s", err_text());
    cr_expect_not_null(strstr(err_text(), "--prune=force"), "%s", err_text());
    cr_expect(library_has(&b.w, "c.txt"));
    b.o.prune_force = true;
    cr_expect_eq(prune_folder(&b.run, b.walk, true), ERR_OK);
    cr_expect_eq(b.r.removed, 1);
    bench_close(&b);
}

Test(prune, leaves_other_roots_alone)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    bench_open(&b, "abc");
    b.o.root_name = "elsewhere";
    b.o.prune_force = true;
    cr_expect_eq(prune_folder(&b.run, b.walk, false), ERR_OK);
    cr_expect_eq(b.r.removed, 0);
    bench_close(&b);
}
