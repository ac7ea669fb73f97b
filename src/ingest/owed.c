#include "ingest/owed.h"

#include "base/err.h"
#include "engine/engine.h"
#include "ingest/summary.h"

struct owed_spec owed_spec_of(const struct run *run, const struct digest *not_by)
{
    return (struct owed_spec){run->collection_id, SUMMARY_CHUNKS_MIN, not_by};
}

static int read_chunks(struct store_reader *reader, struct ready *d)
{
    struct chunk_row *rows = NULL;
    size_t n = 0;
    int rc = store_document_chunks(reader, d->row.id, d->mem, &rows, &n);

    if (rc < 0)
        return rc;
    d->chunks = ARENA_ARRAY(d->mem, struct chunk_row, n + 1); /* one for the summary */
    for (size_t i = 0; i < n; i++)
        if (rows[i].kind == CHUNK_TEXT)
            d->chunks[d->n_chunks++] = rows[i];
    return ERR_OK;
}

/* Sentences without vectors are not chosen, and that is all. */
static int find_vectors(const struct run *run, struct store_reader *reader, const struct ready *d,
                        struct vector_row *out)
{
    struct digest fingerprint = embedder_fingerprint(run->model);
    int rc = ERR_OK;

    for (size_t i = 0; i < d->n_chunks && rc >= 0; i++) {
        rc = store_find_vector(reader, &fingerprint, &d->chunks[i].text_hash, d->mem, &out[i]);
        if (rc == ERR_NOT_FOUND) {
            out[i] = (struct vector_row){0};
            rc = ERR_OK;
        }
    }
    return rc;
}

static int make_excerpt(const struct run *run, struct store_reader *reader, const struct ready *d,
                        struct str *out)
{
    struct vector_row *vectors;
    int rc = ERR_OK;

    if (d->row.text.n <= SUMMARY_READ) {
        *out = d->row.text;
        return ERR_OK;
    }
    vectors = ARENA_ARRAY(d->mem, struct vector_row, d->n_chunks);
    rc = find_vectors(run, reader, d, vectors);
    if (rc >= 0)
        *out = summary_excerpt(d->row.text, d->chunks, vectors, d->n_chunks,
                               embedder_info(run->model)->dim, SUMMARY_READ, d->mem);
    return rc;
}

static int read_document(const struct run *run, struct store_reader *reader, struct str key,
                         struct ready *d, struct owed_document *out)
{
    int rc = ERR_OK;

    TRY(store_find_document(reader, run->collection_id, key, true, d->mem, &d->row));
    d->over = arena_dup(d->mem, &d->row.hash, sizeof d->row.hash);
    d->shown = arena_strndup(d->mem, d->row.key.p, d->row.key.n);
    TRY(read_chunks(reader, d));
    TRY(make_excerpt(run, reader, d, &out->excerpt));
    out->ready = d;
out:
    return rc;
}

static int next_in(const struct run *run, struct store_reader *reader, const struct owed_spec *spec,
                   int64_t *after_id, struct owed_document *out)
{
    struct arena *mem = arena_new(0);
    struct ready *d = ARENA_NEW(mem, struct ready);
    struct str key;
    int rc;

    d->mem = mem;
    rc = store_next_owed(reader, spec, *after_id, mem, after_id, &key);
    if (rc >= 0)
        rc = read_document(run, reader, key, d, out);
    if (rc < 0)
        ready_free(d);
    return rc;
}

int owed_next(const struct run *run, const struct owed_spec *spec, int64_t *after_id,
              struct owed_document *out, bool *found)
{
    struct store_reader *reader = store_reader_get(run->e->store);
    int rc = store_read_begin(reader); /* one state of list, text and chunks */

    if (rc == ERR_OK) {
        rc = next_in(run, reader, spec, after_id, out);
        store_read_end(reader);
    }
    store_reader_put(run->e->store, reader);
    *found = rc >= 0;
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}
