#include "ingest/batch.h"

#include <math.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "embed/embedder.h"
#include "engine/embedding.h"
#include "engine/engine.h"
#include "ingest/prepare.h"
#include "ingest/report.h"
#include "ingest/summary.h"
#include "text/sentences.h"

/* About 16,000 tokens at most: enough for every thread of the pool to have several pieces of the
 * size that its cache holds, and a second or two between two looks at the cancel flag. */
#define EMBED_AT_ONCE     64
#define EMBED_AT_ONCE_MAX 256 /* by a server */
#define FLUSH_CHUNKS      256
#define FLUSH_AFTER_MS    2000
#define DOCUMENTS_AT_ONCE 1024 /* tiny ones */

struct todo {
    struct vector_row *row;
    struct str text;
    struct ready *d; /* whose it is; the row lies in its memory */
};

struct batch {
    struct run *run;
    struct ready **docs;
    size_t n_docs, cap_docs;
    size_t n_chunks;
    uint64_t first_ns; /* when the oldest document came */
    struct todo todo[EMBED_AT_ONCE_MAX];
    size_t n_todo, embed_at_once;
    struct map *rows;      /* text hash -> its vector_row in this batch */
    struct arena *scratch; /* of one embedding call, or of one write */
};

struct batch *batch_new(struct run *run)
{
    struct batch *b = mem_calloc(1, sizeof *b);

    b->run = run;
    b->embed_at_once = embedding_is_remote(&run->e->config) ? EMBED_AT_ONCE_MAX : EMBED_AT_ONCE;
    b->rows = map_new();
    b->scratch = arena_new(1u << 20);
    return b;
}

void ready_free(struct ready *d)
{
    if (!d)
        return;
    source_unref(d->source);
    arena_free(d->mem); /* d itself lies in it */
}

static void forget_documents(struct batch *b)
{
    for (size_t i = 0; i < b->n_docs; i++)
        ready_free(b->docs[i]);
    b->n_docs = b->n_chunks = b->n_todo = 0;
    map_free(b->rows);
    b->rows = map_new();
}

void batch_free(struct batch *b)
{
    if (!b)
        return;
    forget_documents(b);
    mem_free(b->docs);
    map_free(b->rows);
    arena_free(b->scratch);
    mem_free(b);
}

/* ---- embedding ---- */

static void quantize(const float *v, size_t n, int8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (int8_t)lrintf(fminf(fmaxf(v[i], -1.0f), 1.0f) * 127.0f);
}

/* No vectors of sentences are kept when none are made: the answerer then goes by words, which is
 * better than by zeros. */
static void begin_item(struct batch *b, const struct todo *t, size_t dim, struct embed_item *item)
{
    struct span spans[SENTENCES_PER_CHUNK_MAX];
    bool wanted = embedder_info(b->run->e->embedder)->has_sentences;
    size_t n = wanted ? sentence_split(t->text, spans, SENTENCES_PER_CHUNK_MAX) : 0;

    *item = (struct embed_item){.text = t->text,
                                .spans = arena_dup(b->scratch, spans, n * sizeof *spans),
                                .n_spans = n,
                                .vector = arena_alloc(t->d->mem, dim * sizeof(float)),
                                .span_vectors = ARENA_ARRAY(b->scratch, float, n *dim)};
}

static void finish_item(const struct todo *t, size_t dim, const struct embed_item *item)
{
    int8_t *sentences = arena_alloc(t->d->mem, item->n_spans * dim);

    quantize(item->span_vectors, item->n_spans * dim, sentences);
    t->row->vector = item->vector;
    t->row->sentence_vectors = sentences;
    t->row->n_sentences = (uint32_t)item->n_spans;
    t->row->dim = (uint32_t)dim;
}

static int embed_some(struct batch *b, const struct todo *todo, size_t n)
{
    int rc = ERR_OK;
    struct engine *e = b->run->e;
    size_t dim = embedder_info(e->embedder)->dim;
    struct embed_item items[EMBED_AT_ONCE_MAX];

    TRY(run_check(b->run));
    for (size_t i = 0; i < n; i++)
        begin_item(b, &todo[i], dim, &items[i]);
    TRY(embed_documents(e->embedder, e->pool, items, n));
    for (size_t i = 0; i < n; i++)
        finish_item(&todo[i], dim, &items[i]);
    b->run->progress.n_chunks += n;
    run_progress(b->run, b->run->progress.current);
out:
    arena_reset(b->scratch);
    return rc;
}

/* The todos of one document stand together. */
static int embed_by_document(struct batch *b)
{
    int rc = ERR_OK;

    for (size_t i = 0, n; i < b->n_todo; i += n) {
        struct ready *d = b->todo[i].d;

        for (n = 1; i + n < b->n_todo && b->todo[i + n].d == d;)
            n++;
        if (d->refused)
            continue;
        rc = embed_some(b, b->todo + i, n);
        if (rc < 0 && is_for_all(rc))
            return rc;
        if (rc < 0)
            d->refused = arena_strdup(d->mem, err_text());
    }
    return ERR_OK;
}

static int embed_todo(struct batch *b)
{
    int rc = b->n_todo ? embed_some(b, b->todo, b->n_todo) : ERR_OK;

    if (rc < 0 && !is_for_all(rc))
        rc = embed_by_document(b);
    b->n_todo = 0;
    return rc;
}

/* Fills the row from the store, or queues it; the same text twice in a batch is embedded once. */
static int want_vector(struct batch *b, struct store_reader *reader, struct ready *d, size_t i)
{
    struct digest fingerprint = embedder_fingerprint(b->run->e->embedder);
    const struct chunk_row *chunk = &d->chunks[i];
    struct vector_row *row = &d->vectors[i];
    bool added;
    int rc;

    map_slot(b->rows, chunk->text_hash.b, DIGEST_BYTES, (uint64_t)(uintptr_t)row, &added);
    if (!added) {
        row->text_hash = chunk->text_hash; /* the rest when the batch is flushed */
        return ERR_OK;
    }
    rc = store_find_vector(reader, &fingerprint, &chunk->text_hash, d->mem, row);
    if (rc == ERR_OK)
        b->run->progress.n_chunks++;
    if (rc != ERR_NOT_FOUND)
        return rc;
    *row = (struct vector_row){.text_hash = chunk->text_hash};
    b->todo[b->n_todo++] = (struct todo){row, chunk->text, d};
    return b->n_todo == b->embed_at_once ? embed_todo(b) : ERR_OK;
}

int batch_add(struct batch *b, struct ready *d)
{
    int rc = ERR_OK;
    struct store_reader *reader;

    if (b->n_docs == 0)
        b->first_ns = clock_ns();
    b->docs = mem_grow(b->docs, &b->cap_docs, b->n_docs + 1, sizeof *b->docs);
    b->docs[b->n_docs++] = d;
    b->n_chunks += d->n_chunks;
    d->vectors = ARENA_ARRAY(d->mem, struct vector_row, d->n_chunks + 1);
    reader = store_reader_get(b->run->e->store);
    for (size_t i = 0; i < d->n_chunks && rc == ERR_OK && !d->refused; i++)
        rc = want_vector(b, reader, d, i);
    store_reader_put(b->run->e->store, reader);
    TRY(rc);
    if (b->n_chunks >= FLUSH_CHUNKS || b->n_docs >= DOCUMENTS_AT_ONCE ||
        clock_ms_since(b->first_ns) > FLUSH_AFTER_MS)
        TRY(batch_flush(b));
out:
    return rc;
}

/* ---- writing ---- */

/* A text that another document of the batch has too, and that failed there, fails here. */
static void share_vectors(struct batch *b, struct ready *d)
{
    for (size_t i = 0; i < d->n_chunks + d->n_summaries && !d->refused; i++) {
        uint64_t at = 0;

        if (d->vectors[i].vector)
            continue;
        CHECK(map_get(b->rows, d->chunks[i].text_hash.b, DIGEST_BYTES, &at));
        d->vectors[i] = *(const struct vector_row *)(uintptr_t)at;
        if (d->vectors[i].vector)
            b->run->progress.n_chunks++;
        else
            d->refused = "a passage that it shares with another document could not be embedded";
    }
}

static int summarize(struct batch *b, struct store_reader *reader, struct ready *d)
{
    size_t dim = embedder_info(b->run->e->embedder)->dim;
    struct str text = summary_of(d->row.title, d->chunks, d->vectors, d->n_chunks, dim, d->mem);

    if (text.n == 0)
        return ERR_OK;
    add_summary(b->run, d, text);
    return want_vector(b, reader, d, d->n_chunks);
}

/* When all chunks of the documents have their vectors. */
static int add_summaries(struct batch *b)
{
    int rc = ERR_OK;
    struct store_reader *reader;

    if (!b->run->summaries)
        return ERR_OK;
    reader = store_reader_get(b->run->e->store);
    for (size_t i = 0; i < b->n_docs && rc == ERR_OK; i++) {
        share_vectors(b, b->docs[i]);
        if (!b->docs[i]->refused)
            rc = summarize(b, reader, b->docs[i]);
    }
    store_reader_put(b->run->e->store, reader);
    return rc == ERR_OK ? embed_todo(b) : rc;
}

/* reason NULL: it was written. */
static void settle(struct run *run, struct ready *d, const char *reason)
{
    struct ingest_result *result = d->result;

    if (reason) {
        report_refuse(run->report, d->shown, reason);
    } else {
        run->report->documents++;
        run->report->chunks += d->n_chunks;
    }
    if (result) {
        result->status = reason ? INGEST_REFUSED : INGEST_INGESTED;
        result->chunks = reason ? 0 : d->n_chunks;
        result->reason = reason ? mem_strdup(reason) : NULL;
    }
}

/* A static encoder may be due. */
static void note_new_chunks(const struct batch *b, const struct upsert_result *results, size_t n)
{
    size_t n_chunks = 0;

    for (size_t i = 0; i < n; i++)
        n_chunks += results[i].rc == ERR_OK ? b->docs[i]->n_chunks : 0;
    if (n_chunks)
        static_encoders_changed(b->run->e->static_encoders, b->run->tenant, b->run->collection,
                                n_chunks);
}

/* Those that were embedded come first, in their order; returns how many. The others are told, and
 * stay until all is written, because vectors that they share lie in their memory. */
static size_t put_embedded_first(struct batch *b)
{
    struct ready **refused = mem_alloc(b->n_docs * sizeof(struct ready *));
    size_t n = 0, n_refused = 0;

    for (size_t i = 0; i < b->n_docs; i++) {
        struct ready *d = b->docs[i];

        share_vectors(b, d);
        if (d->refused)
            refused[n_refused++] = d;
        else
            b->docs[n++] = d;
    }
    for (size_t i = 0; i < n_refused; i++) {
        b->docs[n + i] = refused[i];
        settle(b->run, refused[i], refused[i]->refused);
    }
    mem_free(refused);
    return n;
}

static int write_documents(struct batch *b, size_t n)
{
    struct run *run = b->run;
    struct upsert *ups = mem_calloc(n, sizeof *ups);
    struct upsert_result *results = mem_calloc(n, sizeof *results);
    int rc;

    for (size_t i = 0; i < n; i++) {
        struct ready *d = b->docs[i];

        d->row.ingested_ms = clock_wall_ms();
        ups[i] = (struct upsert){d->row, d->chunks, d->vectors, d->n_chunks + d->n_summaries};
    }
    rc = retriever_upsert(run->e->retriever, run->tenant, run->collection, ups, n, b->scratch,
                          results);
    for (size_t i = 0; i < n && rc == ERR_OK; i++)
        settle(run, b->docs[i], results[i].rc == ERR_OK ? NULL : results[i].reason);
    if (rc == ERR_OK)
        note_new_chunks(b, results, n);
    arena_reset(b->scratch);
    mem_free(results);
    mem_free(ups);
    return rc;
}

int batch_flush(struct batch *b)
{
    int rc = ERR_OK;
    size_t n;

    if (b->n_docs == 0)
        return ERR_OK;
    TRY(embed_todo(b));
    TRY(run_check(b->run));
    TRY(add_summaries(b));
    n = put_embedded_first(b);
    if (n)
        TRY(write_documents(b, n));
    forget_documents(b);
    run_progress(b->run, b->run->progress.current);
out:
    return rc;
}
