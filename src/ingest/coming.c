#include "ingest/coming.h"

#include "base/err.h"
#include "engine/engine.h"
#include "ingest/embed_rows.h"
#include "ingest/prepare.h"

struct coming {
    struct engine *e;
    struct embedder *model;
    struct digest fingerprint;
    struct store_reader *reader;
    struct arena *scratch;
    struct todo todo[EMBED_AT_ONCE_MAX];
    size_t n_todo;
};

static int embed_todo(struct coming *c)
{
    int rc = c->n_todo ? embed_rows(c->model, c->e->pool, c->todo, c->n_todo, c->scratch) : ERR_OK;

    c->n_todo = 0;
    return rc;
}

static int want(struct coming *c, struct ready *d, size_t i, struct vector_row *row)
{
    const struct chunk_row *chunk = &d->chunks[i];
    int rc = store_find_vector(c->reader, &c->fingerprint, &chunk->text_hash, d->mem, row);

    if (rc != ERR_NOT_FOUND)
        return rc;
    *row = (struct vector_row){.text_hash = chunk->text_hash};
    c->todo[c->n_todo++] = (struct todo){row, embedded_text(chunk), d->mem};
    return c->n_todo == embed_rows_at_once(c->model) ? embed_todo(c) : ERR_OK;
}

static int want_all(struct coming *c, struct ready *const *docs, struct vector_row **rows, size_t n)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < n; i++) {
        size_t n_rows = docs[i]->n_chunks + docs[i]->n_summaries;

        rows[i] = ARENA_ARRAY(docs[i]->mem, struct vector_row, n_rows);
        for (size_t k = 0; k < n_rows; k++)
            TRY(want(c, docs[i], k, &rows[i][k]));
    }
    TRY(embed_todo(c));
out:
    return rc;
}

void coming_vectors(struct engine *e, struct ready *const *docs, struct upsert *ups, size_t n,
                    struct arena *scratch)
{
    struct coming c = {.e = e, .model = engine_coming(e), .scratch = scratch};
    struct vector_row **rows;
    struct digest *fingerprint;
    int rc;

    if (!c.model)
        return;
    c.fingerprint = embedder_fingerprint(c.model);
    c.reader = store_reader_get(e->store);
    rows = ARENA_ARRAY(docs[0]->mem, struct vector_row *, n);
    fingerprint = arena_dup(docs[0]->mem, &c.fingerprint, sizeof c.fingerprint);
    rc = want_all(&c, docs, rows, n);
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        ups[i].next = rows[i];
        ups[i].next_model = fingerprint;
    }
    store_reader_put(e->store, c.reader);
    embedder_close(c.model);
}
