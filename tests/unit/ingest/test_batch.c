#include "ingest/batch.h"

#include "ingest/prepare.h"
#include "support/library.h"
#include "support/remote_world.h"
#include "support/two_models.h"

struct bench {
    struct world w;
    struct run run;
    struct ingest_options o;
    struct ingest_report r;
    struct batch *batch;
};

static void bench_open(struct bench *b)
{
    b->o = USUAL_OPTIONS;
    ingest_report_init(&b->r);
    cr_assert_eq(run_open(&b->run, b->w.engine, &b->o, &b->r), ERR_OK, "%s", err_text());
    b->batch = batch_new(&b->run);
}

static void bench_close(struct bench *b)
{
    batch_free(b->batch);
    run_close(&b->run);
    ingest_report_done(&b->r);
    world_close(&b->w);
}

static struct ready *prepared(struct bench *b, const char *id, const char *text)
{
    struct origin o = {.key = str_of(id), .shown = id};
    struct extracted doc = {.id = str_of(id), .text = str_of(text)};
    struct ready *d = NULL;

    cr_assert_eq(prepare_document(&b->run, &o, NULL, &doc, &d), ERR_OK, "%s", err_text());
    cr_assert_not_null(d);
    return d;
}

Test(batch, writes_nothing_before_it_is_flushed)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    bench_open(&b);
    cr_assert_eq(batch_add(b.batch, prepared(&b, "a", "Banks hold capital.")), ERR_OK);
    cr_expect(!library_has(&b.w, "a"));
    cr_assert_eq(batch_flush(b.batch), ERR_OK, "%s", err_text());
    cr_expect(library_has(&b.w, "a"));
    cr_expect_eq(b.r.documents, 1);
    cr_assert_eq(batch_flush(b.batch), ERR_OK, "an empty one is nothing");
    cr_expect_eq(b.r.documents, 1);
    bench_close(&b);
}

static const struct vector_row *vector_of(struct bench *b, const char *text, struct arena *mem)
{
    struct vector_row *row = ARENA_NEW(mem, struct vector_row);
    struct digest fingerprint = embedder_fingerprint(b->w.engine->embedder);
    struct digest hash = digest_of(text, strlen(text));
    struct store_reader *r = store_reader_get(b->w.engine->store);

    cr_assert_eq(store_find_vector(r, &fingerprint, &hash, mem, row), ERR_OK, "%s", err_text());
    store_reader_put(b->w.engine->store, r);
    return row;
}

Test(batch, stores_a_vector_for_each_chunk_and_sentence)
{
    struct bench b;
    struct arena *mem = arena_new(0);
    const struct vector_row *row;
    double length = 0;

    WORLD_OPEN(&b.w);
    bench_open(&b);
    cr_assert_eq(batch_add(b.batch, prepared(&b, "a", "Banks hold capital. They lend.")), ERR_OK);
    cr_assert_eq(batch_flush(b.batch), ERR_OK, "%s", err_text());
    row = vector_of(&b, "Banks hold capital. They lend.", mem);
    cr_assert_eq(row->dim, embedder_info(b.w.engine->embedder)->dim);
    cr_expect_eq(row->n_sentences, 2);
    for (uint32_t i = 0; i < row->dim; i++)
        length += (double)row->vector[i] * row->vector[i];
    cr_expect_float_eq(length, 1, 1e-3);
    length = 0;
    for (uint32_t i = 0; i < row->dim; i++)
        length += row->sentence_vectors[i] * row->sentence_vectors[i] / 127.0 / 127.0;
    cr_expect_float_eq(length, 1, 0.05, "a unit vector, but for the rounding");
    arena_free(mem);
    bench_close(&b);
}

Test(batch, embeds_the_same_text_once)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    bench_open(&b);
    cr_assert_eq(batch_add(b.batch, prepared(&b, "a", "Banks hold capital.")), ERR_OK);
    cr_assert_eq(batch_add(b.batch, prepared(&b, "b", "Banks hold capital.")), ERR_OK);
    cr_assert_eq(batch_flush(b.batch), ERR_OK, "%s", err_text());
    cr_assert_eq(batch_add(b.batch, prepared(&b, "c", "Banks hold capital.")), ERR_OK);
    cr_assert_eq(batch_flush(b.batch), ERR_OK, "%s", err_text());
    cr_expect_eq(b.r.documents, 3);
    cr_expect_eq(b.run.progress.n_chunks, 3);
    cr_expect(library_has(&b.w, "b"));
    cr_expect(library_has(&b.w, "c"));
    bench_close(&b);
}

Test(batch, drops_what_was_not_flushed)
{
    struct bench b;

    WORLD_OPEN(&b.w);
    bench_open(&b);
    cr_assert_eq(batch_add(b.batch, prepared(&b, "a", "Banks hold capital.")), ERR_OK);
    bench_close(&b); /* the sanitizer looks for what is left */
}

Test(batch, stops_when_cancelled)
{
    struct bench b;
    atomic_bool cancel = true;

    WORLD_OPEN(&b.w);
    bench_open(&b);
    b.o.cancel = &cancel;
    cr_assert_eq(batch_add(b.batch, prepared(&b, "a", "Banks hold capital.")), ERR_OK);
    cr_expect_eq(batch_flush(b.batch), ERR_CANCELLED);
    cr_expect(!library_has(&b.w, "a"));
    bench_close(&b);
}

/* ---- with an embedding server ---- */

static struct ingest_result put(struct remote_world *r, const char *id, const char *text)
{
    struct ingest_document doc = {.id = str_of(id), .text = str_of(text)};
    struct ingest_options o = USUAL_OPTIONS;
    struct ingest_result result = {0};

    cr_assert_geq(ingest_documents(r->w.engine, &doc, 1, &o, &result), 0, "%s", err_text());
    return result;
}

Test(batch, keeps_no_vectors_of_sentences_when_none_are_made)
{
    struct remote_world r;
    struct bench b;
    struct arena *mem = arena_new(0);
    const struct vector_row *row;

    remote_world_open(&r, "openai");
    b.w = r.w;
    cr_expect_eq(put(&r, "a", "Banks hold capital. They lend.").status, INGEST_INGESTED);
    row = vector_of(&b, "Banks hold capital. They lend.", mem);
    cr_expect_eq(row->dim, FAKE_DIM);
    cr_expect_eq(row->n_sentences, 0);
    arena_free(mem);
    remote_world_close(&r);
}

Test(batch, refuses_the_document_that_cannot_be_embedded_and_goes_on_with_the_others)
{
    struct remote_world r;
    struct ingest_document docs[] = {
        {.id = STR_LIT("good"), .text = STR_LIT("Banks hold capital.")},
        {.id = STR_LIT("bad"), .text = STR_LIT("This is poison.")},
        {.id = STR_LIT("same"), .text = STR_LIT("This is poison.")},
        {.id = STR_LIT("fine"), .text = STR_LIT("They lend.")},
    };
    struct ingest_options o = USUAL_OPTIONS;
    struct ingest_result results[4] = {0};

    remote_world_open(&r, "openai");
    fake_embed_fail(&r.server, FAKE_REFUSES_WORD, 0);
    cr_assert_geq(ingest_documents(r.w.engine, docs, 4, &o, results), 0, "%s", err_text());
    cr_expect_eq(results[0].status, INGEST_INGESTED);
    cr_expect_eq(results[1].status, INGEST_REFUSED);
    cr_expect(strstr(results[1].reason, "I do not like this"), "%s", results[1].reason);
    cr_expect_eq(results[2].status, INGEST_REFUSED);
    cr_expect_not_null(results[2].reason);
    cr_expect_eq(results[3].status, INGEST_INGESTED);
    cr_expect(library_has(&r.w, "good"));
    cr_expect(library_has(&r.w, "fine"));
    cr_expect(!library_has(&r.w, "bad"));
    cr_expect(!library_has(&r.w, "same"));
    mem_free(results[1].reason);
    mem_free(results[2].reason);
    remote_world_close(&r);
}

Test(batch, keeps_what_a_document_was_when_its_new_text_cannot_be_embedded)
{
    struct remote_world r;
    struct ingest_result result;

    remote_world_open(&r, "openai");
    cr_expect_eq(put(&r, "a", "Banks hold capital.").status, INGEST_INGESTED);
    fake_embed_fail(&r.server, FAKE_500, 0);
    result = put(&r, "a", "Banks hold more capital.");
    cr_expect_eq(result.status, INGEST_REFUSED);
    cr_expect(strstr(result.reason, "status 500"), "%s", result.reason);
    mem_free(result.reason);
    cr_expect(library_has(&r.w, "a"));
    fake_embed_fail(&r.server, FAKE_FINE, 0);
    cr_expect_eq(put(&r, "a", "Banks hold capital.").status, INGEST_UNCHANGED);
    remote_world_close(&r);
}

Test(batch, a_server_gets_several_requests_at_once)
{
    struct remote_world r;
    struct buf text;

    remote_world_prepare(&r, "openai");
    r.w.config.embed.batch = 16;
    world_reopen(&r.w);
    buf_init(&text);
    for (int i = 0; i < 3000; i++)
        buf_addf(&text, "Sentence %d says that bank number %d holds capital of its own. ", i, i);
    cr_expect_eq(put(&r, "long", text.p).status, INGEST_INGESTED, "%s", err_text());
    cr_expect_gt(r.server.http.n_connections, 1);
    cr_expect_leq(r.server.texts_max, 16);
    buf_done(&text);
    remote_world_close(&r);
}

Test(batch, embeds_anew_when_the_model_changes_before_it_is_written)
{
    struct two_models t;
    struct bench b = {0};
    struct reembed_report r;

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    b.w = t.w;
    bench_open(&b);
    cr_assert_eq(batch_add(b.batch, prepared(&b, "new", "zzz yyy. xxx.")), ERR_OK);
    cr_assert_eq(change_to(&t, &t.two, &r), ERR_OK, "%s", err_text());
    cr_assert_eq(batch_flush(b.batch), ERR_OK, "%s", err_text());
    cr_expect_eq(b.r.documents, 1);
    cr_expect_eq(b.r.n_refused, 0);
    cr_expect(library_has(&b.w, "new"));
    cr_expect_eq(count_vectors(&t, &t.two), 4);
    cr_expect_eq(count_vectors(&t, &t.one), 0);
    batch_free(b.batch);
    run_close(&b.run);
    ingest_report_done(&b.r);
    two_models_close(&t);
}

Test(batch, a_summary_is_made_anew_when_the_model_changes)
{
    struct two_models t;
    struct bench b = {0};
    struct reembed_report r;
    struct ready *d;
    char *text = long_text();

    two_models_open(&t);
    two_models_put(&t, 0, 3);
    b.w = t.w;
    bench_open(&b);
    d = prepared(&b, "new", text);
    cr_assert_gt(d->n_chunks, 8);
    cr_assert_eq(batch_add(b.batch, d), ERR_OK);
    cr_assert_eq(change_to(&t, &t.two, &r), ERR_OK, "%s", err_text());
    cr_assert_eq(batch_flush(b.batch), ERR_OK, "%s", err_text());
    cr_expect_eq(b.r.n_refused, 0);
    cr_expect(library_has(&b.w, "new"));
    cr_expect_eq(count_missing(&t, &t.two), 0, "chunks and summary");
    batch_free(b.batch);
    run_close(&b.run);
    ingest_report_done(&b.r);
    mem_free(text);
    two_models_close(&t);
}
