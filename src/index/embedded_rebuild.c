/* States are made beside the current ones and take their place in one step.
 *
 * The change log is what a state catches up from, so nothing is sealed meanwhile: index files of
 * the old states that covered more would let the log forget. A round leaves each collection with a
 * state and an epoch `since` such that every document that did not change after `since` is in the
 * state as it is to be. The next round, and at last the transaction, read the others again.
 */
#include "index/embedded_rebuild.h"

#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "index/embedded_step.h"

#define ROUNDS_MAX 8
#define SHORT_MS   250 /* a round of less leaves next to nothing for the transaction */

struct moving {
    struct collection_row row; /* as the round began; texts in the rebuilding's arena */
    struct snapshot *state;    /* NULL: not made yet */
    uint64_t since;
};

struct rebuilding {
    struct retriever *r;
    const struct rebuild *how;
    struct arena *mem;
    struct moving *v;
    size_t n;
    struct step *steps; /* [n] */
};

/* ---- the collections ---- */

static bool is_meant(const struct rebuild *how, const struct collection_row *row)
{
    return !how->collection ||
           (strcmp(row->tenant, how->tenant) == 0 && strcmp(row->name, how->collection) == 0);
}

/* Hands its state over. */
static struct moving take_moving(struct rebuilding *m, const struct collection_row *row)
{
    struct moving found = {0};

    for (size_t i = 0; i < m->n; i++) {
        if (m->v[i].row.id != row->id)
            continue;
        found = m->v[i];
        m->v[i].state = NULL;
    }
    found.row = *row;
    return found;
}

static void drop_moving(struct rebuilding *m)
{
    for (size_t i = 0; i < m->n; i++)
        snapshot_unref(m->v[i].state);
    mem_free(m->v);
}

/* The list is what the store has now: new collections have no state yet, dropped ones go. */
static int list_moving(struct rebuilding *m, struct store_reader *reader)
{
    struct collection_row *rows = NULL;
    struct moving *v;
    size_t n_rows = 0, n = 0;
    int rc = list_collections(reader, m->mem, &rows, &n_rows);

    if (rc < 0)
        return rc;
    v = mem_calloc(n_rows + 1, sizeof *v);
    for (size_t i = 0; i < n_rows; i++)
        if (is_meant(m->how, &rows[i]))
            v[n++] = take_moving(m, &rows[i]);
    drop_moving(m);
    mem_free(rows);
    m->v = v;
    m->n = n;
    return ERR_OK;
}

static int bring_up(struct rebuilding *m, struct store_reader *reader, struct moving *c,
                    const struct collection_row *row)
{
    const struct index_context *context = NULL;
    int rc;

    if (c->state)
        return collection_catch_up(m->r, reader, row, c->since, &c->state);
    rc = m->how->context(m->how->arg, row, &context);
    if (rc < 0)
        return rc;
    return collection_build(m->r, context, reader, row, &c->state);
}

/* ---- rounds ---- */

/* One read transaction: the row's epoch is that of what is read. */
static int bring_up_now(struct rebuilding *m, struct store_reader *reader, struct moving *c)
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

static int run_round(struct rebuilding *m)
{
    int rc = ERR_OK;
    struct store_reader *reader = store_reader_get(m->r->store);

    TRY(list_moving(m, reader));
    if (m->how->prepare)
        TRY(m->how->prepare(m->how->arg));
    for (size_t i = 0; i < m->n; i++)
        TRY(bring_up_now(m, reader, &m->v[i]));
out:
    store_reader_put(m->r->store, reader);
    return rc;
}

static int run_rounds(struct rebuilding *m)
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

/* ---- the step ---- */

/* Its new state stands in `coming`, so that a write behind us in this transaction builds on it. */
static int move_in_tx(struct rebuilding *m, struct store_tx *tx, struct moving *c, struct step *t)
{
    int rc = ERR_OK;
    int64_t epoch;

    if (m->how->prepare_changed)
        TRY(m->how->prepare_changed(m->how->arg, tx, c->row.id, c->since));
    TRY(store_tx_bump_epoch(tx, c->row.id, &epoch));
    c->row.epoch = epoch;
    TRY(bring_up(m, store_tx_reader(tx), c, &c->row));
    *t = step_to(m->r, c->row.tenant, c->row.name);
    step_replace(t, c->state);
out:
    return rc;
}

static int rebuild_in_tx(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct rebuilding *m = arg;

    TRY(list_moving(m, store_tx_reader(tx)));
    m->steps = mem_calloc(m->n + 1, sizeof *m->steps);
    for (size_t i = 0; i < m->n; i++)
        TRY(move_in_tx(m, tx, &m->v[i], &m->steps[i]));
    if (m->how->commit)
        TRY(m->how->commit(m->how->arg, tx));
out:
    for (size_t i = 0; rc < 0 && m->steps && i < m->n; i++)
        step_done(&m->steps[i]); /* before anybody builds on it */
    return rc;
}

static void rebuild_published(void *arg)
{
    struct rebuilding *m = arg;

    if (m->how->published)
        m->how->published(m->how->arg);
    for (size_t i = 0; i < m->n; i++)
        step_publish_replaced(&m->steps[i]);
}

static int begin(struct retriever *r)
{
    if (atomic_exchange(&r->rebuilding, true))
        return FAIL(ERR_BUSY, "an index is being made anew; try again when that is done");
    return ERR_OK;
}

static void end(struct retriever *r)
{
    atomic_store(&r->rebuilding, false);
    sealer_wake(r->sealer);
}

int collections_rebuild(struct retriever *r, const struct rebuild *how)
{
    struct rebuilding m = {.r = r, .how = how};
    int rc = opening_wait(r);

    if (rc == ERR_OK)
        rc = begin(r);
    if (rc < 0)
        return rc;
    m.mem = arena_new(0);
    TRY(run_rounds(&m));
    TRY(store_write(r->store, rebuild_in_tx, rebuild_published, &m));
out:
    for (size_t i = 0; m.steps && i < m.n; i++)
        step_done(&m.steps[i]);
    drop_moving(&m);
    mem_free(m.steps);
    arena_free(m.mem);
    end(r);
    return rc;
}
