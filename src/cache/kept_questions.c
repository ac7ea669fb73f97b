#include "cache/kept_questions.h"

#include <pthread.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "store/store_questions.h"

struct kept_questions {
    struct store *store;
    struct asked *asked;
    pthread_t writer;
    pthread_mutex_t mu; /* guards the fields below */
    pthread_cond_t changed;
    bool stopping;
};

struct batch {
    struct asked *asked;
    const struct asked_question *v;
    size_t n;
    uint64_t generation;
    int64_t now_ms;
};

static int count_one(struct store_tx *tx, const struct asked_question *q, int64_t now_ms)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct collection_row collection;

    TRY(store_find_collection(store_tx_reader(tx), q->tenant, q->collection, mem, &collection));
    TRY(store_tx_count_question(tx, collection.id, q->text, (int64_t)q->count, now_ms));
out:
    arena_free(mem);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc; /* went with its collection */
}

/* On the writer's thread: what was forgotten meanwhile is not written after all. */
static int count_all(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    const struct batch *b = arg;

    if (asked_generation(b->asked) != b->generation)
        return ERR_OK;
    for (size_t i = 0; i < b->n; i++)
        TRY(count_one(tx, &b->v[i], b->now_ms));
out:
    return rc;
}

void kept_questions_write(struct store *store, struct asked *asked)
{
    struct arena *mem = arena_new(0);
    struct batch b = {.asked = asked, .now_ms = clock_wall_ms()};
    struct asked_question *all;
    size_t n = asked_take(asked, mem, &all, &b.generation);

    for (size_t at = 0; at < n; at += b.n) {
        b.v = all + at;
        b.n = n - at < KEPT_AT_ONCE ? n - at : KEPT_AT_ONCE;
        if (store_write(store, count_all, NULL, &b) < 0)
            log_event(LOG_WARN, "questions_not_kept", LOG_I("questions", b.n),
                      LOG_S("reason", err_text()));
    }
    arena_free(mem);
}

static int forget_all(struct store_tx *tx, void *arg)
{
    (void)arg;
    return store_tx_forget_questions(tx, 0);
}

int kept_questions_forget(struct store *store, struct asked *asked)
{
    if (asked)
        asked_forget(asked, NULL, NULL);
    return store_write(store, forget_all, NULL, NULL);
}

/* ---- the thread ---- */

static void *write_now_and_then(void *arg)
{
    struct kept_questions *k = arg;
    bool stopping = false;

    while (!stopping) {
        struct timespec until = clock_until(KEPT_QUESTIONS_MS);

        pthread_mutex_lock(&k->mu);
        while (!k->stopping && pthread_cond_timedwait(&k->changed, &k->mu, &until) == 0)
            ;
        stopping = k->stopping;
        pthread_mutex_unlock(&k->mu);
        kept_questions_write(k->store, k->asked);
    }
    return NULL;
}

struct kept_questions *kept_questions_new(struct store *store, struct asked *asked)
{
    struct kept_questions *k = mem_calloc(1, sizeof *k);
    pthread_condattr_t monotonic;

    k->store = store;
    k->asked = asked;
    pthread_mutex_init(&k->mu, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&k->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    thread_start(&k->writer, "questions", write_now_and_then, k);
    return k;
}

void kept_questions_free(struct kept_questions *k)
{
    if (!k)
        return;
    pthread_mutex_lock(&k->mu);
    k->stopping = true;
    pthread_cond_signal(&k->changed);
    pthread_mutex_unlock(&k->mu);
    pthread_join(k->writer, NULL);
    pthread_cond_destroy(&k->changed);
    pthread_mutex_destroy(&k->mu);
    mem_free(k);
}
