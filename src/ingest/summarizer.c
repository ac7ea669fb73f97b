#include "ingest/summarizer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "ingest/model_summaries.h"

#define LOOK_MS  2000
#define AGAIN_MS 300000

/* What was found of a collection. */
struct seen {
    int64_t id, epoch;
    uint64_t not_before_ns; /* what is left is not tried before */
};

struct summarizer {
    struct engine *e;
    pthread_t thread;
    pthread_mutex_t mu; /* guards the field below */
    pthread_cond_t wake;
    bool ends;
    atomic_bool cancel;
    struct seen *seen; /* of the thread, as the rest */
    size_t n_seen, cap_seen;
};

/* A collection as the store has it, copied: making summaries takes long. */
struct found {
    struct arena *mem;
    struct collection_row *v;
    size_t n, cap;
};

static int add_found(void *arg, const struct collection_row *row)
{
    struct found *f = arg;

    f->v = mem_grow(f->v, &f->cap, f->n + 1, sizeof *f->v);
    f->v[f->n++] = (struct collection_row){.id = row->id,
                                           .tenant = arena_strdup(f->mem, row->tenant),
                                           .name = arena_strdup(f->mem, row->name),
                                           .epoch = row->epoch};
    return ERR_OK;
}

static struct seen *seen_of(struct summarizer *s, int64_t id)
{
    for (size_t i = 0; i < s->n_seen; i++)
        if (s->seen[i].id == id)
            return &s->seen[i];
    s->seen = mem_grow(s->seen, &s->cap_seen, s->n_seen + 1, sizeof *s->seen);
    s->seen[s->n_seen] = (struct seen){.id = id, .epoch = -1};
    return &s->seen[s->n_seen++];
}

static void tell(const struct collection_row *row, int rc, const struct model_summaries *made)
{
    const char *reason = rc < 0 ? err_text() : made->reason;

    if (made->made + made->kept + made->owed == 0 && rc == ERR_OK)
        return;
    log_event(rc < 0 || made->owed ? LOG_WARN : LOG_INFO, "summaries", LOG_S("tenant", row->tenant),
              LOG_S("collection", row->name), LOG_I("made", made->made), LOG_I("kept", made->kept),
              LOG_I("owed", made->owed), LOG_I("tokens", made->tokens), LOG_F("cost", made->cost),
              LOG_S("reason", reason));
}

/* A run's own writes move the epoch, so one that made some is followed by a look that finds none.
 */
static void look_at(struct summarizer *s, const struct collection_row *row)
{
    struct seen *seen = seen_of(s, row->id);
    struct model_summaries made = {0};
    struct model_summaries_options o = {
        .tenant = row->tenant, .collection = row->name, .cancel = &s->cancel};
    int rc;

    if (clock_ns() < seen->not_before_ns || (row->epoch == seen->epoch && seen->not_before_ns == 0))
        return;
    rc = model_summaries_make(s->e, &o, &made);
    if (rc == ERR_BUSY || rc == ERR_CANCELLED) /* a command does it, or we end */
        return;
    seen->epoch = row->epoch;
    seen->not_before_ns = rc < 0 || made.owed ? clock_ns() + AGAIN_MS * 1000000ull : 0;
    tell(row, rc, &made);
}

static void look(struct summarizer *s)
{
    struct found f = {.mem = arena_new(0)};
    struct store_reader *reader = store_reader_get(s->e->store);
    int rc = store_each_collection(reader, add_found, &f);

    store_reader_put(s->e->store, reader);
    for (size_t i = 0; i < f.n && rc == ERR_OK && !atomic_load(&s->cancel); i++)
        look_at(s, &f.v[i]);
    mem_free(f.v);
    arena_free(f.mem);
}

static bool wait_a_while(struct summarizer *s)
{
    struct timespec until = clock_until(LOOK_MS);
    bool ends;
    int timed_out = 0;

    pthread_mutex_lock(&s->mu);
    while (!s->ends && !timed_out)
        timed_out = pthread_cond_timedwait(&s->wake, &s->mu, &until);
    ends = s->ends;
    pthread_mutex_unlock(&s->mu);
    return !ends;
}

static void *summarizer_main(void *arg)
{
    struct summarizer *s = arg;

    do {
        if (retriever_is_read(s->e->retriever) == ERR_OK)
            look(s);
    } while (wait_a_while(s));
    return NULL;
}

int summarizer_start(struct summarizer **out, struct engine *e)
{
    struct summarizer *s;
    pthread_condattr_t forward;
    int wrong;

    *out = NULL;
    if (!model_summaries_wanted(e))
        return ERR_OK;
    s = mem_calloc(1, sizeof *s);
    s->e = e;
    pthread_mutex_init(&s->mu, NULL);
    pthread_condattr_init(&forward);
    pthread_condattr_setclock(&forward, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &forward);
    pthread_condattr_destroy(&forward);
    wrong = pthread_create(&s->thread, NULL, summarizer_main, s);
    if (wrong) {
        mem_free(s);
        return FAIL(ERR_SYSTEM, "no thread for summaries: %s", strerror(wrong));
    }
    *out = s;
    return ERR_OK;
}

void summarizer_stop(struct summarizer *s)
{
    if (!s)
        return;
    atomic_store(&s->cancel, true);
    pthread_mutex_lock(&s->mu);
    s->ends = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->mu);
    pthread_join(s->thread, NULL);
    pthread_mutex_destroy(&s->mu);
    pthread_cond_destroy(&s->wake);
    mem_free(s->seen);
    mem_free(s);
}
