/* The retriever over SQLite and our own indexes: the table of collections, opening, reading.
 * Readers lock for the time of one look-up and one reference.
 */
#include "index/embedded.h"

#include <errno.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"

/* ---- the table of collections ---- */

bool name_of(struct name *out, const char *tenant, const char *collection)
{
    size_t n_tenant = strlen(tenant), n_collection = strlen(collection);

    if (n_tenant > NAME_BYTES_MAX || n_collection > NAME_BYTES_MAX)
        return false;
    memcpy(out->bytes, tenant, n_tenant + 1);
    memcpy(out->bytes + n_tenant + 1, collection, n_collection);
    out->n = n_tenant + 1 + n_collection;
    return true;
}

struct snapshot *collection_find_locked(const struct retriever *r, const struct name *name)
{
    uint64_t value = 0;

    map_get(r->collections, name->bytes, name->n, &value);
    return (struct snapshot *)(uintptr_t)value;
}

struct snapshot *collection_current(struct retriever *r, const struct name *name)
{
    struct snapshot *s;

    pthread_mutex_lock(&r->mu);
    s = collection_find_locked(r, name);
    if (s)
        snapshot_ref(s);
    pthread_mutex_unlock(&r->mu);
    return s;
}

void collection_publish(struct retriever *r, const struct name *name, struct snapshot *next)
{
    struct snapshot *old;

    pthread_mutex_lock(&r->mu);
    old = collection_find_locked(r, name);
    if (next)
        map_put(r->collections, name->bytes, name->n, (uint64_t)(uintptr_t)next);
    else
        map_remove(r->collections, name->bytes, name->n);
    pthread_cond_broadcast(&r->published);
    pthread_mutex_unlock(&r->mu);
    snapshot_unref(old); /* may free a whole index: not under the lock */
}

/* ---- the store's collections ---- */

struct collection_list {
    struct arena *mem;
    struct collection_row *v;
    size_t n, cap;
};

static int note_collection(void *arg, const struct collection_row *row)
{
    struct collection_list *l = arg;
    struct collection_row *at;

    l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
    at = &l->v[l->n++];
    *at = *row;
    at->tenant = arena_strdup(l->mem, row->tenant);
    at->name = arena_strdup(l->mem, row->name);
    at->settings = arena_strdup(l->mem, row->settings);
    return ERR_OK;
}

int list_collections(struct store_reader *reader, struct arena *mem, struct collection_row **v,
                     size_t *n)
{
    struct collection_list l = {.mem = mem};
    int rc = store_each_collection(reader, note_collection, &l);

    if (rc < 0) {
        mem_free(l.v);
        return rc;
    }
    *v = l.v;
    *n = l.n;
    return ERR_OK;
}

/* ---- opening ---- */

/* Chunks and documents on the heap that are worth a file at once; also what the writer merges
 * itself at most, a fifth of the 75 ms that 20,000 took it. */
#define SEAL_CHUNKS  4096
#define SEAL_IDLE_MS 1000

int retriever_open_embedded(struct retriever **out, const struct retriever_options *o)
{
    int rc = ERR_OK;
    struct retriever *r = mem_calloc(1, sizeof *r);
    struct index_context like;
    pthread_condattr_t monotonic;

    CHECK(o->dim > 0);
    r->store = o->store;
    r->seal_chunks = o->seal_chunks ? o->seal_chunks : SEAL_CHUNKS;
    r->seal_idle_ms = o->seal_idle_ms ? o->seal_idle_ms : SEAL_IDLE_MS;
    r->pool = o->pool;
    r->words = o->words;
    r->index_dir = o->index_dir ? mem_strdup(o->index_dir) : NULL;
    r->collections = map_new();
    r->coming = map_new();
    pthread_mutex_init(&r->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->published, &monotonic);
    pthread_condattr_destroy(&monotonic);
    like = (struct index_context){.store = o->store,
                                  .fingerprint = o->fingerprint,
                                  .dim = o->dim,
                                  .k1 = o->k1,
                                  .b = o->b,
                                  .writer_merge_max = o->index_dir ? r->seal_chunks : SIZE_MAX};
    TRY(context_with(r, &like, &o->words, &r->context));
    if (r->index_dir) {
        TRY(file_make_dirs(r->index_dir));
        r->sealer = sealer_new(r);
    }
    TRY(opening_start(r, o->reads_beside));
    *out = r;
    r = NULL; /* handed over */
out:
    retriever_close(r);
    return rc;
}

void retriever_end_reading(struct retriever *r)
{
    if (r)
        opening_end(r);
}

void retriever_close(struct retriever *r)
{
    size_t at = 0, n;
    const void *key;
    uint64_t value;

    if (!r)
        return;
    opening_end(r);
    sealer_free(r->sealer);
    while (map_next(r->collections, &at, &key, &n, &value))
        snapshot_unref((struct snapshot *)(uintptr_t)value);
    map_free(r->collections);
    CHECK(map_count(r->coming) == 0); /* no write is under way */
    map_free(r->coming);
    contexts_free(r->contexts);
    mem_free(r->open_error);
    mem_free(r->index_dir);
    pthread_mutex_destroy(&r->mu);
    pthread_cond_destroy(&r->published);
    mem_free(r);
}

/* ---- reading ---- */

int retriever_snapshot(struct retriever *r, const char *tenant, const char *collection,
                       struct snapshot **out)
{
    int rc = ERR_OK;
    struct snapshot *s = NULL;
    struct name name;

    if (name_of(&name, tenant, collection)) {
        s = collection_current(r, &name);
        if (!s)
            TRY(opening_wait_for(r, &name, collection, &s));
    }
    if (!s)
        return FAIL(ERR_NOT_FOUND, "no collection '%s'", collection);
    *out = s;
out:
    return rc;
}

static uint64_t epoch_locked(const struct retriever *r, const struct name *name)
{
    const struct snapshot *s = collection_find_locked(r, name);

    return s ? s->epoch : 0;
}

uint64_t retriever_epoch(struct retriever *r, const char *tenant, const char *collection)
{
    struct name name;
    uint64_t epoch;

    if (!name_of(&name, tenant, collection))
        return 0;
    pthread_mutex_lock(&r->mu);
    epoch = epoch_locked(r, &name);
    pthread_mutex_unlock(&r->mu);
    return epoch;
}

int retriever_wait_past(struct retriever *r, const char *tenant, const char *collection,
                        uint64_t epoch, int timeout_ms)
{
    struct timespec until;
    struct name name;
    int late = 0;

    if (!name_of(&name, tenant, collection))
        return ERR_OK;
    until = clock_until(timeout_ms);
    pthread_mutex_lock(&r->mu);
    while (epoch_locked(r, &name) == epoch && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&r->published, &r->mu, &until);
    if (epoch_locked(r, &name) != epoch)
        late = 0;
    pthread_mutex_unlock(&r->mu);
    return late ? FAIL(ERR_TIMEOUT, "no newer state of collection '%s' within %d ms", collection,
                       timeout_ms)
                : ERR_OK;
}

bool retriever_may_have(struct retriever *r, const char *tenant, const char *collection)
{
    return retriever_epoch(r, tenant, collection) != 0 || retriever_is_read(r) == ERR_BUSY;
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

void retriever_totals(struct retriever *r, struct retriever_totals *out)
{
    size_t at = 0, n;
    const void *key;
    uint64_t value;

    *out = (struct retriever_totals){0};
    pthread_mutex_lock(&r->mu);
    while (map_next(r->collections, &at, &key, &n, &value)) {
        const struct snapshot *s = (const struct snapshot *)(uintptr_t)value;

        out->collections++;
        out->documents += s->n_documents;
        out->chunks += s->n_chunks;
        out->segments += s->n_views + (s->summaries ? s->summaries->n_views : 0);
        out->bytes += snapshot_bytes(s);
    }
    pthread_mutex_unlock(&r->mu);
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
        .sentences_damaged = row->sentences_damaged,
        .kind = row->chunk.kind,
    };
}

static int check_version(const struct hit *hit, const struct document_row *document)
{
    if (document_version(document) != hit->version)
        return FAIL(ERR_GONE, "document '%.*s' has changed", STR_ARGS(document->key));
    return ERR_OK;
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
        if (rc == ERR_OK)
            rc = check_version(&hits->v[i], &row.document);
        if (rc < 0)
            break;
        out[i] = passage_of(&hits->v[i], &row);
        out[i].source = (uint32_t)i;
    }
    store_read_end(reader);
out:
    store_reader_put(store, reader);
    return rc;
}

/* Passages with their neighbours, as they grow. */
struct widening {
    const struct snapshot *snap;
    struct store_reader *reader;
    struct arena *mem;
    const struct passage *hits;
    size_t n_hits;
    struct passage *v;
    size_t n;
};

static bool is_among(const struct passage *v, size_t n, uint64_t chunk_id)
{
    for (size_t i = 0; i < n; i++)
        if (v[i].chunk_id == chunk_id)
            return true;
    return false;
}

static int add_neighbours(struct widening *w, const struct passage *hit, int window)
{
    int rc = ERR_OK;
    struct chunk_full *rows = NULL;
    size_t n = 0;

    TRY(store_fetch_range(w->reader, (int64_t)hit->hit.document_id, hit->ordinal - window,
                          hit->ordinal + window, &w->snap->context->fingerprint, w->mem, &rows,
                          &n));
    if (n == 0) {
        rc = FAIL(ERR_GONE, "document '%.*s' is not there any more", STR_ARGS(hit->document));
        goto out;
    }
    TRY(check_version(&hit->hit, &rows[0].document));
    for (size_t i = 0; i < n; i++) {
        struct passage *p = &w->v[w->n];

        if (is_among(w->hits, w->n_hits, rows[i].chunk.id) ||
            is_among(w->v, w->n, rows[i].chunk.id))
            continue;
        *p = passage_of(&hit->hit, &rows[i]);
        p->source = hit->source;
        p->is_neighbour = true;
        w->n++;
    }
out:
    return rc;
}

int snapshot_widen(struct snapshot *s, const struct passage *hits, size_t n, int window,
                   struct arena *mem, struct passage **out, size_t *n_out)
{
    int rc = ERR_OK;
    struct store *store = s->context->store;
    struct widening w = {.snap = s, .mem = mem, .hits = hits, .n_hits = n};

    CHECK(window >= 0 && window <= SEARCH_WINDOW_MAX);
    w.v = ARENA_ARRAY(mem, struct passage, n * (size_t)(2 * window + 1));
    w.reader = store_reader_get(store);
    TRY(store_read_begin(w.reader));
    for (size_t i = 0; i < n && rc == ERR_OK; i++) {
        w.v[w.n++] = hits[i];
        if (window > 0 && hits[i].kind == CHUNK_TEXT)
            rc = add_neighbours(&w, &hits[i], window);
    }
    store_read_end(w.reader);
out:
    store_reader_put(store, w.reader);
    if (rc == ERR_OK) {
        *out = w.v;
        *n_out = w.n;
    }
    return rc;
}
