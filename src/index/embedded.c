/* The retriever over SQLite and our own indexes.
 *
 *   caller                         writer thread (store/store.h)
 *   ------                         -----------------------------
 *   build a segment of the         in the transaction: put documents, vectors, move the epoch
 *   new documents                  COMMIT
 *   store_write  ----------------> published: next snapshot from the current one, swap, tell who
 *   go on        <---------------- cited what is gone
 *
 * What is in memory changes only in `published`, on the one writer thread and in commit order, so
 * it replays what is in the database and needs no undo. Readers lock for the time of one look-up
 * and one reference.
 */
#include "index/retriever.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/snapshot.h"

struct retriever {
    struct index_context context;
    struct pool *pool;
    struct word_settings words;

    pthread_mutex_t mu;      /* guards the fields below */
    struct map *collections; /* "tenant\0name" -> struct snapshot *, the current one */
    document_gone_fn gone;
    void *gone_arg;
};

/* ---- the table of collections ---- */

#define NAME_BYTES_MAX 64 /* as store.h says */

struct name {
    char bytes[2 * NAME_BYTES_MAX + 1];
    size_t n;
};

static bool name_of(struct name *out, const char *tenant, const char *collection)
{
    size_t n_tenant = strlen(tenant), n_collection = strlen(collection);

    if (n_tenant > NAME_BYTES_MAX || n_collection > NAME_BYTES_MAX)
        return false;
    memcpy(out->bytes, tenant, n_tenant + 1);
    memcpy(out->bytes + n_tenant + 1, collection, n_collection);
    out->n = n_tenant + 1 + n_collection;
    return true;
}

/* The current state with a reference, or NULL. */
static struct snapshot *current(struct retriever *r, const char *tenant, const char *collection)
{
    struct snapshot *s = NULL;
    struct name name;
    uint64_t value;

    if (!name_of(&name, tenant, collection))
        return NULL;
    pthread_mutex_lock(&r->mu);
    if (map_get(r->collections, name.bytes, name.n, &value))
        s = snapshot_ref((struct snapshot *)(uintptr_t)value);
    pthread_mutex_unlock(&r->mu);
    return s;
}

/* Makes `next` the current state (NULL: no such collection any more); its reference is taken. */
static void publish(struct retriever *r, const char *tenant, const char *collection,
                    struct snapshot *next)
{
    struct snapshot *old = NULL;
    struct name name;
    uint64_t value;

    CHECK(name_of(&name, tenant, collection));
    pthread_mutex_lock(&r->mu);
    if (map_get(r->collections, name.bytes, name.n, &value))
        old = (struct snapshot *)(uintptr_t)value;
    if (next)
        map_put(r->collections, name.bytes, name.n, (uint64_t)(uintptr_t)next);
    else
        map_remove(r->collections, name.bytes, name.n);
    pthread_mutex_unlock(&r->mu);
    snapshot_unref(old); /* may free a whole index: not under the lock */
}

static void tell_gone(struct retriever *r, const char *tenant, const char *collection,
                      struct str key)
{
    document_gone_fn gone;
    void *arg;

    pthread_mutex_lock(&r->mu);
    gone = r->gone;
    arg = r->gone_arg;
    pthread_mutex_unlock(&r->mu);
    if (gone)
        gone(arg, tenant, collection, key);
}

void retriever_on_document_gone(struct retriever *r, document_gone_fn fn, void *arg)
{
    pthread_mutex_lock(&r->mu);
    r->gone = fn;
    r->gone_arg = arg;
    pthread_mutex_unlock(&r->mu);
}

/* ---- opening ---- */

struct load {
    struct retriever *r;
    struct segment_builder *builder;
    int64_t document; /* the one whose chunks come; 0: none yet */
    int64_t n_documents;
    size_t n_missing;
};

static int load_chunk(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                      const float *vector, uint32_t dim)
{
    struct load *l = arg;

    if (doc->id != l->document) {
        segment_add_document(l->builder, doc);
        l->n_documents++;
    }
    l->document = doc->id;
    if (dim != l->r->context.dim)
        vector = NULL;
    l->n_missing += !vector;
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
    log_event(LOG_WARN, "chunks without a vector are found by their words only",
              LOG_S("tenant", row->tenant), LOG_S("collection", row->name),
              LOG_I("chunks", n_missing));
}

static int load_collection(struct retriever *r, struct store_reader *reader,
                           const struct collection_row *row)
{
    struct index_context *context = &r->context;
    struct load l = {.r = r};
    struct snapshot *empty, *full;
    struct segment *segment;
    int rc;

    l.builder =
        segment_builder_new(context->dim, (size_t)row->n_chunks, context->analyzers, r->pool);
    rc = store_each_chunk(reader, row->id, &context->fingerprint, load_chunk, &l);
    if (rc >= 0 && l.n_documents < row->n_documents)
        rc = store_each_document(reader, row->id, STR_LIT(""), 0, load_empty_document, &l);
    segment = segment_finish(l.builder);
    if (rc < 0) {
        segment_unref(segment);
        return rc;
    }
    if (l.n_missing)
        warn_missing(row, l.n_missing);
    empty = snapshot_empty(context, (uint64_t)row->epoch);
    full = snapshot_next(empty, &(struct change){.epoch = (uint64_t)row->epoch, .added = segment},
                         NULL);
    snapshot_unref(empty);
    publish(r, row->tenant, row->name, full);
    return ERR_OK;
}

struct collection_list {
    struct arena *mem;
    struct collection_row *v;
    size_t n, cap;
};

static int note_collection(void *arg, const struct collection_row *row)
{
    struct collection_list *l = arg;

    l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
    l->v[l->n] = *row;
    l->v[l->n].tenant = arena_strdup(l->mem, row->tenant);
    l->v[l->n].name = arena_strdup(l->mem, row->name);
    l->v[l->n++].settings = NULL; /* not ours to read */
    return ERR_OK;
}

/* The list first, then one by one: a walk inside the walk would hold two connections, and wait for
 * ever where there is no more than one. */
static int load_collections(struct retriever *r)
{
    int rc = ERR_OK;
    struct collection_list list = {.mem = arena_new(0)};
    struct store_reader *reader = store_reader_get(r->context.store);

    TRY(store_each_collection(reader, note_collection, &list));
    for (size_t i = 0; i < list.n; i++)
        TRY(load_collection(r, reader, &list.v[i]));
out:
    store_reader_put(r->context.store, reader);
    mem_free(list.v);
    arena_free(list.mem);
    return rc;
}

int retriever_open_embedded(struct retriever **out, const struct retriever_options *o)
{
    int rc = ERR_OK;
    struct retriever *r = mem_calloc(1, sizeof *r);

    CHECK(o->dim > 0);
    r->context = (struct index_context){
        .store = o->store, .fingerprint = o->fingerprint, .dim = o->dim, .k1 = o->k1, .b = o->b};
    r->pool = o->pool;
    r->collections = map_new();
    pthread_mutex_init(&r->mu, NULL);
    r->words = o->words;
    TRY(analyzers_new(&r->context.analyzers, &o->words));
    TRY(load_collections(r));
    *out = r;
    r = NULL; /* handed over */
out:
    retriever_close(r);
    return rc;
}

void retriever_close(struct retriever *r)
{
    size_t at = 0, n;
    const void *key;
    uint64_t value;

    if (!r)
        return;
    while (map_next(r->collections, &at, &key, &n, &value))
        snapshot_unref((struct snapshot *)(uintptr_t)value);
    map_free(r->collections);
    analyzers_free(r->context.analyzers);
    pthread_mutex_destroy(&r->mu);
    mem_free(r);
}

/* ---- reading ---- */

int retriever_snapshot(struct retriever *r, const char *tenant, const char *collection,
                       struct snapshot **out)
{
    struct snapshot *s = current(r, tenant, collection);

    if (!s)
        return FAIL(ERR_NOT_FOUND, "no collection '%s'", collection);
    *out = s;
    return ERR_OK;
}

uint64_t retriever_epoch(struct retriever *r, const char *tenant, const char *collection)
{
    uint64_t value, epoch = 0;
    struct name name;

    if (!name_of(&name, tenant, collection))
        return 0;
    pthread_mutex_lock(&r->mu);
    if (map_get(r->collections, name.bytes, name.n, &value))
        epoch = ((struct snapshot *)(uintptr_t)value)->epoch;
    pthread_mutex_unlock(&r->mu);
    return epoch;
}

const struct word_settings *retriever_words(const struct retriever *r)
{
    return &r->words;
}

struct analyzers *retriever_analyzers(struct retriever *r)
{
    return r->context.analyzers;
}

size_t retriever_bytes(struct retriever *r)
{
    size_t at = 0, n, bytes = 0;
    const void *key;
    uint64_t value;

    pthread_mutex_lock(&r->mu);
    while (map_next(r->collections, &at, &key, &n, &value))
        bytes += snapshot_bytes((struct snapshot *)(uintptr_t)value);
    pthread_mutex_unlock(&r->mu);
    return bytes;
}

static struct passage passage_of(const struct hit *hit, const struct chunk_full *row)
{
    return (struct passage){
        .hit = *hit,
        .document = row->document.key,
        .title = row->document.title,
        .uri = row->document.uri,
        .metadata = row->document.metadata,
        .heading = row->chunk.heading,
        .text = row->chunk.text,
        .chunk_id = row->chunk.id,
        .ordinal = row->chunk.ordinal,
        .page = row->chunk.page,
        .start = row->chunk.start,
        .end = row->chunk.end,
        .sentence_vectors = row->sentence_vectors,
        .n_sentences = row->n_sentences,
    };
}

int snapshot_fetch(struct snapshot *s, const struct hits *hits, struct arena *mem,
                   struct passage *out)
{
    int rc = ERR_OK;
    struct store *store = s->context->store;
    struct store_reader *reader = store_reader_get(store);

    TRY(store_read_begin(reader));
    for (size_t i = 0; i < hits->n; i++) {
        struct chunk_full row = {0};

        rc = store_fetch_chunk(reader, hits->v[i].chunk_id, &s->context->fingerprint, mem, &row);
        if (rc < 0)
            break;
        out[i] = passage_of(&hits->v[i], &row);
    }
    store_read_end(reader);
out:
    store_reader_put(store, reader);
    return rc;
}

/* ---- writing: documents come ---- */

struct upsert_job {
    struct retriever *r;
    const char *tenant, *collection;
    struct upsert *docs;
    size_t n;
    int *results;

    struct segment *segment; /* built before the transaction */
    size_t *last;            /* [n] which of the documents with this key is the last */
    uint32_t *place;         /* [n] a document's place in the segment, NO_PLACE: it has none */
    int64_t epoch;           /* 0: nothing was written */
};

#define NO_PLACE UINT32_MAX

/* What could be seen in a search and be wrong for ever. */
static int check_upsert(const struct retriever *r, const struct upsert *u)
{
    size_t dim = r->context.dim;

    for (size_t i = 0; i < u->n_chunks; i++) {
        const struct vector_row *row = &u->vectors[i];
        float sum = 0;

        if (row->dim != dim || !row->vector)
            return FAIL(ERR_ARGUMENT,
                        "document '%.*s': a vector has %u dimensions; the index has %zu",
                        STR_ARGS(u->document.key), row->dim, dim);
        for (size_t d = 0; d < dim; d++)
            sum += row->vector[d] * row->vector[d];
        if (!isfinite(sum))
            return FAIL(ERR_ARGUMENT, "document '%.*s': a vector holds numbers that are not finite",
                        STR_ARGS(u->document.key));
    }
    return ERR_OK;
}

/* Of a key that comes twice only the last is written, as it would replace the earlier one. */
static void find_last_of_each_key(struct upsert_job *j)
{
    struct map *last = map_new();

    for (size_t i = 0; i < j->n; i++)
        map_put(last, j->docs[i].document.key.p, j->docs[i].document.key.n, i);
    for (size_t i = 0; i < j->n; i++) {
        uint64_t at = i;

        map_get(last, j->docs[i].document.key.p, j->docs[i].document.key.n, &at);
        j->last[i] = (size_t)at;
    }
    map_free(last);
}

static void build_segment(struct upsert_job *j)
{
    struct index_context *context = &j->r->context;
    struct segment_builder *b;
    size_t n_chunks = 0;
    uint32_t n_placed = 0;

    for (size_t i = 0; i < j->n; i++)
        n_chunks += j->docs[i].n_chunks;
    b = segment_builder_new(context->dim, n_chunks, context->analyzers, NULL);
    for (size_t i = 0; i < j->n; i++) {
        const struct upsert *u = &j->docs[i];

        j->place[i] = NO_PLACE;
        if (j->last[i] != i || j->results[i] < 0)
            continue;
        j->place[i] = n_placed++;
        segment_add_document(b, &u->document);
        for (size_t c = 0; c < u->n_chunks; c++)
            segment_add_chunk(b, &u->chunks[c], u->vectors[c].vector);
    }
    j->segment = segment_finish(b);
}

/* These concern one document, which the store leaves as it was; anything else concerns the
 * transaction. */
static bool is_refusal(int rc)
{
    return rc == ERR_EXISTS || rc == ERR_ARGUMENT || rc == ERR_LIMIT || rc == ERR_FORMAT;
}

static int put_documents(struct upsert_job *j, struct store_tx *tx, int64_t collection,
                         size_t *n_put)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < j->n; i++) {
        struct upsert *u = &j->docs[i];

        if (j->place[i] == NO_PLACE)
            continue;
        rc = store_tx_put_document(tx, collection, &u->document, u->chunks, u->n_chunks);
        j->results[i] = rc < 0 ? rc : ERR_OK;
        if (is_refusal(rc))
            continue;
        TRY(rc);
        TRY(store_tx_put_vectors(tx, &j->r->context.fingerprint, u->vectors, u->n_chunks));
        ++*n_put;
    }
    rc = ERR_OK;
out:
    return rc;
}

static int upsert_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct upsert_job *j = arg;
    int64_t collection;
    size_t n_put = 0;
    bool made = false;

    TRY(store_tx_collection(tx, j->tenant, j->collection, &collection, &made));
    TRY(put_documents(j, tx, collection, &n_put));
    if (n_put || made)
        TRY(store_tx_bump_epoch(tx, collection, &j->epoch));
out:
    return rc;
}

static void upsert_published(void *arg)
{
    struct upsert_job *j = arg;
    struct segment *s = j->segment;
    uint64_t *refused;
    struct str *keys;
    bool *was_there;
    struct snapshot *old;
    struct change c = {.epoch = (uint64_t)j->epoch, .added = s};

    if (!j->epoch)
        return;
    c.refused = refused = mem_calloc(bitmap_words(s->n_documents), sizeof *refused);
    c.keys = keys = mem_alloc(j->n * sizeof *keys);
    was_there = mem_calloc(j->n, sizeof *was_there);
    for (size_t i = 0; i < j->n; i++) {
        if (j->place[i] == NO_PLACE)
            continue;
        s->document_id[j->place[i]] = (uint64_t)j->docs[i].document.id; /* known since the insert */
        if (j->results[i] == ERR_OK)
            keys[c.n_keys++] = j->docs[i].document.key;
        else
            bitmap_set(refused, j->place[i]);
    }
    j->segment = NULL; /* taken by the change */
    old = current(j->r, j->tenant, j->collection);
    if (!old)
        old = snapshot_empty(&j->r->context, 0);
    publish(j->r, j->tenant, j->collection, snapshot_next(old, &c, was_there));
    snapshot_unref(old);
    for (size_t i = 0; i < c.n_keys; i++)
        if (was_there[i])
            tell_gone(j->r, j->tenant, j->collection, keys[i]);
    mem_free(refused);
    mem_free(keys);
    mem_free(was_there);
}

int retriever_upsert(struct retriever *r, const char *tenant, const char *collection,
                     struct upsert *docs, size_t n, int *results)
{
    struct upsert_job j = {r, tenant, collection, docs, n, results, NULL, NULL, NULL, 0};
    int rc;

    j.last = mem_alloc(n * sizeof *j.last);
    j.place = mem_alloc(n * sizeof *j.place);
    find_last_of_each_key(&j);
    for (size_t i = 0; i < n; i++)
        results[i] = check_upsert(r, &docs[i]);
    build_segment(&j);
    rc = store_write(r->context.store, upsert_in_tx, upsert_published, &j);
    for (size_t i = 0; i < n; i++)
        if (j.last[i] != i)
            results[i] = results[j.last[i]];
    segment_unref(j.segment);
    mem_free(j.last);
    mem_free(j.place);
    return rc;
}

/* ---- writing: documents go ---- */

struct remove_job {
    struct retriever *r;
    const char *tenant, *collection;
    const struct str *keys;
    size_t n, n_removed;
    int64_t epoch; /* 0: nothing was written */
};

static int remove_document(struct store_tx *tx, int64_t collection, struct str key, size_t *n)
{
    struct arena *mem = arena_new(0);
    struct document_row row;
    int rc = store_find_document(store_tx_reader(tx), collection, key, false, mem, &row);

    if (rc == ERR_OK) {
        rc = store_tx_delete_document(tx, row.id);
        *n += rc >= 0;
    } else if (rc == ERR_NOT_FOUND) {
        rc = ERR_OK;
    }
    arena_free(mem);
    return rc;
}

static int remove_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct remove_job *j = arg;
    struct arena *mem = arena_new(0);
    struct collection_row row;

    TRY(store_find_collection(store_tx_reader(tx), j->tenant, j->collection, mem, &row));
    for (size_t i = 0; i < j->n; i++)
        TRY(remove_document(tx, row.id, j->keys[i], &j->n_removed));
    if (j->n_removed)
        TRY(store_tx_bump_epoch(tx, row.id, &j->epoch));
out:
    arena_free(mem);
    return rc;
}

static void remove_published(void *arg)
{
    struct remove_job *j = arg;
    struct snapshot *old;
    bool *was_there;

    if (!j->epoch)
        return;
    old = current(j->r, j->tenant, j->collection);
    CHECK(old);
    was_there = mem_calloc(j->n, sizeof *was_there);
    publish(j->r, j->tenant, j->collection,
            snapshot_next(
                old, &(struct change){.epoch = (uint64_t)j->epoch, .keys = j->keys, .n_keys = j->n},
                was_there));
    snapshot_unref(old);
    for (size_t i = 0; i < j->n; i++)
        if (was_there[i])
            tell_gone(j->r, j->tenant, j->collection, j->keys[i]);
    mem_free(was_there);
}

int retriever_remove(struct retriever *r, const char *tenant, const char *collection,
                     const struct str *keys, size_t n, size_t *n_removed)
{
    struct remove_job j = {r, tenant, collection, keys, n, 0, 0};
    int rc = store_write(r->context.store, remove_in_tx, remove_published, &j);

    if (rc >= 0 && n_removed)
        *n_removed = j.n_removed;
    return rc;
}

/* ---- writing: collections ---- */

struct collection_job {
    struct retriever *r;
    const char *tenant, *collection;
    int64_t epoch;
};

static int create_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct collection_job *j = arg;
    int64_t id;
    bool made = false;

    TRY(store_tx_collection(tx, j->tenant, j->collection, &id, &made));
    if (!made)
        return FAIL(ERR_EXISTS, "collection '%s' exists", j->collection);
    TRY(store_tx_bump_epoch(tx, id, &j->epoch));
out:
    return rc;
}

static void create_published(void *arg)
{
    struct collection_job *j = arg;

    publish(j->r, j->tenant, j->collection, snapshot_empty(&j->r->context, (uint64_t)j->epoch));
}

int retriever_create_collection(struct retriever *r, const char *tenant, const char *collection)
{
    struct collection_job j = {r, tenant, collection, 0};

    return store_write(r->context.store, create_in_tx, create_published, &j);
}

static int drop_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct collection_job *j = arg;
    struct arena *mem = arena_new(0);
    struct collection_row row;

    TRY(store_find_collection(store_tx_reader(tx), j->tenant, j->collection, mem, &row));
    TRY(store_tx_drop_collection(tx, row.id));
out:
    arena_free(mem);
    return rc;
}

/* Tells of every document: answers that cite them must go. */
static void drop_published(void *arg)
{
    struct collection_job *j = arg;
    struct snapshot *old = current(j->r, j->tenant, j->collection);

    publish(j->r, j->tenant, j->collection, NULL);
    for (size_t i = 0; old && i < old->n_views; i++) {
        const struct view *v = &old->views[i];

        for (uint32_t d = 0; d < v->segment->n_documents; d++)
            if (!v->dead || !bitmap_get(v->dead->documents, d))
                tell_gone(j->r, j->tenant, j->collection, dict_at(v->segment->keys, d));
    }
    snapshot_unref(old);
}

int retriever_drop_collection(struct retriever *r, const char *tenant, const char *collection)
{
    struct collection_job j = {r, tenant, collection, 0};

    return store_write(r->context.store, drop_in_tx, drop_published, &j);
}
