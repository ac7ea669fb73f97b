#include "index/embedded_step.h"

#include "unit/index/embedded_fixture.h"

TestSuite(embedded_settings, .init = setup, .fini = teardown);

#define GERMAN  "{\"language\":\"german\"}"
#define ENGLISH "{\"language\":\"english\"}"

static void create(const char *name, const char *settings)
{
    cr_assert_eq(retriever_create_collection(r, "t", name, str_of(settings)), ERR_OK, "%s",
                 err_text());
    place = name;
}

static int change(const char *settings)
{
    return retriever_set_settings(r, "t", place, str_of(settings));
}

static size_t n_found(const char *text)
{
    struct arena *mem = arena_new(0);
    struct snapshot *s = snap();
    size_t n = search(s, SEARCH_KEYWORD, text, 0, mem).n;

    snapshot_unref(s);
    arena_free(mem);
    return n;
}

static void expect_settings(const char *want)
{
    struct arena *mem = arena_new(0);
    struct store_reader *reader = store_reader_get(store);
    struct collection_row row;

    cr_assert_eq(store_find_collection(reader, "t", place, mem, &row), ERR_OK);
    cr_expect_str_eq(row.settings, want);
    store_reader_put(store, reader);
    arena_free(mem);
}

Test(embedded_settings, two_collections_find_the_stems_of_their_languages)
{
    create("de", GERMAN);
    put("a", "Die H\u00e4user am See", 0);
    put("b", "running water", 1);
    cr_expect_eq(n_found("Haus"), 1);
    create("en", ENGLISH);
    put("c", "Die H\u00e4user am See", 0);
    put("d", "running water", 1);
    cr_expect_eq(n_found("Haus"), 0);
    cr_expect_eq(n_found("runs"), 1);
    place = "de";
    cr_expect_eq(n_found("runs"), 0);
}

Test(embedded_settings, a_change_cuts_the_words_anew)
{
    struct snapshot *old;
    struct arena *mem = arena_new(0);
    uint64_t epoch;

    put("a", "Die H\u00e4user am See", 0);
    put("b", "running water", 1);
    cr_expect_eq(n_found("Haus"), 0);
    old = snap();
    epoch = snapshot_epoch(old);
    cr_assert_eq(change(GERMAN), ERR_OK, "%s", err_text());
    cr_expect_eq(n_found("Haus"), 1);
    cr_expect_eq(n_found("runs"), 0);
    cr_expect_gt(retriever_epoch(r, "t", "c"), epoch, "caches see that something has changed");
    cr_expect_eq(search(old, SEARCH_KEYWORD, "runs", 0, mem).n, 1, "who holds the old one");
    expect_settings(GERMAN);
    put("c", "Das Haus", 2);
    cr_expect_eq(n_found("H\u00e4user"), 2, "what comes later is cut likewise");
    cr_assert_eq(change("{}"), ERR_OK, "%s", err_text());
    cr_expect_eq(n_found("runs"), 1, "as the configuration says");
    snapshot_unref(old);
    arena_free(mem);
}

Test(embedded_settings, stop_words_may_be_kept)
{
    put("a", "to be or not", 0);
    cr_expect_eq(n_found("not"), 0);
    cr_assert_eq(change("{\"stop_words\":false}"), ERR_OK, "%s", err_text());
    cr_expect_eq(n_found("not"), 1);
}

Test(embedded_settings, of_the_same_words_make_nothing_anew)
{
    struct snapshot *before, *after;

    put("a", "frogs", 0);
    before = snap();
    cr_assert_eq(change("{\"language\": \"english\"}"), ERR_OK, "%s", err_text());
    after = snap();
    cr_expect_eq(before, after);
    expect_settings(ENGLISH);
    snapshot_unref(before);
    snapshot_unref(after);
}

Test(embedded_settings, that_are_wrong_change_nothing)
{
    put("a", "frogs", 0);
    cr_expect_eq(change("{\"language\":\"klingon\"}"), ERR_ARGUMENT);
    cr_expect_eq(change("{\"volatile\":true}"), ERR_ARGUMENT);
    cr_expect_eq(retriever_create_collection(r, "t", "new", STR_LIT("{\"language\":\"x\"}")),
                 ERR_ARGUMENT);
    expect_settings("{}");
    place = "new";
    cr_expect_eq(change("{}"), ERR_NOT_FOUND);
    cr_expect_eq(change(GERMAN), ERR_NOT_FOUND);
}

Test(embedded_settings, come_back_with_the_index_files)
{
    struct snapshot *s;

    retriever_close(r);
    open_sealing();
    create("de", GERMAN);
    put("a", "Die H\u00e4user am See", 0);
    retriever_close(r); /* writes files */
    open_sealing();
    s = snap();
    cr_expect_not_null(s->views[0].segment->file, "it comes from files");
    snapshot_unref(s);
    cr_expect_eq(n_found("Haus"), 1);
    cr_assert_eq(change("{\"language\":\"none\"}"), ERR_OK, "%s", err_text());
    cr_expect_eq(n_found("Haus"), 0);
    retriever_close(r);
    open_sealing();
    cr_expect_eq(n_found("Haus"), 0);
    cr_expect_eq(n_found("H\u00e4user"), 1);
}

/* As after a crash before the new state was sealed. */
static int set_in_store(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    int64_t id;

    TRY(store_tx_collection(tx, "t", place, &id, NULL));
    TRY(store_tx_collection_settings(tx, id, arg));
out:
    return rc;
}

Test(embedded_settings, files_of_other_words_are_not_used)
{
    char german[] = GERMAN;

    retriever_close(r);
    open_sealing();
    put("a", "Die H\u00e4user am See", 0);
    retriever_close(r);
    cr_assert_eq(store_write(store, set_in_store, NULL, german), ERR_OK);
    open_sealing();
    cr_expect_eq(n_found("Haus"), 1);
}

Test(embedded_settings, a_document_cut_by_the_words_before_is_cut_again)
{
    char german[] = GERMAN;
    struct snapshot *s;

    put("a", "See", 0);
    cr_assert_eq(store_write(store, set_in_store, NULL, german), ERR_OK);
    cr_assert_eq(put("b", "Die H\u00e4user am See", 1), ERR_OK, "%s", err_text());
    s = snap();
    cr_expect_gt(snapshot_idf(s, STR_LIT("haus")), 0);
    snapshot_unref(s);
}

Test(embedded_settings, another_change_under_way_is_waited_for_by_the_caller)
{
    put("a", "frogs", 0);
    atomic_store(&r->rebuilding, true);
    cr_expect_eq(change(GERMAN), ERR_BUSY);
    atomic_store(&r->rebuilding, false);
    cr_expect_eq(change(GERMAN), ERR_OK);
}
