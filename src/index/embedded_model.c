/* To another model: states of all collections are made beside the current ones and take their
 * place in one step.
 *
 * The change log is what a state catches up from, so nothing is sealed meanwhile: index files of
 * the old model that covered more would let the log forget. A round leaves each collection with a
 * state and an epoch `since` such that every document that did not change after `since` is in the
 * state with its vectors. The next round, and at last the transaction, read the others again.
 */
#include "index/embedded_step.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#define ROUNDS_MAX 8
#define SHORT_MS   250 /* a round of less leaves next to nothing for the transaction */

struct moving {
    struct collection_row row; /* as the round began; names in the switch's arena */
    struct snapshot *state;    /* NULL: not made yet */
    uint64_t since;
};

struct model_change {
    struct retriever *r;
    const struct model_switch *how;
    struct index_context *context; /* the new one; NULL once it is the retriever's */
    struct arena *mem;
    struct moving *v;
    size_t n, cap;
    struct step *steps; /* [n] */
};

/* ---- the collections ---- */

struct row_list {
    struct arena *mem;
    struct collection_row *v;
    size_t n, cap;
};

static int note_row(void *arg, const struct collection_row *row)
{
    struct row_list *l = arg;
    struct collection_row *at;

    l->v = mem_grow(l->v, &l->cap, l->n + 1, sizeof *l->v);
    at = &l->v[l->n++];
    *at = *row;
    at->tenant = arena_strdup(l->mem, row->tenant);
    at->name = arena_strdup(l->mem, row->name);
    at->settings = NULL;
    return ERR_OK;
}

static struct moving *find_moving(const struct model_change *m, int64_t id)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].row.id == id)
            return &m->v[i];
    return NULL;
}

/* The list is what the store has now: new collections have no state yet, dropped ones go. */
static int list_collections(struct model_change *m, struct store_reader *reader)
{
    struct row_list rows = {.mem = m->mem};
    struct moving *v;
    int rc = store_each_collection(reader, note_row, &rows);

    if (rc < 0) {
        mem_free(rows.v);
        return rc;
    }
    v = mem_calloc(rows.n + 1, sizeof *v);
    for (size_t i = 0; i < rows.n; i++) {
        struct moving *old = find_moving(m, rows.v[i].id);

        if (old) {
            v[i] = *old;
            old->state = NULL; /* handed over */
        }
        v[i].row = rows.v[i];
    }
    for (size_t i = 0; i < m->n; i++)
        snapshot_unref(m->v[i].state);
    mem_free(m->v);
    mem_free(rows.v);
    m->v = v;
    m->n = rows.n;
    return ERR_OK;
}

static int bring_up(struct model_change *m, struct store_reader *reader, struct moving *c,
                    const struct collection_row *row)
{
    if (c->state)
        return collection_catch_up(m->r, reader, row, c->since, &c->state);
    return collection_build(m->r, m->context, reader, row, &c->state);
}

/* ---- rounds ---- */

/* One read transaction: the row's epoch is that of what is read. */
static int bring_up_now(struct model_change *m, struct store_reader *reader, struct moving *c)
{
    int rc = ERR_OK;
    struct collection_row now;

    TRY(store_read_begin(reader));
    rc = store_find_collection(reader, c->row.tenant, c->row.name, m->mem, &now);
    if (rc == ERR_OK && now.id == c->row.id)
        rc = bring_up(m, reader, c, &now);
    store_read_end(reader);
    if (rc == ERR_NOT_FOUND) /* dropped meanwhile; the next list is without it */
        rc = ERR_OK;
    if (rc == ERR_OK)
        c->since = (uint64_t)c->row.epoch;
out:
    return rc;
}

static int run_round(struct model_change *m)
{
    int rc = ERR_OK;
    struct store_reader *reader = store_reader_get(m->r->store);

    TRY(list_collections(m, reader));
    TRY(m->how->embed_missing(m->how->arg));
    for (size_t i = 0; i < m->n; i++)
        TRY(bring_up_now(m, reader, &m->v[i]));
out:
    store_reader_put(m->r->store, reader);
    return rc;
}

static int run_rounds(struct model_change *m)
{
    int rc = ERR_OK;

    for (int i = 0; i < ROUNDS_MAX; i++) {
        uint64_t since = clock_ns();

        TRY(run_round(m));
        if (i > 0 && clock_ms_since(since) < SHORT_MS)
            break;
    }
out:
    return rc;
}

/* ---- the switch ---- */

/* Its new state stands in `coming`, so that a write behind us in this transaction builds on it. */
static int move_in_tx(struct model_change *m, struct store_tx *tx, struct moving *c, struct step *t)
{
    int rc = ERR_OK;
    int64_t epoch;

    TRY(m->how->embed_changed(m->how->arg, tx, c->row.id, c->since));
    TRY(store_tx_bump_epoch(tx, c->row.id, &epoch));
    c->row.epoch = epoch;
    TRY(bring_up(m, store_tx_reader(tx), c, &c->row));
    *t = step_to(m->r, c->row.tenant, c->row.name);
    step_replace(t, c->state);
out:
    return rc;
}

static int switch_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct model_change *m = arg;

    TRY(list_collections(m, store_tx_reader(tx)));
    m->steps = mem_calloc(m->n + 1, sizeof *m->steps);
    for (size_t i = 0; i < m->n; i++)
        TRY(move_in_tx(m, tx, &m->v[i], &m->steps[i]));
    TRY(store_tx_forget_indexes(tx));
    TRY(store_tx_set_model(tx, &m->how->model));
out:
    for (size_t i = 0; rc < 0 && m->steps && i < m->n; i++)
        step_done(&m->steps[i]); /* before anybody builds on it */
    return rc;
}

static void switch_published(void *arg)
{
    struct model_change *m = arg;
    struct retriever *r = m->r;

    m->how->switched(m->how->arg);
    pthread_mutex_lock(&r->mu);
    m->context->older = r->context;
    r->context = m->context;
    m->context = NULL;
    pthread_mutex_unlock(&r->mu);
    for (size_t i = 0; i < m->n; i++)
        step_publish_replaced(&m->steps[i]);
}

static struct index_context *context_for(struct retriever *r, const struct model_switch *how)
{
    struct index_context *context = mem_calloc(1, sizeof *context);

    *context = *context_now(r);
    context->older = NULL;
    context->fingerprint = how->model.fingerprint;
    context->dim = how->dim;
    return context;
}

int retriever_switch(struct retriever *r, const struct model_switch *how)
{
    int rc = ERR_OK;
    struct model_change m = {
        .r = r, .how = how, .context = context_for(r, how), .mem = arena_new(0)};

    CHECK(how->dim > 0);
    CHECK(!atomic_exchange(&r->switching, true));
    TRY(run_rounds(&m));
    TRY(store_write(r->store, switch_in_tx, switch_published, &m));
out:
    for (size_t i = 0; i < m.n; i++) {
        if (m.steps)
            step_done(&m.steps[i]);
        snapshot_unref(m.v[i].state);
    }
    atomic_store(&r->switching, false);
    sealer_wake(r->sealer);
    mem_free(m.steps);
    mem_free(m.v);
    mem_free(m.context);
    arena_free(m.mem);
    return rc;
}
