#include "ingest/reembed.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "engine/stored_model.h"
#include "ingest/embed_rows.h"
#include "ingest/prepare.h"

#define LAST_CHUNKS  2048 /* embedded inside the transaction: some ten seconds at the very worst */
#define SWITCH_TRIES 3
#define DROP_AT_ONCE 1000 /* vectors: 10 ms of the writer */

struct reembed {
    struct store *store;
    struct pool *pool;
    struct engine *engine; /* NULL: nobody answers here */
    struct embedder *next;
    struct digest fingerprint;
    const struct reembed_options *o;
    struct reembed_report *report;
    size_t n_done, n_total;
};

/* Texts without a vector, and where their rows are made. */
struct missing {
    struct arena *mem, *scratch;
    struct todo *todo;
    size_t n, cap;
    size_t n_max; /* more are ERR_BUSY; 0: no limit */
};

static struct missing missing_new(size_t n_max)
{
    return (struct missing){.mem = arena_new(0), .scratch = arena_new(0), .n_max = n_max};
}

static void missing_done(struct missing *m)
{
    mem_free(m->todo);
    arena_free(m->scratch);
    arena_free(m->mem);
}

static int note_missing(void *arg, const struct document_row *doc, const struct chunk_row *chunk,
                        const float *vector, uint32_t dim)
{
    struct missing *m = arg;
    struct str text = embedded_text(chunk);
    struct vector_row *row;

    (void)doc;
    (void)dim;
    if (vector)
        return ERR_OK;
    if (m->n_max && m->n == m->n_max)
        return FAIL(ERR_BUSY, "documents come faster than they can be embedded; try again when "
                              "fewer come, what is embedded is kept");
    row = ARENA_NEW(m->mem, struct vector_row);
    row->text_hash = chunk->text_hash;
    m->todo = mem_grow(m->todo, &m->cap, m->n + 1, sizeof *m->todo);
    m->todo[m->n++] = (struct todo){row, {arena_strndup(m->mem, text.p, text.n), text.n}, m->mem};
    return ERR_OK;
}

static int check_cancel(const struct reembed *r)
{
    return r->o->cancel && atomic_load(r->o->cancel)
               ? FAIL(ERR_CANCELLED, "reembed was cancelled; what is embedded is kept")
               : ERR_OK;
}

static void show(struct reembed *r)
{
    if (r->n_total < r->n_done)
        r->n_total = r->n_done;
    if (r->o->progress)
        r->o->progress(r->o->arg, r->n_done, r->n_total);
}

/* ---- embedding ---- */

static int embed_all(struct reembed *r, struct missing *m)
{
    int rc = ERR_OK;
    size_t at_once = embed_rows_at_once(r->next);

    for (size_t i = 0, n; i < m->n; i += n) {
        n = m->n - i < at_once ? m->n - i : at_once;
        TRY(check_cancel(r));
        TRY(embed_rows(r->next, r->pool, m->todo + i, n, m->scratch));
        r->n_done += n;
        r->report->n_embedded += n;
        show(r);
    }
out:
    return rc;
}

static int put_rows(const struct reembed *r, struct store_tx *tx, const struct missing *m)
{
    int rc = ERR_OK;

    for (size_t i = 0; i < m->n; i++)
        TRY(store_tx_put_late_vector(tx, &r->fingerprint, m->todo[i].row));
out:
    return rc;
}

struct put {
    const struct reembed *r;
    const struct missing *m;
};

static int put_in_tx(struct store_tx *tx, void *arg)
{
    const struct put *p = arg;

    return put_rows(p->r, tx, p->m);
}

static int embed_page(struct reembed *r, int64_t *row, size_t *n)
{
    int rc = ERR_OK;
    struct missing m = missing_new(0);
    struct put put = {r, &m};
    struct store_reader *reader = store_reader_get(r->store);

    rc = store_each_missing(reader, &r->fingerprint, row, embed_rows_at_once(r->next), note_missing,
                            &m);
    store_reader_put(r->store, reader);
    TRY(rc);
    *n = m.n;
    TRY(embed_all(r, &m));
    if (m.n)
        TRY(store_write(r->store, put_in_tx, NULL, &put));
out:
    missing_done(&m);
    return rc;
}

/* All of it, once. */
static int embed_missing(void *arg)
{
    int rc = ERR_OK;
    struct reembed *r = arg;
    int64_t row = 0;
    size_t n;

    do
        TRY(embed_page(r, &row, &n));
    while (n);
out:
    return rc;
}

/* ---- what changed since ---- */

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

static int note_document(const struct reembed *r, struct store_reader *reader, int64_t collection,
                         struct str key, struct missing *m)
{
    struct arena *mem = arena_new(0);
    struct document_row doc;
    int rc = store_find_document(reader, collection, key, false, mem, &doc);

    if (rc == ERR_OK)
        rc = store_each_chunk_of(reader, &doc, &r->fingerprint, note_missing, m);
    arena_free(mem);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc; /* it went */
}

static int embed_changed(void *arg, struct store_tx *tx, int64_t collection, uint64_t epoch)
{
    int rc = ERR_OK;
    struct reembed *r = arg;
    struct missing m = missing_new(LAST_CHUNKS);
    struct key_list keys = {.mem = m.mem};
    struct store_reader *reader = store_tx_reader(tx);

    TRY(store_each_change(reader, collection, (int64_t)epoch, note_key, &keys));
    for (size_t i = 0; i < keys.n; i++)
        TRY(note_document(r, reader, collection, keys.v[i], &m));
    TRY(embed_all(r, &m));
    TRY(put_rows(r, tx, &m));
out:
    mem_free(keys.v);
    missing_done(&m);
    return rc;
}

/* ---- the switch ---- */

static void switched(void *arg)
{
    struct reembed *r = arg;

    engine_take_model(r->engine, r->next);
}

static int set_model(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;

    TRY(store_tx_forget_indexes(tx));
    TRY(store_tx_set_model(tx, arg));
out:
    return rc;
}

static int switch_now(struct reembed *r, const struct store_model *model)
{
    struct model_switch how = {.model = *model,
                               .dim = embedder_info(r->next)->dim,
                               .embed_missing = embed_missing,
                               .embed_changed = embed_changed,
                               .switched = switched,
                               .arg = r};
    int rc = ERR_BUSY;

    if (!r->engine)
        return store_write(r->store, set_model, NULL, &how.model);
    for (int i = 0; i < SWITCH_TRIES && rc == ERR_BUSY; i++)
        rc = retriever_switch(r->engine->retriever, &how);
    return rc;
}

static int look(struct reembed *r, struct store_model *model, struct arena *mem, bool *complete)
{
    int rc = ERR_OK;
    struct store_reader *reader = store_reader_get(r->store);
    struct store_model now;
    uint64_t n_missing = 0;

    stored_model_describe(r->next, mem, model);
    rc = store_find_model(reader, mem, &now);
    *complete = rc == ERR_OK && digest_eq(&now.fingerprint, &r->fingerprint);
    if (rc != ERR_NOT_FOUND)
        TRY(rc);
    TRY(store_count_missing(reader, &r->fingerprint, &n_missing));
    *complete &= n_missing == 0;
    r->n_total = (size_t)n_missing;
out:
    store_reader_put(r->store, reader);
    return rc;
}

/* ---- what is left over ---- */

struct drop {
    struct digest keep;
    int64_t cursor;
    size_t n;
};

static int drop_in_tx(struct store_tx *tx, void *arg)
{
    struct drop *d = arg;

    return store_tx_drop_vectors(tx, &d->keep, DROP_AT_ONCE, &d->cursor, &d->n);
}

static int drop_old(struct reembed *r)
{
    int rc = ERR_OK;
    struct drop d = {.keep = r->fingerprint};

    do {
        TRY(store_write(r->store, drop_in_tx, NULL, &d));
        r->report->n_dropped += d.n;
    } while (d.n);
out:
    return rc;
}

/* ---- the whole ---- */

static int change_over(struct reembed *r, const struct store_model *model)
{
    int rc = ERR_OK;

    if (r->engine)
        engine_set_coming(r->engine, r->next);
    TRY(embed_missing(r));
    TRY(switch_now(r, model));
    r->report->switched = true;
out:
    if (r->engine)
        engine_set_coming(r->engine, NULL);
    return rc;
}

static int run(struct reembed *r)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct store_model model;
    bool complete = false;
    uint64_t since = clock_ns();

    *r->report = (struct reembed_report){0};
    r->fingerprint = embedder_fingerprint(r->next);
    TRY(look(r, &model, mem, &complete));
    if (!complete)
        TRY(change_over(r, &model));
    TRY(drop_old(r));
out:
    r->report->seconds = clock_ms_since(since) / 1000;
    arena_free(mem);
    return rc;
}

int reembed(struct engine *e, struct embedder *next, const struct reembed_options *o,
            struct reembed_report *report)
{
    struct reembed r = {
        .store = e->store, .pool = e->pool, .engine = e, .next = next, .o = o, .report = report};
    int rc;

    if (atomic_exchange(&e->reembedding, true))
        return FAIL(ERR_BUSY, "a reembed is under way already");
    rc = run(&r);
    atomic_store(&e->reembedding, false);
    return rc;
}

int reembed_folder(struct store *s, struct pool *pool, struct embedder *next,
                   const struct reembed_options *o, struct reembed_report *report)
{
    struct reembed r = {.store = s, .pool = pool, .next = next, .o = o, .report = report};

    return run(&r);
}
