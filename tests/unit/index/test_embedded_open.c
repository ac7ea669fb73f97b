#include "index/embedded.h"

#include <pthread.h>
#include <sqlite3.h>
#include <unistd.h>

#include "unit/index/embedded_fixture.h"

TestSuite(embedded_open, .init = setup, .fini = teardown);

/* As `ragd serve` opens it. */
static void open_beside(void)
{
    struct retriever_options o = {.store = store,
                                  .pool = pool,
                                  .fingerprint = digest_of("model", 5),
                                  .dim = DIM,
                                  .words = {"english", true},
                                  .k1 = 1.2,
                                  .b = 0.75,
                                  .index_dir = index_dir(),
                                  .reads_beside = true};

    cr_assert_eq(retriever_open_embedded(&r, &o), ERR_OK, "%s", err_text());
}

/* All connections of the store are ours, so nobody can read. */
static void hold_readers(struct store_reader *held[STORE_READERS_MAX])
{
    for (int i = 0; i < STORE_READERS_MAX; i++)
        held[i] = store_reader_get(store);
}

static void give_readers(struct store_reader *held[STORE_READERS_MAX])
{
    for (int i = 0; i < STORE_READERS_MAX; i++)
        store_reader_put(store, held[i]);
}

Test(embedded_open, opening_beside_waits_for_nothing_and_a_question_for_its_collection)
{
    struct store_reader *held[STORE_READERS_MAX];
    struct snapshot *s = NULL;

    put("a", "common frogs", 0);
    retriever_close(r);
    hold_readers(held);
    open_beside();
    cr_expect_eq(retriever_is_read(r), ERR_BUSY);
    cr_expect_eq(retriever_epoch(r, "t", "c"), 0);
    cr_expect(retriever_may_have(r, "t", "c"));
    cr_expect_eq(retriever_snapshot(r, "t", "c", &s), ERR_BUSY);
    cr_expect(strstr(err_text(), "'c' is still being read"), "%s", err_text());
    give_readers(held);
    s = snap();
    cr_expect_eq(snapshot_documents(s), 1);
    snapshot_unref(s);
    cr_expect_eq(put("b", "common toads", 1), ERR_OK, "%s", err_text());
    cr_expect_eq(retriever_is_read(r), ERR_OK);
    cr_expect_not(retriever_may_have(r, "t", "nosuch"));
    cr_expect_eq(retriever_snapshot(r, "t", "nosuch", &s), ERR_NOT_FOUND);
}

static void *give_later(void *arg)
{
    usleep(20000);
    give_readers(arg);
    return NULL;
}

Test(embedded_open, a_change_waits_until_all_are_read_and_builds_on_what_was_there)
{
    struct store_reader *held[STORE_READERS_MAX];
    pthread_t thread;
    struct snapshot *s;

    put("a", "common frogs", 0);
    retriever_close(r);
    hold_readers(held);
    open_beside();
    cr_assert_eq(pthread_create(&thread, NULL, give_later, held), 0);
    cr_expect_eq(put("b", "common toads", 1), ERR_OK, "%s", err_text());
    pthread_join(thread, NULL);
    s = snap();
    cr_expect_eq(snapshot_documents(s), 2);
    snapshot_unref(s);
}

Test(embedded_open, closing_before_all_are_read_loses_nothing)
{
    struct snapshot *s;

    put("a", "common frogs", 0);
    for (int i = 0; i < 20; i++) {
        retriever_close(r);
        open_beside();
    }
    s = snap();
    cr_expect_eq(snapshot_documents(s), 1);
    snapshot_unref(s);
}

static void speak_klingon(void)
{
    char path[96];
    sqlite3 *db;

    snprintf(path, sizeof path, "%s/ragd.db", dir);
    cr_assert_eq(sqlite3_open(path, &db), 0);
    cr_assert_eq(sqlite3_exec(db, "UPDATE collections SET settings = '{\"language\":\"klingon\"}'",
                              NULL, NULL, NULL),
                 0);
    sqlite3_close(db);
}

Test(embedded_open, what_kept_collections_from_being_read_is_said_to_whoever_asks)
{
    struct snapshot *s = NULL;

    put("a", "common frogs", 0);
    retriever_close(r);
    speak_klingon();
    open_beside();
    while (retriever_is_read(r) == ERR_BUSY)
        usleep(1000);
    cr_expect_eq(retriever_is_read(r), ERR_ARGUMENT, "%s", err_text());
    cr_expect_eq(retriever_snapshot(r, "t", "c", &s), ERR_ARGUMENT, "%s", err_text());
    cr_expect_eq(put("b", "common toads", 1), ERR_ARGUMENT, "%s", err_text());
}
