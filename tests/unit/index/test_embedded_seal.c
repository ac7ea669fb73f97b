#include "index/embedded.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "unit/index/embedded_fixture.h"

static void up(void)
{
    setup();
    retriever_close(r);
    open_sealing();
}

TestSuite(embedded_seal, .init = up, .fini = teardown);

/* Waits, long if need be, until everything is in files. */
static void wait_until_sealed(void)
{
    for (int i = 0; i < 6000; i++) {
        struct snapshot *s = snap();
        bool sealed = true;

        for (size_t v = 0; v < s->n_views; v++)
            sealed &= s->views[v].segment->file != NULL;
        snapshot_unref(s);
        if (sealed)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    cr_assert_fail("nothing was sealed");
}

Test(embedded_seal, happens_by_itself_when_nothing_is_written, .timeout = 120)
{
    struct arena *mem = arena_new(0);
    struct snapshot *before, *after;
    uint64_t epoch;

    put("a", "common frogs", 0);
    put("b", "common toads", 1);
    epoch = retriever_epoch(r, "t", "c");
    before = snap();
    wait_until_sealed();
    after = snap();
    cr_expect_eq(retriever_epoch(r, "t", "c"), epoch, "nobody finds anything else");
    cr_expect_eq(search(before, SEARCH_HYBRID, "toads", 1, mem).v[0].chunk_id,
                 search(after, SEARCH_HYBRID, "toads", 1, mem).v[0].chunk_id);
    cr_expect_eq(search(before, SEARCH_KEYWORD, "common", 0, mem).n, 2,
                 "a reader of the old state is not disturbed");
    snapshot_unref(before);
    snapshot_unref(after);
    arena_free(mem);
}

static bool is_any_in_a_file(void)
{
    struct snapshot *s = snap();
    bool any = false;

    for (size_t v = 0; v < s->n_views; v++)
        any |= s->views[v].segment->file != NULL;
    snapshot_unref(s);
    return any;
}

Test(embedded_seal, happens_although_something_is_always_written, .timeout = 120)
{
    uint64_t since = clock_ns();
    int i = 0;

    retriever_close(r);
    seal_idle_ms = 200;
    open_sealing();
    do
        put("a", i++ % 2 ? "common frogs" : "common toads", 0);
    while (!is_any_in_a_file() && clock_ms_since(since) < 60000);
    cr_expect(is_any_in_a_file(), "after %d changes", i);
}

Test(embedded_seal, what_dies_in_a_sealed_view_stays_dead, .timeout = 120)
{
    struct arena *mem = arena_new(0);
    struct str key = STR_LIT("a");
    struct snapshot *s;

    put("a", "common frogs", 0);
    put("b", "common toads", 1);
    put("c", "common newts", 1);
    wait_until_sealed();
    cr_assert_eq(retriever_remove(r, "t", "c", &key, 1, NULL), ERR_OK);
    put("b", "common salamanders", 1);
    s = snap();
    cr_expect_eq(search(s, SEARCH_KEYWORD, "common", 0, mem).n, 2);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "frogs toads", 0, mem).n, 0);
    snapshot_unref(s);
    wait_until_sealed();
    s = snap();
    cr_expect_eq(search(s, SEARCH_KEYWORD, "common", 0, mem).n, 2);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "frogs toads", 0, mem).n, 0);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded_seal, a_folder_that_cannot_be_written_loses_nothing)
{
    char cmd[300];
    struct arena *mem = arena_new(0);
    struct snapshot *s;

    put("a", "common frogs", 0);
    retriever_close(r);
    open_sealing();
    put("b", "common toads", 1);
    snprintf(cmd, sizeof cmd, "rm -rf '%s' && touch '%s'", index_dir(), index_dir());
    cr_assert_eq(system(cmd), 0);
    retriever_close(r); /* warns */
    snprintf(cmd, sizeof cmd, "rm '%s'", index_dir());
    cr_assert_eq(system(cmd), 0);
    open_sealing();
    s = snap();
    cr_expect_eq(search(s, SEARCH_KEYWORD, "common", 0, mem).n, 2);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded_seal, a_folder_that_cannot_be_made_is_told_at_the_start)
{
    struct retriever *none = NULL;
    struct retriever_options o = {.store = store,
                                  .dim = DIM,
                                  .words = {"english", true},
                                  .index_dir = "/proc/no-such-folder"};

    cr_expect_lt(retriever_open_embedded(&none, &o), 0);
    cr_expect(strstr(err_text(), "/proc/no-such-folder"), "%s", err_text());
    cr_expect_null(none);
}
