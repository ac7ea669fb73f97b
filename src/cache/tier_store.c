#include "cache/tier_store.h"

#include <pthread.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "store/store_answers.h"

struct tier_store {
    struct store *store;
    int64_t bytes_max;
    atomic_uint_fast64_t hits, puts, generation;
    pthread_mutex_t mu;       /* guards the fields below */
    struct map *known;        /* prompt hashes */
    bool all_known;           /* else any may be there */
    int64_t answers, n_bytes; /* as they were last counted */
};

struct tier_store *tier_store_new(struct store *store, int64_t bytes_max)
{
    struct tier_store *s = mem_calloc(1, sizeof *s);

    s->store = store;
    s->bytes_max = bytes_max;
    s->known = map_new();
    pthread_mutex_init(&s->mu, NULL);
    return s;
}

void tier_store_free(struct tier_store *s)
{
    map_free(s->known);
    pthread_mutex_destroy(&s->mu);
    mem_free(s);
}

/* ---- which are there ---- */

struct counting {
    struct map *known; /* NULL: not asked for */
    int64_t answers, n_bytes;
};

static int count_row(void *arg, const struct answer_row *row)
{
    struct counting *c = arg;

    c->answers++;
    c->n_bytes += row->n_packed;
    if (c->known)
        map_put(c->known, row->prompt_hash.b, DIGEST_BYTES, 1);
    return ERR_OK;
}

/* Nothing is put meanwhile: this is the thread that puts. */
void tier_store_load(struct tier_store *s)
{
    struct counting c = {.known = map_new()};
    struct store_reader *r = store_reader_get(s->store);
    int rc = store_each_answer(r, 0, 0, count_row, &c);

    store_reader_put(s->store, r);
    pthread_mutex_lock(&s->mu);
    map_free(s->known);
    s->known = c.known;
    s->all_known = rc == ERR_OK;
    s->answers = c.answers;
    s->n_bytes = c.n_bytes;
    pthread_mutex_unlock(&s->mu);
}

static bool may_be_there(struct tier_store *s, const struct digest *prompt_hash)
{
    uint64_t one;
    bool may;

    pthread_mutex_lock(&s->mu);
    may = !s->all_known || map_get(s->known, prompt_hash->b, DIGEST_BYTES, &one);
    pthread_mutex_unlock(&s->mu);
    return may;
}

/* ---- finding ---- */

static struct lru_value *value_of(const struct answer_row *row, const struct answer_origin *asker)
{
    struct answer_origin o = *asker;
    struct lru_value *v;

    o.documents = row->documents;
    o.n_documents = row->n_documents;
    v = origin_value(row->body, &o, row->ttl_ms);
    v->stored_ms = row->stored_ms;
    v->tokens_in = (uint32_t)row->tokens_in;
    v->tokens_out = (uint32_t)row->tokens_out;
    v->made_us = (uint32_t)row->made_us;
    v->cost = (float)row->cost;
    v->precomputed = row->kind == ANSWER_PRECOMPUTED;
    atomic_store(&v->durable, true);
    return v;
}

struct lru_value *tier_store_find(struct tier_store *s, const struct answer_origin *asker)
{
    struct lru_value *v = NULL;
    struct store_reader *r;
    struct collection_row collection;
    struct answer_row row;
    struct arena *mem;

    if (!may_be_there(s, &asker->prompt_hash))
        return NULL;
    mem = arena_new(0);
    r = store_reader_get(s->store);
    if (store_find_collection(r, asker->tenant, asker->collection, mem, &collection) == ERR_OK &&
        store_find_answer(r, collection.id, &asker->prompt_hash, clock_wall_ms(), mem, &row) ==
            ERR_OK)
        v = value_of(&row, asker);
    store_reader_put(s->store, r);
    arena_free(mem);
    if (v)
        atomic_fetch_add(&s->hits, 1);
    return v;
}

/* ---- keeping ---- */

struct putting {
    struct tier_store *s;
    uint64_t generation;
    const struct tier_put *v;
    size_t n, n_put;
    bool *put; /* [n] */
};

static struct answer_row row_of(const struct tier_put *p, struct arena *mem)
{
    const struct lru_value *v = p->answer;
    struct answer_origin o;
    struct str *documents;
    size_t at = 0, n = 0;

    origin_of(v, &o);
    documents = ARENA_ARRAY(mem, struct str, o.n_documents);
    while (n < o.n_documents && origin_next(v, &at, &documents[n]))
        n++;
    return (struct answer_row){
        .prompt_hash = o.prompt_hash,
        .kind = v->precomputed ? ANSWER_PRECOMPUTED : ANSWER_POPULAR,
        .stored_ms = v->stored_ms,
        .ttl_ms = v->ttl_ms,
        .hits = p->asked,
        .tokens_in = v->tokens_in,
        .tokens_out = v->tokens_out,
        .made_us = v->made_us,
        .cost = (double)v->cost,
        .body = {v->bytes, v->n},
        .documents = documents,
        .n_documents = n,
    };
}

static int put_one(struct store_tx *tx, const struct tier_put *p)
{
    int rc = ERR_OK;
    struct arena *mem = arena_new(0);
    struct answer_row row = row_of(p, mem);
    struct collection_row collection;
    struct answer_origin o;

    origin_of(p->answer, &o);
    TRY(store_find_collection(store_tx_reader(tx), o.tenant, o.collection, mem, &collection));
    row.collection = collection.id;
    TRY(store_tx_put_answer(tx, &row, (int64_t)o.epoch));
out:
    arena_free(mem);
    return rc;
}

/* Overtaken by a change, or too large to keep: no reason to give up the others. */
static bool is_its_own_fault(int rc)
{
    return rc == ERR_GONE || rc == ERR_NOT_FOUND || rc == ERR_LIMIT;
}

static int put_all(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct putting *p = arg;

    p->n_put = 0;
    if (tier_store_generation(p->s) != p->generation)
        return ERR_OK; /* cleared meanwhile, or about to be on this very thread */
    for (size_t i = 0; i < p->n; i++) {
        const struct tier_put *v = &p->v[i];
        struct answer_origin o;

        origin_of(v->answer, &o);
        p->put[i] = false;
        if (atomic_load(&v->answer->durable)) {
            TRY(store_tx_answer_hits(tx, &o.prompt_hash, v->asked));
            continue;
        }
        rc = put_one(tx, v);
        if (rc < 0 && !is_its_own_fault(rc))
            goto out;
        p->put[i] = rc == ERR_OK;
        p->n_put += p->put[i];
    }
    rc = ERR_OK;
out:
    return rc;
}

void tier_store_put(struct tier_store *s, const struct tier_put *v, size_t n, uint64_t generation)
{
    struct putting p = {
        .s = s, .generation = generation, .v = v, .n = n, .put = mem_calloc(n + 1, sizeof *p.put)};

    /* Before the commit: whoever looks in between finds nothing in the database, as before. */
    pthread_mutex_lock(&s->mu);
    for (size_t i = 0; i < n; i++) {
        struct answer_origin o;

        origin_of(v[i].answer, &o);
        map_put(s->known, o.prompt_hash.b, DIGEST_BYTES, 1);
    }
    pthread_mutex_unlock(&s->mu);
    if (store_write(s->store, put_all, NULL, &p) < 0) {
        log_event(LOG_WARN, "answers_not_kept", LOG_S("reason", err_text()));
    } else {
        for (size_t i = 0; i < n; i++)
            if (p.put[i])
                atomic_store(&v[i].answer->durable, true);
        atomic_fetch_add(&s->puts, p.n_put);
    }
    mem_free(p.put);
}

/* ---- tidying ---- */

static int tidy(struct store_tx *tx, void *arg)
{
    int rc = ERR_OK;
    struct tier_store *s = arg;
    int64_t n;

    TRY(store_tx_forget_expired(tx, clock_wall_ms(), &n));
    TRY(store_tx_trim_answers(tx, s->bytes_max, &n));
out:
    return rc;
}

/* What left is forgotten too. An idle store is not written to. */
void tier_store_tidy(struct tier_store *s)
{
    bool any;

    pthread_mutex_lock(&s->mu);
    any = map_count(s->known) > 0 || !s->all_known;
    pthread_mutex_unlock(&s->mu);
    if (!any)
        return;
    if (store_write(s->store, tidy, NULL, s) < 0)
        log_event(LOG_WARN, "answers_not_tidied", LOG_S("reason", err_text()));
    tier_store_load(s);
}

static int clear(struct store_tx *tx, void *arg)
{
    (void)arg;
    return store_tx_clear_answers(tx);
}

uint64_t tier_store_generation(struct tier_store *s)
{
    return atomic_load(&s->generation);
}

/* The generation first: what is put from here on was made after it. */
int tier_store_clear(struct tier_store *s)
{
    int rc;

    atomic_fetch_add(&s->generation, 1);
    rc = store_write(s->store, clear, NULL, NULL);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&s->mu);
    s->answers = s->n_bytes = 0; /* whoever asks now need not wait for the next count */
    pthread_mutex_unlock(&s->mu);
    return ERR_OK;
}

void tier_store_stats_get(struct tier_store *s, struct tier_store_stats *out)
{
    *out = (struct tier_store_stats){.hits = atomic_load(&s->hits), .puts = atomic_load(&s->puts)};
    pthread_mutex_lock(&s->mu);
    out->answers = s->answers;
    out->bytes = s->n_bytes;
    pthread_mutex_unlock(&s->mu);
}
