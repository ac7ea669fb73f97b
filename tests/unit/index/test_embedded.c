#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/err.h"
#include "base/mem.h"
#include "index/retriever.h"

#define DIM 4

/* A store in a folder of its own and a retriever over it. */
static char dir[64];
static struct store *store;
static struct pool *pool;
static struct retriever *r;

static void open_retriever(void)
{
    struct retriever_options o = {.store = store,
                                  .pool = pool,
                                  .fingerprint = digest_of("model", 5),
                                  .dim = DIM,
                                  .words = {"english", true},
                                  .k1 = 1.2,
                                  .b = 0.75};

    cr_assert_eq(retriever_open_embedded(&r, &o), ERR_OK, "%s", err_text());
}

static void setup(void)
{
    snprintf(dir, sizeof dir, "/tmp/ragd-test-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(store_open(&store, dir), ERR_OK, "%s", err_text());
    pool = pool_new("test", 2, 64);
    open_retriever();
}

static void teardown(void)
{
    char cmd[128];

    retriever_close(r);
    pool_free(pool);
    store_close(store);
    snprintf(cmd, sizeof cmd, "rm -rf '%s'", dir);
    cr_assert_eq(system(cmd), 0);
}

TestSuite(embedded, .init = setup, .fini = teardown);

/* One document of one chunk, its vector on axis `axis`. */
static int put_from(const char *root, const char *key, const char *text, int axis)
{
    float vector[DIM] = {0};
    struct digest text_hash = digest_of(text, strlen(text));
    struct chunk_row chunk = {.id = hash64_stable(text, strlen(text)) ^
                                    hash64_stable(key, strlen(key)),
                              .end = (uint32_t)strlen(text),
                              .text = str_of(text),
                              .text_hash = text_hash};
    struct vector_row row = {.text_hash = text_hash, .vector = vector, .dim = DIM};
    struct upsert u = {.document = {.key = str_of(key),
                                    .root = str_of(root),
                                    .uri = STR_LIT(""),
                                    .title = STR_LIT("title"),
                                    .metadata = STR_LIT("{}"),
                                    .hash = text_hash,
                                    .n_chunks = 1,
                                    .text = str_of(text)},
                       .chunks = &chunk,
                       .vectors = &row,
                       .n_chunks = 1};
    int result = 1, rc;

    vector[axis] = 1;
    rc = retriever_upsert(r, "t", "c", &u, 1, &result);
    return rc < 0 ? rc : result;
}

static int put(const char *key, const char *text, int axis)
{
    return put_from("", key, text, axis);
}

static struct snapshot *snap(void)
{
    struct snapshot *s = NULL;

    cr_assert_eq(retriever_snapshot(r, "t", "c", &s), ERR_OK, "%s", err_text());
    return s;
}

static struct hits search(struct snapshot *s, enum search_mode mode, const char *text, int axis,
                          struct arena *mem)
{
    float vector[DIM] = {0};
    struct search_spec spec = {.text = str_of(text), .vector = vector, .mode = mode, .k = 10};
    struct hits hits;

    vector[axis] = 1;
    cr_assert_eq(snapshot_search(s, &spec, mem, &hits), ERR_OK, "%s", err_text());
    return hits;
}

Test(embedded, finds_what_was_put_by_words_and_by_vector_and_fetches_it)
{
    struct arena *mem = arena_new(0);
    struct snapshot *s;
    struct passage p[10];
    struct hits h;

    cr_assert_eq(put("a", "Banks keep capital.", 0), ERR_OK, "%s", err_text());
    cr_assert_eq(put("b", "Rivers have banks too.", 1), ERR_OK);
    s = snap();
    cr_expect_eq(snapshot_chunks(s), 2);
    cr_expect_eq(snapshot_documents(s), 2);

    h = search(s, SEARCH_KEYWORD, "capital bank", 0, mem);
    cr_assert_eq(h.n, 2);
    cr_expect_gt(h.v[0].keyword_score, h.v[1].keyword_score);
    cr_expect(isnan(h.v[0].vector_score));

    h = search(s, SEARCH_VECTOR, "", 1, mem);
    cr_assert_eq(h.n, 2);
    cr_expect_float_eq(h.v[0].vector_score, 1, 1e-6);
    cr_assert_eq(snapshot_fetch(s, &h, mem, p), ERR_OK, "%s", err_text());
    cr_expect_str_eq(arena_strndup(mem, p[0].document.p, p[0].document.n), "b");
    cr_expect(str_eq(p[0].text, STR_LIT("Rivers have banks too.")));

    h = search(s, SEARCH_HYBRID, "capital", 1, mem);
    cr_assert_eq(h.n, 2);
    cr_expect_float_eq(h.v[0].score, 0.6, 1e-6, "the words weigh more");
    cr_expect_float_eq(h.v[1].score, 0.4, 1e-6);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded, replaces_removes_and_moves_the_epoch_while_old_snapshots_stand)
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

Test(embedded, is_the_same_after_opening_again)
{
    struct arena *mem = arena_new(0);
    struct hits before, after;
    uint64_t epoch;
    struct snapshot *s;

    put("a", "one two three", 0);
    put("b", "two three four", 1);
    put("c", "three four five", 2);
    put("b", "two six", 3);
    s = snap();
    before = search(s, SEARCH_HYBRID, "two three", 0, mem);
    epoch = snapshot_epoch(s);
    snapshot_unref(s);
    retriever_close(r);
    open_retriever();
    s = snap();
    after = search(s, SEARCH_HYBRID, "two three", 0, mem);
    cr_expect_eq(snapshot_epoch(s), epoch);
    cr_assert_eq(after.n, before.n);
    for (size_t i = 0; i < after.n; i++) {
        cr_expect_eq(after.v[i].chunk_id, before.v[i].chunk_id);
        cr_expect_eq(after.v[i].document_id, before.v[i].document_id);
        cr_expect_eq(after.v[i].score, before.v[i].score);
    }
    snapshot_unref(s);
    arena_free(mem);
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

Test(embedded, tells_which_documents_are_gone)
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

Test(embedded, refuses_a_document_of_another_root_and_keeps_the_first)
{
    struct arena *mem = arena_new(0);
    struct snapshot *s;

    cr_expect_eq(put_from("/x", "a", "first", 0), ERR_OK);
    cr_expect_eq(put_from("/y", "a", "second", 0), ERR_EXISTS);
    s = snap();
    cr_expect_eq(snapshot_documents(s), 1);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "first", 0, mem).n, 1);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "second", 0, mem).n, 0);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded, of_a_key_that_comes_twice_the_last_stands)
{
    float vector[DIM] = {1};
    struct chunk_row chunks[2] = {{.id = 1, .end = 5, .text = STR_LIT("early")},
                                  {.id = 2, .end = 4, .text = STR_LIT("late")}};
    struct vector_row rows[2];
    struct upsert docs[2];
    struct arena *mem = arena_new(0);
    struct snapshot *s;
    int results[2];

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
    cr_assert_eq(retriever_upsert(r, "t", "c", docs, 2, results), ERR_OK, "%s", err_text());
    cr_expect_eq(results[0], ERR_OK);
    cr_expect_eq(results[1], ERR_OK);
    s = snap();
    cr_expect_eq(snapshot_documents(s), 1);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "early", 0, mem).n, 0);
    cr_expect_eq(search(s, SEARCH_KEYWORD, "late", 0, mem).n, 1);
    snapshot_unref(s);

    rows[1].dim = DIM + 1; /* refused, and with it what it would have replaced */
    cr_assert_eq(retriever_upsert(r, "t", "d", docs, 2, results), ERR_OK, "%s", err_text());
    cr_expect_eq(results[0], ERR_ARGUMENT);
    cr_expect_eq(results[1], ERR_ARGUMENT);
    cr_assert_eq(retriever_snapshot(r, "t", "d", &s), ERR_OK);
    cr_expect_eq(snapshot_documents(s), 0);
    snapshot_unref(s);

    rows[1].dim = DIM;
    vector[0] = NAN;
    cr_assert_eq(retriever_upsert(r, "t", "c", docs, 1, results), ERR_OK);
    cr_expect_eq(results[0], ERR_ARGUMENT);
    arena_free(mem);
}

Test(embedded, fetch_says_gone_when_the_row_is)
{
    struct arena *mem = arena_new(0);
    struct str key = STR_LIT("a");
    struct passage p[1];
    struct snapshot *s;
    struct hits h;

    put("a", "text", 0);
    s = snap();
    h = search(s, SEARCH_KEYWORD, "text", 0, mem);
    cr_assert_eq(retriever_remove(r, "t", "c", &key, 1, NULL), ERR_OK);
    cr_expect_eq(snapshot_fetch(s, &h, mem, p), ERR_GONE);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded, makes_and_drops_collections)
{
    struct snapshot *s = NULL;
    struct str key = STR_LIT("a");
    char long_name[200];

    cr_expect_eq(retriever_snapshot(r, "t", "c", &s), ERR_NOT_FOUND);
    cr_expect_eq(retriever_epoch(r, "t", "c"), 0);
    cr_expect_eq(retriever_create_collection(r, "t", "c"), ERR_OK);
    cr_expect_gt(retriever_epoch(r, "t", "c"), 0);
    cr_expect_eq(retriever_create_collection(r, "t", "c"), ERR_EXISTS);
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
    cr_expect_lt(retriever_create_collection(r, "t", long_name), 0);
}

Test(embedded, opened_under_another_fingerprint_finds_by_words_only)
{
    struct retriever_options o = {.store = store,
                                  .fingerprint = digest_of("other", 5),
                                  .dim = DIM,
                                  .words = {"english", true},
                                  .k1 = 1.2,
                                  .b = 0.75};
    struct arena *mem = arena_new(0);
    struct snapshot *s;
    struct hits h;

    put("a", "some text", 0);
    retriever_close(r);
    cr_assert_eq(retriever_open_embedded(&r, &o), ERR_OK, "%s", err_text());
    s = snap();
    cr_expect_eq(search(s, SEARCH_VECTOR, "", 0, mem).n, 0);
    h = search(s, SEARCH_HYBRID, "text", 0, mem);
    cr_assert_eq(h.n, 1);
    cr_expect(isnan(h.v[0].vector_score));
    cr_expect_gt(retriever_bytes(r), 0);
    snapshot_unref(s);
    arena_free(mem);
}

/* Out of file descriptors there is one connection, and whoever wants a second waits for it. */
Test(embedded, opens_with_one_connection, .timeout = 20)
{
    struct store_reader *reader;
    struct rlimit few;

    put("a", "one", 0);
    retriever_close(r);
    store_close(store);
    cr_assert_eq(store_open(&store, dir), ERR_OK);
    reader = store_reader_get(store); /* the first look opens the files of the log */
    cr_assert_eq(store_read_begin(reader), ERR_OK);
    store_read_end(reader);
    store_reader_put(store, reader);

    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &few), 0);
    few.rlim_cur = (rlim_t)dup(0); /* the next one that would be given out */
    close((int)few.rlim_cur);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    open_retriever();
    cr_expect_gt(retriever_epoch(r, "t", "c"), 0);
    few.rlim_cur = few.rlim_max;
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
}

Test(embedded, lends_its_analyzers)
{
    struct word_analyzer *a = analyzers_get(retriever_analyzers(r));

    cr_expect_not_null(a);
    analyzers_put(retriever_analyzers(r), a);
    cr_expect_eq(analyzers_get(retriever_analyzers(r)), a, "warm");
    analyzers_put(retriever_analyzers(r), a);
}

Test(embedded, refuses_an_unknown_language)
{
    struct retriever_options o = {.store = store, .dim = DIM, .words = {"klingon", true}};
    struct retriever *none = NULL;

    cr_expect_eq(retriever_open_embedded(&none, &o), ERR_ARGUMENT);
    cr_expect_null(none);
}
