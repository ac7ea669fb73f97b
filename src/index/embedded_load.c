/* A collection's state when the retriever opens.
 *
 *   index files of the right recipe, whole   -> mapped; then what the change log says came, changed
 *                                               or went since is read from the store
 *   none, damaged, of another recipe         -> everything is read from the store
 *
 * Files never make an answer wrong: every byte is checked before it is used, and a state whose
 * counts are not the store's is thrown away.
 */
#include "index/embedded.h"

#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "index/manifest.h"
#include "index/segment_file.h"

/* What the analyzer, the formula or the fields would do otherwise: raise it, and indexes are made
 * anew. */
#define RECIPE_VERSION 2

struct digest index_recipe(const struct index_context *context)
{
    struct digester *d = digester_new();

    digester_add_u64(d, RECIPE_VERSION);
    digester_add(d, context->fingerprint.b, sizeof context->fingerprint.b);
    digester_add_u64(d, context->dim);
    digester_add_str(d, context->words.language);
    digester_add_u64(d, context->words.drop_stop_words);
    return digester_finish(d);
}

/* ---- from the store ---- */

struct load {
    const struct index_context *context;
    struct pool *pool;
    struct segment_builder *builder;
    struct segment_builder *summaries; /* NULL: none yet */
    int64_t document;                  /* the one whose chunks come; 0: none yet */
    int64_t n_documents;
    size_t n_missing;
};

static struct load load_into(const struct index_context *context, size_t chunks_hint,
                             struct pool *pool)
{
    return (struct load){
        .context = context,
        .pool = pool,
        .builder = segment_builder_new(context->dim, chunks_hint, context->analyzers, pool)};
}

static void load_summary(struct load *l, const struct document_row *doc,
                         const struct chunk_row *chunk, const float *vector)
{
    const struct index_context *context = l->context;

    if (!l->summaries)
        l->summaries = segment_builder_new(context->dim, 0, context->analyzers, l->pool);
    segment_add_document(l->summaries, doc);
    segment_add_chunk(l->summaries, chunk, vector);
}

static int load_chunk(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                      const float *vector, uint32_t dim)
{
    struct load *l = arg;

    if (doc->id != l->document) {
        segment_add_document(l->builder, doc);
        l->n_documents++;
    }
    l->document = doc->id;
    if (dim != l->context->dim)
        vector = NULL;
    l->n_missing += !vector;
    if (chunk->kind == CHUNK_SUMMARY)
        load_summary(l, doc, chunk, vector);
    else
        segment_add_chunk(l->builder, chunk, vector);
    return ERR_OK;
}

/* Documents without chunks are not met on the way through the chunks, but they count. */
static int load_empty_document(void *arg, const struct document_row *doc)
{
    struct load *l = arg;

    if (doc->n_chunks == 0)
        segment_add_document(l->builder, doc);
    return ERR_OK;
}

static void warn_missing(const struct collection_row *row, size_t n_missing)
{
    if (n_missing)
        log_event(LOG_WARN,
                  "chunks without a vector, or with a damaged one, are found by their words only",
                  LOG_S("tenant", row->tenant), LOG_S("collection", row->name),
                  LOG_I("chunks", n_missing));
}

/* What was loaded; the builders are gone. */
static struct change load_end(struct load *l, const struct collection_row *row)
{
    struct change c = {.epoch = (uint64_t)row->epoch, .added = segment_finish(l->builder)};

    if (l->summaries)
        c.summaries = segment_finish(l->summaries);
    return c;
}

static int load_failed(const struct change *c, int rc)
{
    segment_unref(c->added);
    segment_unref(c->summaries);
    return rc;
}

int collection_build(struct retriever *r, const struct index_context *context,
                     struct store_reader *reader, const struct collection_row *row,
                     struct snapshot **out)
{
    struct load l = load_into(context, (size_t)row->n_chunks, r->pool);
    struct snapshot *empty;
    struct change c;
    int rc;

    rc = store_each_chunk(reader, row->id, &context->fingerprint, load_chunk, &l);
    if (rc >= 0 && l.n_documents < row->n_documents)
        rc = store_each_document(reader, row->id, STR_LIT(""), 0, load_empty_document, &l);
    c = load_end(&l, row);
    if (rc < 0)
        return load_failed(&c, rc);
    warn_missing(row, l.n_missing);
    empty = snapshot_empty(context, (uint64_t)row->epoch);
    *out = snapshot_next(empty, &c, NULL);
    snapshot_unref(empty);
    return ERR_OK;
}

/* ---- catching up ---- */

struct key_list {
    struct arena *mem;
    struct str *v;
    size_t n, cap;
};

static int note_key(void *arg, struct str key)
{
    struct key_list *l = arg;

    l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
    l->v[l->n++] = (struct str){arena_strndup(l->mem, key.p, key.n), key.n};
    return ERR_OK;
}

static int load_document(struct load *l, struct store_reader *reader, int64_t collection,
                         struct str key)
{
    struct arena *mem = arena_new(0);
    struct document_row doc;
    int rc = store_find_document(reader, collection, key, false, mem, &doc);

    if (rc == ERR_NOT_FOUND) /* it went */
        rc = ERR_OK;
    else if (rc == ERR_OK && doc.n_chunks == 0)
        segment_add_document(l->builder, &doc);
    else if (rc == ERR_OK)
        rc = store_each_chunk_of(reader, &doc, &l->context->fingerprint, load_chunk, l);
    arena_free(mem);
    return rc;
}

int collection_catch_up(struct retriever *r, struct store_reader *reader,
                        const struct collection_row *row, uint64_t since, struct snapshot **state)
{
    int rc = ERR_OK;
    struct key_list keys = {.mem = arena_new(0)};
    struct load l = load_into((*state)->context, 0, r->pool);
    struct snapshot *next;
    struct change c;

    rc = store_each_change(reader, row->id, (int64_t)since, note_key, &keys);
    for (size_t i = 0; rc >= 0 && i < keys.n; i++)
        rc = load_document(&l, reader, row->id, keys.v[i]);
    c = load_end(&l, row);
    c.keys = keys.v;
    c.n_keys = keys.n;
    if (rc < 0) {
        load_failed(&c, rc);
        goto out;
    }
    warn_missing(row, l.n_missing);
    next = snapshot_next(*state, &c, NULL);
    snapshot_unref(*state);
    *state = next;
out:
    mem_free(keys.v);
    arena_free(keys.mem);
    return rc;
}

/* ---- from index files ---- */

static int map_view(struct retriever *r, const struct index_context *context,
                    const struct manifest_view *v, struct saved_view *out)
{
    struct buf path;
    int rc;

    buf_init(&path);
    buf_addf(&path, "%s/%s", r->index_dir, v->file);
    rc = segment_map(&out->segment, path.p, context->dim);
    if (rc == ERR_OK && v->dead_documents && v->n_documents < out->segment->n_documents)
        rc = FAIL(ERR_FORMAT, "'%s' has more documents than its manifest says", path.p);
    out->dead_documents = v->dead_documents;
    buf_done(&path);
    return rc;
}

/* The views of the chunks first, those of the summaries behind them, as they were written. */
static int map_views(struct retriever *r, const struct index_context *context,
                     const struct manifest *m, struct arena *mem, struct snapshot **out)
{
    int rc = ERR_OK;
    struct saved_view *views = ARENA_ARRAY(mem, struct saved_view, m->n_views);
    size_t n_chunks = 0;
    struct snapshot *summaries = NULL;

    for (size_t i = 0; i < m->n_views; i++)
        TRY(map_view(r, context, &m->views[i], &views[i]));
    while (n_chunks < m->n_views && !m->views[n_chunks].of_summaries)
        n_chunks++;
    if (n_chunks < m->n_views)
        summaries =
            snapshot_of_views(context, m->epoch, views + n_chunks, m->n_views - n_chunks, NULL);
    *out = snapshot_of_views(context, m->epoch, views, n_chunks, summaries);
out:
    for (size_t i = 0; i < m->n_views; i++)
        segment_unref(views[i].segment);
    return rc;
}

static int map_index(struct retriever *r, const struct index_context *context, struct str name,
                     struct arena *mem, struct snapshot **out)
{
    int rc = ERR_OK;
    struct manifest m;
    struct digest recipe = index_recipe(context);
    const char *path = arena_printf(mem, "%s/%.*s", r->index_dir, STR_ARGS(name));

    TRY(manifest_read(path, mem, &m));
    if (!digest_eq(&m.recipe, &recipe))
        return FAIL(ERR_NOT_FOUND, "'%s' was made with other settings or another model", path);
    TRY(map_views(r, context, &m, mem, out));
out:
    return rc;
}

static bool counts_agree(const struct snapshot *s, const struct collection_row *row)
{
    return snapshot_epoch(s) == (uint64_t)row->epoch &&
           snapshot_chunks(s) == (size_t)row->n_chunks &&
           snapshot_documents(s) == (size_t)row->n_documents;
}

/* ERR_NOT_FOUND: there are no files for it; anything else says what is wrong with them. */
static int load_from_files(struct retriever *r, const struct index_context *context,
                           struct store_reader *reader, const struct collection_row *row,
                           struct snapshot **out, uint64_t *sealed_epoch)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct snapshot *state = NULL;
    struct str name;
    int64_t epoch;

    TRY(store_find_index(reader, row->id, mem, &name, &epoch));
    TRY(map_index(r, context, name, mem, &state));
    *sealed_epoch = snapshot_epoch(state);
    if (!counts_agree(state, row))
        TRY(collection_catch_up(r, reader, row, *sealed_epoch, &state));
    if (!counts_agree(state, row)) {
        rc = FAIL(ERR_FORMAT, "the index has %zu documents and %zu chunks, the store %lld and %lld",
                  snapshot_documents(state), snapshot_chunks(state), (long long)row->n_documents,
                  (long long)row->n_chunks);
        goto out;
    }
    *out = state;
    state = NULL; /* handed over */
out:
    snapshot_unref(state);
    arena_free(mem);
    return rc;
}

/* ---- either ---- */

int collection_load(struct retriever *r, struct store_reader *reader,
                    const struct collection_row *row, bool *from_files, uint64_t *sealed_epoch)
{
    const struct index_context *context = NULL;
    struct snapshot *state = NULL;
    struct name name;
    int rc = collection_context(r, row, &context);

    if (rc < 0)
        return rc;
    rc = ERR_NOT_FOUND;
    if (r->index_dir)
        rc = load_from_files(r, context, reader, row, &state, sealed_epoch);
    *from_files = rc == ERR_OK;
    if (rc < 0 && rc != ERR_NOT_FOUND)
        log_event(LOG_WARN, "index_rebuilt", LOG_S("tenant", row->tenant),
                  LOG_S("collection", row->name), LOG_S("reason", err_text()));
    if (rc < 0)
        rc = collection_build(r, context, reader, row, &state);
    if (rc < 0)
        return rc;
    CHECK(name_of(&name, row->tenant, row->name));
    collection_publish(r, &name, state);
    return ERR_OK;
}
