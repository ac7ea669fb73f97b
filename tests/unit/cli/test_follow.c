#include "cli/follow.h"

#include <sys/stat.h>

#include "support/library.h"

static void put(const struct world *w, const char *name, const char *text)
{
    char path[256];
    FILE *f;

    snprintf(path, sizeof path, "%s/docs/%s", w->dir, name);
    f = fopen(path, "w");
    cr_assert_not_null(f);
    fputs(text, f);
    cr_assert_eq(fclose(f), 0);
}

struct followed {
    volatile bool stop;
    int n;
};

/* Says stop after the first pass that changed something. */
static int changed(void *arg)
{
    struct followed *f = arg;

    f->n++;
    f->stop = true;
    return ERR_OK;
}

Test(follow, ingests_what_changed_and_reads_nothing_else)
{
    struct world w;
    struct watch *watch = NULL;
    struct followed seen = {false, 0};
    struct ingest_options o = {.chunk_chars = -1, .chunk_overlap = -1};
    struct ingest_report r;
    char dir[256], *text = NULL;
    size_t n = 0;
    const char *paths[] = {dir};
    FILE *out = open_memstream(&text, &n);
    struct command_call call = {.out = out, .err = out, .cancelled = &seen.stop};
    struct follow f;

    WORLD_OPEN(&w);
    snprintf(dir, sizeof dir, "%s/docs", w.dir);
    cr_assert_eq(mkdir(dir, 0700), 0);
    put(&w, "a.txt", "Frogs eat flies.");
    cr_assert_eq(watch_open(&watch), ERR_OK);
    cr_assert_eq(watch_add(watch, dir), ERR_OK, "%s", err_text());
    put(&w, "b.txt", "Storks eat frogs.");
    f = (struct follow){w.engine, &call, watch, paths, 1, &o, false, changed, &seen};
    ingest_report_init(&r);
    cr_assert_eq(follow_changes(&f, &r), ERR_OK, "%s", err_text());
    fclose(out);
    cr_expect_eq(seen.n, 1);
    cr_expect_eq(r.documents, 1);
    cr_expect(library_has(&w, "b.txt"));
    cr_expect_not(library_has(&w, "a.txt"), "nobody said that it changed");
    cr_expect_str_eq(text, "1 document in 1 chunk, 0 removed, 0 refused\n");
    free(text);
    ingest_report_done(&r);
    watch_close(watch);
    world_close(&w);
}

Test(follow, ends_with_the_server)
{
    struct watch *watch = NULL;
    volatile bool never = false, ending = true;
    struct command_call call = {.cancelled = &never, .ending = &ending};
    struct follow f = {.call = &call};
    struct ingest_report r;

    cr_assert_eq(watch_open(&watch), ERR_OK);
    f.watch = watch;
    ingest_report_init(&r);
    cr_expect_eq(follow_changes(&f, &r), ERR_OK);
    watch_close(watch);
}
