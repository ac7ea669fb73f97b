/* How the embedded retriever changes: documents come and go, collections too.
 *
 *   caller                         writer thread (store/store.h)
 *   ------                         -----------------------------
 *   build a segment of the         in the transaction: put documents, vectors, move the epoch;
 *   new documents                    build the next snapshot (and merge what is to be merged)
 *                                  COMMIT
 *   store_write  ----------------> published: swap, tell who cited what is gone
 *   go on        <----------------
 */
#include "index/embedded_step.h"

#include <math.h>
#include <string.h>

#include "base/check.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "index/bitmap.h"
#include "index/collection_settings.h"
#include "store/store_summaries.h"

/* ---- who must know ---- */

static void tell_gone(const struct step *t, struct str key)
{
    struct retriever *r = t->r;
    document_gone_fn gone;
    void *arg;

    pthread_mutex_lock(&r->mu);
    gone = r->gone;
    arg = r->gone_arg;
    pthread_mutex_unlock(&r->mu);
    if (gone)
        gone(arg, t->tenant, t->collection, key);
}

void retriever_on_document_gone(struct retriever *r, document_gone_fn fn, void *arg)
{
    pthread_mutex_lock(&r->mu);
    r->gone = fn;
    r->gone_arg = arg;
    pthread_mutex_unlock(&r->mu);
}

/* ---- writing: documents come ---- */

/* The documents of one segment: that of the chunks or that of the summaries. */
struct part {
    struct segment *segment; /* built before the transaction; NULL: nothing to add */
    uint32_t *place;         /* [n] a document's place in the segment, NO_PLACE: it has none */
    uint64_t *refused;       /* bitmap of places */
};

struct upsert_job {
    struct step step;
    struct upsert *docs;
    size_t n;
    struct arena *mem; /* the caller's, who waits: for reasons */
    struct upsert_result *results;

    const struct index_context *context; /* of the vectors' model, and what the words are cut by */
    struct word_settings words;          /* as the store says in the transaction ... */
    bool recut;                          /* ... which are others */
    size_t *last;                        /* [n] which of the documents with this key is the last */
    struct part chunks, summaries;

    struct change change; /* made in the transaction; epoch 0: nothing was written */
    struct str *keys;     /* [n] of the documents that were written */
    bool *was_there;      /* [n], by keys */
};

#define NO_PLACE UINT32_MAX

static struct upsert_result result_of(struct arena *mem, int rc)
{
    if (rc < 0)
        return (struct upsert_result){rc, arena_strdup(mem, err_text())};
    return (struct upsert_result){0};
}

/* What could be seen in a search and be wrong for ever. */
static int check_upsert(const struct index_context *context, const struct upsert *u)
{
    size_t dim = context->dim;

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

static size_t count_kind(const struct upsert *u, enum chunk_kind kind)
{
    size_t n = 0;

    for (size_t i = 0; i < u->n_chunks; i++)
        n += u->chunks[i].kind == kind;
    return n;
}

static bool is_written(const struct upsert_job *j, size_t i)
{
    return j->last[i] == i && j->results[i].rc == ERR_OK;
}

/* Documents without a summary are not among the summaries; those without chunks are among the
 * chunks, because documents are counted there. */
static void build_part(struct upsert_job *j, enum chunk_kind kind, struct part *part)
{
    const struct index_context *context = j->context;
    struct segment_builder *b;
    size_t n_chunks = 0;
    uint32_t n_placed = 0;

    part->place = mem_alloc(j->n * sizeof *part->place);
    for (size_t i = 0; i < j->n; i++) {
        size_t n = is_written(j, i) ? count_kind(&j->docs[i], kind) : 0;

        part->place[i] = n || (kind == CHUNK_TEXT && is_written(j, i)) ? n_placed++ : NO_PLACE;
        n_chunks += n;
    }
    if (kind == CHUNK_SUMMARY && n_placed == 0)
        return;
    b = segment_builder_new(context->dim, n_chunks, context->analyzers, NULL);
    for (size_t i = 0; i < j->n; i++) {
        const struct upsert *u = &j->docs[i];

        if (part->place[i] == NO_PLACE)
            continue;
        segment_add_document(b, &u->document);
        for (size_t c = 0; c < u->n_chunks; c++)
            if (u->chunks[c].kind == kind)
                segment_add_chunk(b, &u->chunks[c], u->vectors[c].vector);
    }
    part->segment = segment_finish(b);
}

static void part_done(struct part *p)
{
    segment_unref(p->segment);
    mem_free(p->place);
    mem_free(p->refused);
}

/* These concern one document, which the store leaves as it was; anything else concerns the
 * transaction. */
static bool is_refusal(int rc)
{
    return rc == ERR_EXISTS || rc == ERR_ARGUMENT || rc == ERR_LIMIT || rc == ERR_FORMAT ||
           rc == ERR_NOT_FOUND;
}

/* What was to be written over a document is for that one as it was. */
static int check_over(struct upsert_job *j, struct store_tx *tx, int64_t collection,
                      const struct upsert *u)
{
    int rc = ERR_OK;
    struct document_row now;

    if (!u->over)
        return ERR_OK;
    TRY(store_find_document(store_tx_reader(tx), collection, u->document.key, false, j->mem, &now));
    if (now.id != u->document.id || !digest_eq(&now.hash, u->over))
        rc = FAIL(ERR_NOT_FOUND, "document '%.*s' is another by now", STR_ARGS(u->document.key));
out:
    return rc;
}

static int put_document(struct upsert_job *j, struct store_tx *tx, int64_t collection,
                        struct upsert *u)
{
    int rc = ERR_OK;

    TRY(check_over(j, tx, collection, u));
    TRY(store_tx_put_document(tx, collection, &u->document, u->chunks, u->n_chunks));
    if (u->summary_by)
        TRY(store_tx_mark_summary(tx, u->document.id, u->summary_by));
out:
    return rc;
}

static int put_documents(struct upsert_job *j, struct store_tx *tx, int64_t collection,
                         size_t *n_put)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < j->n; i++) {
        struct upsert *u = &j->docs[i];

        if (j->chunks.place[i] == NO_PLACE)
            continue;
        rc = put_document(j, tx, collection, u);
        j->results[i] = result_of(j->mem, rc);
        if (is_refusal(rc))
            continue;
        TRY(rc);
        TRY(store_tx_put_vectors(tx, &j->context->fingerprint, u->vectors, u->n_chunks));
        if (u->next)
            TRY(store_tx_put_vectors(tx, u->next_model, u->next, u->n_chunks));
        ++*n_put;
    }
    rc = ERR_OK;
out:
    return rc;
}

/* Which documents of the segment stand, and under which number, is known once they are put. */
static void describe_part(const struct upsert_job *j, struct part *part)
{
    if (!part->segment)
        return;
    part->refused = mem_calloc(bitmap_words(part->segment->n_documents), sizeof *part->refused);
    for (size_t i = 0; i < j->n; i++) {
        uint32_t place = part->place[i];

        if (place == NO_PLACE)
            continue;
        part->segment->document_id[place] = (uint64_t)j->docs[i].document.id;
        if (j->results[i].rc < 0)
            bitmap_set(part->refused, place);
    }
}

static void describe_change(struct upsert_job *j, int64_t epoch)
{
    size_t n_keys = 0;

    j->keys = mem_alloc(j->n * sizeof *j->keys);
    j->was_there = mem_calloc(j->n, sizeof *j->was_there);
    for (size_t i = 0; i < j->n; i++)
        if (j->chunks.place[i] != NO_PLACE && j->results[i].rc == ERR_OK)
            j->keys[n_keys++] = j->docs[i].document.key;
    describe_part(j, &j->chunks);
    describe_part(j, &j->summaries);
    j->change = (struct change){.epoch = (uint64_t)epoch,
                                .keys = j->keys,
                                .n_keys = n_keys,
                                .added = j->chunks.segment,
                                .refused = j->chunks.refused,
                                .summaries = j->summaries.segment,
                                .refused_summaries = j->summaries.refused};
}

/* The store says which model is in force in this very transaction: one that was left a moment ago
 * writes nothing any more. */
static int check_model(const struct upsert_job *j, struct store_tx *tx)
{
    struct store_model now;
    int rc = store_find_model(store_tx_reader(tx), j->mem, &now);

    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc == ERR_OK && !digest_eq(&now.fingerprint, &j->context->fingerprint))
        rc = FAIL(ERR_GONE, "the model is '%s' now", now.name);
    return rc;
}

/* The same for the words, but these we can cut again ourselves. */
static int check_words(struct upsert_job *j, struct store_tx *tx)
{
    int rc = ERR_OK;
    struct step *t = &j->step;
    struct collection_row row;

    TRY(store_find_collection(store_tx_reader(tx), t->tenant, t->collection, j->mem, &row));
    TRY(collection_settings_words(row.settings, &t->r->words, &j->words));
    j->recut = !word_settings_eq(&j->words, &j->context->words);
    if (j->recut)
        rc = FAIL(ERR_GONE, "the language of collection '%s' has changed", t->collection);
out:
    return rc;
}

static int upsert_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct upsert_job *j = arg;
    int64_t collection, epoch;
    size_t n_put = 0;
    bool made = false;

    TRY(check_model(j, tx));
    TRY(store_tx_collection(tx, j->step.tenant, j->step.collection, &collection, &made));
    TRY(check_words(j, tx));
    TRY(put_documents(j, tx, collection, &n_put));
    if (n_put || made) {
        TRY(store_tx_bump_epoch(tx, collection, &epoch));
        describe_change(j, epoch);
        TRY(step_make(&j->step, &j->change, j->was_there));
    }
out:
    return rc;
}

static void upsert_published(void *arg)
{
    struct upsert_job *j = arg;

    if (!j->step.made)
        return;
    step_publish(&j->step, &j->change, j->was_there);
    for (size_t i = 0; i < j->change.n_keys; i++)
        if (j->was_there[i])
            tell_gone(&j->step, j->keys[i]);
}

static int check_vectors(struct upsert_job *j)
{
    const struct digest *model = &j->context->fingerprint;

    for (size_t i = 0; i < j->n; i++)
        if (j->docs[i].model && !digest_eq(j->docs[i].model, model))
            return FAIL(ERR_GONE, "the model has changed meanwhile");
    for (size_t i = 0; i < j->n; i++)
        j->results[i] = result_of(j->mem, check_upsert(j->context, &j->docs[i]));
    return ERR_OK;
}

/* With the words cut as j->words says. */
static int upsert_once(struct retriever *r, struct upsert_job *j)
{
    int rc = ERR_OK;

    TRY(context_with(r, context_now(r), &j->words, &j->context));
    TRY(check_vectors(j));
    j->recut = false;
    j->last = mem_alloc(j->n * sizeof *j->last);
    find_last_of_each_key(j);
    build_part(j, CHUNK_TEXT, &j->chunks);
    build_part(j, CHUNK_SUMMARY, &j->summaries);
    rc = store_write(r->store, upsert_in_tx, upsert_published, j);
    for (size_t i = 0; i < j->n; i++)
        if (j->last[i] != i)
            j->results[i] = j->results[j->last[i]];
out:
    step_done(&j->step);
    part_done(&j->chunks);
    part_done(&j->summaries);
    mem_free(j->last);
    mem_free(j->keys);
    mem_free(j->was_there);
    return rc;
}

int retriever_upsert(struct retriever *r, const char *tenant, const char *collection,
                     struct upsert *docs, size_t n, struct arena *mem,
                     struct upsert_result *results)
{
    struct word_settings words;
    struct upsert_job j;
    int rc = opening_wait(r);

    if (rc < 0)
        return rc;
    words = collection_words(r, tenant, collection);
    do {
        j = (struct upsert_job){.step = step_to(r, tenant, collection),
                                .words = words,
                                .docs = docs,
                                .n = n,
                                .mem = mem,
                                .results = results};
        rc = upsert_once(r, &j);
        words = j.words;
    } while (rc == ERR_GONE && j.recut);
    return rc;
}

/* ---- writing: documents go ---- */

struct remove_job {
    struct step step;
    const struct str *keys;
    size_t n, n_removed;
    struct change change;
    bool *was_there; /* [n] */
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
    int64_t epoch;

    TRY(store_find_collection(store_tx_reader(tx), j->step.tenant, j->step.collection, mem, &row));
    for (size_t i = 0; i < j->n; i++)
        TRY(remove_document(tx, row.id, j->keys[i], &j->n_removed));
    if (j->n_removed) {
        TRY(store_tx_bump_epoch(tx, row.id, &epoch));
        j->change = (struct change){.epoch = (uint64_t)epoch, .keys = j->keys, .n_keys = j->n};
        TRY(step_make(&j->step, &j->change, j->was_there));
    }
out:
    arena_free(mem);
    return rc;
}

static void remove_published(void *arg)
{
    struct remove_job *j = arg;

    if (!j->step.made)
        return;
    step_publish(&j->step, &j->change, j->was_there);
    for (size_t i = 0; i < j->n; i++)
        if (j->was_there[i])
            tell_gone(&j->step, j->keys[i]);
}

int retriever_remove(struct retriever *r, const char *tenant, const char *collection,
                     const struct str *keys, size_t n, size_t *n_removed)
{
    struct remove_job j = {.step = step_to(r, tenant, collection), .keys = keys, .n = n};
    int rc = ERR_OK;

    j.was_there = mem_calloc(n, sizeof *j.was_there);
    TRY(opening_wait(r));
    TRY(store_write(r->store, remove_in_tx, remove_published, &j));
out:
    step_done(&j.step);
    mem_free(j.was_there);
    if (rc >= 0 && n_removed)
        *n_removed = j.n_removed;
    return rc;
}

/* ---- writing: collections ---- */

struct create_job {
    struct step step;
    char *settings;
};

static int create_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct create_job *j = arg;
    struct step *t = &j->step;
    int64_t id, epoch;
    bool made = false;

    TRY(store_tx_collection(tx, t->tenant, t->collection, &id, &made));
    if (!made)
        return FAIL(ERR_EXISTS, "collection '%s' exists", t->collection);
    TRY(store_tx_collection_settings(tx, id, j->settings));
    TRY(store_tx_bump_epoch(tx, id, &epoch));
    TRY(step_make(t, &(struct change){.epoch = (uint64_t)epoch}, NULL));
out:
    return rc;
}

static void create_published(void *arg)
{
    struct create_job *j = arg;

    step_publish(&j->step, &(struct change){.epoch = j->step.next->epoch}, NULL);
}

int retriever_create_collection(struct retriever *r, const char *tenant, const char *collection,
                                struct str settings)
{
    int rc = ERR_OK;
    struct create_job j = {.step = step_to(r, tenant, collection)};

    TRY(opening_wait(r));
    TRY(collection_settings_check(settings, &j.settings));
    TRY(collection_settings_words(j.settings, &r->words, &j.step.words));
    TRY(store_write(r->store, create_in_tx, create_published, &j));
out:
    step_done(&j.step);
    mem_free(j.settings);
    return rc;
}

static int drop_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct step *t = arg;
    struct arena *mem = arena_new(0);
    struct collection_row row;

    TRY(store_find_collection(store_tx_reader(tx), t->tenant, t->collection, mem, &row));
    TRY(store_tx_drop_collection(tx, row.id));
    t->collection_id = row.id;
    TRY(step_make(t, NULL, NULL));
out:
    arena_free(mem);
    return rc;
}

/* Tells of every document: answers that cite them must go. */
static void drop_published(void *arg)
{
    struct step *t = arg;
    struct snapshot *old = collection_current(t->r, &t->name);

    step_publish(t, NULL, NULL);
    sealer_collection_gone(t->r->sealer, t->collection_id);
    for (size_t i = 0; old && i < old->n_views; i++) {
        const struct view *v = &old->views[i];

        for (uint32_t d = 0; d < v->segment->n_documents; d++)
            if (!v->dead || !bitmap_get(v->dead->documents, d))
                tell_gone(t, dict_at(v->segment->keys, d));
    }
    snapshot_unref(old);
}

int retriever_drop_collection(struct retriever *r, const char *tenant, const char *collection)
{
    struct step t = step_to(r, tenant, collection);
    int rc = opening_wait(r);

    if (rc == ERR_OK)
        rc = store_write(r->store, drop_in_tx, drop_published, &t);
    step_done(&t);
    return rc;
}
