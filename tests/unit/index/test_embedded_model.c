#include "index/embedded.h"

#include "unit/index/embedded_fixture.h"

TestSuite(embedded_model, .init = setup, .fini = teardown);

/* The new model has one dimension more, and every chunk lies on its last axis. */
#define NEW_DIM 5

static const char *const new_name = "new";

struct changing {
    int n_rounds, n_changed;
    int put_in_round; /* puts a document behind the back of this round; 0: never */
    int fail_with;    /* in the transaction */
    bool switched;
};

static struct digest new_model(void)
{
    return digest_of("new model", 9);
}

static int put_new_vector(struct store_tx *tx, const struct chunk_row *chunk)
{
    struct digest fingerprint = new_model();
    float v[NEW_DIM] = {[NEW_DIM - 1] = 1};
    struct vector_row row = {.text_hash = chunk->text_hash, .vector = v, .dim = NEW_DIM};

    return store_tx_put_late_vector(tx, &fingerprint, &row);
}

struct texts {
    struct chunk_row v[64];
    size_t n;
};

static int note(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                const float *vector, uint32_t dim)
{
    struct texts *t = arg;

    (void)doc, (void)dim;
    if (!vector)
        t->v[t->n++].text_hash = chunk->text_hash;
    return ERR_OK;
}

static int put_texts_in(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct texts *t = arg;

    for (size_t i = 0; i < t->n; i++)
        TRY(put_new_vector(tx, &t->v[i]));
out:
    return rc;
}

static int embed_missing(void *arg)
{
    struct changing *c = arg;
    struct texts texts = {0};
    struct digest fingerprint = new_model();
    struct store_reader *reader = store_reader_get(store);
    int64_t row = 0;
    int rc = store_each_missing(reader, &fingerprint, &row, 64, note, &texts);

    store_reader_put(store, reader);
    if (rc == ERR_OK)
        rc = store_write(store, put_texts_in, NULL, &texts);
    if (++c->n_rounds == c->put_in_round)
        cr_assert_eq(put("late", "a late toad", 2), ERR_OK, "%s", err_text());
    return rc;
}

struct key_text {
    char bytes[32];
};

static int note_key(void *arg, struct str key)
{
    struct key_text *k = arg;

    snprintf(k->bytes, sizeof k->bytes, "%.*s", STR_ARGS(key));
    return ERR_OK;
}

static int embed_changed(void *arg, struct store_tx *tx, int64_t collection, uint64_t epoch)
{
    int rc = ERR_OK;
    struct changing *c = arg;
    struct texts texts = {0};
    struct digest fingerprint = new_model();
    struct key_text key = {""};
    struct document_row doc;
    struct arena *mem = arena_new(0);

    c->n_changed++;
    TRY(store_each_change(store_tx_reader(tx), collection, (int64_t)epoch, note_key, &key));
    if (key.bytes[0] && store_find_document(store_tx_reader(tx), collection, str_of(key.bytes),
                                            false, mem, &doc) == ERR_OK) {
        TRY(store_each_chunk_of(store_tx_reader(tx), &doc, &fingerprint, note, &texts));
        TRY(put_texts_in(tx, &texts));
    }
    if (c->fail_with)
        rc = FAIL(c->fail_with, "as asked");
out:
    arena_free(mem);
    return rc;
}

static void switched(void *arg)
{
    struct changing *c = arg;

    c->switched = true;
}

static int change(struct changing *c)
{
    struct model_switch how = {.model = {new_model(), new_name, "/models/new"},
                               .dim = NEW_DIM,
                               .embed_missing = embed_missing,
                               .embed_changed = embed_changed,
                               .switched = switched,
                               .arg = c};

    return retriever_switch(r, &how);
}

static size_t found_on_new_axis(struct snapshot *s)
{
    float v[NEW_DIM] = {[NEW_DIM - 1] = 1};
    struct digest fingerprint = new_model();
    struct search_spec spec = {.vector = v, .mode = SEARCH_VECTOR, .k = 10, .model = &fingerprint};
    struct arena *mem = arena_new(0);
    struct hits hits = {0};
    size_t n;

    cr_assert_eq(snapshot_search(s, &spec, mem, &hits), ERR_OK, "%s", err_text());
    n = hits.n && hits.v[hits.n - 1].vector_score > 0.99f ? hits.n : 0;
    arena_free(mem);
    return n;
}

Test(embedded_model, every_chunk_is_found_by_its_new_vector)
{
    struct changing c = {0};
    struct snapshot *s;
    struct store_model m;
    struct arena *mem = arena_new(0);
    struct store_reader *reader;
    struct digest fingerprint = new_model();

    put("a", "frogs", 0);
    put("b", "toads", 1);
    cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
    cr_expect(c.switched);
    s = snap();
    cr_expect(digest_eq(snapshot_model(s), &fingerprint));
    cr_expect_eq(found_on_new_axis(s), 2);
    cr_expect_eq(snapshot_documents(s), 2);
    snapshot_unref(s);
    reader = store_reader_get(store);
    cr_assert_eq(store_find_model(reader, mem, &m), ERR_OK);
    cr_expect_str_eq(m.name, "new", "the store says so");
    store_reader_put(store, reader);
    arena_free(mem);
}

Test(embedded_model, a_document_that_comes_during_the_last_round_is_there)
{
    struct snapshot *s;

    put("a", "frogs", 0);
    for (int round = 1; round <= 2; round++) {
        struct changing c = {.put_in_round = round};

        cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
        s = snap();
        cr_expect_eq(found_on_new_axis(s), 2, "put in round %d", round);
        snapshot_unref(s);
        teardown();
        setup();
        put("a", "frogs", 0);
    }
}

Test(embedded_model, who_holds_an_old_snapshot_reads_on_undisturbed)
{
    struct changing c = {0};
    struct arena *mem = arena_new(0);
    struct snapshot *old;
    struct hits hits;
    struct passage p[1];
    uint64_t epoch;

    put("a", "frogs", 0);
    old = snap();
    epoch = snapshot_epoch(old);
    cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
    cr_expect_gt(retriever_epoch(r, "t", "c"), epoch, "caches see that something has changed");
    hits = search(old, SEARCH_HYBRID, "frogs", 0, mem);
    cr_assert_eq(hits.n, 1);
    cr_expect_float_eq(hits.v[0].vector_score, 1, 1e-3);
    cr_expect_eq(snapshot_fetch(old, &hits, mem, p), ERR_OK, "%s", err_text());
    snapshot_unref(old);
    arena_free(mem);
}

Test(embedded_model, a_vector_of_another_model_is_sent_back)
{
    struct changing c = {0};
    struct digest old_model = digest_of("model", 5);
    float v[NEW_DIM] = {1};
    struct search_spec spec = {.vector = v, .mode = SEARCH_VECTOR, .k = 1, .model = &old_model};
    struct arena *mem = arena_new(0);
    struct hits hits;
    struct snapshot *s;

    put("a", "frogs", 0);
    cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
    s = snap();
    cr_expect_eq(snapshot_search(s, &spec, mem, &hits), ERR_GONE);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded_model, nothing_is_written_with_vectors_of_the_old_one)
{
    struct changing c = {0};
    struct digest old_model = digest_of("model", 5);
    struct arena *mem = arena_new(0);
    struct upsert u = {.document = {.key = STR_LIT("b")}, .model = &old_model};
    struct upsert_result result = {0};
    struct snapshot *s;

    put("a", "frogs", 0);
    cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
    cr_expect_eq(retriever_upsert(r, "t", "c", &u, 1, mem, &result), ERR_GONE);
    s = snap();
    cr_expect_eq(snapshot_documents(s), 1);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded_model, one_that_fails_changes_nothing_and_may_be_tried_again)
{
    struct changing c = {.fail_with = ERR_BUSY};
    struct arena *mem = arena_new(0);
    struct snapshot *s;
    struct str key = STR_LIT("b");
    size_t n = 0;

    put("a", "frogs", 0);
    cr_expect_eq(change(&c), ERR_BUSY);
    cr_expect(!c.switched);
    s = snap();
    cr_expect_eq(search(s, SEARCH_VECTOR, "", 0, mem).n, 1);
    snapshot_unref(s);
    cr_assert_eq(put("b", "toads", 1), ERR_OK, "%s", err_text());
    cr_assert_eq(retriever_remove(r, "t", "c", &key, 1, &n), ERR_OK);
    c = (struct changing){0};
    cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
    s = snap();
    cr_expect_eq(found_on_new_axis(s), 1);
    snapshot_unref(s);
    arena_free(mem);
}

Test(embedded_model, collections_without_chunks_and_new_ones_go_with_the_others)
{
    struct changing c = {0};
    struct digest fingerprint = new_model();
    struct snapshot *s = NULL;

    cr_assert_eq(retriever_create_collection(r, "t", "empty", STR_LIT("")), ERR_OK);
    cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
    cr_assert_eq(retriever_snapshot(r, "t", "empty", &s), ERR_OK);
    cr_expect(digest_eq(snapshot_model(s), &fingerprint));
    snapshot_unref(s);
    cr_assert_eq(retriever_create_collection(r, "t", "later", STR_LIT("")), ERR_OK);
    cr_assert_eq(retriever_snapshot(r, "t", "later", &s), ERR_OK);
    cr_expect(digest_eq(snapshot_model(s), &fingerprint));
    snapshot_unref(s);
    cr_assert_eq(retriever_drop_collection(r, "t", "empty"), ERR_OK);
}

Test(embedded_model, each_collection_keeps_its_words)
{
    struct changing c = {0};
    struct snapshot *s;

    cr_assert_eq(retriever_create_collection(r, "t", "de", STR_LIT("{\"language\":\"german\"}")),
                 ERR_OK);
    put("a", "frogs", 0);
    cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
    s = snap();
    cr_expect_str_eq(snapshot_words(s)->language, "english");
    snapshot_unref(s);
    place = "de";
    s = snap();
    cr_expect_str_eq(snapshot_words(s)->language, "german");
    snapshot_unref(s);
}

Test(embedded_model, index_files_of_the_new_one_come_back)
{
    struct changing c = {0};
    struct retriever_options o = {.store = store,
                                  .pool = pool,
                                  .fingerprint = new_model(),
                                  .dim = NEW_DIM,
                                  .words = {"english", true},
                                  .k1 = 1.2,
                                  .b = 0.75};
    struct snapshot *s;

    retriever_close(r);
    open_sealing();
    put("a", "frogs", 0);
    put("b", "toads", 1);
    retriever_close(r); /* writes files of the old one */
    open_sealing();
    cr_assert_eq(change(&c), ERR_OK, "%s", err_text());
    retriever_close(r);
    o.index_dir = index_dir();
    cr_assert_eq(retriever_open_embedded(&r, &o), ERR_OK, "%s", err_text());
    s = snap();
    cr_expect_not_null(s->views[0].segment->file, "it comes from files");
    cr_expect_eq(found_on_new_axis(s), 2);
    snapshot_unref(s);
}
