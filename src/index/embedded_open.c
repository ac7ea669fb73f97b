/* Collections are read at start, the small ones first, so that one whose index has to be made anew
 * holds up no other. Beside everything else, a question waits for its collection alone, and not for
 * long; who changes something waits for all.
 */
#include "index/embedded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"

/* A million chunks are read from their files in 0.33 s; a worker is held up that long. */
#define WAIT_MS 500

static int load_collection(struct retriever *r, struct store_reader *reader,
                           const struct collection_row *row)
{
    struct name name;
    bool from_files = false;
    uint64_t sealed_epoch = 0;
    int rc = collection_load(r, reader, row, &from_files, &sealed_epoch);

    if (rc == ERR_OK && from_files && r->sealer) {
        CHECK(name_of(&name, row->tenant, row->name));
        sealer_knows(r->sealer, &name, sealed_epoch);
    }
    return rc;
}

static int by_chunks(const void *a, const void *b)
{
    const struct collection_row *x = a, *y = b;

    return (x->n_chunks > y->n_chunks) - (x->n_chunks < y->n_chunks);
}

/* The list first, then one by one: a walk inside the walk would hold two connections, and wait for
 * ever where there is no more than one. */
static int load_collections(struct retriever *r)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct collection_row *rows = NULL;
    size_t n = 0;
    struct store_reader *reader = store_reader_get(r->store);

    TRY(list_collections(reader, mem, &rows, &n));
    if (n)
        qsort(rows, n, sizeof *rows, by_chunks);
    for (size_t i = 0; i < n && !atomic_load(&r->closing); i++)
        TRY(load_collection(r, reader, &rows[i]));
out:
    store_reader_put(r->store, reader);
    mem_free(rows);
    arena_free(mem);
    return rc;
}

static int read_all(struct retriever *r)
{
    int rc = load_collections(r);

    if (rc == ERR_OK && r->sealer && !atomic_load(&r->closing))
        sealer_start(r->sealer);
    pthread_mutex_lock(&r->mu);
    r->opening = false;
    r->open_rc = rc;
    if (rc < 0)
        r->open_error = mem_strdup(err_text());
    pthread_cond_broadcast(&r->published);
    pthread_mutex_unlock(&r->mu);
    return rc;
}

static void *opener_main(void *arg)
{
    if (read_all(arg) < 0)
        log_event(LOG_ERROR, "collections_not_read", LOG_S("reason", err_text()));
    return NULL;
}

int opening_start(struct retriever *r, bool beside)
{
    r->opening = true;
    if (!beside)
        return read_all(r);
    thread_start(&r->opener, "open", opener_main, r);
    r->has_opener = true;
    return ERR_OK;
}

void opening_end(struct retriever *r)
{
    atomic_store(&r->closing, true);
    if (r->has_opener)
        pthread_join(r->opener, NULL);
    r->has_opener = false;
}

static int result_locked(const struct retriever *r)
{
    return r->open_rc < 0 ? FAIL(r->open_rc, "%s", r->open_error) : ERR_OK;
}

int opening_wait_for(struct retriever *r, const struct name *name, const char *collection,
                     struct snapshot **out)
{
    struct timespec until = clock_until(WAIT_MS);
    int rc = ERR_OK, late = 0;

    pthread_mutex_lock(&r->mu);
    while (!(*out = collection_find_locked(r, name)) && r->opening && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&r->published, &r->mu, &until);
    if (*out)
        snapshot_ref(*out);
    else if (r->opening)
        rc = FAIL(ERR_BUSY, "collection '%s' is still being read; try again in a moment",
                  collection);
    else
        rc = result_locked(r);
    pthread_mutex_unlock(&r->mu);
    return rc;
}

int opening_wait(struct retriever *r)
{
    int rc;

    pthread_mutex_lock(&r->mu);
    while (r->opening)
        pthread_cond_wait(&r->published, &r->mu);
    rc = result_locked(r);
    pthread_mutex_unlock(&r->mu);
    return rc;
}

int retriever_is_read(struct retriever *r)
{
    int rc;

    pthread_mutex_lock(&r->mu);
    rc = r->opening ? FAIL(ERR_BUSY, "collections are still being read") : result_locked(r);
    pthread_mutex_unlock(&r->mu);
    return rc;
}
