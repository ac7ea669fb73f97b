#include "ingest/batch.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "ingest/coming.h"
#include "ingest/embed_rows.h"
#include "ingest/prepare.h"
#include "ingest/report.h"
#include "ingest/summary.h"

#define FLUSH_CHUNKS      256
#define FLUSH_AFTER_MS    2000
#define DOCUMENTS_AT_ONCE 1024 /* tiny ones */

struct batch {
    struct run *run;
    struct ready **docs;
    size_t n_docs, cap_docs;
    size_t n_chunks;
    uint64_t first_ns; /* when the oldest document came */
    struct todo todo[EMBED_AT_ONCE_MAX];
    struct ready *owner[EMBED_AT_ONCE_MAX]; /* of each: its rows lie in its memory */
    size_t n_todo;
    struct map *rows;      /* text hash -> its vector_row in this batch */
    struct arena *scratch; /* of one embedding call, or of one write */
};

struct batch *batch_new(struct run *run)
{
    struct batch *b = mem_calloc(1, sizeof *b);

    b->run = run;
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

/* With ours two batches at once are no faster than one after the other, and keep more threads from
 * questions; a server has its own bound. */
static int embed_in_turn(struct batch *b, const struct todo *todo, size_t n)
{
    struct engine *e = b->run->e;
    bool local = !embedder_info(b->run->model)->url;
    int rc;

    if (local)
        turn_take(&e->embedding);
    rc = embed_rows(b->run->model, e->pool, todo, n, b->scratch);
    if (local)
        turn_give(&e->embedding);
    return rc;
}

static int embed_some(struct batch *b, const struct todo *todo, size_t n)
{
    int rc = ERR_OK;

    TRY(run_check(b->run));
    TRY(embed_in_turn(b, todo, n));
    b->run->progress.n_chunks += n;
    run_progress(b->run, b->run->progress.current);
out:
    return rc;
}

/* The todos of one document stand together. */
static int embed_by_document(struct batch *b)
{
    int rc = ERR_OK;

    for (size_t i = 0, n; i < b->n_todo; i += n) {
        struct ready *d = b->owner[i];

        for (n = 1; i + n < b->n_todo && b->owner[i + n] == d;)
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
    struct digest fingerprint = embedder_fingerprint(b->run->model);
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
    b->owner[b->n_todo] = d;
    b->todo[b->n_todo++] = (struct todo){row, embedded_text(chunk), d->mem};
    return b->n_todo == embed_rows_at_once(b->run->model) ? embed_todo(b) : ERR_OK;
}

static int want_vectors(struct batch *b, struct ready *d)
{
    int rc = ERR_OK;
    struct store_reader *reader = store_reader_get(b->run->e->store);

    d->vectors = ARENA_ARRAY(d->mem, struct vector_row, d->n_chunks + 1);
    d->n_summaries = 0; /* made when the vectors are there */
    for (size_t i = 0; i < d->n_chunks && rc == ERR_OK && !d->refused; i++)
        rc = want_vector(b, reader, d, i);
    store_reader_put(b->run->e->store, reader);
    return rc;
}

int batch_add(struct batch *b, struct ready *d)
{
    int rc = ERR_OK;

    if (b->n_docs == 0)
        b->first_ns = clock_ns();
    b->docs = mem_grow(b->docs, &b->cap_docs, b->n_docs + 1, sizeof *b->docs);
    b->docs[b->n_docs++] = d;
    b->n_chunks += d->n_chunks;
    TRY(want_vectors(b, d));
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
    size_t dim = embedder_info(b->run->model)->dim;
    struct str text = d->given;

    if (text.n == 0)
        text = summary_of(d->row.title, d->chunks, d->vectors, d->n_chunks, dim, d->mem);
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

    reader = store_reader_get(b->run->e->store);
    for (size_t i = 0; i < b->n_docs && rc == ERR_OK; i++) {
        if (!b->run->summaries && b->docs[i]->given.n == 0)
            continue;
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
        run->e->ingested.refused++;
    } else {
        run->report->documents++;
        run->report->chunks += d->n_chunks;
        run->e->ingested.documents++;
        run->e->ingested.chunks += d->n_chunks;
    }
    if (result) {
        run->progress.n_files_done++;
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
        if (results[i].rc == ERR_OK && !b->docs[i]->over) /* no new text */
            n_chunks += b->docs[i]->n_chunks;
    if (n_chunks)
        static_encoders_changed(b->run->e->static_encoders, b->run->tenant, b->run->collection,
                                n_chunks);
}

/* Those that were embedded come first, in their order; returns how many. The others stay until all
 * is written, because vectors that they share lie in their memory. */
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
    for (size_t i = 0; i < n_refused; i++)
        b->docs[n + i] = refused[i];
    mem_free(refused);
    return n;
}

static int write_documents(struct batch *b, size_t n)
{
    struct run *run = b->run;
    struct upsert *ups = mem_calloc(n, sizeof *ups);
    struct upsert_result *results = mem_calloc(n, sizeof *results);
    struct digest model = embedder_fingerprint(run->model);
    int rc;

    for (size_t i = 0; i < n; i++) {
        struct ready *d = b->docs[i];

        if (!d->over) /* else nothing was read */
            d->row.ingested_ms = clock_wall_ms();
        ups[i] = (struct upsert){.document = d->row,
                                 .chunks = d->chunks,
                                 .vectors = d->vectors,
                                 .n_chunks = d->n_chunks + d->n_summaries,
                                 .model = &model,
                                 .over = d->over,
                                 .summary_by = d->summary_by};
    }
    coming_vectors(run->e, b->docs, ups, n, b->scratch);
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

/* Embeds what is there under the model that is in force now. What was refused stays so. */
static int embed_anew(struct batch *b)
{
    int rc = ERR_OK;

    run_take_model(b->run);
    b->n_todo = 0;
    map_free(b->rows);
    b->rows = map_new();
    for (size_t i = 0; i < b->n_docs; i++)
        if (!b->docs[i]->refused)
            TRY(want_vectors(b, b->docs[i]));
out:
    return rc;
}

/* The model may change while a batch is embedded: ERR_GONE, and nothing was written. */
static int embed_and_write(struct batch *b, size_t *n)
{
    int rc = ERR_OK;

    for (;;) {
        TRY(embed_todo(b));
        TRY(run_check(b->run));
        TRY(add_summaries(b));
        *n = put_embedded_first(b);
        rc = *n ? write_documents(b, *n) : ERR_OK;
        if (rc != ERR_GONE)
            return rc;
        TRY(embed_anew(b));
    }
out:
    return rc;
}

int batch_flush(struct batch *b)
{
    int rc = ERR_OK;
    size_t n = 0;

    if (b->n_docs == 0)
        return ERR_OK;
    TRY(embed_and_write(b, &n));
    for (size_t i = n; i < b->n_docs; i++)
        settle(b->run, b->docs[i], b->docs[i]->refused);
    forget_documents(b);
    run_progress(b->run, b->run->progress.current);
out:
    return rc;
}
