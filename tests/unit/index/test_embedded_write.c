#include <math.h>
#include <pthread.h>
#include <semaphore.h>

#include "store/store_parts.h"
#include "unit/index/embedded_fixture.h"

TestSuite(embedded_write, .init = setup, .fini = teardown);

Test(embedded_write, replaces_removes_and_moves_the_epoch_while_old_snapshots_stand)
{
    struct arena *mem = arena_new(0);
    struct snapshot *before, *after;
    struct str key = STR_LIT("a");
    size_t n = 0;

    put("a", "first text", 0);
    before = snap();
    put("a", "second text", 1);
    after = snap();
    cr_expect_gt(snapshot_epoch(after), snapshot_epoch(before));
    cr_expect_eq(search(before, SEARCH_KEYWORD, "first", 0, mem).n, 1);
    cr_expect_eq(search(after, SEARCH_KEYWORD, "first", 0, mem).n, 0);
    cr_expect_eq(search(after, SEARCH_KEYWORD, "second", 0, mem).n, 1);
    snapshot_unref(after);

    cr_assert_eq(retriever_remove(r, "t", "c", &key, 1, &n), ERR_OK);
    cr_expect_eq(n, 1);
    after = snap();
    cr_expect_eq(snapshot_documents(after), 0);
    cr_expect_eq(search(after, SEARCH_KEYWORD, "second", 0, mem).n, 0);
    cr_expect_eq(search(before, SEARCH_KEYWORD, "first", 0, mem).n, 1);
    snapshot_unref(before);
    snapshot_unref(after);
    arena_free(mem);
}

/* Over the document with this id and hash. */
static int put_over(const char *key, const char *text, int64_t id, const char *hashed)
{
    struct arena *mem = arena_new(0);
    struct digest over = digest_of(hashed, strlen(hashed)), hash = digest_of(text, strlen(text));
    struct document_row row = {.id = id,
                               .key = str_of(key),
                               .root = STR_LIT(""),
                               .uri = STR_LIT(""),
                               .title = STR_LIT("title"),
                               .metadata = STR_LIT("{}"),
                               .hash = hash,
                               .text = str_of(text)};
    struct upsert u = {.document = row, .over = &over};
    struct upsert_result result;
    int rc = retriever_upsert(r, "t", "c", &u, 1, mem, &result);

    if (rc >= 0)
        rc = result.rc;
    arena_free(mem);
    return rc;
}

static int64_t id_of(const char *key)
{
    struct arena *mem = arena_new(0);
    struct store_reader *reader = store_reader_get(store);
    struct collection_row c;
    struct document_row row = {0};

    cr_assert_eq(store_find_collection(reader, "t", "c", mem, &c), ERR_OK);
    cr_assert_eq(store_find_document(reader, c.id, str_of(key), false, mem, &row), ERR_OK);
    store_reader_put(store, reader);
    arena_free(mem);
    return row.id;
}

Test(embedded_write, writes_over_a_document_only_while_it_is_that_one)
{
    struct str key = STR_LIT("a");
    struct snapshot *s;
    uint64_t epoch;
    int64_t id;
    size_t n;

    put("a", "first", 0);
    id = id_of("a");
    cr_expect_eq(put_over("a", "second", id, "title\nfirst"), ERR_OK);
    epoch = retriever_epoch(r, "t", "c");
    cr_expect_eq(put_over("a", "third", id, "title\nfirst"), ERR_NOT_FOUND, "it is the second");
    cr_expect_eq(put_over("a", "third", id + 1, "second"), ERR_NOT_FOUND);
    cr_expect_eq(put_over("b", "third", id, "second"), ERR_NOT_FOUND);
    cr_expect_eq(retriever_epoch(r, "t", "c"), epoch);
    cr_assert_eq(retriever_remove(r, "t", "c", &key, 1, &n), ERR_OK);
    cr_expect_eq(put_over("a", "third", id, "second"), ERR_NOT_FOUND, "nor does it come back");
    s = snap();
    cr_expect_eq(snapshot_documents(s), 0);
    snapshot_unref(s);
}

struct gone {
    int n;
    char last[32];
};

static void note_gone(void *arg, const char *tenant, const char *collection, struct str key)
{
    struct gone *g = arg;

    cr_expect_str_eq(tenant, "t");
    cr_expect_str_eq(collection, "c");
    g->n++;
    snprintf(g->last, sizeof g->last, "%.*s", STR_ARGS(key));
}

Test(embedded_write, tells_which_documents_are_gone)
{
    struct str keys[] = {STR_LIT("a"), STR_LIT("nosuch")};
    struct gone gone = {0};
    size_t n = 9;

    retriever_on_document_gone(r, note_gone, &gone);
    put("a", "one", 0);
    put("b", "two", 0);
    cr_expect_eq(gone.n, 0);
    put("a", "one again", 0);
    cr_expect_eq(gone.n, 1);
    cr_expect_str_eq(gone.last, "a");
    cr_expect_eq(retriever_remove(r, "t", "c", keys, 2, &n), ERR_OK);
    cr_expect_eq(n, 1);
    cr_expect_eq(gone.n, 2);
    cr_expect_eq(retriever_drop_collection(r, "t", "c"), ERR_OK);
    cr_expect_eq(gone.n, 3);
    cr_expect_str_eq(gone.last, "b");
}

Test(embedded_write, refuses_a_document_of_another_root_and_keeps_the_first)
{
    struct arena *mem = arena_new(0);
    struct snapshot *s;

    cr_expect_eq(put_row("/x", "a", "title", "first", 0), ERR_OK);
    cr_expect_eq(put_row("/y", "a", "title", "second", 0), ERR_EXISTS);
    cr_expect_not_null(strstr(err_text(), "'/x'"), "and says why: %s", err_text());
    s = snap();
    cr_expect_eq(snapshot_documents(s), 1);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "first", 0, mem).n, 1);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "second", 0, mem).n, 0);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded_write, of_a_key_that_comes_twice_the_last_stands)
{
    float vector[DIM] = {1};
    struct chunk_row chunks[2] = {{.id = 1, .end = 5, .text = STR_LIT("early")},
                                  {.id = 2, .end = 4, .text = STR_LIT("late")}};
    struct vector_row rows[2];
    struct upsert docs[2];
    struct arena *mem = arena_new(0);
    struct snapshot *s;
    struct upsert_result results[2];

    for (int i = 0; i < 2; i++) {
        chunks[i].text_hash = digest_of(chunks[i].text.p, chunks[i].text.n);
        rows[i] =
            (struct vector_row){.text_hash = chunks[i].text_hash, .vector = vector, .dim = DIM};
        docs[i] = (struct upsert){.document = {.key = STR_LIT("k"),
                                               .root = STR_LIT(""),
                                               .uri = STR_LIT(""),
                                               .title = STR_LIT(""),
                                               .metadata = STR_LIT("{}"),
                                               .n_chunks = 1,
                                               .text = chunks[i].text},
                                  .chunks = &chunks[i],
                                  .vectors = &rows[i],
                                  .n_chunks = 1};
    }
    cr_assert_eq(retriever_upsert(r, "t", "c", docs, 2, mem, results), ERR_OK, "%s", err_text());
    cr_expect_eq(results[0].rc, ERR_OK);
    cr_expect_eq(results[1].rc, ERR_OK);
    cr_expect_null(results[1].reason);
    s = snap();
    cr_expect_eq(snapshot_documents(s), 1);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "early", 0, mem).n, 0);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "late", 0, mem).n, 1);
    snapshot_unref(s);

    rows[1].dim = DIM + 1; /* refused, and with it what it would have replaced */
    cr_assert_eq(retriever_upsert(r, "t", "d", docs, 2, mem, results), ERR_OK, "%s", err_text());
    cr_expect_eq(results[0].rc, ERR_ARGUMENT);
    cr_expect_eq(results[1].rc, ERR_ARGUMENT);
    cr_expect_not_null(strstr(results[0].reason, "document 'k': a vector has 5 dimensions"));
    cr_assert_eq(retriever_snapshot(r, "t", "d", &s), ERR_OK);
    cr_expect_eq(snapshot_documents(s), 0);
    snapshot_unref(s);

    rows[1].dim = DIM;
    vector[0] = NAN;
    cr_assert_eq(retriever_upsert(r, "t", "c", docs, 1, mem, results), ERR_OK);
    cr_expect_eq(results[0].rc, ERR_ARGUMENT);
    arena_free(mem);
}

/* ---- between commit and publication ---- */

static int wait_in(struct store_tx *tx, void *arg)
{
    (void)tx;
    sem_wait(arg);
    return ERR_OK;
}

static int nothing_in(struct store_tx *tx, void *arg)
{
    (void)tx, (void)arg;
    return ERR_OK;
}

static void hold(void *arg)
{
    usleep(*(useconds_t *)arg);
}

static sem_t gate;

static void *keep_writer_busy(void *arg)
{
    cr_expect_eq(store_write(store, wait_in, NULL, &gate), ERR_OK);
    return arg;
}

static void *hold_publication(void *arg)
{
    useconds_t us = 100000;

    cr_expect_eq(store_write(store, nothing_in, hold, &us), ERR_OK);
    return arg;
}

static void *replace(void *arg)
{
    cr_expect_eq(put("a", "its successor", 0), ERR_OK);
    return arg;
}

static pthread_t threads[3];

/* While the first keeps the writer busy, the others come to wait, and share a transaction. Should
 * they come too late for that, what the tests claim is true all the same. */
static void start_together(void *(*const jobs[3])(void *))
{
    sem_init(&gate, 0, 0);
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, jobs[i], NULL);
        usleep(20000);
    }
    sem_post(&gate);
}

static void run_together(void *(*const jobs[3])(void *))
{
    start_together(jobs);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

/* When both are committed, the first holds the publication of the second. */
Test(embedded_write, who_met_gone_waits_for_the_next_state)
{
    void *(*const jobs[])(void *) = {keep_writer_busy, hold_publication, replace};
    struct arena *mem = arena_new(0);
    struct passage p[1];
    struct snapshot *s;
    struct hits h;
    int rc;

    put("a", "text", 0);
    s = snap();
    h = search(s, SEARCH_HYBRID, "text", 0, mem);
    cr_expect_eq(retriever_wait_past(r, "t", "c", snapshot_epoch(s), 0), ERR_TIMEOUT);
    cr_expect_eq(retriever_wait_past(r, "t", "c", snapshot_epoch(s) - 1, 0), ERR_OK);
    cr_expect_eq(retriever_wait_past(r, "t", "nosuch", 7, 0), ERR_OK);

    start_together(jobs);
    while ((rc = snapshot_fetch(s, &h, mem, p)) == ERR_OK)
        usleep(100);
    cr_assert_eq(rc, ERR_GONE);
    cr_expect_eq(retriever_wait_past(r, "t", "c", snapshot_epoch(s), 10000), ERR_OK);
    snapshot_unref(s);
    s = snap();
    h = search(s, SEARCH_HYBRID, "text", 0, mem);
    cr_expect_eq(snapshot_fetch(s, &h, mem, p), ERR_OK, "the second time it is there");
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    snapshot_unref(s);
    arena_free(mem);
}

/* Vectors that nobody needs any more are dropped last of all, after the index has prepared the next
 * state; now that fails. */
static int make_finish_fail_in(struct store_tx *tx, void *arg)
{
    (void)arg;
    return db_exec(tx->db, "CREATE TEMP TRIGGER keep BEFORE DELETE ON main.vectors"
                           " BEGIN SELECT raise(ABORT, 'kept'); END");
}

static void *replace_and_fail(void *arg)
{
    cr_expect_lt(put("a", "its successor", 1), 0);
    return arg;
}

static void *put_another(void *arg)
{
    cr_expect_eq(put("b", "another", 2), ERR_OK, "%s", err_text());
    return arg;
}

/* Two writers share a transaction, and the second builds upon what the first has built. */
Test(embedded_write, what_failed_last_of_all_is_not_seen)
{
    void *(*const jobs[])(void *) = {keep_writer_busy, replace_and_fail, put_another};
    struct arena *mem = arena_new(0);
    struct passage p[2];
    struct snapshot *s;
    struct hits h;

    put("a", "text", 0);
    cr_assert_eq(store_write(store, make_finish_fail_in, NULL, NULL), ERR_OK, "%s", err_text());
    run_together(jobs);
    s = snap();
    cr_expect_eq(snapshot_documents(s), 2);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "successor", 0, mem).n, 0);
    h = search(s, SEARCH_KEYWORD, "text another", 0, mem);
    cr_assert_eq(h.n, 2);
    cr_expect_eq(snapshot_fetch(s, &h, mem, p), ERR_OK);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded_write, makes_and_drops_collections)
{
    struct snapshot *s = NULL;
    struct str key = STR_LIT("a");
    char long_name[200];

    cr_expect_eq(retriever_snapshot(r, "t", "c", &s), ERR_NOT_FOUND);
    cr_expect_eq(retriever_epoch(r, "t", "c"), 0);
    cr_expect_eq(retriever_create_collection(r, "t", "c", STR_LIT("")), ERR_OK);
    cr_expect_gt(retriever_epoch(r, "t", "c"), 0);
    cr_expect_eq(retriever_create_collection(r, "t", "c", STR_LIT("")), ERR_EXISTS);
    s = snap();
    cr_expect_eq(snapshot_documents(s), 0);
    snapshot_unref(s);
    cr_expect_eq(retriever_drop_collection(r, "t", "c"), ERR_OK);
    cr_expect_eq(retriever_epoch(r, "t", "c"), 0);
    cr_expect_eq(retriever_drop_collection(r, "t", "c"), ERR_NOT_FOUND);
    cr_expect_eq(retriever_remove(r, "t", "c", &key, 1, NULL), ERR_NOT_FOUND);
    memset(long_name, 'x', sizeof long_name);
    long_name[sizeof long_name - 1] = '\0';
    cr_expect_eq(retriever_epoch(r, "t", long_name), 0);
    cr_expect_lt(retriever_create_collection(r, "t", long_name, STR_LIT("")), 0);
}
